//! Texts of notifications: every event by every channel's default and by every preset, as its receiver reads it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::api::{ListEventTypes, ListPresets, RenderTemplate};
use argos_core::event::EventKind;
use argos_core::notify::config::SUBJECT;
use argos_core::notify::{Config, Email, Occasion, PRESETS, Preset, Rendered, Telegram, Template, Webhook};
use argos_core::schema::{ChannelKind, ParseMode, SmtpAuth, SmtpTls, WebhookMethod};
use serde_json::{Value, json};
use support::{Folder, argos};

const PANEL: &str = "https://argos.example.org/";

fn webhook(content_type: &str) -> Config {
    Config::Webhook(Webhook {
        url: "https://hooks.example.org/".to_owned().into(),
        method: WebhookMethod::Post,
        content_type: content_type.into(),
        headers: Vec::new(),
        secret: None,
    })
}

fn email() -> Config {
    Config::Email(Email {
        smtp_host: "mail.example.org".into(),
        smtp_port: 587,
        username: String::new(),
        password: None,
        auth: SmtpAuth::None,
        tls: SmtpTls::Starttls,
        from: "argos@example.org".into(),
        to: vec!["ada@example.org".into()],
        subject: SUBJECT.into(),
    })
}

fn telegram(parse_mode: ParseMode) -> Config {
    Config::Telegram(Telegram {
        bot_token: "1:a".to_owned().into(),
        chat_id: "1".into(),
        parse_mode,
        thread_id: None,
        api_url: "https://api.telegram.org".into(),
    })
}

fn event(kind: EventKind) -> Value {
    serde_json::to_value(kind.sample()).unwrap()
}

fn occasion(event: &Value) -> Occasion<'_> {
    Occasion { event, delivery_id: 42, panel_url: PANEL, generation: 17 }
}

fn rendered(config: &Config, template: &str, event: &Value) -> Rendered {
    Template::checked(config, template).unwrap().render_checked(&occasion(event)).unwrap()
}

/// Text of HTML that a reader shows.
fn shown(html: &str) -> String {
    let mut out = html.to_owned();
    for tag in ["b", "code"] {
        out = out.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
    }
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        out = out.replace(entity, c);
    }
    out
}

/// Text of MarkdownV2 that a reader shows.
fn unmarked(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '*' | '`' => {}
            c => out.push(c),
        }
    }
    out
}

#[test]
fn every_default_tells_every_event_to_every_channel() {
    let mut told = 0;
    for kind in EventKind::ALL {
        let event = event(*kind);
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        for content_type in ["application/json", "text/plain"] {
            let body = rendered(&webhook(content_type), "", &event).body;
            let made: Value = serde_json::from_str(&body).unwrap();
            let expected = json!({"type": event["type"], "severity": event["severity"], "host": event["host_domain"],
                "message": event["message"], "timestamp": event["timestamp"], "data": event["data"],
                "delivery_id": 42});
            assert_eq!(made, expected);
            told += 1;
        }
        let mail = rendered(&email(), "", &event);
        assert_eq!(mail.subject.unwrap(), format!("[argos] {}: {kind}", text("severity")));
        let lines: Vec<&str> = mail.body.lines().collect();
        let first = format!("{}: {}", text("severity").to_uppercase(), text("message"));
        assert!(lines[0].ends_with(&first), "{}", lines[0]);
        let host = if text("host_domain").is_empty() { "-" } else { text("host_domain") };
        let facts = [format!("Host: {host}"), format!("Time: {}", text("timestamp")), format!("Type: {kind}")];
        assert_eq!(lines[2..5], facts);
        let data: Value = serde_json::from_str(&lines[6..lines.len() - 2].join("\n")).unwrap();
        assert_eq!((&data, *lines.last().unwrap()), (&event["data"], PANEL));
        told += 1;
        for mode in ParseMode::ALL {
            let body = rendered(&telegram(*mode), "", &event).body;
            let read = match mode {
                ParseMode::Html => shown(&body),
                ParseMode::MarkdownV2 => unmarked(&body),
                ParseMode::None => body,
            };
            let lines: Vec<&str> = read.lines().collect();
            let head = format!("{kind}{}{}", if host == "-" { "" } else { " " }, host.trim_end_matches('-'));
            assert!(lines[0].ends_with(&head), "{mode}: {} {head}", lines[0]);
            assert_eq!(lines[1], text("message"), "{mode}");
            let facts = event["data"].as_object().unwrap();
            let pairs = facts.iter().map(|(key, value)| match value {
                Value::String(value) => format!("{key}: {value}"),
                value => format!("{key}: {value}"),
            });
            let mut pairs: Vec<String> = pairs.collect();
            pairs.sort();
            assert_eq!(lines[2..], pairs[..pairs.len().min(5)], "{mode}");
            told += 1;
        }
        let push: Value = serde_json::from_str(&rendered(&Config::BrowserPush, "", &event).body).unwrap();
        let title = format!("{}: {kind}", text("severity"));
        let expected = json!({"title": title, "body": event["message"], "severity": event["severity"],
            "host": event["host_domain"], "url": PANEL});
        assert_eq!(push, expected);
        told += 1;
    }
    assert_eq!(told, EventKind::ALL.len() * 7);
}

fn preset(name: &str) -> &'static Preset {
    PRESETS.iter().find(|preset| preset.name == name).unwrap()
}

fn by_preset(name: &str, event: &Value) -> Value {
    let preset = preset(name);
    serde_json::from_str(&rendered(&webhook(preset.content_type), preset.template, event).body).unwrap()
}

/// What each service is sent of a target that is out.
fn expected(name: &str) -> Value {
    let message = "10.0.0.5:8080 of shop gets no requests: check: connection refused";
    let at = "2026-01-02T03:04:05.678Z";
    match name {
        "slack" => json!({
            "text": format!("\u{274c} {message}"),
            "unfurl_links": false,
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "emoji": false, "text": "\u{274c} target_unhealthy"}},
                {"type": "section", "text": {"type": "plain_text", "emoji": false, "text": message}},
                {"type": "section", "fields": [
                    {"type": "plain_text", "emoji": false, "text": "Host: -"},
                    {"type": "plain_text", "emoji": false, "text": "Time: 2026-01-02 03:04:05 UTC"}]},
            ],
        }),
        "discord" => json!({
            "allowed_mentions": {"parse": []},
            "embeds": [{
                "title": "\u{274c} error: target_unhealthy",
                "description": r"10\.0\.0\.5:8080 of shop gets no requests: check: connection refused",
                "color": 15_105_570,
                "timestamp": at,
                "fields": [
                    {"name": "host", "value": r"\-", "inline": true},
                    {"name": "reason", "value": "check: connection refused", "inline": true},
                    {"name": "state", "value": "unhealthy", "inline": true},
                    {"name": "target", "value": r"10\.0\.0\.5:8080", "inline": true},
                    {"name": "target_group", "value": "shop", "inline": true},
                    {"name": "target_group_id", "value": "1", "inline": true},
                    {"name": "target_id", "value": "1", "inline": true},
                ],
            }],
        }),
        "ntfy" => json!({"topic": "TOPIC", "title": "error: target_unhealthy", "message": message, "priority": 4,
            "tags": ["x"], "click": PANEL}),
        "gotify" => json!({"title": "error: target_unhealthy", "message": message, "priority": 7, "extras": {
            "client::display": {"contentType": "text/plain"}, "client::notification": {"click": {"url": PANEL}}}}),
        "matrix" => json!({"msgtype": "m.text", "body": format!("\u{274c} error: {message}"),
            "format": "org.matrix.custom.html",
            "formatted_body": format!("\u{274c} <strong>error</strong>: {message}"), "m.mentions": {}}),
        "teams" => {
            let run = |text: &str| {
                json!({"type": "RichTextBlock", "spacing": "None",
                "inlines": [{"type": "TextRun", "isSubtle": true, "text": text}]})
            };
            json!({"type": "message", "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4",
                "body": [
                    {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true, "color": "Attention",
                        "text": "\u{274c} error: target unhealthy"},
                    {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": message}]},
                    {"type": "RichTextBlock", "inlines": [
                        {"type": "TextRun", "isSubtle": true, "text": format!("host: -, time: {at}")}]},
                    run("reason: check: connection refused"), run("state: unhealthy"),
                    run("target: 10.0.0.5:8080"), run("target_group: shop"), run("target_group_id: 1"),
                    run("target_id: 1"),
                ],
                "actions": [{"type": "Action.OpenUrl", "title": "Argos", "url": PANEL}],
            }}]})
        }
        "pagerduty" => json!({
            "routing_key": "ROUTING_KEY", "event_action": "trigger", "dedup_key": "argos:target:1", "client": "Argos",
            "client_url": PANEL,
            "payload": {"summary": message, "source": "argos", "severity": "error", "timestamp": at,
                "class": "target_unhealthy", "custom_details": event(EventKind::TargetUnhealthy)["data"]},
        }),
        other => panic!("no test of {other}"),
    }
}

#[test]
fn each_service_gets_the_json_that_it_expects() {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(names, ["discord", "gotify", "matrix", "ntfy", "pagerduty", "slack", "teams"]);
    for name in names {
        assert_eq!(by_preset(name, &event(EventKind::TargetUnhealthy)), expected(name), "{name}");
        for kind in EventKind::ALL {
            assert!(by_preset(name, &event(*kind)).is_object(), "{name}: {kind}");
        }
    }
}

#[test]
fn pagerduty_joins_what_belongs_together_and_resolves_it() {
    let recovered = by_preset("pagerduty", &event(EventKind::TargetRecovered));
    assert_eq!((&recovered["event_action"], &recovered["dedup_key"]), (&json!("resolve"), &json!("argos:target:1")));
    for (kind, key, source) in [
        (EventKind::CertExpiringSoon, "argos:cert_expiring_soon:shop.example.org", "shop.example.org"),
        (EventKind::HealthDegraded, "argos:health_degraded:disk", "argos"),
        (EventKind::BackupFailed, "argos:backup_failed:", "argos"),
    ] {
        let made = by_preset("pagerduty", &event(kind));
        assert_eq!((&made["event_action"], &made["dedup_key"]), (&json!("trigger"), &json!(key)));
        assert_eq!(
            (&made["payload"]["source"], &made["payload"]["severity"]),
            (&json!(source), &json!(kind.severity().as_str()))
        );
    }
}

/// A text that is long in every way of counting, and full of marks.
fn long(event: &Value) -> Value {
    let text = "\u{1f600}<!channel>@everyone_*[x](https://e.test)\u{1}\\\"&".repeat(400);
    let mut event = event.clone();
    event["message"] = json!(text);
    event["host_id"] = json!(1);
    event["host_domain"] = json!("a.".repeat(126));
    for (_, fact) in event["data"].as_object_mut().unwrap() {
        if fact.is_string() && argos_core::clock::Timestamp::parse(fact.as_str().unwrap()).is_none() {
            *fact = json!(text);
        }
    }
    event
}

/// Characters as JavaScript counts them, which is more than any service does.
fn units(value: &Value) -> usize {
    value.as_str().unwrap().encode_utf16().count()
}

#[test]
fn the_bounds_of_each_service_are_kept() {
    for kind in EventKind::ALL {
        let event = long(&event(*kind));
        let slack = by_preset("slack", &event);
        assert!(units(&slack["blocks"][0]["text"]["text"]) <= 150);
        assert!(slack["blocks"][1]["text"]["text"].as_str().unwrap().chars().count() <= 3000);
        assert!(slack["blocks"][2]["fields"].as_array().unwrap().iter().all(|f| units(&f["text"]) <= 2000));
        let fallback = slack["text"].as_str().unwrap();
        assert!(fallback.chars().count() <= 4000 && !fallback.contains("<!") && fallback.contains("&lt;!channel&gt;"));

        let discord = by_preset("discord", &event);
        let embed = &discord["embeds"][0];
        let fields = embed["fields"].as_array().unwrap();
        assert!(units(&embed["title"]) <= 256 && units(&embed["description"]) <= 4096 && fields.len() <= 25);
        assert!(fields.iter().all(|f| units(&f["name"]) <= 256 && (1..=1024).contains(&units(&f["value"]))));
        let all: usize = fields.iter().map(|f| units(&f["name"]) + units(&f["value"])).sum();
        assert!(all + units(&embed["title"]) + units(&embed["description"]) <= 6000, "{kind}: {all}");
        assert!(!embed["description"].as_str().unwrap().contains("](https"), "a link that hides where it leads");

        let ntfy = by_preset("ntfy", &event);
        assert!(ntfy["message"].as_str().unwrap().len() <= 4096 && units(&ntfy["title"]) <= 400);
        let gotify = by_preset("gotify", &event);
        assert!(units(&gotify["title"]) <= 400);
        let matrix = serde_json::to_vec(&by_preset("matrix", &event)).unwrap();
        assert!(matrix.len() <= 60_000, "an event of Matrix has at most 65536 bytes: {}", matrix.len());
        let teams = by_preset("teams", &event);
        assert!(serde_json::to_vec(&teams).unwrap().len() <= 28_000, "{kind}");
        let pagerduty = by_preset("pagerduty", &event);
        assert!(pagerduty["payload"]["summary"].as_str().unwrap().chars().count() <= 1024);
        assert!(units(&pagerduty["dedup_key"]) <= 255);

        // A push message has room for 3 KiB, and Telegram for 4096 characters.
        assert!(rendered(&Config::BrowserPush, "", &event).body.len() <= 3072);
        let chat = rendered(&telegram(ParseMode::None), "", &event).body;
        assert!(chat.encode_utf16().count() <= 4096 * 2);
        let chat = rendered(&telegram(ParseMode::Html), "", &event).body;
        assert!(shown(&chat).chars().count() <= 4096, "{kind}: {}", shown(&chat).chars().count());
    }
}

#[test]
fn bad_templates_are_refused_with_their_place() {
    let endless = "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(10000)[9999:] %}\n{{ c }}\
        {% endfor %}{% endfor %}{% endfor %}";
    let huge = "{% set x = 'x' * 1000 %}\n{% for a in range(1000) %}{{ x }}{% endfor %}";
    for (template, line, column, what) in [
        ("{\"a\": {{ message }", 1, 18, "syntax error"),
        ("{\"a\":\n {{ hots_domain }}}", 2, 5, "there is no variable `hots_domain`"),
        (endless, 1, 65, "100000 steps"),
        (huge, 2, 30, "makes more than 256 KiB"),
        ("{{ 'x' * 104857600 }}", 1, 4, "makes too much"),
        ("{% for a in range(10000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", 1, 40, "100000 steps"),
    ] {
        let error = Template::checked(&webhook("application/json"), template).unwrap_err();
        let field = &error.fields()[0];
        assert_eq!((error.code(), &*field.field), ("channel.template", "template"));
        assert_eq!((field.line, field.column), (Some(line), Some(column)), "{template}: {}", field.reason);
        assert!(field.reason.contains(what), "{}", field.reason);
    }
}

#[test]
fn the_catalogue_the_presets_and_a_trial_can_be_asked_for() {
    let argos = argos(&Folder::new());
    let types = argos.notifications().event_types(ListEventTypes {}).unwrap().items;
    assert_eq!(types.iter().map(|t| t.kind).collect::<Vec<_>>(), EventKind::ALL);
    for shown in &types {
        assert!(shown.text.ends_with('.') && !shown.text.starts_with(' '), "{}", shown.text);
        let mut facts: Vec<&String> = shown.sample["data"].as_object().unwrap().keys().collect();
        let mut described: Vec<&String> = shown.data_schema["properties"].as_object().unwrap().keys().collect();
        facts.sort();
        described.sort();
        assert_eq!(facts, described, "{}", shown.kind);
        assert_eq!(shown.sample["severity"], shown.severity.as_str());
    }
    let presets = argos.notifications().presets(ListPresets {}).unwrap().items;
    assert_eq!(presets.len(), PRESETS.len());
    assert_eq!(presets[1].config.headers["X-Gotify-Key"], "TOKEN");

    let ask = |kind, template: &str| RenderTemplate {
        kind,
        template: template.into(),
        event_type: EventKind::LoginFailed,
        content_type: None,
        parse_mode: None,
        subject: None,
    };
    let made = argos.notifications().render(ask(ChannelKind::Webhook, "{\"a\": {{ data.username }}}")).unwrap();
    assert_eq!((made.subject, &*made.output), (None, "{\"a\": \"ada\"}"));
    let made = argos.notifications().render(ask(ChannelKind::Email, "{{ generation }}")).unwrap();
    assert_eq!((made.subject.as_deref(), &*made.output), (Some("[argos] warning: login_failed"), "0"));
    let bad = argos.notifications().render(ask(ChannelKind::Telegram, "<p>{{ message }}</p>")).unwrap_err();
    assert_eq!((bad.code(), bad.fields()[0].line, bad.fields()[0].column), ("channel.template", Some(1), Some(1)));
    let bad = RenderTemplate { subject: Some("{{ nobody }}".into()), ..ask(ChannelKind::Email, "") };
    let bad = argos.notifications().render(bad).unwrap_err();
    assert_eq!(bad.fields()[0].field, "subject");
    let other = RenderTemplate { subject: Some("x".into()), ..ask(ChannelKind::Webhook, "") };
    assert_eq!(argos.notifications().render(other).unwrap_err().fields()[0].field, "subject");
}

/// The blocks of a guide that are marked as `language`.
fn blocks<'a>(guide: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    guide.split(&*begin).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Whether an event is about a host, as the guide says it.
fn about(kind: EventKind) -> &'static str {
    match kind {
        EventKind::ConfigChange => "if the change is of one host",
        EventKind::TargetUnhealthy | EventKind::TargetRecovered => "if exactly one host uses the group",
        kind if event(kind)["host_id"].is_null() => "no",
        _ => "yes",
    }
}

/// The library's sources but for the catalogue itself.
fn sources() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path != root.join("event") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
                sources.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

#[test]
fn the_guide_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/notifications.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let sources = sources();
    let row = |kind: &EventKind| {
        // What tells of an event makes its facts.
        let made = [format!(" {kind:?} {{"), format!("({kind:?} {{")];
        let told = sources.iter().any(|source| made.iter().any(|made| source.contains(made)));
        let mark = if told { "" } else { "*Not told yet.* " };
        format!("| `{kind}` | {} | {} | {mark}{} |", kind.severity(), about(*kind), kind.text().trim())
    };
    let rows: Vec<String> = EventKind::ALL.iter().map(row).collect();
    assert!(guide.contains(&rows.join("\n")), "the table of events is to be:\n{}", rows.join("\n"));

    let event = event(EventKind::LoginFailed);
    let templates = blocks(&guide, "jinja");
    let made = rendered(&webhook("application/json"), templates[0].trim_end(), &event).body;
    assert_eq!(made, blocks(&guide, "json")[0].trim_end());
    assert!(rendered(&webhook("text/plain"), templates[1], &event).body.starts_with("1. reason: wrong password\n2. "));
    assert_eq!(templates.len(), 2, "each template of the guide is tried here");

    let cells = |line: &str| -> Option<(String, String)> {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, example, makes, ""] = cells[..] else { return None };
        let example = example.strip_prefix('`')?.strip_suffix('`')?;
        let makes = makes.strip_prefix('`')?.split('`').next()?;
        example.starts_with("{{").then(|| (example.replace('\u{0}', "|"), makes.to_owned()))
    };
    let examples: Vec<(String, String)> = guide.lines().filter_map(cells).collect();
    assert_eq!(examples.len(), 9, "{examples:?}");
    for (template, makes) in examples {
        let template = Template::new(&webhook("text/plain"), &template).unwrap();
        assert_eq!(template.render(&occasion(&event)).unwrap().body, makes);
    }
}
