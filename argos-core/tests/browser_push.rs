//! Notifications of browsers against a stand-in for their push services (web-push-testing), which checks who signed and
//! opens what was sealed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver as Channel, channel};
use std::time::Duration;

use argos_core::api::{CreateUser, SignIn};
use argos_core::clock::Clock;
use argos_core::event::Severity;
use argos_core::notify::web_push::{Pair, to_base64url};
use argos_core::notify::{Config, Outcome, Parcel, Rendered, Sender, Subscriber, Terms, Vapid};
use argos_core::outbound::Reach;
use argos_core::schema::{Actor, PushSubscriptionId, Role};
use argos_core::{Argos, Options, ServeOptions};
use rusqlite::Connection;
use serde_json::{Value, json};
use support::Folder;
use support::people::{PASSWORD, origin, token};
use support::receivers::Receiver;

fn vapid() -> Vapid {
    let Pair { private, public } = Pair::generate().unwrap();
    Vapid { private, public, contact: "ops@example.org".into() }
}

/// A sender that may reach this machine.
fn sender(vapid: Option<Vapid>, private: bool) -> Sender {
    // The stand-in asks the system's clock whether a signature still holds.
    let terms = Terms { reach: Reach { private, ..Reach::default() }, vapid, clock: Clock::system() };
    Sender::new(Config::BrowserPush, terms)
}

fn send(sender: &mut Sender, to: &[Subscriber], severity: Severity, body: &str) -> Outcome {
    let text = Rendered { subject: None, body: body.into() };
    let parcel = Parcel {
        delivery: 42,
        idempotency_key: "019b7a3c-0000-7000-8000-00000000002a",
        event_type: "config_change",
        severity,
        text: &text,
        subscribers: to,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sender.send(&parcel))
}

fn told(sender: &mut Sender, to: &[Subscriber]) -> Outcome {
    send(sender, to, Severity::Error, "{\"title\":\"t\"}")
}

/// A browser at `endpoint` whose messages nobody opens.
fn closed(id: i64, endpoint: String) -> Subscriber {
    let auth = to_base64url(&[7; 16]).into();
    Subscriber { id: PushSubscriptionId(id), endpoint, p256dh: Pair::generate().unwrap().public, auth }
}

/// A browser of the stand-in: what it subscribed with, and the name that its messages are asked for by.
fn browser(server: &Receiver, id: i64, key: &str) -> (Subscriber, String) {
    let asked = json!({"userVisibleOnly": "true", "applicationServerKey": key});
    let made = server.ask("/subscribe", &asked)["data"].take();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let subscriber = Subscriber {
        id: PushSubscriptionId(id),
        endpoint: text(&made["endpoint"]),
        p256dh: text(&made["keys"]["p256dh"]),
        auth: text(&made["keys"]["auth"]).into(),
    };
    (subscriber, text(&made["clientHash"]))
}

#[test]
fn browsers_open_what_is_sent_to_them() {
    let Some(server) = Receiver::push() else { return };
    let vapid = vapid();
    let (one, two) = (browser(&server, 1, &vapid.public), browser(&server, 2, &vapid.public));
    let mut sender = sender(Some(vapid), true);
    let text = json!({"title": "warning: x", "body": "grün – 日本 🦚"}).to_string();
    assert_eq!(send(&mut sender, &[one.0.clone(), two.0], Severity::Warning, &text), Outcome::Sent);
    assert_eq!((server.pushed(&one.1), server.pushed(&two.1)), (vec![text.clone()], vec![text]));
    // What is too long arrives too, and can be read.
    let long = json!({"title": "t", "body": "x".repeat(100_000)}).to_string();
    assert_eq!(send(&mut sender, &[one.0], Severity::Warning, &long), Outcome::Sent);
    let cut: Value = serde_json::from_str(&server.pushed(&one.1)[1]).unwrap();
    assert_eq!(cut["title"], "t");
    assert!(cut["body"].as_str().unwrap().ends_with("xxx…"));
    assert!(sender.take_gone().is_empty());
}

#[test]
fn who_signs_must_be_whom_the_browser_subscribed_with() {
    let Some(server) = Receiver::push() else { return };
    let (browser, client) = browser(&server, 1, &vapid().public);
    let Outcome::Refused { error } = told(&mut sender(Some(vapid()), true), &[browser]) else { panic!("not ours") };
    assert!(error.contains("answers 400"), "{error}");
    assert!(server.pushed(&client).is_empty());
}

#[test]
fn a_subscription_that_has_ended_is_gone_and_keeps_nobody_from_hearing() {
    let Some(server) = Receiver::push() else { return };
    let vapid = vapid();
    let (ended, there) = (browser(&server, 7, &vapid.public), browser(&server, 8, &vapid.public));
    server.ask(&format!("/expire-subscription/{}", ended.1), &json!({}));
    let mut sender = sender(Some(vapid), true);
    assert_eq!(told(&mut sender, &[ended.0.clone(), there.0]), Outcome::Sent);
    assert_eq!(sender.take_gone(), [PushSubscriptionId(7)]);
    assert_eq!(server.pushed(&there.1).len(), 1);
    let Outcome::Refused { error } = told(&mut sender, &[ended.0]) else { panic!("nobody hears") };
    assert!(error.starts_with("no subscribers"), "{error}");
    assert_eq!(sender.take_gone(), [PushSubscriptionId(7)]);
}

/// A push service that gives one answer to each of `count` calls, and tells what it was asked.
fn service(count: usize, answer: &'static str) -> (SocketAddr, Channel<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let (say, asked) = channel();
    std::thread::spawn(move || {
        for _ in 0..count {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                if line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            lines.read_exact(&mut vec![0; length]).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            say.send(head + &format!("bytes {length}")).unwrap();
        }
    });
    (at, asked)
}

#[test]
fn a_push_service_is_told_how_urgent_it_is_and_how_long_it_counts() {
    for (severity, urgency) in [
        (Severity::Info, "low"),
        (Severity::Warning, "normal"),
        (Severity::Error, "high"),
        (Severity::Critical, "high"),
    ] {
        let (at, asked) = service(1, "201 Created");
        let to = [closed(1, format!("http://{at}/push/secret-part"))];
        assert_eq!(send(&mut sender(Some(vapid()), true), &to, severity, &"x".repeat(4000)), Outcome::Sent);
        let head = asked.recv().unwrap();
        assert!(head.starts_with("POST /push/secret-part HTTP/1.1\r\n"), "{head}");
        let urgency = format!("urgency: {urgency}");
        let lines = ["ttl: 86400", &urgency, "content-encoding: aes128gcm", "content-type: application/octet-stream"];
        for line in lines {
            assert!(head.split("\r\n").any(|l| l == line), "{line} is not in\n{head}");
        }
        assert!(!head.contains("topic:"));
        // 86 bytes before what is sealed, and 17 more than is sealed.
        assert!(head.ends_with(&format!("bytes {}", 86 + 3072 + 17)), "{head}");
    }
}

#[test]
fn what_a_push_service_answers_decides() {
    for (answer, gone) in [("404 Not Found", true), ("410 Gone", true)] {
        let (at, _asked) = service(1, answer);
        let mut sender = sender(Some(vapid()), true);
        let outcome = told(&mut sender, &[closed(3, format!("http://{at}/secret-part"))]);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        assert_eq!(sender.take_gone().len(), usize::from(gone));
    }
    let pair = |answer| {
        let (at, _asked) = service(1, answer);
        let mut sender = sender(Some(vapid()), true);
        let outcome = told(&mut sender, &[closed(3, format!("http://{at}/secret-part"))]);
        assert!(sender.take_gone().is_empty());
        let (error, later) = match outcome {
            Outcome::Failed { error, after } => (error, Some(after)),
            Outcome::Refused { error } => (error, None),
            Outcome::Sent => panic!("{answer}"),
        };
        assert!(error.contains(&format!("http://{at} answers")) && !error.contains("secret"), "{error}");
        later
    };
    assert_eq!(pair("429 Too Many Requests\r\nRetry-After: 7"), Some(Some(Duration::from_secs(7))));
    assert_eq!(pair("503 Service Unavailable"), Some(None));
    assert_eq!(pair("413 Content Too Large"), None);
    assert_eq!(pair("403 Forbidden"), None);
    assert_eq!(pair("307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/"), Some(None));
}

#[test]
fn many_are_told_and_one_that_takes_it_is_enough() {
    let (good, asked) = service(20, "201 Created");
    let (bad, _) = service(20, "503 Service Unavailable");
    let to: Vec<Subscriber> =
        (0..40).map(|n| closed(n + 1, format!("http://{}/{n}", if n % 2 == 0 { bad } else { good }))).collect();
    assert_eq!(told(&mut sender(Some(vapid()), true), &to), Outcome::Sent);
    assert_eq!(asked.iter().count(), 20);
}

#[test]
fn what_can_not_be_sent_says_why() {
    let refused = |outcome| match outcome {
        Outcome::Refused { error } => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(told(&mut sender(Some(vapid()), true), &[])), "no subscribers");
    let to = |endpoint: &str| [closed(1, endpoint.into())];
    assert!(refused(told(&mut sender(None, true), &to("https://push.example/"))).contains("no keys"));
    for endpoint in ["http://127.0.0.1:9/", "http://push.example/", "https://127.0.0.1:9/", "https://[::1]:9/"] {
        let error = refused(told(&mut sender(Some(vapid()), false), &to(endpoint)));
        assert!(error.contains("only https is allowed") || error.contains("not a public address"), "{error}");
    }
    let error = refused(told(&mut sender(Some(vapid()), true), &to("https://169.254.169.254/")));
    assert!(error.contains("where clouds keep secrets"), "{error}");
    let mut broken = closed(5, "https://push.example/".into());
    broken.auth = "AA".to_owned().into();
    let error = refused(told(&mut sender(Some(vapid()), true), &[broken]));
    assert_eq!(error, "the keys of subscription 5 are none");
}

/// An Argos on the system's clock, and it again as the administrator `ada` sees it who is signed in.
fn argos(folder: &Folder) -> (Argos, Argos) {
    let argos = Argos::open(Options { crs: Some("baseline".into()), ..Options::new(folder.path()) }).unwrap();
    argos.users().create(CreateUser::new("ada", Role::Admin, Some(PASSWORD))).unwrap();
    let anybody = argos.acting(Actor::Anonymous, origin("192.0.2.1"));
    let session = token(&anybody.auth().login(SignIn::new("ada", PASSWORD.to_owned())).unwrap());
    let ada = argos.with_session(&[session.into()], &origin("192.0.2.1")).unwrap().unwrap();
    (argos, ada)
}

fn call(argos: &Argos, name: &str, input: Value) -> Value {
    argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
}

/// Subscribes with a browser of the stand-in, as that gives it; the name its messages are asked for by.
fn subscribe(ada: &Argos, server: &Receiver) -> String {
    let key = call(ada, "push.key", json!({}))["public_key"].as_str().unwrap().to_owned();
    let (browser, client) = browser(server, 0, &key);
    let keys = json!({"p256dh": browser.p256dh, "auth": browser.auth.expose()});
    call(ada, "push.subscribe", json!({"endpoint": browser.endpoint, "expirationTime": null, "keys": keys}));
    client
}

fn subscriptions(ada: &Argos) -> usize {
    call(ada, "push.list", json!({}))["items"].as_array().unwrap().len()
}

#[test]
fn people_hear_of_events_with_the_browsers_they_subscribed_with() {
    let Some(server) = Receiver::push() else { return };
    let folder = Folder::new();
    let (argos, ada) = argos(&folder);
    call(&argos, "settings.set", json!({"key": "notifications.allow_private_targets", "value": "true"}));
    let clients = [subscribe(&ada, &server), subscribe(&ada, &server)];
    let channel = call(&argos, "channels.create", json!({"name": "browsers", "type": "browser_push"}));
    let trial = call(&argos, "channels.test", json!({"id": channel["id"]}));
    assert_eq!((&trial["success"], &trial["error"]), (&json!(true), &json!("")));
    assert_eq!(server.pushed(&clients[0]), [trial["payload"].as_str().unwrap()]);

    // From here on one of them is gone; a trial or a delivery finds out.
    server.ask(&format!("/expire-subscription/{}", clients[0]), &json!({}));
    call(&argos, "channels.test", json!({"id": channel["id"]}));
    assert_eq!(subscriptions(&ada), 1);
    server.ask(&format!("/expire-subscription/{}", subscribe(&ada, &server)), &json!({}));
    assert_eq!(subscriptions(&ada), 2);

    let rule = json!({"channel_id": channel["id"], "event_type": "config_change"});
    call(&argos, "notification_rules.create", rule);
    let options = ServeOptions { http: vec![(Ipv4Addr::LOCALHOST, 0).into()], threads: 1, ..ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    call(&argos, "settings.set", json!({"key": "config.history_max", "value": "201"}));
    let mut asked = 0;
    while server.pushed(&clients[1]).len() < 3 || subscriptions(&ada) > 1 {
        asked += 1;
        assert!(asked < 10_000, "nothing came");
    }
    let heard: Value = serde_json::from_str(&server.pushed(&clients[1])[2]).unwrap();
    assert_eq!(heard["severity"], "info");
    assert!(heard["title"].as_str().unwrap().contains("config_change"), "{heard}");
    drop(serving);
}

#[test]
fn keys_that_can_not_be_opened_are_reported_by_the_channel_alone() {
    let folder = Folder::new();
    let (argos, ada) = argos(&folder);
    call(&argos, "channels.create", json!({"name": "browsers", "type": "browser_push"}));
    let trial = call(&argos, "channels.test", json!({"id": 1}));
    assert_eq!((&trial["success"], &trial["error"]), (&json!(false), &json!("no subscribers")));
    drop((argos, ada));
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    let sql = "UPDATE settings SET value = value || 'A' WHERE key = 'notifications.vapid_private_key'";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    let trial = call(&argos, "channels.test", json!({"id": 1}));
    assert_eq!(trial["success"], false);
    assert!(trial["error"].as_str().unwrap().starts_with("secret_tampered: "), "{trial}");
    let options = ServeOptions { http: vec![(Ipv4Addr::LOCALHOST, 0).into()], threads: 1, ..ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    assert_eq!(serving.addresses().len(), 1);
}
