//! Every kind of event to every type of channel, with the default texts: told by Argos, received and opened by programs
//! that others made.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::HashMap;

use argos_core::ServeOptions;
use argos_core::event::{Event, EventKind};
use argos_core::schema::Role;
use serde_json::{Value, json};

use support::hook::{Hook, until};
use support::people::People;
use support::receivers::{Receiver, opened};

const TOKEN: &str = "123456:AAhidden-token_of_a_bot";

/// What is received of each kind: its texts, and the one line that each is told apart by.
struct Received {
    webhook: Value,
    mail: String,
    telegram: String,
    push: Value,
}

/// An Argos that tells every kind to all four.
fn told(mail: &Receiver, telegram: &Receiver, push: &Receiver) -> HashMap<EventKind, Received> {
    let people = People::new();
    let argos = &people.argos;
    let call = |name: &str, input: Value| argos.call(name, input.as_object().unwrap().clone()).unwrap().value;
    call("settings.set", json!({"key": "notifications.allow_private_targets", "value": "true"}));
    let hook = Hook::start();
    let channels = [
        ("webhook", json!({"url": hook.url(), "secret": "not-a-real-secret"})),
        (
            "email",
            json!({"smtp_host": "127.0.0.1", "smtp_port": mail.address.port(), "tls": "none",
                "from": "Argos <argos@example.org>", "to": ["ops@example.org"]}),
        ),
        (
            "telegram",
            json!({"bot_token": TOKEN, "chat_id": "-100123", "api_url": format!("http://{}", telegram.address)}),
        ),
        ("browser_push", json!({})),
    ];
    people.add("vera", Role::Viewer);
    let vera = people.with(&people.login("vera")).unwrap();
    let key = vera.call("push.key", serde_json::Map::new()).unwrap().value;
    let key = key.as_object().unwrap().values().next().unwrap().clone();
    let asked = json!({"userVisibleOnly": "true", "applicationServerKey": key});
    let browser = push.ask("/subscribe", &asked)["data"].take();
    let subscription = json!({"endpoint": browser["endpoint"], "keys": browser["keys"], "expirationTime": null});
    vera.call("push.subscribe", subscription.as_object().unwrap().clone()).unwrap();
    let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    for (kind, config) in channels {
        let input = json!({"name": kind, "type": kind, "config": config, "rate_limit_per_minute": 0});
        let id = call("channels.create", input)["id"].clone();
        let tried = call("channels.test", json!({"id": id}));
        assert_eq!((&tried["success"], &tried["error"]), (&json!(true), &json!("")), "{kind}: {tried}");
        for event in EventKind::ALL {
            let input = json!({"channel_id": id, "event_type": event, "enabled": *event != EventKind::ConfigChange});
            call("notification_rules.create", input);
        }
    }
    for kind in EventKind::ALL {
        argos.tell(kind.sample());
    }
    let wanted = EventKind::ALL.len() - 1;
    let sent = || call("deliveries.list", json!({"stats": 1, "limit": 1}))["stats"].clone();
    until("deliveries", || (sent()["sent"] == 4 * wanted).then_some(()));
    // One more each: the trial.
    let webhooks = hook.wait_for(wanted + 1);
    let mails: Vec<Value> = (0..=wanted).map(|_| serde_json::from_str(&mail.line()).unwrap()).collect();
    let telegrams = telegram.telegrams(TOKEN);
    let pushes = push.pushed(browser["clientHash"].as_str().unwrap());
    drop(serving);
    assert!(webhooks.iter().all(|got| got.headers["x-argos-signature"].starts_with("t=")));
    assert_eq!([mails.len(), telegrams.len(), pushes.len()], [wanted + 1; 3]);
    // One channel sends in the order of the events; the trial of a change came first and stands for that kind.
    let order: Vec<EventKind> = std::iter::once(EventKind::ConfigChange)
        .chain(EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::ConfigChange))
        .collect();
    let received = order.into_iter().enumerate().map(|(i, kind)| {
        let of = Received {
            webhook: webhooks[i].json(),
            mail: format!(
                "{}\n{}",
                mails[i]["content"].as_str().unwrap(),
                opened(&mails[i])["text/plain"].as_str().unwrap()
            ),
            telegram: telegrams[i]["text"].as_str().unwrap().to_owned(),
            push: serde_json::from_str(&pushes[i]).unwrap(),
        };
        (kind, of)
    });
    received.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[test]
fn each_kind_reaches_its_receiver() {
    let (Some(mail), Some(telegram), Some(push)) =
        (Receiver::python("mail.py", &[r#"{"tls": "none"}"#]), Receiver::telegram(), Receiver::push())
    else {
        return;
    };
    let received = told(&mail, &telegram, &push);
    assert_eq!(received.len() * 4, 4 * EventKind::ALL.len());
    assert!(received.len() * 4 >= 60);
    for (kind, got) in &received {
        let event: Event = kind.sample();
        let severity = kind.severity().as_str();
        assert_eq!((&got.webhook["type"], &got.webhook["severity"]), (&json!(kind), &json!(severity)), "{kind}");
        assert!(got.mail.contains(&format!("Subject: [argos] {severity}: {kind}")), "{kind}: {}", got.mail);
        assert!(got.telegram.contains(&format!("<b>{kind}</b>")), "{kind}: {}", got.telegram);
        assert_eq!(got.push["title"], format!("{severity}: {kind}"), "{kind}");
        if *kind == EventKind::ConfigChange {
            assert_eq!(got.webhook["host"], "test.example");
            continue;
        }
        let message = event.message();
        assert_eq!((&got.webhook["message"], &got.webhook["data"]), (&json!(message), &event.data()), "{kind}");
        assert_eq!(got.webhook["host"].as_str(), event.host.as_ref().map(|(_, domain)| &**domain), "{kind}");
        assert!(got.mail.contains(&message), "{kind}: {}", got.mail);
        assert!(got.telegram.contains(&escaped(&message)), "{kind}: {}", got.telegram);
        assert_eq!((&got.push["body"], &got.push["severity"]), (&json!(message), &json!(severity)), "{kind}");
    }
}
