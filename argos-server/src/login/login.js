// The sign-in page. It keeps no secret: what is typed goes into one request and nowhere else, and the place to go on to
// is never taken from the address of this page, but from what the API made of it.
(() => {
  "use strict";

  const API = "/api/v1/auth/";
  const PATIENCE = 30_000;
  const find = (id) => document.getElementById(id);
  const asked = new URLSearchParams(location.search);
  const rd = asked.get("rd");
  const st = asked.get("st");

  const TITLES = {
    signin: "Sign in",
    wait: "One moment",
    code: "Enter your code",
    recovery: "Use a recovery code",
    setup: "Set up",
    inside: "Signed in",
  };

  // Why single sign-on came back with ?error=: what happened, and what helps.
  const FAILURES = {
    idp_error: [
      "The sign-in provider did not let you in.",
      "It can't be reached, or reported a fault. Try again in a moment. If you have a password here, it still works.",
    ],
    state_mismatch: [
      "That sign-in was not started here.",
      "It was begun in another browser, was used before, or took longer than ten minutes. Start it again.",
    ],
    exchange_failed: [
      "The sign-in provider did not confirm who you are.",
      "Try again. If it happens every time, an administrator finds the reason in the audit log.",
    ],
    token_invalid: [
      "The provider's answer could not be trusted.",
      "Nobody was signed in. Try again; if it happens every time, an administrator finds the reason in the audit log.",
    ],
    email_missing: [
      "The provider did not tell your e-mail address.",
      "It decides who may come in here. Let the provider share it, or ask an administrator.",
    ],
    email_unverified: [
      "Your e-mail address is not verified.",
      "Verify it with your sign-in provider, then try again.",
    ],
    not_allowed: [
      "You are not on the list.",
      "The provider knows you, but your address or group is not allowed here. Ask an administrator.",
    ],
    no_account: [
      "There is no account for you here yet.",
      "The provider knows you, Argos does not. Ask an administrator for an account, or sign in with your password.",
    ],
    disabled: ["Your account is switched off.", "Ask an administrator to switch it on again."],
  };

  const ROLES = { admin: "Administrator", operator: "Operator", viewer: "Viewer", user: "User" };

  // A call that did not work, in words for the person before the screen.
  class Trouble extends Error {
    constructor(title, text, more = {}) {
      super(title);
      Object.assign(this, { title, text, status: 0, code: "", fields: [], wait: 0 }, more);
    }
  }

  // --- The API

  async function call(path, body) {
    const options = { cache: "no-store", headers: { Accept: "application/json" } };
    options.signal = AbortSignal.timeout(PATIENCE);
    if (body !== undefined) {
      options.method = "POST";
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(API + path, options);
    } catch {
      throw new Trouble("No connection to Argos.", "Check your network, then try again.");
    }
    // An answer may be empty, or come from something in between that speaks no JSON.
    const value = await answer.json().catch(() => ({}));
    if (answer.ok) return value;
    throw refusal(answer, value ?? {});
  }

  function refusal(answer, problem) {
    const wait = Number(problem.retry_after ?? answer.headers.get("Retry-After")) || 0;
    const fields = Array.isArray(problem.errors) ? problem.errors : [];
    const more = { status: answer.status, code: String(problem.code ?? ""), fields, wait };
    const detail = sentence(problem.detail);
    switch (answer.status) {
      case 429:
        return new Trouble("Too many tries.", "", { ...more, wait: wait || 30 });
      case 403:
        return new Trouble("This was refused.", detail || "Open this page at Argos's own address.", more);
      case 421:
        return new Trouble("Argos does not answer to this name.", "Open this page at its own address.", more);
      case 502:
      case 503:
      case 504:
        return new Trouble("Argos is busy.", wait ? "" : "Try again in a moment.", more);
      case 500:
        return new Trouble("Something broke inside Argos.", "Try again. The reason stands in its log.", more);
      default:
        return new Trouble(detail || "That did not work.", detail ? "" : `Argos answered ${answer.status}.`, more);
    }
  }

  function sentence(text) {
    if (typeof text !== "string" || !text) return "";
    const whole = text[0].toUpperCase() + text.slice(1);
    return /[.!?]$/.test(whole) ? whole : `${whole}.`;
  }

  // --- What is shown

  let view = document.body.dataset.view;

  function show(next, { quietly = false } = {}) {
    view = next;
    document.body.dataset.view = next;
    document.title = `${TITLES[next]} · Argos`;
    for (const input of document.querySelectorAll("input")) mark(input, "");
    if (quietly) return;
    const input = document.querySelector(`section[data-for="${next}"] input`);
    (input ?? find("title")).focus();
  }

  // The text that is announced, and what counts down below it.
  const notice = find("notice");
  let ticking = 0;

  function say(kind, title, text = "", parts = []) {
    clearInterval(ticking);
    const box = document.createElement("div");
    box.className = `notice ${kind}`;
    const strong = document.createElement("strong");
    strong.textContent = title;
    box.append(strong, text, ...parts);
    notice.replaceChildren(box);
  }

  function hush() {
    clearInterval(ticking);
    notice.replaceChildren();
    for (const button of document.querySelectorAll(".main[aria-disabled]")) button.removeAttribute("aria-disabled");
  }

  function clock(seconds) {
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }

  function spoken(seconds) {
    const [n, unit] = seconds < 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
    return `${n} ${unit}${n === 1 ? "" : "s"}`;
  }

  // Counts down what the limiter asked for. Seconds are for the eye; a screen reader hears the beginning and the end.
  function hold(form, trouble) {
    const until = Date.now() + trouble.wait * 1000;
    const unseen = document.createElement("span");
    unseen.className = "unseen";
    unseen.textContent = `You can try again in ${spoken(trouble.wait)}.`;
    const seen = document.createElement("span");
    seen.setAttribute("aria-hidden", "true");
    const left = document.createElement("span");
    left.className = "clock";
    seen.append("You can try again in ", left, ".");
    say("bad", trouble.title, "", [unseen, seen]);
    const button = form.querySelector(".main");
    button.setAttribute("aria-disabled", "true");
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds > 0) {
        left.textContent = clock(seconds);
        return;
      }
      hush();
      say("fine", "You can try again now.");
    };
    tick();
    ticking = setInterval(tick, 250);
  }

  function mark(input, text) {
    const fault = find(`${input.id}-fault`);
    fault.textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function explain(form, trouble) {
    if (trouble.wait > 0) return hold(form, trouble);
    // A fault that names a field of this form stands beside that field.
    let first = null;
    for (const { field, reason } of trouble.fields) {
      const input = [...form.elements].find((e) => e.name === field);
      if (!input) continue;
      mark(input, sentence(reason));
      first ??= input;
    }
    if (first) return first.focus();
    say("bad", trouble.title, trouble.text);
  }

  // --- Forms

  const size = (text) => new TextEncoder().encode(text).length;

  // What can be told without asking: input that is empty, or longer than any that can be right.
  function fault(input) {
    const value = input.value;
    const names = { username: "your username", password: "your password", token: "the setup token" };
    switch (input.name) {
      case "code":
        return /^[0-9]{6}$/.test(value.replace(/\s/g, "")) ? "" : "A code has six digits.";
      case "recovery_code":
        return /^[a-z2-7]{8}$/i.test(value.replace(/[\s-]/g, "")) ? "" : "A recovery code looks like abcd-2345.";
      case "password":
        if (size(value) > 1024) return `This has ${size(value)} bytes; a password has at most 1024.`;
        return value ? "" : `Enter ${names.password}.`;
      default: {
        const most = input.name === "username" ? 64 : 128;
        const length = value.trim().length;
        if (length > most) return `This has ${length} characters; at most ${most} can be right.`;
        return length ? "" : `Enter ${names[input.name]}.`;
      }
    }
  }

  function form(id, send) {
    const own = find(id);
    const button = own.querySelector(".main");
    const inputs = [...own.querySelectorAll("input")];
    for (const input of inputs) input.addEventListener("input", () => mark(input, ""));
    own.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-busy") || button.getAttribute("aria-disabled")) return;
      const faults = inputs.map((input) => [input, fault(input)]);
      for (const [input, text] of faults) mark(input, text);
      const wrong = faults.find(([, text]) => text);
      if (wrong) return wrong[0].focus();
      hush();
      button.setAttribute("aria-busy", "true");
      find("status").textContent = "One moment…";
      try {
        await send(own);
      } catch (trouble) {
        if (!(trouble instanceof Trouble)) throw trouble;
        explain(own, trouble);
      } finally {
        button.removeAttribute("aria-busy");
        find("status").textContent = "";
      }
    });
    // Until here the button was off, so that no form was sent without this script.
    button.disabled = false;
  }

  function forget() {
    for (const input of document.querySelectorAll("input")) {
      if (input.name !== "username") input.value = "";
    }
  }

  let challenge = null;

  form("signin", async () => {
    const username = find("username").value.trim();
    let answer;
    try {
      answer = await call("login", { username, password: find("password").value });
    } catch (trouble) {
      if (trouble.status === 401) {
        explain(find("signin"), new Trouble("That did not match.", "Check the username and the password."));
        find("password").focus();
        find("password").select();
        return;
      }
      throw trouble;
    }
    forget();
    if (answer.requires_totp) {
      challenge = answer.challenge_id;
      return show("code");
    }
    await arrive();
  });

  // Either proof of the second step.
  async function prove(input, path, field, value, text) {
    try {
      const answer = await call(path, { challenge_id: challenge, [field]: value });
      challenge = null;
      forget();
      await arrive(field === "recovery_code" ? answer.recovery_codes_remaining : undefined);
    } catch (trouble) {
      if (trouble.code.includes("challenge")) {
        challenge = null;
        forget();
        show("signin");
        return say("bad", "That took too long, or too many tries.", "Sign in again.");
      }
      if (trouble.status !== 401) throw trouble;
      mark(input, text);
      input.focus();
      input.select();
    }
  }

  form("code", () => {
    const input = find("digits");
    const wrong = "This code is not right, or was used before. Wait for the next one.";
    return prove(input, "totp/verify", "code", input.value.replace(/\s/g, ""), wrong);
  });

  form("recovery", () => {
    const input = find("spare");
    const wrong = "This is none of your codes, or one that was used before.";
    return prove(input, "totp/recovery", "recovery_code", input.value.trim(), wrong);
  });

  form("setup", async () => {
    const username = find("first").value.trim();
    const password = find("chosen").value;
    try {
      await call("setup", { token: find("token").value.trim(), username, password });
    } catch (trouble) {
      if (trouble.status === 401) {
        mark(find("token"), "This is not the token that Argos printed at its last start.");
        return find("token").focus();
      }
      if (trouble.status !== 404) throw trouble;
      forget();
      show("signin");
      return say("warn", "Argos is set up already.", "Sign in with an account that exists.");
    }
    find("username").value = username;
    const answer = await call("login", { username, password }).catch(() => null);
    forget();
    if (answer?.user) return arrive();
    show("signin");
    say("fine", "The administrator is made.", "Sign in now.");
  });

  // --- Small helps while typing

  for (const button of document.querySelectorAll(".show")) {
    button.addEventListener("click", () => {
      const input = find(button.getAttribute("aria-controls"));
      const hidden = input.type === "password";
      input.type = hidden ? "text" : "password";
      button.setAttribute("aria-pressed", String(hidden));
    });
  }

  for (const input of document.querySelectorAll("input[type=password]")) {
    const look = (event) => {
      const on = event.type !== "blur" && event.getModifierState?.("CapsLock");
      find(`${input.id}-caps`).textContent = on ? "Caps Lock is on." : "";
    };
    for (const kind of ["keydown", "keyup", "blur"]) input.addEventListener(kind, look);
  }

  find("digits").addEventListener("input", (event) => {
    const digits = event.target.value.replace(/\D/g, "");
    // Full and nothing else in it: sent without a press, as the hint says.
    if (digits.length === 6 && /^[\d\s]+$/.test(event.target.value)) find("code").requestSubmit();
  });

  for (const button of document.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => {
      const next = button.dataset.go;
      if (next === "signin") {
        challenge = null;
        forget();
      }
      hush();
      show(next);
    });
  }

  // --- After signing in

  const SELF = "/login";

  // The place that was asked for, as the API understands it; nothing where that is this page or was refused.
  async function destination() {
    if (rd === null) return null;
    const answer = await call(`return-url?${new URLSearchParams({ rd })}`);
    const url = new URL(answer.url, location.origin);
    if (!/^https?:$/.test(url.protocol)) return null;
    const here = url.origin === location.origin;
    if (here && (url.pathname === "/" || url.pathname.startsWith(SELF))) return null;
    return { url, ticketed: Boolean(answer.ticket_needed), name: here ? "" : url.host };
  }

  // A host that keeps sending its visitors back must not send them in circles. Only times are kept.
  function circles() {
    try {
      const now = Date.now();
      const before = JSON.parse(sessionStorage.getItem("argos-leaving") ?? "[]");
      const recent = before.filter((at) => now - at < 30_000);
      sessionStorage.setItem("argos-leaving", JSON.stringify([...recent, now]));
      return recent.length >= 4;
    } catch {
      return false;
    }
  }

  async function leave(place) {
    find("waiting").replaceChildren(place.name ? "Taking you to " : "Taking you there…");
    if (place.name) {
      const name = document.createElement("strong");
      name.textContent = place.name;
      find("waiting").append(name, "…");
    }
    show("wait", { quietly: true });
    find("status").textContent = find("waiting").textContent;
    let url = place.url;
    // Without what the host said, it says it anew when it is opened without a ticket.
    if (place.ticketed && /^[0-9a-f]{64}$/.test(st ?? "")) {
      url = new URL((await call("ticket", { rd, st })).url, location.origin);
      if (!/^https?:$/.test(url.protocol)) throw new Trouble("That address can't be opened.", "");
    }
    location.replace(url.href);
  }

  // Signed in: on to the place that was asked for, or the page of who is in. `left` are recovery codes, after one was
  // used; when few are left that is said before going on.
  async function arrive(left) {
    hush();
    const me = await call("me");
    const few = left !== undefined && left < 3;
    let place = null;
    try {
      place = await destination();
      if (place && !few && !circles()) return await leave(place);
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      welcome(me, place);
      return say("bad", trouble.title, trouble.text);
    }
    welcome(me, place);
    if (left !== undefined) {
      say(few ? "warn" : "fine", codes(left), few ? SOON : "The one you used does not work again.");
    } else if (place) {
      const text = `${place.name || "That page"} does not take your sign-in. Does this browser refuse its cookies?`;
      say("warn", "You were sent back here again and again.", text);
    } else if (rd !== null && rd !== "/") {
      say("warn", "You were not sent on.", "The address you came from is not one that Argos sends people to.");
    }
  }

  const SOON = "Make new ones before you need them.";

  function codes(left) {
    if (left === 0) return "No recovery code is left.";
    return left === 1 ? "One recovery code is left." : `${left} recovery codes are left.`;
  }

  function welcome(me, place) {
    const name = me.display_name || me.username;
    find("face").textContent = [...name][0] ?? "";
    find("name").textContent = name;
    find("about").textContent = [me.email, me.username].find((text) => text && text !== name) ?? "";
    find("role").textContent = ROLES[me.role] ?? me.role;
    find("whoami").textContent = me.provider === "oidc" ? "by your sign-in provider" : "with your password";
    const shared = "You can open every site behind Argos that was shared with you.";
    find("means").textContent = me.role === "user" ? shared : "";
    const onward = find("onward");
    onward.hidden = !place;
    onward.textContent = place?.name ? `Continue to ${place.name}` : "Continue";
    onward.onclick = (event) => {
      event.preventDefault();
      hush();
      leave(place).catch((trouble) => {
        welcome(me, place);
        say("bad", trouble.title, trouble.text);
      });
    };
    show("inside");
    if (me.totp_enabled && me.recovery_codes_remaining < 3) say("warn", codes(me.recovery_codes_remaining), SOON);
  }

  find("signout").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    if (button.getAttribute("aria-busy")) return;
    hush();
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await call("logout", {});
      if (answer.end_session_url) {
        const url = new URL(answer.end_session_url, location.origin);
        if (/^https?:$/.test(url.protocol)) return location.replace(url.href);
      }
      show("signin");
      say("fine", "You are signed out.");
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      if (trouble.status === 401) {
        show("signin");
        return say("fine", "You were signed out already.");
      }
      say("bad", trouble.title, trouble.text);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });

  // --- The beginning

  // Argos may be reached while the provider is not: then there is only no button for it.
  async function offer() {
    const answer = await call("oidc/available").catch(() => ({ enabled: false }));
    if (!answer.enabled) return;
    const link = find("provider");
    link.textContent = answer.name ? `Continue with ${answer.name}` : "Single sign-on";
    const place = new URLSearchParams(Object.entries({ rd, st }).filter(([, value]) => value !== null));
    link.href = `${API}oidc/login${place.size ? `?${place}` : ""}`;
    link.addEventListener("click", () => link.setAttribute("aria-busy", "true"));
    find("single").hidden = false;
  }

  async function name() {
    const place = await destination().catch(() => null);
    if (!place?.name) return;
    const strong = document.createElement("strong");
    strong.textContent = place.name;
    find("toward").replaceChildren("to go on to ", strong);
  }

  const failure = asked.get("error");
  const owed = new URLSearchParams(location.hash.slice(1)).get("challenge");

  function failed() {
    say("bad", ...(Object.hasOwn(FAILURES, failure) ? FAILURES[failure] : ["Signing in did not work.", "Try again."]));
    // Loading the page again is a new try, not the old failure.
    const rest = new URLSearchParams(asked);
    rest.delete("error");
    history.replaceState(null, "", rest.size ? `${SELF}?${rest}` : SELF);
  }

  const isTyping = () => [...document.querySelectorAll("input[type=password]")].some((input) => input.value);

  async function begin() {
    find("clear-text").hidden = window.isSecureContext;
    // A person with a keyboard can type at once; on a phone the keyboard would hide half of the page.
    const ready = (next) => show(next, { quietly: !matchMedia("(pointer: fine)").matches });
    if (failure !== null) failed();
    offer();
    name();
    if (owed) {
      // What single sign-on is still asked for. Not kept in the address.
      challenge = owed;
      history.replaceState(null, "", location.pathname + location.search);
      return ready("code");
    }
    if (view === "setup") {
      find("first").value ||= "admin";
      return ready("setup");
    }
    if (view === "signin") ready("signin");
    let me;
    try {
      me = await call("me");
    } catch (trouble) {
      if (view === "wait") ready("signin");
      if (trouble.status !== 401 && failure === null) explain(find("signin"), trouble);
      return;
    }
    if (failure !== null) {
      welcome(me, null);
      return failed();
    }
    // Whoever has begun to type is not carried away.
    if (!isTyping()) await arrive();
  }

  // Signed in meanwhile, in another tab: this one goes on too.
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState !== "visible" || view !== "signin" || isTyping()) return;
    if (await call("me").catch(() => null)) await arrive();
  });

  // A page that comes back from the browser's memory may show who is no longer signed in.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  addEventListener("online", () => {
    if (notice.textContent.startsWith("No connection")) hush();
  });

  begin().catch((trouble) => {
    show("signin", { quietly: true });
    say("bad", trouble.title ?? "Something went wrong.", trouble.text ?? "Load the page again.");
  });
})();
