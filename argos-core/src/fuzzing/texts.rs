//! Templates of notifications: any words in an event leave a text its form, and any template ends.

use serde_json::{Value, json};

use super::choices::Choices;
use crate::event::EventKind;
use crate::notify::{Config, Email, Occasion, PRESETS, Telegram, Template, Webhook};
use crate::schema::{ParseMode, SmtpAuth, SmtpTls, WebhookMethod};

/// Templates of words, beside the defaults and the presets: every way to escape, in and out of blocks and filters.
const WORDS: &[&str] = &[
    "",
    "{{ message }}",
    "{{ data }}{{ host_domain }}{{ type }}",
    "{% set x %}{{ message }}{% endset %}{{ x }}{{ x|truncate(3) }}{{ x ~ message }}",
    "{% for key, value in data|items %}{{ key ~ value }}{{ value|truncate(5) }}{% endfor %}{{ data|json_indent }}",
    "{{ [message, host_domain]|join(message) }}{{ message|reverse }}{{ message|replace('a', host_domain) }}",
    "{% filter trim %}{{ message }}x{% endfilter %}{{ message[1:3] }}{{ message|e }}{% for c in message %}{{ c }}{% endfor %}",
];

pub(super) fn templates(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let config = config(&mut choices);
    let template = match &config {
        Config::Webhook(_) => PRESETS[choices.below(PRESETS.len())].template,
        Config::BrowserPush => "",
        _ => choices.of(WORDS),
    };
    let kind = choices.of(EventKind::ALL);
    let mut event = serde_json::to_value(kind.sample()).expect("an event is JSON");
    let rest = String::from_utf8_lossy(choices.rest()).into_owned();
    any_template(&config, &rest, &event);
    let mut words = rest.split('\u{0}').cycle().map(|word| json!(word));
    let mut word = || words.next().unwrap_or_default();
    event["host_domain"] = word();
    event["message"] = word();
    for (_, fact) in event["data"].as_object_mut().into_iter().flatten() {
        if fact.is_string() {
            *fact = word();
        }
    }
    let compiled = Template::checked(&config, template).expect("a template of ours is taken");
    let made = compiled.render_checked(&occasion(&event));
    let blank = !matches!(config, Config::Webhook(_) | Config::BrowserPush) && !template.is_empty();
    match made {
        Ok(made) => assert!(!made.subject.is_some_and(|line| line.contains(char::is_control))),
        // Words alone may be none.
        Err(e) => assert!(blank && e.message().contains("there is no text"), "{e}: {template} {event}"),
    }
}

/// It is refused or makes a text, within its bounds.
fn any_template(config: &Config, text: &str, event: &Value) {
    if let Ok(template) = Template::new(config, text)
        && let Ok(made) = template.render(&occasion(event))
    {
        assert!(made.body.len() <= 300 * 1024);
    }
}

fn occasion(event: &Value) -> Occasion<'_> {
    Occasion { event, delivery_id: 1, panel_url: "https://argos.example.org/", generation: 1 }
}

fn config(choices: &mut Choices<'_>) -> Config {
    match choices.below(6) {
        0 => Config::Webhook(Webhook {
            url: String::new().into(),
            method: WebhookMethod::Post,
            content_type: "application/json".into(),
            headers: Vec::new(),
            secret: None,
        }),
        1 => Config::Email(Email {
            smtp_host: String::new(),
            smtp_port: 25,
            username: String::new(),
            password: None,
            auth: SmtpAuth::None,
            tls: SmtpTls::Starttls,
            from: String::new(),
            to: Vec::new(),
            subject: "x {{ message }}{{ data }}".into(),
        }),
        2 => Config::BrowserPush,
        n => Config::Telegram(Telegram {
            bot_token: String::new().into(),
            chat_id: String::new(),
            parse_mode: ParseMode::ALL[n - 3],
            thread_id: None,
            api_url: String::new(),
        }),
    }
}
