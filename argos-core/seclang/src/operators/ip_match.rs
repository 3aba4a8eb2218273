//! `@ipMatch`: the value is an address inside one of the networks.

use std::net::IpAddr;

use super::{Captures, Operator, Refusal};

pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let networks = argument
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|part| !part.is_empty())
        .map(|part| network(part).ok_or_else(|| Refusal::argument(format!("{} is no network", part.escape_ascii()))))
        .collect::<Result<Vec<_>, _>>()?;
    if networks.is_empty() {
        return Err(Refusal::argument("at least one network is needed"));
    }
    Ok(Box::new(IpMatch(networks)))
}

/// `@ipMatchFromFile`: one network per line.
pub(super) fn make_lines(lines: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let list: Vec<u8> = lines.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }).collect();
    make(&list)
}

#[derive(Debug)]
struct IpMatch(Vec<(u128, u32)>);

impl Operator for IpMatch {
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let Some(address) = address(input.trim_ascii()) else { return false };
        let address = bits(address);
        let found = self.0.iter().any(|(base, prefix)| *prefix == 0 || (base ^ address) >> (128 - prefix) == 0);
        if found {
            captures.whole(input);
        }
        found
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// IPv4 lives where IPv6 maps it, so one comparison serves both.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn network(text: &[u8]) -> Option<(u128, u32)> {
    let mut parts = text.splitn(2, |byte| *byte == b'/');
    let address = address(parts.next()?)?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match parts.next() {
        Some(digits) => std::str::from_utf8(digits).ok()?.parse::<u32>().ok().filter(|prefix| *prefix <= width)?,
        None => width,
    };
    Some((bits(address), prefix + 128 - width))
}
