"""The sign-in page in a browser: each way in and out, what it says when one fails, and what it never does."""

import hashlib
import hmac
import json
import re
import struct
import time
from base64 import b32decode
from urllib.parse import urlencode

import pytest

from browser import Browser
from gateway import Argos, host

PASSWORD = "an orange behind the moon"
MIRA = ("users.create", {"username": "mira", "password": PASSWORD, "role": "admin", "display_name": "Mira Okonkwo"})
NOWHERE = ("127.0.0.1", 9)
PANEL = ("--panel", "127.0.0.1:0")
PHONE = {"width": 390, "height": 844, "phone": True}
VIEW = "document.body.dataset.view"
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)
FAILURES = {
    "idp_error": "did not let you in",
    "state_mismatch": "not started here",
    "exchange_failed": "did not confirm",
    "token_invalid": "could not be trusted",
    "email_missing": "did not tell your e-mail address",
    "email_unverified": "not verified",
    "not_allowed": "not on the list",
    "no_account": "no account for you",
    "disabled": "switched off",
    "what_is_this<b>": "Signing in did not work",
}


def with_page(argos: Argos) -> Argos:
    argos.page = f"http://localhost:{argos.log.wait(r'panel: http://[^ ]+:([0-9]+)/')[1]}/login"
    return argos


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def panel(start):
    """A gateway whose panel listens, and the address of the page."""

    def panel(*calls):
        return with_page(start([*host(NOWHERE), *calls], more=PANEL))

    return panel


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A gateway for the tests that fail no sign-in."""
    argos = with_page(Argos(tmp_path_factory.mktemp("argos"), [*host(NOWHERE), MIRA], more=PANEL))
    yield argos
    assert argos.stop() == 0, argos.log


def totp(secret: str, later: int = 0) -> str:
    """The code of the step that many after this one. Source: RFC 6238."""
    step = struct.pack(">Q", int(time.time()) // 30 + later)
    digest = hmac.digest(b32decode(secret + "=" * (-len(secret) % 8)), step, hashlib.sha1)
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def sign_in(page, username="mira", password=PASSWORD) -> None:
    page.wait("username.checkVisibility()")
    page.type("#username", username)
    page.type("#password", password)
    page.enter()


def sign_out(page) -> None:
    page.click("#signout")
    page.wait(f"{VIEW} == 'signin'")
    assert "You are signed out" in page.text()


def post(page, path: str, **fields):
    """A call as the page would make it."""
    return page.run(f"""fetch("/api/v1/auth/{path}", {{
        method: "POST", headers: {{ "Content-Type": "application/json" }}, body: {json.dumps(json.dumps(fields))},
    }}).then(async r => [r.status, await r.json().catch(() => null)])""")


def signed_in(page) -> int:
    return page.run("fetch('/api/v1/auth/me').then(r => r.status)")


def check_kept_nothing(page, *secrets: str) -> None:
    """No secret was put into an address or kept, and nothing was complained of."""
    assert page.complaints == []
    urls = [request["url"] for request in page.requests] + [page.run("location.href")]
    stored = page.run("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state])")
    for secret in secrets:
        assert all(secret not in url for url in urls), urls
        assert secret not in stored
    mine = page.run("location.origin")
    assert all(url.startswith((mine, "data:", "about:")) for url in urls), urls


def test_the_first_administrator(panel, browser):
    argos = panel()
    page = browser.page(**PHONE)
    page.open(argos.page)
    assert page.run(VIEW) == "setup" and "Welcome to Argos" in page.text()
    assert page.run("first.value") == "admin"
    token = argos.log.wait(r"setup token: (\S+)")[1]
    page.type("#token", token[:-1] + ("a" if token[-1] != "a" else "b"))
    page.type("#first", "mira")
    page.type("#chosen", PASSWORD)
    page.enter()
    page.wait("document.getElementById('token-fault').textContent")
    assert "not the token" in page.text() and page.run("document.activeElement.id") == "token"
    page.type("#token", token)
    page.type("#chosen", "short")
    page.enter()
    page.wait("document.getElementById('chosen-fault').textContent")
    assert "At least 12 characters" in page.text()
    assert page.run("chosen.getAttribute('aria-invalid')") == "true"
    page.type("#first", "mïra")
    page.type("#chosen", PASSWORD)
    page.enter()
    page.wait("document.getElementById('first-fault').textContent")
    page.type("#first", "mira")
    page.enter()
    page.wait(f"{VIEW} == 'inside'")
    assert "mira" in page.text() and "Administrator" in page.text()
    check_kept_nothing(page, token, PASSWORD)
    late = browser.page()
    late.open(argos.page)
    assert late.run(VIEW) == "signin"
    # Somebody who had the page open meanwhile is told.
    late.run("void (document.body.dataset.view = 'setup')")
    late.type("#token", token)
    late.type("#first", "eve")
    late.type("#chosen", PASSWORD)
    late.enter()
    late.wait(f"{VIEW} == 'signin'")
    assert "set up already" in late.text()


def test_by_password_and_out_again(panel, browser):
    argos = panel(MIRA)
    page = browser.page()
    page.open(argos.page)
    assert page.run(VIEW) == "signin" and page.run("document.title") == "Sign in · Argos"
    # Nothing is asked of Argos for what can't be right.
    page.enter_in("#username")
    page.wait("document.getElementById('password-fault').textContent")
    assert "Enter your username." in page.text() and "Enter your password." in page.text()
    assert page.run("document.activeElement.id") == "username"
    sign_in(page, "m" * 65, "é" * 513)
    page.wait("document.getElementById('username-fault').textContent.includes('65 characters')")
    assert "1026 bytes" in page.text()
    assert not [r for r in page.requests if r["url"].endswith("/auth/login")]
    # A wrong password and a name that nobody has look alike.
    said = set()
    for name, password in [("mira", "not this one, no"), ("nobody", PASSWORD)]:
        page.run("void notice.replaceChildren()")
        sign_in(page, name, password)
        page.wait("document.querySelector('#notice .bad')")
        said.add(page.run("notice.innerText"))
        assert page.run("document.activeElement.id") == "password"
    assert len(said) == 1 and "That did not match." in said.pop()
    # By keyboard alone, in the order that is seen.
    page.type("#username", "mira")
    page.tab()
    assert page.run("document.activeElement.id") == "password"
    page.call("Input.insertText", text=PASSWORD)
    page.tab()
    assert page.run("document.activeElement.getAttribute('aria-label')") == "Show password"
    page.space()
    assert page.run("password.type + password.value") == "text" + PASSWORD
    page.space()
    assert page.run("password.type") == "password"
    page.tab()
    page.enter()
    page.wait(f"{VIEW} == 'inside'")
    assert "Mira Okonkwo" in page.text() and "Administrator" in page.text()
    assert page.run("password.value") == ""
    # The cookie is nobody's to read, and the page knows who is in when it is loaded again.
    assert page.run("document.cookie") == ""
    page.open(argos.page)
    page.wait(f"{VIEW} == 'inside'")
    sign_out(page)
    assert signed_in(page) == 401
    page.open(argos.page)
    page.wait(f"{VIEW} == 'signin'")
    check_kept_nothing(page, PASSWORD, "not this one, no")


def test_second_factor_and_recovery(panel, browser):
    argos = panel(MIRA)
    page = browser.page(**PHONE)
    page.open(argos.page)
    sign_in(page)
    page.wait(f"{VIEW} == 'inside'")
    status, made = post(page, "totp/setup", password=PASSWORD)
    assert status == 200, made
    secret, spare = made["secret"], made["recovery_codes"][0]
    assert post(page, "totp/activate", password=PASSWORD, code=totp(secret))[0] in (200, 204)
    sign_out(page)
    sign_in(page)
    page.wait(f"{VIEW} == 'code'")
    assert page.run("document.activeElement.id") == "digits"
    # Until the second factor there is no session.
    assert signed_in(page) == 401
    code = totp(secret, later=1)
    wrong = f"{(int(code) + 5) % 1_000_000:06}"
    # Sent by its sixth digit.
    page.type("#digits", wrong)
    page.wait("document.getElementById('digits-fault').textContent")
    assert "not right" in page.text()
    page.type("#digits", "12345x")
    page.enter()
    page.wait("document.getElementById('digits-fault').textContent.includes('six digits')")
    page.type("#digits", f"{code[:3]} {code[3:]}")
    page.wait(f"{VIEW} == 'inside'")
    sign_out(page)
    # The same code is no second way in; a recovery code is one.
    sign_in(page)
    page.wait(f"{VIEW} == 'code'")
    page.type("#digits", code)
    page.wait("document.getElementById('digits-fault').textContent")
    page.click("[data-for=code] [data-go=recovery]")
    page.wait(f"{VIEW} == 'recovery'")
    page.type("#spare", "abc")
    page.enter()
    page.wait("document.getElementById('spare-fault').textContent")
    page.type("#spare", spare.upper())
    page.enter()
    page.wait(f"{VIEW} == 'inside'")
    assert "9 recovery codes are left" in page.text()
    check_kept_nothing(page, PASSWORD, secret, spare, spare.upper(), code, wrong)
    # A sign-in whose challenge has gone begins again.
    sign_out(page)
    sign_in(page)
    page.wait(f"{VIEW} == 'code'")
    page.call("Network.clearBrowserCookies")
    page.type("#digits", code)
    page.wait(f"{VIEW} == 'signin'")
    assert "Sign in again." in page.text()


def test_too_many_tries(panel, browser):
    argos = panel(MIRA)
    page = browser.page(**PHONE)
    page.open(argos.page)
    # Pauses of seconds after the third wrong password, half an hour after the fifth.
    for _ in range(12):
        page.run("void notice.replaceChildren()")
        sign_in(page, password="not this one, no")
        page.wait("document.querySelector('#notice .bad')")
        said = page.run("document.querySelector('#notice').innerText")
        if re.search(r"(29:\d\d|30:00)\.", said):
            break
        if "Too many tries." in said:
            assert re.search(r"You can try again in 0:\d\d\.", said)
            page.wait("notice.textContent == 'You can try again now.'")
    else:
        pytest.fail(f"never refused: {said}")
    # It counts for the eye and is said once for the ear, and Enter sends nothing meanwhile.
    spoken = page.run("document.querySelector('#notice .unseen').textContent")
    assert re.fullmatch(r"You can try again in (29|30) minutes\.", spoken)
    assert page.run("document.querySelector('#notice .clock').closest('[aria-hidden=true]') !== null")
    assert page.run("document.querySelector('#signin .main').getAttribute('aria-disabled')") == "true"
    sent = len(page.requests)
    page.type("#password", PASSWORD)
    page.enter()
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(page.requests) == sent
    # Another browser there hears the same of the right password.
    other = browser.page()
    other.open(argos.page)
    sign_in(other)
    other.wait("notice.textContent.includes('Too many tries.')")


def test_no_connection(panel, browser):
    argos = panel(MIRA)
    page = browser.page()
    page.open(argos.page)
    page.wait(f"{VIEW} == 'signin'")
    argos.stop()
    sign_in(page)
    page.wait("notice.textContent.includes('No connection to Argos.')")
    # What was typed is still there, to be sent once more.
    assert page.run("username.value + password.value") == "mira" + PASSWORD


@pytest.mark.parametrize("code", FAILURES)
def test_what_single_sign_on_came_back_with(quiet, browser, code):
    page = browser.page()
    page.open(f"{quiet.page}?{urlencode({'error': code, 'rd': '/readyz'})}")
    page.wait("notice.textContent")
    assert FAILURES[code] in page.text()
    assert page.run("document.querySelector('#notice b')") is None
    # Loading it again is not the failure again, and the place to go on to is kept.
    assert page.run("location.pathname + location.search") == "/login?rd=%2Freadyz"
    assert page.run("document.querySelector('[role=alert] .bad') !== null")
    assert page.complaints == []


@pytest.mark.parametrize("rd, path", [
    ("/readyz", "/readyz"),
    ("/readyz?a=b&c=%2F", "/readyz?a=b&c=%2F"),
    ("https://evil.example/", None),
    ("//evil.example", None),
    ("/\\evil.example", None),
    ("javascript:document.title='evil'", None),
    ("data:text/html,evil", None),
    ("/login", None),
    ("", None),
])
def test_where_a_person_is_sent(quiet, browser, rd, path):
    page = browser.page()
    page.open(f"{quiet.page}?{urlencode({'rd': rd})}")
    sign_in(page)
    if path:
        page.wait(f"location.pathname + location.search == {json.dumps(path)}")
        # Somebody who is signed in is sent on without a question.
        page.open(f"{quiet.page}?{urlencode({'rd': rd})}")
        page.wait(f"location.pathname + location.search == {json.dumps(path)}")
    else:
        page.wait(f"{VIEW} == 'inside'")
        assert "were not sent on" in page.text()
        assert page.run("location.pathname") == "/login" and "evil" not in page.run("document.title")
        assert all("evil.example/" not in r["url"].split("?")[0] for r in page.requests)


def test_a_page_that_sends_its_visitors_back_is_no_circle(quiet, browser):
    page = browser.page()
    page.open(quiet.page)
    sign_in(page)
    page.wait(f"{VIEW} == 'inside'")
    page.run("sessionStorage.setItem('argos-leaving', JSON.stringify(Array(4).fill(Date.now())))")
    page.open(f"{quiet.page}?rd=%2Freadyz")
    page.wait(f"{VIEW} == 'inside'")
    assert "again and again" in page.text()
    page.click("#onward")
    page.wait("location.pathname == '/readyz'")


def test_before_protected_hosts(start, upstream, browser):
    guarded = {"domain": "photos.test", "target_group_id": 1, "https_redirect": False, "auth_required": True}
    calls = [*host(upstream.address, auth_required=True), ("hosts.create", guarded), MIRA]
    argos = with_page(start(calls, more=PANEL))
    origin = argos.page.removesuffix("/login").replace("localhost", "auth.test")
    argos.call("settings.set", key="panel.public_url", value=origin)
    page = browser.page(**PHONE)
    page.open(f"http://app.test:{argos.http[1]}/echo?a=1")
    page.wait(f"location.origin == {json.dumps(origin)} && {VIEW} == 'signin'")
    page.wait("toward.textContent")
    assert "app.test" in page.text() and "This connection is not encrypted" in page.text()
    sign_in(page)
    page.wait("location.hostname == 'app.test'")
    assert page.run("location.pathname + location.search") == "/echo?a=1"
    seen = json.loads(page.text())
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert headers["x-auth-user"] == "mira" and "argos_" not in headers.get("cookie", "")
    # At the next one nothing is asked.
    page.open(f"http://photos.test:{argos.http[1]}/echo")
    page.wait("location.hostname == 'photos.test'")
    assert "mira" in page.text()
    # Whoever signs out at the panel is out everywhere.
    page.open(f"{origin}/login")
    page.wait(f"{VIEW} == 'inside'")
    sign_out(page)
    page.open(f"http://photos.test:{argos.http[1]}/echo")
    page.wait(f"location.origin == {json.dumps(origin)} && {VIEW} == 'signin'")
    # Plain HTTP is no place for that header, and the browser says so.
    assert [text for text in page.complaints if "Cross-Origin-Opener-Policy" not in text] == []


def test_the_policy_holds(quiet, browser):
    page = browser.page()
    page.open(quiet.page)
    page.wait(f"{VIEW} == 'signin'")
    headers = page.run("fetch('/login').then(r => Object.fromEntries(r.headers))")
    assert headers["content-security-policy"] == STRICT
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin" and headers["cache-control"] == "no-cache"
    assert page.complaints == []
    # It is in force: what stands inline is complained of, and does nothing.
    page.run("""{
        document.body.insertAdjacentHTML("beforeend", '<p style="color: red" id="painted">x</p>');
        const script = document.createElement("script");
        script.textContent = "window.inline = 1";
        document.body.append(script);
    }""")
    page.wait("document.getElementById('painted')")
    assert page.run("window.inline") is None
    assert page.run("getComputedStyle(painted).color") != "rgb(255, 0, 0)"
    assert len([text for text in page.complaints if text.startswith("security:")]) == 2, page.complaints


def test_without_script(quiet, browser):
    page = browser.page(**PHONE, script=False)
    page.open(quiet.page)
    seen = page.ax()
    assert any("Signing in needs JavaScript." in name for _, name in seen), seen
    assert not [role for role, _ in seen if role in ("textbox", "button")], seen


# What is read stands out enough, everything that is typed into has a name, and nothing sticks out to the side.
LOOK = """(() => {
    const faults = [];
    const numbers = text => text.match(/[\\d.]+/g).map(Number);
    const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
    const ground = e => {
        const own = numbers(getComputedStyle(e).backgroundColor);
        return own[3] === undefined ? own : over(own, e.parentElement ? ground(e.parentElement) : [255, 255, 255]);
    };
    const seen = e => e.checkVisibility() && !e.closest(".unseen");
    for (const e of document.querySelectorAll("body *")) {
        if (!seen(e)) continue;
        const text = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (text) {
            const [a, b] = [numbers(getComputedStyle(e).color).slice(0, 3), ground(e)].map(light).sort((x, y) => y - x);
            const contrast = (a + 0.05) / (b + 0.05);
            if (contrast < 4.5) faults.push(`${e.tagName} "${e.textContent.trim()}": ${contrast.toFixed(2)}`);
        }
        const box = e.getBoundingClientRect();
        const out = box.left < -1 || box.right > innerWidth + 1;
        if (out && !e.closest(".tail")) faults.push(`${e.tagName} ${e.id} sticks out`);
        if (e.matches("button, a, input") && Math.min(box.width, box.height) < 43.5) {
            faults.push(`${e.tagName} "${e.id || e.textContent}" is ${box.width} x ${box.height}`);
        }
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push("scrolls to the side");
    return faults;
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_can_be_read_and_reached(quiet, browser, width, dark):
    page = browser.page(width, 700, phone=width < 500, dark=dark)
    page.open(f"{quiet.page}?error=no_account")
    page.wait("notice.textContent")
    page.run("void (single.hidden = false)")
    # The script's own faults, beside every field.
    page.run("""for (const e of document.querySelectorAll(".fault, .caps")) e.textContent = "Something is not right.";
        for (const [id, text] of [["name", "Mira Okonkwo-Lindqvist"], ["role", "Administrator"], ["face", "M"],
            ["about", "mira.okonkwo-lindqvist@department.example.org"], ["means", "You can open every site."]])
            document.getElementById(id).textContent = text;
        onward.hidden = false;""")
    for view in ["signin", "wait", "code", "recovery", "setup", "inside"]:
        page.run(f"void ({VIEW} = '{view}')")
        for kind in ["bad", "warn", "fine"]:
            page.run(f"void (document.querySelector('.notice').className = 'notice {kind}')")
            assert page.run(LOOK) == [], (view, kind)
        named = page.ax()
        # Said of what a form is made of: all has a name.
        assert all(name for role, name in named if role in ("textbox", "button", "link", "heading", "image")), named
        assert [role for role, _ in named].count("heading") == 1, named


def test_what_password_managers_look_for(quiet, browser):
    page = browser.page()
    page.open(quiet.page)
    filled = page.run("[...document.querySelectorAll('input')].map(e => [e.id, e.type, e.autocomplete])")
    assert filled == [
        ["username", "text", "username"],
        ["password", "password", "current-password"],
        ["digits", "text", "one-time-code"],
        ["spare", "text", "off"],
        ["token", "text", "off"],
        ["first", "text", "username"],
        ["chosen", "password", "new-password"],
    ]
    # What is not sent by the script goes nowhere: never into an address.
    assert page.run("[...document.forms].every(f => f.method == 'post' && new URL(f.action).pathname == '/login')")
