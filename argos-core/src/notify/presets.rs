//! Bodies of webhooks that known services take, to be filled in and stored as ordinary channels.
//!
//! What must be filled in stands in capitals. Every bound of a service is kept by `truncate`, counted before characters
//! are escaped and with room for that; words of a service's own markup are escaped where the service reads any.

use crate::schema::WebhookMethod;

/// A webhook that a service takes.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The service's name.
    pub name: &'static str,
    /// Where it is sent.
    pub url: &'static str,
    /// Its method.
    pub method: WebhookMethod,
    /// `Content-Type` of the body.
    pub content_type: &'static str,
    /// Further header lines.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub template: &'static str,
}

/// Source: Slack, "Sending messages using incoming webhooks", and Block Kit's reference: a header has at most 150
/// characters, the text of a section 3000, a field 2000. A fallback is read as markup, whose marks are `& < >`.
const SLACK: &str = r#"{
  "text": {{ (severity_emoji ~ " " ~ message|truncate(500))|replace("&", "&amp;")|replace("<", "&lt;")|replace(">", "&gt;") }},
  "unfurl_links": false,
  "blocks": [
    {"type": "header", "text": {"type": "plain_text", "emoji": false, "text": {{ severity_emoji ~ " " ~ type }}}},
    {"type": "section", "text": {"type": "plain_text", "emoji": false, "text": {{ message|truncate(3000) }}}},
    {"type": "section", "fields": [
      {"type": "plain_text", "emoji": false, "text": {{ "Host: " ~ (host_domain or "-") }}},
      {"type": "plain_text", "emoji": false, "text": {{ "Time: " ~ timestamp|date("%Y-%m-%d %H:%M:%S UTC") }}}
    ]}
  ]
}"#;

/// Source: Discord, "Execute Webhook" and "Embed Limits": a title has at most 256 characters, a description 4096, the
/// value of a field 1024 and at least one, all of them 6000. A backslash before a mark of its Markdown shows the mark.
const DISCORD: &str = r#"{
  "allowed_mentions": {"parse": []},
  "embeds": [{
    "title": {{ severity_emoji ~ " " ~ severity ~ ": " ~ type }},
    "description": {{ message|truncate(1200)|escape_md }},
    "color": {{ {"info": 3447003, "warning": 16763904, "error": 15105570, "critical": 15158332}[severity] }},
    "timestamp": {{ timestamp }},
    "fields": [
      {"name": "host", "value": {{ (host_domain or "-")|escape_md }}, "inline": true}
      {%- for key, value in data|items %},
      {"name": {{ key }}, "value": {{ (value|truncate(200)|trim or "-")|escape_md }}, "inline": true}
      {%- endfor %}
    ]
  }]
}"#;

/// Source: ntfy, "Publish as JSON": it is sent to the server's root, and a message has at most 4096 bytes.
const NTFY: &str = r#"{
  "topic": "TOPIC",
  "title": {{ severity ~ ": " ~ type ~ (" " ~ host_domain if host_domain else "") }},
  "message": {{ message|truncate(1000) }},
  "priority": {{ {"info": 2, "warning": 3, "error": 4, "critical": 5}[severity] }},
  "tags": [{{ {"info": "information_source", "warning": "warning", "error": "x", "critical": "rotating_light"}[severity] }}]
  {%- if panel_url %},
  "click": {{ panel_url }}
  {%- endif %}
}"#;

/// Source: Gotify, "Push messages" and "Message extras".
const GOTIFY: &str = r#"{
  "title": {{ severity ~ ": " ~ type ~ (" " ~ host_domain if host_domain else "") }},
  "message": {{ message|truncate(4000) }},
  "priority": {{ {"info": 2, "warning": 5, "error": 7, "critical": 10}[severity] }},
  "extras": {
    "client::display": {"contentType": "text/plain"}
    {%- if panel_url %},
    "client::notification": {"click": {"url": {{ panel_url }}}}
    {%- endif %}
  }
}"#;

/// Source: Matrix client-server API, `m.room.message` and "User and room mentions". Differs: the specification sends
/// by PUT to an address that ends with an id of its own for each message, while a channel's address is the same
/// each time, so that all but the first would be taken for the same message. Synapse and Dendrite take POST without one.
const MATRIX: &str = r#"{
  "msgtype": "m.text",
  "body": {{ severity_emoji ~ " " ~ severity ~ ": " ~ message|truncate(4000) ~ (" (" ~ host_domain ~ ")" if host_domain else "") }},
  "format": "org.matrix.custom.html",
  "formatted_body": {{ severity_emoji ~ " <strong>" ~ severity ~ "</strong>: " ~ message|truncate(4000)|escape_html ~ (" (<code>" ~ host_domain|escape_html ~ "</code>)" if host_domain else "") }},
  "m.mentions": {}
}"#;

/// Source: Microsoft, "Create incoming webhooks with Workflows for Microsoft Teams" and the Adaptive Cards schema: a
/// message has at most 28 KB. Only a `TextBlock` reads Markdown, so values of others stand in runs of text.
const TEAMS: &str = r#"{
  "type": "message",
  "attachments": [{
    "contentType": "application/vnd.microsoft.card.adaptive",
    "contentUrl": null,
    "content": {
      "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
      "type": "AdaptiveCard",
      "version": "1.4",
      "body": [
        {"type": "TextBlock", "size": "Large", "weight": "Bolder", "wrap": true,
          "color": {{ {"info": "Accent", "warning": "Warning", "error": "Attention", "critical": "Attention"}[severity] }},
          "text": {{ severity_emoji ~ " " ~ severity ~ ": " ~ type|replace("_", " ") }}},
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": {{ message|truncate(1500) }}}]},
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "isSubtle": true, "text": {{ "host: " ~ (host_domain or "-") ~ ", time: " ~ timestamp }}}]}
        {%- for key, value in data|items %},
        {"type": "RichTextBlock", "spacing": "None", "inlines": [{"type": "TextRun", "isSubtle": true, "text": {{ key ~ ": " ~ value|truncate(200) }}}]}
        {%- endfor %}
      ]
      {%- if panel_url %},
      "actions": [{"type": "Action.OpenUrl", "title": "Argos", "url": {{ panel_url }}}]
      {%- endif %}
    }
  }]
}"#;

/// Source: PagerDuty, "Events API v2": a summary has at most 1024 characters, a key that joins events 255. A target
/// that recovered resolves what told that it was out.
const PAGERDUTY: &str = r#"{
  "routing_key": "ROUTING_KEY",
  "event_action": {{ "resolve" if type == "target_recovered" else "trigger" }},
  "dedup_key": {{ ("argos:" ~ ("target:" ~ data.target_id if type in ["target_unhealthy", "target_recovered"] else type ~ ":" ~ (host_domain or data.component|default(""))))|truncate(255) }},
  "client": "Argos",
  {%- if panel_url %}
  "client_url": {{ panel_url }},
  {%- endif %}
  "payload": {
    "summary": {{ message|truncate(1024) }},
    "source": {{ host_domain or "argos" }},
    "severity": {{ severity }},
    "timestamp": {{ timestamp }},
    "class": {{ type }},
    "custom_details": {{ data }}
  }
}"#;

const fn json(
    name: &'static str,
    url: &'static str,
    headers: &'static [(&'static str, &'static str)],
    template: &'static str,
) -> Preset {
    Preset { name, url, method: WebhookMethod::Post, content_type: "application/json", headers, template }
}

/// Every preset, by name.
pub const PRESETS: &[Preset] = &[
    json("discord", "https://discord.com/api/webhooks/ID/TOKEN", &[], DISCORD),
    json("gotify", "https://GOTIFY.EXAMPLE.ORG/message", &[("X-Gotify-Key", "TOKEN")], GOTIFY),
    json(
        "matrix",
        "https://MATRIX.EXAMPLE.ORG/_matrix/client/v3/rooms/!ROOM:EXAMPLE.ORG/send/m.room.message",
        &[("Authorization", "Bearer TOKEN")],
        MATRIX,
    ),
    json("ntfy", "https://NTFY.EXAMPLE.ORG/", &[("Authorization", "Bearer TOKEN")], NTFY),
    json("pagerduty", "https://events.pagerduty.com/v2/enqueue", &[], PAGERDUTY),
    json("slack", "https://hooks.slack.com/services/TEAM/CHANNEL/TOKEN", &[], SLACK),
    json("teams", "https://WORKFLOW.EXAMPLE.ORG/WEBHOOK", &[], TEAMS),
];
