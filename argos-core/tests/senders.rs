//! What webhooks and Telegram bots send, at servers on loopback: one that does as it is told, and a stand-in for Telegram
//! that others made (telegram-test-api).
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::event::Severity;
use argos_core::notify::send::Terms;
use argos_core::notify::{Config, Outcome, Parcel, Rendered, Sender, Telegram, Webhook};
use argos_core::outbound::{Limits, OwnListeners, Reach};
use argos_core::schema::{ParseMode, WebhookMethod};
use argos_core::secret::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use support::receivers::Receiver;

/// 2026-11-28T12:00:00.999Z
const NOW: Timestamp = Timestamp(1_795_867_200_999);
const KEY: &str = "0192f0c1-2b3c-7d4e-8f50-617283940a1b";

/// A server that answers each request with what `respond` makes of its head and body, and remembers both.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start(respond: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (respond, seen) = (Arc::new(respond), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (respond, seen) = (respond.clone(), seen.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some((head, body)) = request(&mut reader) {
                        let n = {
                            let mut seen = seen.lock().unwrap();
                            seen.push((head.clone(), body));
                            seen.len()
                        };
                        if reader.get_mut().write_all(respond(n, &head).as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// One that always answers with this status.
    fn saying(status: u16, more: &str) -> Self {
        let answer = answer(status, more, "");
        Self::start(move |_, _| answer.clone())
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn answer(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} So\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        head += &line;
    }
    let length = field(&head, "content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// The value of a header line.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

fn webhook(url: impl Into<String>) -> Webhook {
    Webhook {
        url: Secret::new(url.into()),
        method: WebhookMethod::Post,
        content_type: "application/json".into(),
        headers: Vec::new(),
        secret: None,
    }
}

fn terms(private: bool) -> Terms {
    Terms { reach: Reach { private, own: OwnListeners::default() }, vapid: None, clock: Clock::manual(NOW) }
}

fn sender(config: Config) -> Sender {
    Sender::new(config, terms(true)).within(Limits { whole: Duration::from_secs(20), most: 64 << 10 })
}

fn attempt(sender: &mut Sender, body: &str) -> Outcome {
    let text = Rendered { subject: None, body: body.into() };
    let parcel = Parcel {
        delivery: 42,
        idempotency_key: KEY,
        event_type: "cert_renewal_failed",
        severity: Severity::Error,
        text: &text,
        subscribers: &[],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sender.send(&parcel))
}

fn post(config: Webhook) -> Outcome {
    attempt(&mut sender(Config::Webhook(config)), r#"{"message": "é"}"#)
}

/// The text of an attempt that failed, and whether it may be tried again.
fn error(outcome: &Outcome) -> (&str, bool) {
    match outcome {
        Outcome::Sent => panic!("it was sent"),
        Outcome::Failed { error, .. } => (error, true),
        Outcome::Refused { error } => (error, false),
    }
}

#[test]
fn a_webhook_carries_what_the_receiver_needs() {
    let server = Server::saying(204, "");
    let config = Webhook {
        method: WebhookMethod::Put,
        content_type: "application/vnd.shop+json".into(),
        headers: vec![
            ("X-Api-Key".into(), Secret::new("word".into())),
            ("user-agent".into(), Secret::new("somebody else".into())),
            ("X-Argos-Signature".into(), Secret::new("t=1,v1=00".into())),
        ],
        ..webhook(server.url("/hook/abc?token=1"))
    };
    assert_eq!(post(config), Outcome::Sent);
    let (head, body) = server.asked().remove(0);
    assert_eq!(body, r#"{"message": "é"}"#);
    assert!(head.starts_with("PUT /hook/abc?token=1 HTTP/1.1\r\n"), "{head}");
    let expected = [
        ("content-type", Some("application/vnd.shop+json")),
        ("idempotency-key", Some(KEY)),
        ("x-argos-event", Some("cert_renewal_failed")),
        ("x-argos-delivery", Some("42")),
        ("user-agent", Some(concat!("argos/", env!("CARGO_PKG_VERSION")))),
        ("x-api-key", Some("word")),
        ("x-argos-signature", None),
    ];
    for (name, value) in expected {
        assert_eq!(field(&head, name), value, "{name} in {head}");
    }
}

#[test]
fn the_signature_is_over_the_moment_and_the_body() {
    let server = Server::saying(200, "");
    let config = Webhook { secret: Some(Secret::new("a shared word".into())), ..webhook(server.url("/")) };
    assert_eq!(post(config), Outcome::Sent);
    let (head, body) = server.asked().remove(0);
    let signature = field(&head, "x-argos-signature").unwrap();
    let (t, v1) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(t, "1795867200");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"a shared word").unwrap();
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    mac.verify_slice(&hex::decode(v1).unwrap()).unwrap();
    assert_eq!(v1, v1.to_lowercase());
}

/// The program of the guide, run over what came in.
#[test]
fn the_guides_program_knows_a_good_signature() {
    let guide = std::fs::read_to_string("../docs/guide/notification-channels.md").unwrap();
    let (_, program) = guide.split_once("```python\n").unwrap();
    let (program, _) = program.split_once("```").unwrap();
    let server = Server::saying(200, "");
    let config = Webhook { secret: Some(Secret::new("a shared word".into())), ..webhook(server.url("/")) };
    assert_eq!(post(config), Outcome::Sent);
    let (head, body) = server.asked().remove(0);
    let good = field(&head, "x-argos-signature").unwrap();
    let ask = |signature: &str, body: &str, now: i64| {
        let call = format!("\nprint(is_genuine({signature:?}, {body:?}.encode(), \"a shared word\", now={now}))");
        Command::new("python3").arg("-c").arg(format!("{program}{call}")).output()
    };
    let now = NOW.millis() / 1000;
    let Ok(output) = ask(good, &body, now) else {
        println!("not run: no python3 here");
        return;
    };
    let said = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said(output), "True\n");
    for (signature, body, now) in [
        (good, "another body", now),
        (good, &*body, now + 301),
        (good, &*body, now - 301),
        ("t=1,v1=00", &*body, now),
        ("", &*body, now),
        ("v1=é", &*body, now),
    ] {
        assert_eq!(said(ask(signature, body, now).unwrap()), "False\n", "{signature} at {now}");
    }
}

#[test]
fn an_answer_says_whether_to_try_again() {
    let told = |status: u16, more: &str| post(webhook(Server::saying(status, more).url("/hidden?hidden")));
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(told(status, ""), Outcome::Sent, "{status}");
    }
    for status in [400, 401, 403, 404, 405, 410, 413, 422, 451, 499] {
        assert!(matches!(told(status, "Retry-After: 5\r\n"), Outcome::Refused { .. }), "{status}");
    }
    for status in [301, 302, 303, 304, 307, 408, 425, 429, 500, 502, 503, 504, 599] {
        assert!(matches!(told(status, ""), Outcome::Failed { after: None, .. }), "{status}");
    }
    let after = |more: &str| match told(503, more) {
        Outcome::Failed { error, after } => {
            assert!(error.contains("answers 503 Service Unavailable") && !error.contains("hidden"), "{error}");
            after.map(|after| after.as_secs())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(after("Retry-After: 60\r\n"), Some(60));
    let moment = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    assert_eq!(after(moment), Some(30));
    // Who asks for more gets the longest time there is.
    assert_eq!(after("Retry-After: 86400\r\n"), Some(60));
    assert_eq!(after("Retry-After: soon\r\n"), None);
}

#[test]
fn servers_that_do_not_answer_and_those_that_say_too_much_are_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/hidden", listener.local_addr().unwrap());
    let limits = Limits { whole: Duration::from_millis(300), most: 1000 };
    let mut short = Sender::new(Config::Webhook(webhook(silent)), terms(true)).within(limits);
    let outcome = attempt(&mut short, "{}");
    assert!(error(&outcome).1 && error(&outcome).0.ends_with("does not answer within 0.3 s"), "{outcome:?}");
    drop(listener);
    let outcome = attempt(&mut short, "{}");
    assert!(error(&outcome).1 && error(&outcome).0.contains("refused"), "{outcome:?}");
    let huge = "a".repeat(1 << 20);
    for (status, sent) in [(200, true), (500, false)] {
        let answer = answer(status, "", &huge);
        let server = Server::start(move |_, _| answer.clone());
        let outcome = post(webhook(server.url("/")));
        assert_eq!(outcome == Outcome::Sent, sent, "{outcome:?}");
        assert!(sent || !error(&outcome).0.contains("aaa"), "{outcome:?}");
    }
}

#[test]
fn private_targets_are_for_those_who_allow_them_and_argos_itself_for_nobody() {
    let server = Server::saying(200, "");
    for url in [server.url("/hidden"), format!("http://localhost:{}/hidden", server.address.port())] {
        let outcome = attempt(&mut Sender::new(Config::Webhook(webhook(url)), terms(false)), "{}");
        let (error, again) = error(&outcome);
        assert!(!again && error.contains("not a public address") && !error.contains("hidden"), "{error}");
        assert!(error.contains("notifications.allow_private_targets"), "{error}");
    }
    let terms = terms(true);
    terms.reach.own.add([server.address]);
    let outcome = attempt(&mut Sender::new(Config::Webhook(webhook(server.url("/hidden"))), terms), "{}");
    assert!(!error(&outcome).1 && error(&outcome).0.contains("Argos itself"), "{outcome:?}");
    assert_eq!(server.asked(), []);
}

#[test]
fn redirects_are_followed_with_the_body_but_without_foreign_secrets() {
    let last = Server::saying(200, "");
    let to = last.url("/moved");
    let first = Server::start(move |_, _| answer(308, &format!("Location: {to}\r\n"), ""));
    let config = Webhook {
        headers: vec![("X-Api-Key".into(), Secret::new("hidden".into()))],
        secret: Some(Secret::new("a shared word".into())),
        ..webhook(first.url("/"))
    };
    assert_eq!(post(config), Outcome::Sent);
    let (head, body) = last.asked().remove(0);
    assert!(head.starts_with("POST /moved ") && body == r#"{"message": "é"}"#, "{head}");
    assert_eq!((field(&head, "x-api-key"), field(&head, "idempotency-key")), (None, Some(KEY)));
    assert_eq!(field(&head, "x-argos-signature"), field(&first.asked()[0].0, "x-argos-signature"));
    assert_eq!(field(&first.asked()[0].0, "x-api-key"), Some("hidden"));

    let circle = Server::saying(307, "Location: /\r\n");
    let outcome = post(webhook(circle.url("/")));
    assert!(!error(&outcome).1 && error(&outcome).0.contains("more than 3 redirects"), "{outcome:?}");
    assert_eq!(circle.asked().len(), 4);
    let cloud = Server::saying(307, "Location: http://169.254.169.254/latest/meta-data/\r\n");
    let outcome = post(webhook(cloud.url("/")));
    assert!(!error(&outcome).1 && error(&outcome).0.contains("clouds"), "{outcome:?}");
    let found = Server::saying(302, "Location: /\r\n");
    let outcome = post(webhook(found.url("/")));
    assert!(error(&outcome).1 && error(&outcome).0.contains("a redirect that is not followed"), "{outcome:?}");
    assert_eq!(found.asked().len(), 1);
}

#[test]
fn line_ends_never_begin_a_header_line() {
    let server = Server::saying(200, "");
    let bad = "a\r\nX-Evil: 1";
    let named = |name: &str, value: &str| vec![(name.to_owned(), Secret::new(value.to_owned()))];
    for config in [
        Webhook { content_type: bad.into(), ..webhook(server.url("/")) },
        Webhook { headers: named("X-Key", bad), ..webhook(server.url("/")) },
        Webhook { headers: named(bad, "a"), ..webhook(server.url("/")) },
    ] {
        let outcome = post(config);
        assert!(!error(&outcome).1 && !error(&outcome).0.contains(char::is_control), "{outcome:?}");
    }
    // In a URL they are dropped or escaped, as URLs are read.
    assert_eq!(post(webhook(server.url("/a\r\nX-Evil: 1"))), Outcome::Sent);
    let (head, _) = server.asked().remove(0);
    assert!(field(&head, "x-evil").is_none() && server.asked().len() == 1, "{head}");
}

/// In a process of its own, which has proxies named by its environment.
#[test]
fn proxies_of_the_environment_are_not_used() {
    const TOLD: &str = "ARGOS_TEST_WEBHOOK";
    if let Ok(url) = std::env::var(TOLD) {
        assert_eq!(post(webhook(url)), Outcome::Sent);
        return;
    }
    let (server, proxy) = (Server::saying(200, ""), Server::saying(502, ""));
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", "proxies_of_the_environment_are_not_used"])
        .env(TOLD, server.url("/"))
        .env_remove("NO_PROXY");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        again.env(name, proxy.url("/"));
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((server.asked().len(), proxy.asked().len()), (1, 0));
}

const TOKEN: &str = "123456:AAhidden-token_of_a_bot";

fn bot(api_url: String, parse_mode: ParseMode) -> Telegram {
    Telegram { bot_token: Secret::new(TOKEN.into()), chat_id: "-100123".into(), parse_mode, thread_id: None, api_url }
}

fn tell(config: Telegram, text: &str) -> Outcome {
    attempt(&mut sender(Config::Telegram(config)), text)
}

#[test]
fn telegram_gets_texts_as_they_are() {
    let Some(telegram) = Receiver::telegram() else { return };
    let api = || format!("http://{}", telegram.address);
    let html = "🔴 <b>cert_renewal_failed</b>\n<code>shop.example</code> &lt;failed&gt; é";
    assert_eq!(tell(bot(api(), ParseMode::Html), html), Outcome::Sent);
    let markdown = "*bold* `code` 1\\.5 \\- \\_ [a](https://shop.example/)";
    let config = Telegram { thread_id: Some(7), chat_id: "@shop".into(), ..bot(api(), ParseMode::MarkdownV2) };
    assert_eq!(tell(config, markdown), Outcome::Sent);
    assert_eq!(tell(bot(api(), ParseMode::None), "<as it stands> *"), Outcome::Sent);
    let preview = json!({"is_disabled": true});
    assert_eq!(
        telegram.telegrams(TOKEN),
        [
            json!({"chat_id": -100_123, "text": html, "parse_mode": "HTML", "link_preview_options": preview}),
            json!({"chat_id": "@shop", "text": markdown, "parse_mode": "MarkdownV2", "message_thread_id": 7,
            "link_preview_options": preview}),
            json!({"chat_id": -100_123, "text": "<as it stands> *", "link_preview_options": preview}),
        ]
    );
}

#[test]
fn telegram_gets_a_long_text_in_parts() {
    let Some(telegram) = Receiver::telegram() else { return };
    let lines: Vec<String> = (0..400).map(|n| format!("line {n} &amp; <i>more</i> of it")).collect();
    let text = format!("<b>{}</b>", lines.join("\n"));
    assert_eq!(tell(bot(format!("http://{}", telegram.address), ParseMode::Html), &text), Outcome::Sent);
    let sent = telegram.telegrams(TOKEN);
    let parts: Vec<&str> = sent.iter().map(|message| message["text"].as_str().unwrap()).collect();
    assert!(parts.len() == 4 && parts.iter().all(|part| part.encode_utf16().count() <= 4096), "{}", parts.len());
    let inside = parts.iter().map(|part| part.strip_prefix("<b>").unwrap().strip_suffix("</b>").unwrap());
    assert_eq!(inside.collect::<Vec<_>>().join("\n"), lines.join("\n"));
}

#[test]
fn a_part_that_was_sent_is_not_sent_again() {
    let refusal = json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 9",
        "parameters": {"retry_after": 9}});
    let server = Server::start(move |n, _| match n {
        2 => answer(429, "", &refusal.to_string()),
        _ => answer(200, "", r#"{"ok": true, "result": {}}"#),
    });
    let mut sender = sender(Config::Telegram(bot(server.url(""), ParseMode::None)));
    let text = ["a", "b", "c"].map(|letter| letter.repeat(4000)).join("\n");
    let outcome = attempt(&mut sender, &text);
    let Outcome::Failed { error, after } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*after, Some(Duration::from_secs(9)));
    assert!(error.starts_with("part 2 of 3: ") && error.ends_with("Too Many Requests: retry after 9"), "{error}");
    assert_eq!(attempt(&mut sender, &text), Outcome::Sent);
    let begin = |body: &str| serde_json::from_str::<Value>(body).unwrap()["text"].as_str().unwrap()[..1].to_owned();
    let sent: Vec<String> = server.asked().iter().map(|(_, body)| begin(body)).collect();
    assert_eq!(sent, ["a", "b", "b", "c"]);
    // Another delivery of the same text begins at its beginning.
    assert_eq!(attempt(&mut sender, &text), Outcome::Sent);
    assert_eq!(server.asked().len(), 7);
}

#[test]
fn what_telegram_says_is_told_and_the_token_never() {
    let said = |status: u16, body: Value| {
        let server = Server::start(move |_, _| answer(status, "", &body.to_string()));
        let outcome = tell(bot(server.url(""), ParseMode::Html), "text");
        assert!(!format!("{outcome:?}").contains("hidden"), "{outcome:?}");
        outcome
    };
    let says = |words: &str| json!({"ok": false, "description": words});
    let outcome = said(400, says("Bad Request: chat not found\r\n\u{1b}[0m"));
    assert!(error(&outcome).0.ends_with("answers 400 Bad Request: Bad Request: chat not found   [0m"), "{outcome:?}");
    assert!(!error(&outcome).1);
    for (status, again) in
        [(401, false), (403, false), (404, false), (409, false), (429, true), (500, true), (502, true)]
    {
        let outcome = said(status, says(&format!("no such path /bot{TOKEN}/sendMessage")));
        assert_eq!(error(&outcome).1, again, "{outcome:?}");
    }
    let moved = json!({"ok": false, "description": "upgraded", "parameters": {"migrate_to_chat_id": -100_999}});
    assert!(error(&said(400, moved)).0.ends_with("the chat's new chat_id is -100999"));
    let long = json!({"ok": false, "description": "wait", "parameters": {"retry_after": 3000}});
    assert!(matches!(said(429, long), Outcome::Failed { after: Some(after), .. } if after.as_secs() == 60));
    for odd in [json!("text"), json!({}), json!({"ok": false}), json!([1])] {
        assert!(error(&said(200, odd)).1);
    }
    // Nothing is followed, and nothing is told of where it went.
    let server = Server::saying(307, "Location: /elsewhere\r\n");
    let outcome = tell(bot(server.url(""), ParseMode::Html), "text");
    assert!(error(&outcome).1 && !error(&outcome).0.contains("hidden") && server.asked().len() == 1, "{outcome:?}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = tell(bot(format!("http://{nobody}"), ParseMode::Html), "text");
    assert!(error(&outcome).1 && !error(&outcome).0.contains("hidden"), "{outcome:?}");
}

#[test]
fn telegram_is_asked_over_https_but_on_this_machine() {
    for (url, why) in
        [("http://10.0.0.1", "this machine only"), ("ftp://127.0.0.1", "only http"), ("nothing", "not a URL")]
    {
        let outcome = tell(bot(url.into(), ParseMode::Html), "text");
        assert!(!error(&outcome).1 && error(&outcome).0.contains(why), "{outcome:?}");
    }
    let config = Config::Telegram(bot("http://api.telegram.org".into(), ParseMode::Html));
    let outcome = attempt(&mut Sender::new(config, terms(false)), "text");
    assert!(!error(&outcome).1 && error(&outcome).0.contains("only https"), "{outcome:?}");
    let outcome = tell(bot("https://api.telegram.org".into(), ParseMode::Html), " \n");
    assert!(!error(&outcome).1 && error(&outcome).0.contains("empty"), "{outcome:?}");
}
