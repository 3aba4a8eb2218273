//! The settings that say which provider there is and whom it lets in, as they are stored.

use std::collections::HashMap;

use url::Url;

use super::discovery::Issuer;
use super::flow::Client;
use super::gate::{Gate, RoleGroups};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Setting, csv, site};
use crate::secret::MasterKey;
use crate::store::{Read, settings};

/// Where browsers come back, below the panel's address.
const CALLBACK: &str = "/api/v1/auth/oidc/callback";
/// Where browsers come back from signing out.
const SIGNED_OUT: &str = "/login";

/// The settings `oidc.*`, `panel.oidc_*` and `panel.public_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether people can sign in by the provider.
    pub enabled: bool,
    /// The provider.
    pub issuer_url: String,
    /// Argos's name there.
    pub client_id: String,
    /// Envelope of what proves it; empty = nothing does.
    pub client_secret_encrypted: String,
    /// What is asked for, separated by blanks.
    pub scopes: String,
    /// The domain below which panel sessions count on protected hosts too.
    pub cookie_parent_domain: String,
    /// Whether people whom nobody here knows get an account.
    pub auto_provision: bool,
    /// Addresses of mail that may sign in.
    pub allowed_emails: Vec<String>,
    /// What may stand behind their `@`.
    pub allowed_domains: Vec<String>,
    /// Whether the provider must vouch for addresses of mail.
    pub require_email_verified: bool,
    /// The claim that names groups.
    pub groups_claim: String,
    /// Groups that give roles.
    pub roles: RoleGroups,
    /// Groups of which one is needed.
    pub allowed_groups: Vec<String>,
    /// Where people reach the panel.
    pub public_url: Option<Url>,
}

impl Config {
    /// The stored settings; `given` is the panel's address where the environment says it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn read(read: &Read<'_>, given: Option<&Url>) -> Result<Self> {
        let stored = settings::values(read)?;
        let text = |key| value(&stored, key).to_owned();
        let list = |key| csv(value(&stored, key)).map(str::to_owned).collect();
        let is = |key| value(&stored, key) == "true";
        Ok(Self {
            enabled: is("oidc.enabled"),
            issuer_url: text("oidc.issuer_url"),
            client_id: text("oidc.client_id"),
            client_secret_encrypted: text("oidc.client_secret_encrypted"),
            scopes: text("oidc.scopes"),
            cookie_parent_domain: text("oidc.cookie_parent_domain"),
            auto_provision: is("oidc.auto_provision"),
            allowed_emails: list("oidc.allowed_emails"),
            allowed_domains: list("oidc.allowed_domains"),
            require_email_verified: is("oidc.require_email_verified"),
            groups_claim: text("panel.oidc_groups_claim"),
            roles: RoleGroups {
                admin: list("panel.oidc_admin_groups"),
                operator: list("panel.oidc_operator_groups"),
                viewer: list("panel.oidc_viewer_groups"),
            },
            allowed_groups: list("panel.oidc_allowed_groups"),
            public_url: given.cloned().or_else(|| site(value(&stored, "panel.public_url"))),
        })
    }

    /// What is missing before anybody can sign in: setting, why.
    #[must_use]
    pub fn missing(&self) -> Option<(&'static str, String)> {
        if let Err(why) = Issuer::parse(&self.issuer_url) {
            return Some(("oidc.issuer_url", why));
        }
        if self.client_id.is_empty() {
            return Some(("oidc.client_id", "is needed".into()));
        }
        self.public_url.is_none().then(|| ("panel.public_url", "is needed: browsers come back there".into()))
    }

    /// What Argos is at the provider.
    ///
    /// # Errors
    /// `oidc.off`, `oidc.incomplete`, `secret_tampered`.
    pub fn client(&self, key: &MasterKey) -> Result<Client> {
        if !self.enabled {
            let text = "signing in by an identity provider is not switched on";
            return Err(Error::new(ErrorKind::NotFound, "oidc.off", text));
        }
        let incomplete = |setting: &str, why: &str| {
            let text = format!("signing in by the identity provider is not set up: {setting} {why}");
            Error::new(ErrorKind::Unavailable, "oidc.incomplete", text)
        };
        if let Some((setting, why)) = self.missing() {
            return Err(incomplete(setting, &why));
        }
        let (Ok(issuer), Some(redirect_uri)) = (Issuer::parse(&self.issuer_url), self.redirect_uri()) else {
            return Err(incomplete("panel.public_url", "is needed"));
        };
        let secret = key.decrypt(&self.client_secret_encrypted)?;
        Ok(Client {
            issuer,
            id: self.client_id.clone(),
            secret: (!secret.expose().is_empty()).then_some(secret),
            scopes: self.scopes.clone(),
            redirect_uri,
            groups_claim: self.groups_claim.clone(),
        })
    }

    /// Where browsers come back from the provider.
    #[must_use]
    pub fn redirect_uri(&self) -> Option<Url> {
        self.public_url.as_ref()?.join(CALLBACK).ok()
    }

    /// Where browsers come back from signing out at the provider.
    #[must_use]
    pub fn signed_out_uri(&self) -> Option<Url> {
        self.public_url.as_ref()?.join(SIGNED_OUT).ok()
    }

    /// Whom the settings let in.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate {
            require_email_verified: self.require_email_verified,
            allowed_emails: self.allowed_emails.clone(),
            allowed_domains: self.allowed_domains.clone(),
            allowed_groups: self.allowed_groups.clone(),
        }
    }
}

fn value<'a>(stored: &'a HashMap<String, String>, key: &str) -> &'a str {
    stored.get(key).map_or_else(|| Setting::find(key).map_or("", |setting| setting.default), String::as_str)
}
