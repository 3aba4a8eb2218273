use serde_json::json;

use super::trial::{HOSTILE, hostile};
use super::*;
use crate::event::EventKind;
use crate::notify::config::{Email, Telegram, Webhook};
use crate::schema::{ParseMode, SmtpAuth, SmtpTls, WebhookMethod};

fn webhook(content_type: &str) -> Config {
    Config::Webhook(Webhook {
        url: "https://hooks.example.org/".to_owned().into(),
        method: WebhookMethod::Post,
        content_type: content_type.into(),
        headers: Vec::new(),
        secret: None,
    })
}

fn email(subject: &str) -> Config {
    Config::Email(Email {
        smtp_host: "mail.example.org".into(),
        smtp_port: 587,
        username: String::new(),
        password: None,
        auth: SmtpAuth::None,
        tls: SmtpTls::Starttls,
        from: "argos@example.org".into(),
        to: vec!["ada@example.org".into()],
        subject: subject.into(),
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
    Occasion { event, delivery_id: 7, panel_url: "https://argos.example.org", generation: 3 }
}

fn body(config: &Config, text: &str, event: &Value) -> Result<String> {
    Ok(Template::new(config, text)?.render(&occasion(event))?.body)
}

/// What a text of words makes with the sample of a failed sign-in.
fn words(text: &str) -> String {
    body(&webhook("text/plain"), text, &event(EventKind::LoginFailed)).unwrap()
}

/// Field, line, column and text of a refusal.
fn refusal(config: &Config, text: &str) -> (String, Option<u32>, Option<u32>, String) {
    let e = Template::checked(config, text).unwrap_err();
    assert_eq!((e.kind(), e.code()), (ErrorKind::Invalid, "channel.template"));
    let field = &e.fields()[0];
    (field.field.clone(), field.line, field.column, field.reason.clone())
}

#[test]
fn names_and_filters_are_those_of_the_page() {
    assert_eq!(
        words(
            "{{ type }} {{ severity }} {{ severity_emoji }} {{ host_id }}|{{ host_domain }}|{{ timestamp }} \
            {{ data.username }} {{ delivery_id }} {{ panel_url }} {{ generation }}"
        ),
        "login_failed warning \u{26a0}\u{fe0f} ||2026-01-02T03:04:05.678Z ada 7 https://argos.example.org 3"
    );
    for (text, expected) in [
        ("{{ timestamp|date('%Y-%m-%d %H:%M') }}", "2026-01-02 03:04"),
        ("{{ '2026-01-02T03:04:05+02:00'|iso8601 }}", "2026-01-02T01:04:05.000Z"),
        ("{{ 'a\u{1f600}cd'|truncate(3) }}", "a\u{1f600}…"),
        ("{{ 'abc'|truncate(3) }}{{ 'abc'|truncate(0) }}", "abc"),
        ("{{ {'a': [1, 2.5, none, true, 'x\"']}|json }}", r#"{"a":[1,2.5,null,true,"x\""]}"#),
        ("{{ {'a': [1], 'b': []}|json_indent }}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": []\n}"),
        ("{{ 'a\"\\\\\n'|json_escape }}", r#"a\"\\\n"#),
        ("{{ 'a_b.c'|escape_md }} {{ '<&>'|escape_html }}", r"a\_b\.c &lt;&amp;&gt;"),
        ("{{ 'critical'|severity_emoji }}", "\u{1f6a8}"),
        ("{{ ['a', none, 1]|join('-') }} {{ 'abc'|upper }} {{ data|length }}", "a--1 ABC 3"),
        (
            "{% for key, value in data|items %}{{ key }}={{ value }};{% endfor %}",
            "reason=wrong password;remote_ip=203.0.113.7;username=ada;",
        ),
        ("{% for c in ['x', 'y'] %}{{ loop.index }}{{ c }}{% endfor %}", "1x2y"),
        ("{{ {'warning': 'w', 'error': 'e'}[severity] }} {{ data.nothing|default('-') }}", "w -"),
        ("{% set x = 'a' ~ 1 %}{{ x }}{% if type in ['login_failed'] %}!{% endif %}", "a1!"),
        ("{% set x %}<{{ message|truncate(4) }}>{% endset %}{{ x }}", "<ada…>"),
        ("{% filter upper %}a{% endfilter %}{% with b = 2 %}{{ b * 3 }}{% endwith %}{{ message[:3] }}", "A6ada"),
    ] {
        assert_eq!(words(text), expected, "{text}");
    }
}

#[test]
fn values_are_escaped_by_channel_and_safe_turns_it_off_once() {
    let event = json!({"type": "login_failed", "severity": "info", "message": "<\"a_b\n", "data": {"n": 1, "t": "&"}});
    let text = "{{ message }} {{ message|safe }} {{ data }}";
    for (config, text, expected) in [
        (
            webhook("application/json"),
            "{{ message }} {{ data }} {{ host_domain }}",
            "\"<\\\"a_b\\n\" {\"n\":1,\"t\":\"&\"} null",
        ),
        (webhook("Application/cloudevents+JSON; charset=utf-8"), "{{ message }}", "\"<\\\"a_b\\n\""),
        (webhook("application/json"), "\"{{ message|json_escape }}\"", "\"<\\\"a_b\\n\""),
        (webhook("application/json"), "{{ '<b>' ~ (message|escape_html) }}", "\"<b>&lt;&quot;a_b\\n\""),
        (webhook("text/plain"), text, "<\"a_b\n <\"a_b\n {\"n\":1,\"t\":\"&\"}"),
        (telegram(ParseMode::Html), text, "&lt;&quot;a_b\n <\"a_b\n {&quot;n&quot;:1,&quot;t&quot;:&quot;&amp;&quot;}"),
        (
            telegram(ParseMode::Html),
            "{{ '<b>'|safe ~ message }}{{ message|escape_html }}",
            "<b>&lt;&quot;a_b\n&lt;&quot;a_b\n",
        ),
        (telegram(ParseMode::MarkdownV2), "{{ message }} {{ message|escape_md }}", "<\"a\\_b\n <\"a\\_b\n"),
        (telegram(ParseMode::None), text, "<\"a_b\n <\"a_b\n {\"n\":1,\"t\":\"&\"}"),
        (email("x"), "{{ message }}", "<\"a_b\n"),
        (email("x"), "<HTML>{{ message }}</HTML>", "<HTML>&lt;&quot;a_b\n</HTML>"),
    ] {
        assert_eq!(body(&config, text, &event).unwrap(), expected, "{text}");
    }
}

#[test]
fn no_value_ends_a_subject_or_makes_a_page_of_mail() {
    let mut event = event(EventKind::LoginFailed);
    event["message"] = json!("a\r\nBcc: eve@example.org\u{85}<HTML><img src=x>");
    let rendered = Template::checked(&email("[{{ message }}]\n"), "{{ message }}").unwrap().render(&occasion(&event));
    let rendered = rendered.unwrap();
    assert_eq!(rendered.subject.as_deref(), Some("[a  Bcc: eve@example.org <HTML><img src=x>]"));
    assert!(!rendered.body.to_ascii_lowercase().contains("<html"), "{}", rendered.body);
    let long = email(&"x".repeat(1000));
    let subject = Template::checked(&long, "").unwrap().render(&occasion(&event)).unwrap().subject.unwrap();
    assert_eq!(subject.len(), SUBJECT);
    assert_eq!(Rendered::from_stored(&rendered.to_stored(), true), rendered);
}

#[test]
fn a_fault_is_told_with_its_place() {
    let (json, html, md) = (webhook("application/json"), telegram(ParseMode::Html), telegram(ParseMode::MarkdownV2));
    for (config, text, place, what) in [
        (&json, "{\n {{ message", (2, 5), "syntax error"),
        (&json, "{% if %}", (1, 7), "syntax error"),
        (&json, "\"ä\n{{ nobody }}", (2, 4), "there is no variable `nobody`"),
        (&json, "{{ data.nothing }}", (1, 4), "`data.nothing` is undefined"),
        (&json, "{{ data.username }}", (1, 4), "with an event of type cert_expiring_soon"),
        (&json, "{{ message|nothing }}", (1, 4), "there is no filter `nothing`"),
        (&json, "{{ message is nothing }}", (1, 15), "there is no test `nothing`"),
        (&json, "\n{{ message.upper() }}", (2, 11), "only range() can be called"),
        (&json, "{\"a\":\n \"{{ message }}\"}", (2, 6), "makes no JSON"),
        (&json, "{\"a\": {{ message }},}", (1, 21), "makes no JSON"),
        (&json, "{\"a\": {{ message|safe }}}", (1, 10), "makes no JSON"),
        (&json, " ", (1, 1), "makes no JSON"),
        (&html, "<b>{{ message }}", (1, 7), "<b> is not closed"),
        (&html, "a\n <p>{{ message }}</p>", (2, 2), "<p> is no tag"),
        (&html, "<b>{{ message|safe }}</b>", (1, 7), "with an event of type"),
        (&html, " \n", (1, 1), "there is no text"),
        (&md, "{{ message }}\nSee below.", (2, 10), "`.` must be escaped"),
        (&md, "*{{ message|safe }}*", (1, 5), "with an event of type"),
        (
            &json,
            "{% for i in range(10000) %}{% for k in range(1000) %}{% endfor %}{% endfor %}",
            (1, 40),
            "more than 100000 steps",
        ),
        (&json, "{% for i in range(3000) %}\n{{ 'x' * 100 }}{% endfor %}", (2, 4), "makes more than 256 KiB"),
        (&json, "{{ 'x' * 100000000 }}", (1, 4), "makes too much"),
        (&json, "{% include 'a' %}", (1, 4), "syntax error"),
        (&json, "{% extends 'a' %}", (1, 4), "syntax error"),
        (&json, "{% import 'a' as a %}", (1, 4), "syntax error"),
        (&json, "{% macro a() %}{% endmacro %}", (1, 4), "syntax error"),
        (&json, "{{ timestamp|date('%!') }}", (1, 14), "a date can't be written so"),
        (&json, "{{ message|date('%Y') }}", (1, 12), "this is no time"),
    ] {
        let (field, line, column, reason) = refusal(config, text);
        assert_eq!((&*field, line, column), ("template", Some(place.0), Some(place.1)), "{text}: {reason}");
        assert!(reason.contains(what), "{text}: {reason}");
        assert!(reason.starts_with(&format!("line {}, column {}: ", place.0, place.1)), "{reason}");
    }
    let (field, line, column, reason) = refusal(&email("a\n{{ nobody }}"), "");
    assert_eq!((&*field, line, column), ("config.subject", Some(2), Some(4)), "{reason}");
    assert_eq!(refusal(&email(" "), "").0, "config.subject");
    assert_eq!(refusal(&json, &"x".repeat(TEXT + 1)).3, "has more than 64 KiB");
    let raw = format!("{{% for i in range(100) %}}{}{{% endfor %}}", "x".repeat(TEXT / 2));
    assert_eq!(refusal(&json, &raw).1, Some(1));
    let push = refusal(&Config::BrowserPush, "{\"title\": {{ type }}}");
    assert!(push.3.contains("no text `body`"), "{}", push.3);
}

/// A list that holds another twice, sixty times over.
fn bomb() -> String {
    "{% set a = 'x' %}".to_owned() + &"{% set a = [a, a] %}".repeat(60)
}

#[test]
fn attacks_on_the_engine_end_at_once() {
    let (plain, json) = (webhook("text/plain"), webhook("application/json"));
    let deep = |open: &str, close: &str, n: usize| format!("{{{{ {}1{} }}}}", open.repeat(n), close.repeat(n));
    let all = [
        bomb() + "{{ a }}",
        "{{ [[[[[[[1]*99]*99]*99]*99]*99]*99]*99 }}".into(),
        "{% if [[[[[[[1]*9]*9]*9]*9]*9]*9]*9 == [[[[[[[1]*9]*9]*9]*9]*9]*9]*9 %}{% endif %}".into(),
        "{% set a = namespace(b=1) %}{% set a.b = a %}{{ a }}".into(),
        "{% set a = dict(b=1) %}".into(),
        "{{ debug() }}".into(),
        "{{ ('a' * 1000000)|split('b')|list * 100000 }}".into(),
        "{{ [1]|tojson(indent=1000000000) }}".into(),
        "{{ '%1000000000d'|format(1) }}".into(),
        "{{ [[1]]|first|first }}".into(),
        "{{ data|items|list }}".into(),
        "{% for pair in data|items %}{{ pair }}{% endfor %}".into(),
        "{% set d = data %}".into(),
        "{{ data * 100 }}{{ data ~ data }}".into(),
        "{{ data == data }}".into(),
        "{% set a, b = [1, 2] %}".into(),
        "{% set data.a = 1 %}".into(),
        "{{ message|map('default', data) }}".into(),
        "{{ message|batch(2)|list }}".into(),
        "{{ loop }}".into(),
        "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}".into(),
        "{% for a in [[1]] %}{{ a }}{% endfor %}".into(),
        "{{ range(100000)|join('aaaaaaaaaaaa') }}".into(),
        "{{ [1]|sort(attribute='a') }}".into(),
        format!("{{{{ message|trim('{}') }}}}", "y".repeat(101)),
        "{{ 'abc'[::-9223372036854775808] }}".into(),
        "{% set s = 0 - 9223372036854775807 - 1 %}{{ 'abc'[::s] }}".into(),
        "{{ range(10)[::-9223372036854775808] }}".into(),
        "{{ range(10, 0, -9223372036854775808) }}".into(),
        "{{ range(-9223372036854775808, 9223372036854775807, 9223372036854775807) }}".into(),
        "{{ (['a' * 1000000] + ['b'])|join }}".into(),
        "{{ [message * 10000, message * 10000]|join|length }}".into(),
        "{% for i in range(20000) %}{% if 99998.5 in range(0, 99999) %}{% endif %}{% endfor %}".into(),
        "{{ 10 ** 1000000000 }}".into(),
        "{{ ('a\n' * 3000)|indent(100000000) }}".into(),
        "{{ message|truncate(-1) }}".into(),
        "{{ timestamp|date('%9999999999Y') }}".into(),
        format!("{{{{ timestamp|date('{}') }}}}", "%255Y".repeat(200)),
        deep("-", "", 20),
        deep("-", "", 5000),
        deep("not ", "", 3000),
        deep("(", ")", 3000),
        deep("[", "]", 3000),
        deep("", "|abs", 3000),
        deep("", "+1", 5000),
        deep("", ".x", 5000),
        deep("", "**1", 4000),
        deep("", " if 1 else 1", 1000),
        deep("", "~1", 5000),
        deep("{'a':", "}", 1500),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(1200)),
        "{% if 1 %}".repeat(800),
        "{% for a in [1] %}".repeat(600),
        "{% autoescape false %}{{ message }}{% endautoescape %}".into(),
        "{% raw %}{{ ".into(),
        "{{ \"\\ud800\" }}".into(),
        "{{ 'a".into(),
        "{#".into(),
        "{%".into(),
    ];
    for text in &all {
        let short: String = text.chars().take(60).collect();
        for config in [&plain, &json] {
            let refused = Template::checked(config, text);
            // Twenty signs are within bounds, and a number.
            if !text.starts_with("{{ --------------------1") {
                assert!(refused.is_err(), "{short}");
            }
        }
    }
}

#[test]
fn what_is_just_allowed_is_compiled_on_a_small_stack() {
    let most = "-".repeat(295);
    let elifs = "{% elif 1 %}".repeat(100);
    for text in [
        format!("{{{{ {most}1 }}}}"),
        format!("{{{{ 1{} }}}}", "|abs".repeat(148)),
        format!("{{{{ 1{} }}}}", "+1".repeat(148)),
        format!("{{{{ 1{} }}}}", "~1".repeat(148)),
        format!("{{% if 1 %}}1{elifs}{{% endif %}}"),
        format!("{}{{{{ {}1 }}}}{}", "{% if 1 %}".repeat(60), "-".repeat(200), "{% endif %}".repeat(60)),
    ] {
        let config = webhook("text/plain");
        let run =
            std::thread::Builder::new().stack_size(1 << 20).spawn(move || Template::checked(&config, &text).is_ok());
        assert!(run.unwrap().join().unwrap());
    }
}

#[test]
fn a_hostile_event_has_hostile_words_in_every_text() {
    let event = hostile(&event(EventKind::CertRenewalFailed));
    assert_eq!(event["type"], "cert_renewal_failed");
    assert_eq!((&event["message"], &event["host_domain"]), (&json!(HOSTILE), &json!(HOSTILE)));
    let data = &event["data"];
    assert_eq!((&data["error"], &data["directory"], &data["attempt"]), (&json!(HOSTILE), &json!(HOSTILE), &json!(1)));
    assert_eq!(data["next_attempt_at"], "2026-01-02T03:05:05.678Z");
}

#[test]
fn what_is_looked_at_costs_steps() {
    let plain = webhook("text/plain");
    for look in [
        "a is lower",
        "a is upper",
        "a is startingwith(a)",
        "a is eq(a)",
        "a is in([a])",
        "a == a",
        "a < a",
        "a in [a]",
        "'y' in a",
        "a[-1]",
        "a[:1]",
        "a[::-4000]",
        "{a: 1}[a]",
        "[a, a]|max",
        "[a]|sort|length",
        "1|default(a)",
        "'x'|replace(a, 'y')",
        "a|length",
        "(a if type else 1)[0]",
        "(type and a)[0]",
        "range(10000)[9999:]|first",
        "range(9999) is eq(range(9999))",
    ] {
        for set in ["{% set a = 'x' * 8000 %}", "{% set a %}{{ 'x' * 8000 }}{% endset %}"] {
            let once = format!("{set}{{% if {look} %}}{{% endif %}}.");
            assert!(Template::checked(&plain, &once).is_ok(), "{look}");
            let often = format!("{set}{{% for i in range(2000) %}}{{% if {look} %}}{{% endif %}}{{% endfor %}}.");
            let reason = refusal(&plain, &often).3;
            assert!(reason.contains("takes more than 100000 steps"), "{look}: {reason}");
        }
    }
    let long = "{% set a = 'x' * 300000 %}{% if a is lower %}{% endif %}";
    assert!(refusal(&plain, long).3.contains("a value has more than 256 KiB"));
    assert!(refusal(&plain, "{{ range(10001)|length }}").3.contains("a list has more than 10000 items"));
}

#[test]
fn an_engine_that_panics_is_a_fault_of_the_template() {
    let fault = engine::contained::<()>(|| panic!("as an engine may")).unwrap_err();
    assert!(fault.told("").1.contains("a fault of its own"));
}

#[test]
fn a_very_long_text_of_an_event_is_cut() {
    let mut event = event(EventKind::LoginFailed);
    event["message"] = json!("\u{e4}".repeat(100_000));
    event["data"]["username"] = json!("x".repeat(FACT));
    let text = body(&webhook("text/plain"), "{{ message }}|{{ data.username }}", &event).unwrap();
    let (message, name) = text.split_once('|').unwrap();
    assert!(message.len() > FACT - 4 && message.len() <= FACT && message.ends_with('…'));
    assert_eq!(name.len(), FACT);
}

#[test]
fn branches_and_loops_go_where_they_went() {
    for (text, expected) in [
        ("{% for c in 'abc' if c != 'b' %}{{ c ~ loop.index }}{% else %}none{% endfor %}", "a1c2"),
        ("{% for c in [] %}{{ c }}{% else %}{{ type|upper }}{% endfor %}", "LOGIN_FAILED"),
        ("{{ (message and data.username or 'x') ~ ('y' if host_id else 'z') }}", "adaz"),
        ("{% if type == 'x' %}1{% elif type|length > 3 and type[0] == 'l' %}2{% else %}3{% endif %}", "2"),
        ("{% if 1 < delivery_id < 9 %}{{ 'abcd'[::-2] }}{{ range(9, 0, -4)|join(',') }}{% endif %}", "db9,5,1"),
        ("{{ data.nothing|default(data.username|upper) }}{{ '.x.'|trim('.') }}", "ADAx"),
        ("{{ data['username'] }}{{ data.nothing is defined }}{{ message[1:3] }}", "adafalsed"),
    ] {
        assert!(words(text).starts_with(expected), "{text}: {}", words(text));
    }
}
