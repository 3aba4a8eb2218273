//! Channels: where notifications go.

use super::text_enum;

text_enum! {
    /// How a channel reaches people.
    ChannelKind {
        /// An HTTP request.
        Webhook = "webhook",
        /// Mail.
        Email = "email",
        /// A Telegram bot.
        Telegram = "telegram",
        /// Notifications of browsers that people subscribed with (RFC 8030).
        BrowserPush = "browser_push",
    }
}

text_enum! {
    /// The method of a webhook.
    WebhookMethod {
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
    }
}

text_enum! {
    /// How a mail server is signed in at. Source: RFC 4954, RFC 4616.
    SmtpAuth {
        /// PLAIN
        Plain = "plain",
        /// LOGIN
        Login = "login",
        /// Not at all.
        None = "none",
    }
}

text_enum! {
    /// How the way to a mail server is encrypted. Source: RFC 3207, RFC 8314.
    SmtpTls {
        /// From `STARTTLS` on, which the server must know.
        Starttls = "starttls",
        /// From the first byte.
        Implicit = "implicit",
        /// Not at all.
        None = "none",
    }
}

text_enum! {
    /// How Telegram reads the marks in a text.
    ParseMode {
        /// Tags of HTML.
        Html = "HTML",
        /// Its own marks, second form.
        MarkdownV2 = "MarkdownV2",
        /// As it stands.
        None = "none",
    }
}
