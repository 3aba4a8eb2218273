//! One upstream endpoint.

use std::fmt;
use std::net::IpAddr;

use super::{GroupId, Hostname, TargetId};
use crate::clock::Timestamp;

/// Where a target lives: an IPv4 or IPv6 address (without brackets) or a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct TargetHost(Box<str>);

/// The text is neither an address nor a DNS name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address or DNS name")]
pub struct TargetHostError;

impl TargetHost {
    /// Parses `text`; brackets around an IPv6 address are dropped.
    ///
    /// # Errors
    /// [`TargetHostError`].
    pub fn parse(text: &str) -> Result<Self, TargetHostError> {
        let name = Hostname::parse(text).map_err(|_| TargetHostError)?;
        if name.is_catch_all() || name.is_wildcard() {
            return Err(TargetHostError);
        }
        Ok(Self(name.as_str().into()))
    }

    /// The text, IPv6 without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, unless it is a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl fmt::Display for TargetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TargetHost {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&<String as serde::Deserialize>::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for TargetHost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetHost".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "maxLength": 253})
    }
}

/// One endpoint of a target group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Target {
    /// Identity.
    pub id: TargetId,
    /// The group it belongs to.
    pub target_group_id: GroupId,
    /// Address or name.
    pub host: TargetHost,
    /// TCP port.
    pub port: u16,
    /// Share of the requests, 1–256.
    pub weight: u32,
    /// Whether it takes requests.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
