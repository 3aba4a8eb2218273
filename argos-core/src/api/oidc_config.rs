//! Which identity provider there is, and whom it lets in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::not_null;
use super::oidc::{config, unavailable};
use super::operation::operation;
use super::{Context, Look, Mutation, Query, View};
use crate::auth::oidc::{Config, Issuer, Provider, Reach};
use crate::auth::return_url::within;
use crate::error::{Error, Result};
use crate::schema::{Hostname, Patch, SecretText, is_mail_address};
use crate::store::{Read, Tx, settings};

/// Entries of a list.
const MOST_ENTRIES: usize = 1000;
/// Bytes of the client's secret.
const MOST_SECRET: usize = 4096;

/// Shows which identity provider there is, and whom it lets in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetOidcConfig {}
operation!(GetOidcConfig => OidcConfig, "auth.oidc_config", Get "/auth/oidc/config", Admin, 200,
    "Shows which identity provider there is, and whom it lets in.");

/// Which identity provider there is, and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcConfig {
    /// Whether people can sign in by it.
    pub enabled: bool,
    /// Its issuer, as it writes it itself.
    pub issuer_url: String,
    /// Argos's name there.
    pub client_id: String,
    /// Whether there is a secret that proves it.
    pub client_secret_set: bool,
    /// What is asked for, separated by blanks.
    pub scopes: String,
    /// The domain below which panel sessions count on protected hosts too; empty = none.
    pub cookie_parent_domain: String,
    /// Whether people whom nobody here knows get an account.
    pub auto_provision: bool,
    /// Addresses of mail that may sign in; with `allowed_domains` both empty = all.
    pub allowed_emails: Vec<String>,
    /// What may stand behind the `@` of addresses that may sign in.
    pub allowed_domains: Vec<String>,
    /// Whether the provider must vouch for addresses of mail.
    pub require_email_verified: bool,
    /// Where browsers come back, to be registered at the provider; null without `panel.public_url`.
    pub redirect_uri: Option<String>,
    /// Where browsers come back from signing out there, to be registered too; null without `panel.public_url`.
    pub post_logout_redirect_uri: Option<String>,
}

impl From<Config> for OidcConfig {
    fn from(config: Config) -> Self {
        let (redirect_uri, signed_out) = (config.redirect_uri(), config.signed_out_uri());
        Self {
            enabled: config.enabled,
            issuer_url: config.issuer_url,
            client_id: config.client_id,
            client_secret_set: !config.client_secret_encrypted.is_empty(),
            scopes: config.scopes,
            cookie_parent_domain: config.cookie_parent_domain,
            auto_provision: config.auto_provision,
            allowed_emails: config.allowed_emails,
            allowed_domains: config.allowed_domains,
            require_email_verified: config.require_email_verified,
            redirect_uri: redirect_uri.map(String::from),
            post_logout_redirect_uri: signed_out.map(String::from),
        }
    }
}

impl Query for GetOidcConfig {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<OidcConfig> {
        config(view).map(OidcConfig::from)
    }
}

/// Changes the given fields of the identity provider; omitted ones stay.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateOidcConfig {
    /// Whether people can sign in by it. To switch it on, the provider must answer and `panel.public_url` be set.
    #[serde(default, deserialize_with = "not_null")]
    pub enabled: Option<bool>,
    /// Its issuer, as it writes it itself: an https URL, or http on this machine.
    #[serde(default, deserialize_with = "not_null")]
    pub issuer_url: Option<String>,
    /// Argos's name there, at most 512 bytes.
    #[serde(default, deserialize_with = "not_null")]
    pub client_id: Option<String>,
    /// The secret that proves it, at most 4096 bytes; null = none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub client_secret: Patch<SecretText>,
    /// What is asked for, separated by blanks; `openid` is among it.
    #[serde(default, deserialize_with = "not_null")]
    pub scopes: Option<String>,
    /// The domain below which panel sessions count on protected hosts too; the panel is in it; empty = none.
    #[serde(default, deserialize_with = "not_null")]
    pub cookie_parent_domain: Option<String>,
    /// Whether people whom nobody here knows get an account.
    #[serde(default, deserialize_with = "not_null")]
    pub auto_provision: Option<bool>,
    /// Addresses of mail that may sign in.
    #[serde(default, deserialize_with = "not_null")]
    pub allowed_emails: Option<Vec<String>>,
    /// What may stand behind the `@` of addresses that may sign in; names below one are not meant.
    #[serde(default, deserialize_with = "not_null")]
    pub allowed_domains: Option<Vec<String>>,
    /// Whether the provider must vouch for addresses of mail.
    #[serde(default, deserialize_with = "not_null")]
    pub require_email_verified: Option<bool>,
    /// The issuer that has to answer before this is stored, and whether it did.
    #[serde(skip)]
    #[schemars(skip)]
    asked: Option<(Issuer, bool)>,
}
operation!(UpdateOidcConfig => OidcConfig, "auth.set_oidc_config", Patch "/auth/oidc/config", Admin, 200,
    "Changes the given fields of the identity provider; to switch it on, the provider must answer.",
    of GetOidcConfig {});

impl UpdateOidcConfig {
    /// What is to be stored, but for the secret.
    fn applied(&self, before: &Config) -> Result<Config> {
        let mut config = before.clone();
        let set = |field: &mut String, given: &Option<String>| {
            if let Some(given) = given {
                field.clone_from(given);
            }
        };
        set(&mut config.issuer_url, &self.issuer_url);
        set(&mut config.client_id, &self.client_id);
        set(&mut config.scopes, &self.scopes);
        set(&mut config.cookie_parent_domain, &self.cookie_parent_domain);
        config.enabled = self.enabled.unwrap_or(before.enabled);
        config.auto_provision = self.auto_provision.unwrap_or(before.auto_provision);
        config.require_email_verified = self.require_email_verified.unwrap_or(before.require_email_verified);
        if let Some(emails) = &self.allowed_emails {
            config.allowed_emails = checked_list("allowed_emails", emails, "an address of mail", |one| {
                is_mail_address(one).then(|| one.to_owned())
            })?;
        }
        if let Some(domains) = &self.allowed_domains {
            config.allowed_domains = checked_list("allowed_domains", domains, "a name such as example.org", domain)?;
        }
        self.check(&mut config)?;
        Ok(config)
    }

    /// Refuses fields that are given and wrong, and what can't stand together.
    fn check(&self, config: &mut Config) -> Result<()> {
        let wrong = |field: &str, why: String| Err(Error::invalid("oidc.config", field, why));
        if let Some(issuer) = self.issuer_url.as_deref().filter(|issuer| !issuer.is_empty()) {
            Issuer::parse(issuer).map_err(|why| Error::invalid("oidc.config", "issuer_url", why))?;
        }
        if config.client_id.len() > 512 || config.client_id.chars().any(char::is_control) {
            return wrong("client_id", "at most 512 bytes without control characters".into());
        }
        if let Patch::Set(secret) = &self.client_secret
            && let Some(secret) = secret.given()
            && (secret.expose().len() > MOST_SECRET || secret.expose().chars().any(char::is_control))
        {
            return wrong("client_secret", format!("at most {MOST_SECRET} bytes without control characters"));
        }
        let good = |c: char| c.is_ascii_graphic() && !"\"\\".contains(c);
        config.scopes = config.scopes.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let has_openid = config.scopes.split(' ').any(|scope| scope == "openid");
        if config.scopes.len() > 1024 || !has_openid || !config.scopes.split(' ').all(|scope| scope.chars().all(good)) {
            return wrong("scopes", "words separated by blanks, openid among them, at most 1024 bytes".into());
        }
        if self.cookie_parent_domain.is_some() && !config.cookie_parent_domain.is_empty() {
            let name = domain(&config.cookie_parent_domain).filter(|name| name.contains('.'));
            let Some(name) = name else {
                return wrong("cookie_parent_domain", "a name with a dot, such as example.org, or empty".into());
            };
            config.cookie_parent_domain = name;
        }
        check_together(config)
    }
}

/// Refuses settings that can't stand together.
fn check_together(config: &Config) -> Result<()> {
    let parent = &config.cookie_parent_domain;
    let host = config.public_url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    if !parent.is_empty() && !within(host, parent) {
        let why = match host {
            "" => format!("panel.public_url is needed: the panel must lie in {parent}"),
            host => format!("the panel ({host}, by panel.public_url) must lie in {parent}"),
        };
        return Err(Error::invalid("oidc.config", "cookie_parent_domain", why));
    }
    if let Some((setting, why)) = config.missing().filter(|_| config.enabled) {
        let field = setting.strip_prefix("oidc.").unwrap_or(setting);
        return Err(Error::invalid("oidc.config", field, why));
    }
    Ok(())
}

/// Refuses settings that leave the provider without what it needs.
///
/// # Errors
/// `oidc.config`.
pub(super) fn check_settings(read: &Read<'_>, cx: &Context) -> Result<()> {
    check_together(&Config::read(read, cx.given_public_url().as_ref())?)
}

/// The name of a domain; none for what is no name.
fn domain(text: &str) -> Option<String> {
    let name = Hostname::parse(text.trim()).ok().filter(|name| !name.is_wildcard() && !name.is_catch_all())?;
    let is_address = name.as_str().parse::<std::net::IpAddr>().is_ok();
    (!is_address).then(|| name.as_str().to_owned())
}

fn checked_list(
    field: &str,
    given: &[String],
    what: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>> {
    if given.len() > MOST_ENTRIES {
        return Err(Error::invalid("oidc.config", field, format!("at most {MOST_ENTRIES} entries")));
    }
    let entry = |(at, text): (usize, &String)| {
        let wrong = || Error::invalid("oidc.config", format!("{field}[{at}]"), format!("{text:?} is not {what}"));
        read(text.trim()).ok_or_else(wrong)
    };
    given.iter().enumerate().map(entry).collect()
}

impl Mutation for UpdateOidcConfig {
    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let before = config(view)?;
        let after = self.applied(&before)?;
        if after.enabled && (!before.enabled || after.issuer_url != before.issuer_url) {
            let issuer = Issuer::parse(&after.issuer_url);
            let issuer = issuer.map_err(|why| Error::invalid("oidc.config", "issuer_url", why))?;
            self.asked = Some((issuer, false));
        }
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        if let Some((issuer, answered)) = &mut self.asked {
            let provider = cx.oidc.probe(issuer, Reach::Saved);
            provider.map_err(|fault| Error::invalid("oidc.config", "issuer_url", fault.reason))?;
            *answered = true;
        }
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<OidcConfig> {
        let given = cx.given_public_url();
        let before = Config::read(tx, given.as_ref())?;
        let config = self.applied(&before)?;
        let is_new = config.enabled && (!before.enabled || config.issuer_url != before.issuer_url);
        let answered = self.asked.as_ref().is_some_and(|(issuer, ok)| *ok && issuer.as_str() == config.issuer_url);
        if is_new && !answered {
            let text = "the identity provider was changed meanwhile; try again";
            return Err(Error::conflict("oidc.changed", "issuer_url", text));
        }
        for (key, old, new) in [
            ("oidc.enabled", before.enabled.to_string(), config.enabled.to_string()),
            ("oidc.issuer_url", before.issuer_url.clone(), config.issuer_url),
            ("oidc.client_id", before.client_id.clone(), config.client_id),
            ("oidc.scopes", before.scopes.clone(), config.scopes),
            ("oidc.cookie_parent_domain", before.cookie_parent_domain.clone(), config.cookie_parent_domain),
            ("oidc.auto_provision", before.auto_provision.to_string(), config.auto_provision.to_string()),
            ("oidc.allowed_emails", before.allowed_emails.join(","), config.allowed_emails.join(",")),
            ("oidc.allowed_domains", before.allowed_domains.join(","), config.allowed_domains.join(",")),
            (
                "oidc.require_email_verified",
                before.require_email_verified.to_string(),
                config.require_email_verified.to_string(),
            ),
        ] {
            if old != new {
                settings::write(tx, key, &new)?;
            }
        }
        let secret = match &self.client_secret {
            Patch::Keep => None,
            Patch::Clear => Some(""),
            Patch::Set(secret) => Some(secret.given().map_or("", |secret| secret.expose())),
        };
        if let Some(secret) = secret
            && cx.key.decrypt(&before.client_secret_encrypted).ok().is_none_or(|old| old.expose() != secret)
        {
            settings::write(tx, "oidc.client_secret_encrypted", &cx.key.encrypt(secret))?;
        }
        tx.about("oidc_config_changed", "oidc", "config", None);
        Config::read(tx, given.as_ref()).map(OidcConfig::from)
    }

    fn done(cx: &Context) {
        cx.oidc.forget();
    }
}

/// Asks an identity provider what it says of itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestOidc {
    /// An issuer at public addresses; default: the saved one.
    pub issuer_url: Option<String>,
}
operation!(TestOidc => OidcTest, "auth.test_oidc", Post "/auth/oidc/test", Admin, 200,
    "Asks an identity provider what it says of itself: the saved one, or another at public addresses.");

/// What an identity provider says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcTest {
    /// Where it is asked.
    pub endpoints: OidcEndpoints,
    /// Its algorithms of signatures that are believed here.
    pub algorithms: Vec<String>,
}

/// Where an identity provider is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcEndpoints {
    /// Where browsers sign in.
    pub authorization: String,
    /// Where a code becomes tokens.
    pub token: String,
    /// Where its public keys are.
    pub jwks: String,
    /// Where it tells more about a person.
    pub userinfo: Option<String>,
    /// Where browsers sign out.
    pub end_session: Option<String>,
}

impl From<Provider> for OidcTest {
    fn from(provider: Provider) -> Self {
        Self {
            endpoints: OidcEndpoints {
                authorization: provider.authorization_endpoint.into(),
                token: provider.token_endpoint.into(),
                jwks: provider.jwks_uri.into(),
                userinfo: provider.userinfo_endpoint.map(String::from),
                end_session: provider.end_session_endpoint.map(String::from),
            },
            algorithms: provider.algorithms,
        }
    }
}

impl Query for TestOidc {
    fn run(self, view: &View<'_>) -> Result<OidcTest> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<OidcTest>> {
        let saved = config(view)?.issuer_url;
        let given = self.issuer_url.as_deref().filter(|given| *given != saved);
        let reach = if given.is_some() { Reach::Public } else { Reach::Saved };
        let issuer = Issuer::parse(given.unwrap_or(&saved));
        let issuer = issuer.map_err(|why| Error::invalid("oidc.config", "issuer_url", why))?;
        let oidc = view.cx.oidc.clone();
        Ok(Look::rest(move || oidc.probe(&issuer, reach).map(OidcTest::from).map_err(unavailable)))
    }
}

/// The settings of this provider that are written as settings.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_names() {
        for (text, name) in [("Example.org", "example.org"), (" bücher.example ", "xn--bcher-kva.example"), ("a", "a")]
        {
            assert_eq!(domain(text).as_deref(), Some(name), "{text}");
        }
        for text in ["", "*", "*.example.org", "192.0.2.1", "[::1]", "a b", "a/b", "@example.org", "a,b"] {
            assert_eq!(domain(text), None, "{text:?}");
        }
    }
}
