//! DNS providers: who places the records that prove names to certificate authorities.

use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{DnsProviderId, HostId, Hostname, text_enum};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::{Secret, is_envelope};

text_enum! {
    /// How a DNS provider is spoken to.
    DnsProviderKind {
        /// A name server that takes signed updates.
        Rfc2136 = "rfc2136",
        /// A command of this machine.
        Exec = "exec",
        /// Cloudflare's API.
        Cloudflare = "cloudflare",
    }
}

text_enum! {
    /// How updates are signed. Source: RFC 8945 §6.
    TsigAlgorithm {
        /// HMAC with SHA-256.
        HmacSha256 = "hmac-sha256",
        /// HMAC with SHA-384.
        HmacSha384 = "hmac-sha384",
        /// HMAC with SHA-512.
        HmacSha512 = "hmac-sha512",
    }
}

/// A stored DNS provider. Its secrets are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DnsProvider {
    /// Identity.
    pub id: DnsProviderId,
    /// Unique name.
    pub name: String,
    /// How it is spoken to.
    pub kind: DnsProviderKind,
    /// What its kind needs, without secrets.
    pub config: DnsConfigShown,
    /// Whether it may be used.
    pub enabled: bool,
    /// Hosts whose certificates it proves.
    pub used_by: Vec<HostId>,
    /// What its owner should know, such as that hosts use it though it is switched off.
    pub warnings: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a DNS provider needs. Each field belongs to the kind that its text names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// `rfc2136`: name server that takes updates, as `host` or `host:port`; port 53 unless given.
    pub server: Option<String>,
    /// `rfc2136`: zone to change; empty = asked of the server.
    pub zone: Option<String>,
    /// `rfc2136`: name of the key.
    pub tsig_name: Option<String>,
    /// `rfc2136`: how updates are signed; default `hmac-sha256`.
    pub tsig_algorithm: Option<TsigAlgorithm>,
    /// `rfc2136`: the key in base64.
    pub tsig_secret: Option<Secret<String>>,
    /// `exec`: absolute path of a command; it is called with `present` or `cleanup`, a name and a value.
    pub command: Option<String>,
    /// `exec`: seconds that it may run, 1–600; default 60.
    pub timeout_seconds: Option<i64>,
    /// `cloudflare`: API token with DNS:Edit for the zone, and Zone:Read unless `zone_id` is given.
    pub api_token: Option<Secret<String>>,
    /// `cloudflare`: identity of the zone, 32 hexadecimal digits; empty = found by name.
    pub zone_id: Option<String>,
    /// `cloudflare`: where the API is; empty = Cloudflare's. Only at the command line.
    pub api_url: Option<String>,
}

/// What a DNS provider needs, without its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DnsConfigShown {
    /// `rfc2136`: name server that takes updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `rfc2136`: zone to change; empty = asked of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// `rfc2136`: name of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsig_name: Option<String>,
    /// `rfc2136`: how updates are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsig_algorithm: Option<TsigAlgorithm>,
    /// `rfc2136`: whether the key is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsig_secret_set: Option<bool>,
    /// `exec`: path of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// `exec`: seconds that it may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// `cloudflare`: whether the API token is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_token_set: Option<bool>,
    /// `cloudflare`: identity of the zone; empty = found by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// `cloudflare`: where the API is; empty = Cloudflare's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DnsProviderTest {
    /// Whether all of it went well.
    pub ok: bool,
    /// The name of the record that was placed and removed.
    pub name: String,
    /// What was done, in order.
    pub steps: Vec<DnsTestStep>,
}

/// One step of a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DnsTestStep {
    /// `present`, `seen` or `cleanup`.
    pub step: String,
    /// Whether it went well.
    pub ok: bool,
    /// What went wrong, and what helps; empty = nothing did.
    pub error: String,
}

/// Seconds that a command may run unless its row says otherwise.
pub(crate) const COMMAND_SECONDS: i64 = 60;
/// The port of name servers.
const DNS_PORT: u16 = 53;
/// In the stored form: given by a person at the command line of this machine.
const AT_CLI: &str = "made_at_cli";

impl DnsConfig {
    /// Refuses what `kind` can't work with. A command, and an API elsewhere, are taken from the command line only.
    ///
    /// # Errors
    /// `dns_provider.config`, naming the field; `secret_looks_encrypted`; `dns_provider.only_at_cli`.
    pub fn check(&self, kind: DnsProviderKind, at_cli: bool) -> Result<()> {
        for (field, owner, given) in self.given() {
            if given && owner != kind {
                return Err(refuse(field, format!("belongs to kind {owner}, not {kind}")));
            }
        }
        for (field, secret) in [("tsig_secret", &self.tsig_secret), ("api_token", &self.api_token)] {
            if secret.as_ref().is_some_and(|secret| is_envelope(secret.expose())) {
                let text = "looks encrypted: give the secret itself";
                return Err(Error::invalid("secret_looks_encrypted", field, text).under("config"));
            }
        }
        self.check_at_cli(kind, at_cli)?;
        match kind {
            DnsProviderKind::Rfc2136 => self.check_rfc2136(),
            DnsProviderKind::Exec => self.check_exec(),
            DnsProviderKind::Cloudflare => self.check_cloudflare(),
        }
    }

    /// Refuses what is taken from the command line only, unless it is `at_cli`.
    ///
    /// # Errors
    /// `dns_provider.only_at_cli`.
    pub(crate) fn check_at_cli(&self, kind: DnsProviderKind, at_cli: bool) -> Result<()> {
        match kind {
            DnsProviderKind::Exec if !at_cli => Err(only_at_cli("command", "a command runs on this machine")),
            DnsProviderKind::Cloudflare if !at_cli && self.api_url.as_deref().is_some_and(|url| !url.is_empty()) => {
                Err(only_at_cli("api_url", "the token is sent there"))
            }
            _ => Ok(()),
        }
    }

    fn given(&self) -> [(&'static str, DnsProviderKind, bool); 10] {
        use DnsProviderKind::{Cloudflare, Exec, Rfc2136};
        [
            ("server", Rfc2136, self.server.is_some()),
            ("zone", Rfc2136, self.zone.is_some()),
            ("tsig_name", Rfc2136, self.tsig_name.is_some()),
            ("tsig_algorithm", Rfc2136, self.tsig_algorithm.is_some()),
            ("tsig_secret", Rfc2136, self.tsig_secret.is_some()),
            ("command", Exec, self.command.is_some()),
            ("timeout_seconds", Exec, self.timeout_seconds.is_some()),
            ("api_token", Cloudflare, self.api_token.is_some()),
            ("zone_id", Cloudflare, self.zone_id.is_some()),
            ("api_url", Cloudflare, self.api_url.is_some()),
        ]
    }

    fn check_rfc2136(&self) -> Result<()> {
        self.server()?;
        if let Some(zone) = &self.zone
            && !zone.is_empty()
        {
            check_name("zone", zone)?;
        }
        check_name("tsig_name", needed("tsig_name", self.tsig_name.as_deref())?)?;
        let secret = needed("tsig_secret", self.tsig_secret.as_ref().map(|s| s.expose().as_str()))?;
        match STANDARD.decode(secret.trim()) {
            Ok(key) if (1..=512).contains(&key.len()) => Ok(()),
            Ok(_) => Err(refuse("tsig_secret", "a key has 1–512 bytes")),
            // The text is secret: nothing of it is told.
            Err(_) => Err(refuse("tsig_secret", "is not base64, as in the name server's configuration")),
        }
    }

    fn check_exec(&self) -> Result<()> {
        let command = needed("command", self.command.as_deref())?;
        if !command.starts_with('/') || command.len() > 4096 || command.contains('\0') {
            let text = "must be the absolute path of a file, without arguments: no shell reads it";
            return Err(refuse("command", text));
        }
        match self.timeout_seconds {
            Some(seconds) if !(1..=600).contains(&seconds) => Err(refuse("timeout_seconds", "allowed: 1–600")),
            _ => Ok(()),
        }
    }

    fn check_cloudflare(&self) -> Result<()> {
        let token = needed("api_token", self.api_token.as_ref().map(|s| s.expose().as_str()))?;
        if token.len() > 512 || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refuse("api_token", "has at most 512 characters, without blanks"));
        }
        let zone = self.zone_id.as_deref().unwrap_or_default();
        if !zone.is_empty() && (zone.len() != 32 || !zone.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(refuse("zone_id", "has 32 hexadecimal digits; the overview of the zone shows it"));
        }
        match self.api_url.as_deref().filter(|url| !url.is_empty()) {
            None => Ok(()),
            Some(url) => check_api_url(url),
        }
    }

    /// Host and port of the name server.
    ///
    /// # Errors
    /// `dns_provider.config`.
    pub fn server(&self) -> Result<(String, u16)> {
        let text = needed("server", self.server.as_deref())?.trim();
        let wrong = || refuse("server", "must be host or host:port, such as ns1.example.org or [2001:db8::1]:53");
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<Ipv6Addr>() {
            return Ok((ip.to_string(), DNS_PORT));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|p| *p > 0).ok_or_else(wrong)?),
            None => (text, DNS_PORT),
        };
        let name = Hostname::parse(host).ok().filter(|name| !name.is_wildcard() && !name.is_catch_all());
        Ok((name.ok_or_else(wrong)?.as_str().to_owned(), port))
    }

    /// What of `kind` is shown.
    #[must_use]
    pub fn shown(&self, kind: DnsProviderKind) -> DnsConfigShown {
        let text = |value: &Option<String>| Some(value.clone().unwrap_or_default());
        let set = |value: &Option<Secret<String>>| Some(value.as_ref().is_some_and(|s| !s.expose().is_empty()));
        match kind {
            DnsProviderKind::Rfc2136 => DnsConfigShown {
                server: text(&self.server),
                zone: text(&self.zone),
                tsig_name: text(&self.tsig_name),
                tsig_algorithm: Some(self.tsig_algorithm.unwrap_or(TsigAlgorithm::HmacSha256)),
                tsig_secret_set: set(&self.tsig_secret),
                ..DnsConfigShown::default()
            },
            DnsProviderKind::Exec => DnsConfigShown {
                command: text(&self.command),
                timeout_seconds: Some(self.timeout_seconds.unwrap_or(COMMAND_SECONDS)),
                ..DnsConfigShown::default()
            },
            DnsProviderKind::Cloudflare => DnsConfigShown {
                api_token_set: set(&self.api_token),
                zone_id: text(&self.zone_id),
                api_url: text(&self.api_url),
                ..DnsConfigShown::default()
            },
        }
    }

    /// This with the fields of `new` that are given.
    #[must_use]
    pub fn with(self, new: Self) -> Self {
        Self {
            server: new.server.or(self.server),
            zone: new.zone.or(self.zone),
            tsig_name: new.tsig_name.or(self.tsig_name),
            tsig_algorithm: new.tsig_algorithm.or(self.tsig_algorithm),
            tsig_secret: new.tsig_secret.or(self.tsig_secret),
            command: new.command.or(self.command),
            timeout_seconds: new.timeout_seconds.or(self.timeout_seconds),
            api_token: new.api_token.or(self.api_token),
            zone_id: new.zone_id.or(self.zone_id),
            api_url: new.api_url.or(self.api_url),
        }
    }

    /// The JSON that goes into the envelope.
    #[must_use]
    pub fn to_stored(&self, made_at_cli: bool) -> Secret<String> {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let secret = |value: &Option<Secret<String>>| value.as_ref().map(|s| Value::from(s.expose().as_str()));
        let fields = [
            ("server", text(&self.server)),
            ("zone", text(&self.zone)),
            ("tsig_name", text(&self.tsig_name)),
            ("tsig_algorithm", self.tsig_algorithm.map(|a| a.as_str().into())),
            ("tsig_secret", secret(&self.tsig_secret)),
            ("command", text(&self.command)),
            ("timeout_seconds", self.timeout_seconds.map(Value::from)),
            ("api_token", secret(&self.api_token)),
            ("zone_id", text(&self.zone_id)),
            ("api_url", text(&self.api_url)),
            (AT_CLI, made_at_cli.then_some(true.into())),
        ];
        let stored: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Secret::new(json!(stored).to_string())
    }

    /// What [`DnsConfig::to_stored`] wrote, and whether it was given at the command line.
    ///
    /// # Errors
    /// `dns_provider.config` for another form.
    pub fn from_stored(text: &str) -> Result<(Self, bool)> {
        // What the parser says may quote a secret: it is not told.
        let wrong = || Error::invalid("dns_provider.config", "config", "is not the JSON of a DNS provider");
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
        let at_cli = fields.remove(AT_CLI).is_some_and(|mark| mark == true);
        let config = serde_json::from_value(Value::Object(fields)).map_err(|_| wrong())?;
        Ok((config, at_cli))
    }
}

fn refuse(field: &str, reason: impl Into<String>) -> Error {
    Error::invalid("dns_provider.config", field, reason).under("config")
}

fn only_at_cli(field: &str, why: &str) -> Error {
    let text = format!("{why}, so it is taken from the command line only: argos dns-provider create");
    Error::new(ErrorKind::Forbidden, "dns_provider.only_at_cli", text.clone())
        .with_field(format!("config.{field}"), text)
}

fn needed<'a>(field: &str, value: Option<&'a str>) -> Result<&'a str> {
    value.filter(|text| !text.trim().is_empty()).ok_or_else(|| refuse(field, "is needed"))
}

/// A name of the DNS, which may have more characters than that of a host.
fn check_name(field: &str, name: &str) -> Result<()> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |l: &str| (1..=63).contains(&l.len()) && !l.starts_with('-') && l.bytes().all(plain);
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    Err(refuse(field, "must be a name of the DNS, such as example.org"))
}

fn check_api_url(text: &str) -> Result<()> {
    let url = reqwest::Url::parse(text).map_err(|e| refuse("api_url", format!("is not a URL: {e}")))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("api_url", "must be a URL without name, password, ? and #"));
    }
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let of_this_machine = ip.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(()),
        "http" if of_this_machine => Ok(()),
        scheme => Err(refuse("api_url", format!("must begin with https://, not {scheme}://: the token is sent there"))),
    }
}

#[cfg(test)]
mod tests;
