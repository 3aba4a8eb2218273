//! `@geoLookup` and `@rbl`: questions about an address that the caller answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Captures, Operator};

/// Knows where addresses are.
pub trait GeoLookup: Send + Sync {
    /// What is known about `address`: members of `GEO` such as `COUNTRY_CODE`; None where nothing is.
    fn look_up(&self, address: IpAddr) -> Option<Vec<(&'static str, String)>>;
}

/// Answers whether a name of a block list has an address. It is asked while a request waits: answer from memory or
/// within a short time.
pub trait Resolver: Send + Sync {
    /// Whether `name`, such as `2.0.0.127.list.example`, has an address.
    fn has_address(&self, name: &str) -> bool;
}

/// `@geoLookup`; without a lookup it never matches.
pub(crate) struct Geo(pub(crate) Option<Arc<dyn GeoLookup>>);

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Geo").field(&self.0.is_some()).finish()
    }
}

impl Operator for Geo {
    fn is_pure(&self) -> bool {
        false
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let found = self.0.as_ref().zip(address(input)).and_then(|(lookup, address)| lookup.look_up(address));
        if let Some(found) = found {
            captures.whole(input);
            captures.geo = Some(found);
            return true;
        }
        false
    }
}

/// `@rbl`: the address, reversed, under the list's name. Source: RFC 5782 §2.1 and §2.4.
pub(crate) struct Rbl {
    pub(crate) list: String,
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
}

impl fmt::Debug for Rbl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rbl").field("list", &self.list).finish_non_exhaustive()
    }
}

impl Operator for Rbl {
    fn is_pure(&self) -> bool {
        false
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let Some((resolver, address)) = self.resolver.as_ref().zip(address(input)) else { return false };
        let reversed = match address {
            IpAddr::V4(v4) => v4.octets().iter().rev().map(|byte| format!("{byte}.")).collect::<String>(),
            IpAddr::V6(v6) => {
                v6.octets().iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4)).collect()
            }
        };
        let found = resolver.has_address(&format!("{reversed}{}", self.list));
        if found {
            captures.whole(input);
        }
        found
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
