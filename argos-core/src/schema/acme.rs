//! Certificate authorities that speak ACME: where they are found, and who may be asked for which name.

use std::net::IpAddr;

use super::{AcmeAccountId, Hostname, text_enum};
use crate::clock::Timestamp;
use crate::error::Error;

/// Let's Encrypt. Source: its documentation, "Staging Environment" and "ACME Client Implementation".
pub const PRODUCTION: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Let's Encrypt for trying: browsers don't trust what it signs, and its limits are wide.
pub const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Longest URL of a directory.
const LONGEST_URL: usize = 2048;
/// Longest address of mail. Source: RFC 3696, erratum 1690.
const LONGEST_ADDRESS: usize = 254;

/// The directory of an authority. Source: RFC 8555 §7.1.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Directory(String);

impl Directory {
    /// The directory that `text` stands for: an https URL, or the words `production` and `staging`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "production" => return Some(Self(PRODUCTION.into())),
            "staging" => return Some(Self(STAGING.into())),
            _ => {}
        }
        if text.len() > LONGEST_URL || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let url = reqwest::Url::parse(text).ok()?;
        let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
        (plain && url.host().is_some() && url.fragment().is_none()).then(|| Self(url.into()))
    }

    /// The directory of a host that names `own`, where `common` is the one of all: the first that is not empty, else
    /// Let's Encrypt.
    ///
    /// # Errors
    /// Where that text is no directory: another authority than the one that was meant is never asked.
    pub fn of(own: &str, common: &str) -> Result<Self, DirectoryError> {
        let given = [("tls_directory_url", own), ("acme.directory_url", common)];
        match given.into_iter().find(|(_, text)| !text.is_empty()) {
            Some((field, text)) => Self::parse(text).ok_or(DirectoryError { field }),
            None => Ok(Self(PRODUCTION.into())),
        }
    }

    /// What names the directory of a host that names `own`.
    #[must_use]
    pub fn named_by(own: &str) -> &'static str {
        if own.is_empty() { "acme.directory_url" } else { "tls_directory_url" }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0
    }

    /// Whether browsers' rules bind it: it signs no names of private networks.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self.url(), PRODUCTION | STAGING)
    }

    /// Whether a certificate for `name` is ordered here; else the local CA makes one.
    #[must_use]
    pub fn signs(&self, name: &Hostname) -> bool {
        if name.is_catch_all() || name.as_str().parse::<IpAddr>().is_ok() {
            return false;
        }
        !self.is_public() || name.is_publicly_issuable()
    }
}

/// A stored text that names no directory. It is not shown: an URL may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: allowed: production, staging, or the https URL of an ACME directory")]
pub struct DirectoryError {
    /// The field of the host, or the setting.
    pub field: &'static str,
}

impl From<DirectoryError> for Error {
    fn from(e: DirectoryError) -> Self {
        let code = if e.field == "tls_directory_url" { "host.tls_directory_url" } else { "setting.value" };
        Self::invalid(code, e.field, "allowed: production, staging, or the https URL of an ACME directory")
    }
}

impl std::fmt::Display for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` may stand behind `mailto:`: one `@`, a name on both sides, nothing that an URL would have to escape.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[]\",;:\\?%#".contains(c);
    text.len() <= LONGEST_ADDRESS
        && text.chars().all(plain)
        && text.split_once('@').is_some_and(|(who, at)| !who.is_empty() && !at.contains('@') && at.contains('.'))
}

/// An account with a certificate authority. Its key is never shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct AcmeAccount {
    /// Identity.
    pub id: AcmeAccountId,
    /// The authority's directory.
    pub directory_url: String,
    /// The contact; empty = none was given.
    pub email: String,
    /// The account's own URL; empty = not yet registered.
    pub account_url: String,
    /// Key identifier of the external account it is bound to; empty = none.
    pub eab_kid: String,
    /// When its key was made.
    pub created_at: Timestamp,
}

text_enum! {
    /// What a check found.
    CheckResult {
        /// As it must be.
        Ok = "ok",
        /// It may stop an order; from here that can't be told for certain.
        Warn = "warn",
        /// No order can succeed.
        Fail = "fail",
    }
}

/// What was found before a certificate is ordered.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// What was looked at: `authority`, `caa`, `address`, `port_80` or `port_443`.
    pub check: String,
    /// What was found.
    pub result: CheckResult,
    /// In words.
    pub text: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(check: &str, result: CheckResult, text: String) -> Self {
        Self { check: check.into(), result, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_words_or_https_urls() {
        assert_eq!(Directory::parse("production").unwrap().url(), PRODUCTION);
        assert_eq!(Directory::parse("staging").unwrap().url(), STAGING);
        assert!(Directory::parse("https://ca.internal:14000/dir").is_some_and(|d| !d.is_public()));
        let spelled = "HTTPS://acme-v02.API.letsencrypt.org:443/directory";
        assert!(Directory::parse(spelled).is_some_and(|d| d.is_public()));
        for bad in [
            "",
            "letsencrypt",
            "http://ca.internal/dir",
            "https://",
            "https://a:b@ca.internal/dir",
            "ftp://a/",
            "https://ca/\nx",
            "https://ca/#x",
        ] {
            assert!(Directory::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_host_s_own_directory_comes_first() {
        let of = |own: &str, common: &str| Directory::of(own, common).map(|d| d.url().to_owned()).map_err(|e| e.field);
        assert_eq!(of("", ""), Ok(PRODUCTION.into()));
        assert_eq!(of("", "staging"), Ok(STAGING.into()));
        assert_eq!(of("https://ca.internal/d", "staging"), Ok("https://ca.internal/d".into()));
        assert_eq!(of("https://ca.internal/d", "http://x"), Ok("https://ca.internal/d".into()));
        assert_eq!(of("", "http://x"), Err("acme.directory_url"));
        assert_eq!(of("http://x", "staging"), Err("tls_directory_url"));
    }

    #[test]
    fn a_public_authority_signs_public_names_and_a_private_one_all_but_addresses() {
        let private = Directory::parse("https://ca.internal/d").unwrap();
        let public = Directory::parse("production").unwrap();
        for (name, by_public, by_private) in [
            ("shop.example.com", true, true),
            ("*.example.com", true, true),
            ("a.test", false, true),
            ("printer", false, true),
            ("localhost", false, true),
            ("10.0.0.1", false, false),
            ("::1", false, false),
            ("*", false, false),
        ] {
            let name = Hostname::parse(name).unwrap();
            assert_eq!((public.signs(&name), private.signs(&name)), (by_public, by_private), "{name}");
        }
    }

    #[test]
    fn addresses_of_mail() {
        for good in ["a@example.com", "first.last+tls@sub.example.org"] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in ["", "a", "@example.com", "a@", "a@b", "a@b@c.d", "a b@c.d", "a@c.d,e@f.g", "<a@c.d>", "a@c.d?x"] {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }
}
