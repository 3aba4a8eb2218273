//! Cookies that Argos sets and reads: a closed list, so that each of them can be kept from upstreams.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Timestamp;
use crate::secret::Secret;

/// A cookie of Argos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieName {
    /// Who is signed in.
    Session,
    /// Which browser gave the password that a second factor is asked for.
    Challenge,
    /// Which browser was sent to the identity provider.
    Oidc,
    /// Which browser was sent from a protected host to sign in.
    Ticket,
}

impl CookieName {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Session, Self::Challenge, Self::Oidc, Self::Ticket];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "argos_session",
            Self::Challenge => "argos_challenge",
            Self::Oidc => "argos_oidc",
            Self::Ticket => "argos_ticket",
        }
    }
}

/// Whether a cookie comes along from other sites. Source: RFC 6265bis §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// From no other site.
    Strict,
    /// With a link that leads here.
    Lax,
}

/// A cookie that the browser shall keep, or forget. Scripts never see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Which one.
    pub name: CookieName,
    /// The value; none = to be forgotten.
    pub value: Option<Secret<String>>,
    /// Below which path it comes along.
    pub path: &'static str,
    /// For all hosts below this name; none = for this host only.
    pub domain: Option<String>,
    /// Whether it comes over TLS only.
    pub secure: bool,
    /// Whether it comes along from other sites.
    pub same_site: SameSite,
    /// When it ends.
    pub expires: Timestamp,
}

impl Cookie {
    /// The value of its `Set-Cookie` field. Source: RFC 6265 §4.1.
    #[must_use]
    pub fn field(&self) -> Secret<String> {
        let (value, expires) = match &self.value {
            Some(value) => (value.expose().as_str(), self.expires),
            None => ("", Timestamp(0)),
        };
        let since = Duration::from_millis(u64::try_from(expires.millis()).unwrap_or(0));
        let mut text = format!(
            "{}={value}; Path={}; Expires={}; HttpOnly",
            self.name.as_str(),
            self.path,
            httpdate::fmt_http_date(UNIX_EPOCH + since)
        );
        if let Some(domain) = &self.domain {
            text.push_str("; Domain=");
            text.push_str(domain);
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
        });
        Secret::new(text)
    }
}

/// Cookies that came with a call, beside the session's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// Those of challenges for a second factor, in their order.
    pub challenges: Vec<Secret<String>>,
    /// That of a sign-in at the identity provider.
    pub oidc: Option<Secret<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_has_every_attribute() {
        let mut cookie = Cookie {
            name: CookieName::Session,
            value: Some("v".to_owned().into()),
            path: "/",
            domain: None,
            secure: true,
            same_site: SameSite::Strict,
            expires: Timestamp(1_800_000_000_000),
        };
        let text = "argos_session=v; Path=/; Expires=Fri, 15 Jan 2027 08:00:00 GMT; HttpOnly; Secure; SameSite=Strict";
        assert_eq!(cookie.field().expose(), text);
        cookie = Cookie { value: None, domain: Some("example.org".into()), secure: false, ..cookie };
        cookie.same_site = SameSite::Lax;
        let text =
            "argos_session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Domain=example.org; SameSite=Lax";
        assert_eq!(cookie.field().expose(), text);
    }
}
