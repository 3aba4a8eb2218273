//! The closed list of settings: key, default, what is allowed, and who may write it.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::{Directory, is_mail_address, text_enum};
use crate::clock::Timestamp;
use crate::error::Error;

text_enum! {
    /// Cap of the WAF over all hosts.
    AppsecMode {
        /// No host is inspected.
        Disabled = "disabled",
        /// No host blocks.
        Detect = "detect",
        /// Hosts do as they say.
        Block = "block",
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Hundredths.
    Percent,
    /// KiB.
    Kib,
    /// An HTTP status.
    Status,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a closed range.
    Integer(i64, i64, Unit),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Text of at most so many bytes, no control characters.
    Text(usize),
    /// Comma-separated words.
    Csv,
    /// Comma-separated addresses and CIDR ranges.
    Cidrs,
    /// A host name.
    Name,
    /// Comma-separated host names.
    Names,
    /// Comma-separated addresses with ports.
    Sockets,
    /// The directory of an ACME authority.
    Authority,
    /// Scheme, name and port of a site.
    Origin,
    /// An address of mail.
    Mail,
    /// Certificates in PEM.
    Pem,
    /// Stored as an envelope; never shown.
    Secret,
}

/// Who writes a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The settings operations, with effect.
    Writable,
    /// The settings operations, once the part that reads it exists; until then refused.
    NotYet,
    /// An operation of its own, or Argos itself.
    Own,
}

/// One row of the list.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The stored key.
    pub key: &'static str,
    /// The value when no row is stored.
    pub default: &'static str,
    /// The form of a value.
    pub kind: SettingKind,
    /// Who writes it.
    pub access: Access,
}

/// A setting with its value, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct SettingRow {
    /// The key.
    pub key: String,
    /// The value; absent for secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For secrets: whether one is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_set: Option<bool>,
    /// The value without a stored row.
    pub default: String,
    /// What is allowed.
    pub range: String,
    /// Whether the settings operations may write it.
    pub writable: bool,
    /// True where the environment says another value, which counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden: Option<bool>,
    /// When it was last written; null = never.
    pub updated_at: Option<Timestamp>,
}

const BOOL: &[&str] = &["true", "false"];
const SEVERITIES: &[&str] = &["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
/// Parameters whose values never reach a log unless `logs.mask_params` says otherwise.
pub const MASKED: &str = "password,passwd,pwd,secret,token,access_token,refresh_token,id_token,api_key,apikey,code,state,sig,signature,ticket";

use Access::{NotYet, Own, Writable};
use SettingKind::{Authority, Bool, Cidrs, Csv, Integer, Mail, Name, Names, OneOf, Origin, Pem, Secret, Sockets, Text};

const fn row(key: &'static str, default: &'static str, kind: SettingKind, access: Access) -> Setting {
    Setting { key, default, kind, access }
}

const MS: SettingKind = Integer(100, 86_400_000, Unit::Millis);
const BYTES: SettingKind = Integer(1024, 16_777_216, Unit::Bytes);

/// Every setting, sorted by key.
pub const SETTINGS: &[Setting] = &[
    row("acme.ca_bundle", "", Pem, Writable),
    row("acme.directory_url", "", Authority, Writable),
    row("acme.dns_resolvers", "", Sockets, Writable),
    row("acme.eab_hmac_key", "", Secret, Writable),
    row("acme.eab_kid", "", Text(512), Writable),
    row("acme.email", "", Mail, Writable),
    row("appsec.audit_min_severity", "NOTICE", OneOf(SEVERITIES), Writable),
    row("appsec.fail_open", "false", Bool, Writable),
    row("appsec.inbound_threshold", "5", Integer(1, 1000, Unit::Count), Writable),
    row("appsec.last_mode_change_at", "", Text(64), Own),
    row("appsec.last_mode_change_by", "", Text(128), Own),
    row("appsec.mode", "block", OneOf(&["disabled", "detect", "block"]), Own),
    row("appsec.outbound_threshold", "4", Integer(1, 1000, Unit::Count), Writable),
    row("appsec.previous_mode", "", Text(16), Own),
    row("appsec.request_body_limit", "13107200", Integer(1024, 1_073_741_824, Unit::Bytes), Writable),
    row("appsec.request_body_limit_action", "partial", OneOf(&["partial", "reject"]), Writable),
    row("appsec.response_body_limit", "524288", Integer(1024, 1_073_741_824, Unit::Bytes), Writable),
    row("auth.argon2_iterations", "2", Integer(2, 10, Unit::Count), Writable),
    row("auth.argon2_memory_kib", "19456", Integer(19_456, 1_048_576, Unit::Kib), Writable),
    row("auth.argon2_parallelism", "1", Integer(1, 8, Unit::Count), Writable),
    row("auth.password_min_length", "12", Integer(8, 128, Unit::Count), Writable),
    row("backup.enabled", "true", Bool, NotYet),
    row("backup.path", "", Text(4096), NotYet),
    row("backup.retention_days", "14", Integer(0, 365, Unit::Days), NotYet),
    row("backup.schedule", "0 2 * * *", Text(128), NotYet),
    row("bans.auto_count", "10", Integer(1, 10_000, Unit::Count), NotYet),
    row("bans.auto_duration", "4h", Text(32), NotYet),
    row("bans.auto_enabled", "false", Bool, NotYet),
    row("bans.auto_window_seconds", "60", Integer(1, 3600, Unit::Seconds), NotYet),
    row("bans.body", "", Text(65_536), NotYet),
    row("bans.status", "403", Integer(400, 599, Unit::Status), NotYet),
    row("config.generation", "0", Integer(0, i64::MAX, Unit::Count), Own),
    row("config.history_max", "200", Integer(10, 10_000, Unit::Count), Writable),
    row("crowdsec.bouncer_api_key", "", Secret, NotYet),
    row("crowdsec.enabled", "false", Bool, NotYet),
    row("crowdsec.lapi_url", "", Text(2048), NotYet),
    row("crowdsec.machine_password", "", Secret, NotYet),
    row("crowdsec.machine_user", "", Text(256), NotYet),
    row("crowdsec.poll_interval_seconds", "15", Integer(5, 3600, Unit::Seconds), NotYet),
    row("crowdsec.push_decisions", "false", Bool, NotYet),
    row("crowdsec.verify_tls", "true", Bool, NotYet),
    row("crs.path", "", Text(4096), Writable),
    row("crypto.key_check", "", Secret, Own),
    row("geoip.asn_db", "", Text(4096), NotYet),
    row("geoip.country_db", "", Text(4096), NotYet),
    row("geoip.update_enabled", "false", Bool, NotYet),
    row("geoip.update_url", "", Text(2048), NotYet),
    row("logs.access_offset", "0", Integer(0, i64::MAX, Unit::Count), Own),
    row("logs.audit_retention_days", "365", Integer(1, 3650, Unit::Days), NotYet),
    row("logs.errors_offset", "0", Integer(0, i64::MAX, Unit::Count), Own),
    row("logs.mask_params", MASKED, Csv, Writable),
    row("logs.max_entries", "500000", Integer(10_000, 5_000_000, Unit::Count), NotYet),
    row("logs.retention_days", "30", Integer(1, 365, Unit::Days), NotYet),
    row("logs.rollup_retention_days", "400", Integer(1, 3650, Unit::Days), NotYet),
    row("notifications.allow_private_targets", "false", Bool, Writable),
    row("notifications.max_entries", "100000", Integer(1000, 1_000_000, Unit::Count), Writable),
    row("notifications.retention_days", "30", Integer(1, 365, Unit::Days), Writable),
    row("notifications.vapid_contact_email", "admin@example.com", Mail, Writable),
    row("notifications.vapid_private_key", "", Secret, Own),
    row("notifications.vapid_public_key", "", Text(256), Own),
    row("oidc.allowed_domains", "", Csv, Own),
    row("oidc.allowed_emails", "", Csv, Own),
    row("oidc.auto_provision", "false", Bool, Own),
    row("oidc.client_id", "", Text(512), Own),
    row("oidc.client_secret_encrypted", "", Secret, Own),
    row("oidc.cookie_parent_domain", "", Text(253), Own),
    row("oidc.enabled", "false", Bool, Own),
    row("oidc.issuer_url", "", Text(2048), Own),
    row("oidc.require_email_verified", "true", Bool, Own),
    row("oidc.scopes", "openid email profile", Text(1024), Own),
    row("panel.allowed_hosts", "", Names, Writable),
    row("panel.oidc_admin_groups", "", Csv, Writable),
    row("panel.oidc_allowed_groups", "", Csv, Writable),
    row("panel.oidc_groups_claim", "groups", Text(128), Writable),
    row("panel.oidc_operator_groups", "", Csv, Writable),
    row("panel.oidc_viewer_groups", "", Csv, Writable),
    row("panel.proxy_host", "", Name, Writable),
    row("panel.public_url", "", Origin, Writable),
    row("panel.security_headers_strict", "true", Bool, Writable),
    row("proxy.body_idle_timeout_ms", "60000", MS, Writable),
    row("proxy.connect_timeout_ms", "5000", MS, Writable),
    row("proxy.disabled_host_status", "404", OneOf(&["404", "503"]), Writable),
    row("proxy.h2_max_streams", "128", Integer(1, 1_000_000, Unit::Count), Writable),
    row("proxy.header_timeout_ms", "10000", MS, Writable),
    row("proxy.keepalive_timeout_ms", "75000", MS, Writable),
    row("proxy.max_body_bytes", "1073741824", Integer(0, 1 << 40, Unit::Bytes), Writable),
    row("proxy.max_connections", "0", Integer(0, 1_000_000, Unit::Count), Writable),
    row("proxy.max_connections_per_ip", "0", Integer(0, 1_000_000, Unit::Count), Writable),
    row("proxy.max_header_bytes", "65536", BYTES, Writable),
    row("proxy.max_headers", "128", Integer(1, 1_000_000, Unit::Count), Writable),
    row("proxy.max_retries", "2", Integer(0, 5, Unit::Count), Writable),
    row("proxy.max_uri_bytes", "16384", BYTES, Writable),
    row("proxy.min_body_rate_bytes", "240", Integer(0, 1_000_000, Unit::Bytes), Writable),
    row("proxy.response_timeout_ms", "60000", MS, Writable),
    row("proxy.retry_budget_percent", "20", Integer(0, 100, Unit::Percent), Writable),
    row("proxy.send_forwarded", "false", Bool, Writable),
    row("proxy.trusted_proxies", "", Cidrs, Writable),
    row("proxy.tunnel_idle_timeout_ms", "3600000", MS, Writable),
    row("proxy.upstream_idle_timeout_ms", "60000", MS, Writable),
    row("session.absolute_timeout_hours", "168", Integer(1, 720, Unit::Hours), Writable),
    row("session.idle_timeout_hours", "24", Integer(1, 720, Unit::Hours), Writable),
    row("storage.mutation_synchronous", "normal", OneOf(&["normal", "full"]), Writable),
    row("tls.min_version", "1.2", OneOf(&["1.2", "1.3"]), Writable),
];

impl Setting {
    /// The setting named `key`.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.binary_search_by(|s| s.key.cmp(key)).ok().map(|i| &SETTINGS[i])
    }

    /// What is allowed, for people.
    #[must_use]
    pub fn range(&self) -> String {
        match self.kind {
            Bool => BOOL.join(", "),
            Integer(min, max, _) => format!("{min}–{max}"),
            OneOf(words) => words.join(", "),
            Text(max) => format!("text, at most {max} bytes"),
            Csv => "comma-separated list".into(),
            Cidrs => "comma-separated addresses and CIDR ranges".into(),
            Name => "host name in lower case, without scheme and port, or empty".into(),
            Names => "comma-separated host names, without scheme and port".into(),
            Sockets => "comma-separated addresses with ports, such as 192.0.2.1:53 or [2001:db8::1]:53".into(),
            Authority => "production, staging, or the https URL of an ACME directory; empty = production".into(),
            Origin => "https (or http) URL of a site without path, such as https://auth.example.org; or empty".into(),
            Mail => "address of mail, or empty".into(),
            Pem => "certificates in PEM, at most 64 KiB, or empty".into(),
            Secret => "secret, at most 4096 bytes".into(),
        }
    }

    /// Refuses a value that has another form, and a setting that can't be written.
    ///
    /// # Errors
    /// `setting.read_only`, `setting.not_available_yet`, `setting.value`.
    pub fn check(&self, value: &str) -> Result<(), Error> {
        match self.access {
            Writable => {}
            NotYet => {
                let reason = "not available yet: nothing reads this setting in this version";
                return Err(Error::invalid("setting.not_available_yet", self.key, reason));
            }
            Own => return Err(Error::invalid("setting.read_only", self.key, "can't be written as a setting")),
        }
        if self.allows(value) {
            return Ok(());
        }
        let got = match self.kind {
            Secret | Pem => String::new(),
            _ => format!("; got {value:?}"),
        };
        Err(Error::invalid("setting.value", self.key, format!("allowed: {}{got}", self.range())))
    }

    /// Whether a value that was stored once may be stored again.
    pub(crate) fn may_return(&self, value: &str) -> bool {
        self.kind == Secret || self.allows(value)
    }

    /// Whether its changes make generations: all but what Argos itself keeps among the settings.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.access != Own || self.key == "appsec.mode" || self.key.starts_with("oidc.")
    }

    fn allows(&self, value: &str) -> bool {
        match self.kind {
            Bool => BOOL.contains(&value),
            Integer(min, max, _) => {
                let canonical = value.parse::<i64>().ok().filter(|n| n.to_string() == value);
                canonical.is_some_and(|n| (min..=max).contains(&n))
            }
            OneOf(words) => words.contains(&value),
            Text(max) => value.len() <= max && !value.chars().any(char::is_control),
            Csv => value.len() <= 65_536 && !value.chars().any(char::is_control),
            Cidrs => csv(value).all(|item| parse_range(item).is_some()),
            // As it is compared: nobody has to fold it once more.
            Name => value.is_empty() || is_name(value),
            Names => csv(value).all(|item| super::Hostname::parse(item).is_ok_and(|n| !n.is_wildcard())),
            Sockets => csv(value).all(|item| item.parse::<std::net::SocketAddr>().is_ok_and(|at| at.port() > 0)),
            Authority => value.is_empty() || Directory::parse(value).is_some(),
            Origin => value.is_empty() || site(value).is_some(),
            Mail => value.is_empty() || is_mail_address(value),
            Pem => value.is_empty() || holds_certificates(value),
            Secret => value.len() <= 4096 && !value.chars().any(char::is_control),
        }
    }
}

fn is_name(text: &str) -> bool {
    super::Hostname::parse(text).is_ok_and(|name| {
        name.as_str() == text
            && !name.is_wildcard()
            && !name.is_catch_all()
            && text.parse::<std::net::IpAddr>().is_err()
    })
}

/// The origin of a site's URL, which has no path of its own. Source: WHATWG URL, origin.
#[must_use]
pub fn site(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= 2048)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let good = matches!(url.scheme(), "https" | "http") && url.path() == "/" && url.fragment().is_none();
    (plain && good && url.has_host()).then_some(url)
}

fn holds_certificates(text: &str) -> bool {
    let mut found = CertificateDer::pem_slice_iter(text.as_bytes()).peekable();
    text.len() <= 65_536 && found.peek().is_some() && found.all(|one| one.is_ok())
}

/// The items of a comma-separated value: trimmed, empty ones dropped.
pub fn csv(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// A CIDR range, or an address as the range of itself.
#[must_use]
pub fn parse_range(text: &str) -> Option<ipnet::IpNet> {
    text.parse::<ipnet::IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_its_defaults_are_allowed() {
        assert!(SETTINGS.windows(2).all(|w| w[0].key < w[1].key));
        for s in SETTINGS.iter().filter(|s| s.kind != Secret) {
            assert!(s.allows(s.default), "{} refuses its default {:?}", s.key, s.default);
        }
    }

    #[test]
    fn a_bad_value_names_key_and_range() {
        let check = |key, value| Setting::find(key).unwrap().check(value).unwrap_err();
        let e = check("proxy.max_retries", "6");
        assert_eq!((e.code(), e.fields()[0].field.as_str()), ("setting.value", "proxy.max_retries"));
        for (key, value) in [
            ("proxy.max_retries", "+1"),
            ("proxy.max_retries", "01"),
            ("proxy.send_forwarded", "yes"),
            ("proxy.trusted_proxies", "10.0.0.0/33"),
            ("appsec.audit_min_severity", "notice"),
            ("logs.mask_params", "a\nb"),
            ("panel.allowed_hosts", "http://x"),
            ("acme.email", "a"),
            ("panel.public_url", "auth.example.org"),
            ("panel.public_url", "https://auth.example.org/panel"),
            ("panel.public_url", "https://a@auth.example.org"),
            ("panel.public_url", "javascript:alert(1)"),
            ("acme.directory_url", "http://ca.internal/"),
            ("acme.dns_resolvers", "dns.example"),
            ("acme.ca_bundle", "-----BEGIN CERTIFICATE-----"),
            ("acme.eab_hmac_key", "a\nb"),
        ] {
            assert_eq!(check(key, value).code(), "setting.value", "{key}={value}");
        }
        assert_eq!(check("bans.status", "403").code(), "setting.not_available_yet");
        assert_eq!(check("crypto.key_check", "x").code(), "setting.read_only");
    }
}
