//! What a channel sends whose template is empty.

use crate::notify::config::Config;
use crate::schema::ParseMode;

const WEBHOOK: &str = r#"{"type": {{ type }}, "severity": {{ severity }}, "host": {{ host_domain }}, "message": {{ message }}, "timestamp": {{ timestamp }}, "data": {{ data }}, "delivery_id": {{ delivery_id }}}"#;

const EMAIL: &str = "{{ severity_emoji }} {{ severity|upper }}: {{ message }}

Host: {{ host_domain or '-' }}
Time: {{ timestamp }}
Type: {{ type }}

{{ data|json_indent }}
{%- if panel_url %}

{{ panel_url }}
{%- endif %}
";

/// A message holds 4096 characters: the bounds of its parts keep it in one.
const TELEGRAM_HTML: &str =
    "{{ severity_emoji }} <b>{{ type }}</b>{% if host_domain %} <code>{{ host_domain }}</code>{% endif %}
{{ message|truncate(1500) }}
{%- for key, value in data|items %}{% if loop.index <= 5 %}
{{ key }}: <code>{{ value|truncate(300) }}</code>
{%- endif %}{% endfor %}";

const TELEGRAM_MARKDOWN: &str = "{{ severity_emoji }} *{{ type }}*{% if host_domain %} `{{ host_domain }}`{% endif %}
{{ message|truncate(1500) }}
{%- for key, value in data|items %}{% if loop.index <= 5 %}
{{ key }}: `{{ value|truncate(300) }}`
{%- endif %}{% endfor %}";

const TELEGRAM_PLAIN: &str = "{{ severity_emoji }} {{ type }}{% if host_domain %} {{ host_domain }}{% endif %}
{{ message|truncate(1500) }}
{%- for key, value in data|items %}{% if loop.index <= 5 %}
{{ key }}: {{ value|truncate(300) }}
{%- endif %}{% endfor %}";

/// A push message has at most 3 KiB, and a character at most 6 bytes.
const PUSH: &str = r#"{"title": {{ severity ~ ": " ~ type }}, "body": {{ message|truncate(350) }}, "severity": {{ severity }}, "host": {{ host_domain }}, "url": {{ panel_url }}}"#;

/// The template of a channel's type.
pub(super) const fn of(config: &Config) -> &'static str {
    match config {
        Config::Webhook(_) => WEBHOOK,
        Config::Email(_) => EMAIL,
        Config::Telegram(telegram) => match telegram.parse_mode {
            ParseMode::Html => TELEGRAM_HTML,
            ParseMode::MarkdownV2 => TELEGRAM_MARKDOWN,
            ParseMode::None => TELEGRAM_PLAIN,
        },
        Config::BrowserPush => PUSH,
    }
}
