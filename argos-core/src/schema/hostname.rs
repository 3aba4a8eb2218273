//! The name of a host in canonical form.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name this proxy answers for: a DNS name (lower case, A-labels, at most 253 bytes), `*.` and a DNS name for
/// exactly one more label, an IP literal without brackets, or `*` for every name no other host serves.
/// Source: RFC 1035 §2.3.4, UTS 46.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(Box<str>);

/// Why a text is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostnameError {
    /// Nothing but blanks.
    #[error("a domain can't be empty")]
    Empty,
    /// More than 253 bytes or a label of more than 63.
    #[error("a domain has at most 253 bytes and 63 in each label")]
    TooLong,
    /// A character or form that no host name has.
    #[error("not a domain: use letters, digits and inner hyphens, `*.` before a name, an IP address, or `*`")]
    Character,
}

impl Hostname {
    /// Parses `text`: trims blanks, drops one trailing dot, folds case and internationalised labels.
    ///
    /// # Errors
    /// See [`HostnameError`].
    pub fn parse(text: &str) -> Result<Self, HostnameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(HostnameError::Empty);
        }
        if text == "*" {
            return Ok(Self("*".into()));
        }
        let literal = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return Ok(Self(ip.to_canonical().to_string().into()));
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let (star, name) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        // What is canonical already, as every stored name is, needs no folding.
        let ascii = match name.bytes().all(is_plain) && !name.contains("xn--") {
            true => Cow::Borrowed(name),
            false => idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::STD3)
                .map_err(|_| HostnameError::Character)?,
        };
        if ascii.len() + star.len() > 253 || ascii.split('.').any(|l| l.len() > 63) {
            return Err(HostnameError::TooLong);
        }
        if !ascii.split('.').all(is_label) || ascii.parse::<IpAddr>().is_ok() {
            return Err(HostnameError::Character);
        }
        Ok(Self(format!("{star}{ascii}").into()))
    }

    /// The name whose canonical text is `text`, as it was stored: it is not parsed again.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with its internationalised labels readable.
    #[must_use]
    pub fn to_unicode(&self) -> String {
        if !self.0.contains("xn--") {
            return self.0.to_string();
        }
        match self.0.strip_prefix("*.") {
            Some(rest) => format!("*.{}", idna::domain_to_unicode(rest).0),
            None => idna::domain_to_unicode(&self.0).0,
        }
    }

    /// Whether it is `*`, the host of all names that no other serves.
    #[must_use]
    pub fn is_catch_all(&self) -> bool {
        &*self.0 == "*"
    }

    /// Whether a public certificate authority may issue a certificate for it, as far as the name alone tells. Those for
    /// one's own networks and for examples are nobody's. Source: RFC 6761, RFC 6762 appendix G, RFC 7686, RFC 8375.
    #[must_use]
    pub fn is_publicly_issuable(&self) -> bool {
        const OWN: &[&str] =
            &["localhost", "internal", "test", "local", "lan", "home.arpa", "example", "invalid", "onion"];
        let name = self.0.strip_prefix("*.").unwrap_or(&self.0);
        let below = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        name.contains('.') && name.parse::<IpAddr>().is_err() && !OWN.iter().any(|suffix| below(suffix))
    }

    /// Whether a certificate for `name` (a DNS name, a wildcard or an address) is good for this name. Source: RFC 9525
    /// §6.3: a wildcard stands for exactly one label.
    #[must_use]
    pub fn is_covered_by(&self, name: &str) -> bool {
        covers(name, &self.0)
    }

    /// Why no request can reach a host of this name; none where one may. Source: RFC 6761 §6.4, RFC 1122 §3.2.1.3,
    /// RFC 5737, RFC 3849.
    #[must_use]
    pub fn unreachable(&self) -> Option<&'static str> {
        match self.0.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => {
                Some("no request reaches it: no machine has this address")
            }
            Ok(IpAddr::V6(ip)) if ip.is_unspecified() || ip.is_multicast() => {
                Some("no request reaches it: no machine has this address")
            }
            Ok(IpAddr::V4(ip)) if ip.is_documentation() => Some(FOR_DOCUMENTS),
            Ok(IpAddr::V6(ip)) if ip.segments()[..2] == [0x2001, 0xdb8] => Some(FOR_DOCUMENTS),
            Ok(_) => None,
            Err(_) if &*self.0 == "invalid" || self.0.ends_with(".invalid") => {
                Some("no request reaches it: names under .invalid have no address anywhere")
            }
            Err(_) => None,
        }
    }

    /// Whether it is `*.` and a name.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }
}

const FOR_DOCUMENTS: &str = "no request reaches it: the address is set aside for documents";

/// Whether a certificate's `pattern` is good for `name`.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let (Some(parent), Some((label, rest))) = (pattern.strip_prefix("*."), name.split_once('.')) else { return false };
    label != "*" && parent.eq_ignore_ascii_case(rest) && name.parse::<IpAddr>().is_err()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    !bytes.is_empty()
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for Hostname {
    type Err = HostnameError;

    fn from_str(text: &str) -> Result<Self, HostnameError> {
        Self::parse(text)
    }
}

impl Serialize for Hostname {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hostname {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Hostname {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hostname".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "maxLength": 255})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_to_the_canonical_form() {
        for (given, canonical) in [
            (" Example.ORG. ", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.Example.org", "*.example.org"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("*", "*"),
        ] {
            assert_eq!(Hostname::parse(given).unwrap().as_str(), canonical, "{given}");
        }
        assert_eq!(Hostname::parse("xn--bcher-kva.example").unwrap().to_unicode(), "bücher.example");
    }

    #[test]
    fn refuses_what_is_no_name() {
        let long = format!("{}.example", "a".repeat(64));
        let total = ["abcdefghi"; 26].join(".");
        for (given, error) in [
            ("  ", HostnameError::Empty),
            ("a b", HostnameError::Character),
            ("a_b.example", HostnameError::Character),
            ("-a.example", HostnameError::Character),
            ("a-.example", HostnameError::Character),
            ("a..b", HostnameError::Character),
            ("a.example:80", HostnameError::Character),
            ("*.*.example", HostnameError::Character),
            ("a.*.example", HostnameError::Character),
            ("https://a.example", HostnameError::Character),
            ("*.", HostnameError::Character),
        ] {
            assert_eq!(Hostname::parse(given), Err(error), "{given}");
        }
        assert!(Hostname::parse(&long).is_err());
        assert!(Hostname::parse(&total).is_err());
    }
}
