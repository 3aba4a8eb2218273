//! Who the client is, behind proxies that are trusted.

use std::net::IpAddr;

use ipnet::IpNet;
use smallvec::SmallVec;

/// The address of the client behind `peer`, and whether `peer` is a trusted proxy. `lines` are the values of
/// `X-Forwarded-For`.
#[must_use]
pub fn client_of(peer: IpAddr, trusted: &[IpNet], lines: &[&[u8]]) -> (IpAddr, bool) {
    let client = Client::of(peer, trusted, lines.iter().copied());
    (client.ip, client.trusted)
}

/// The client of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// Whether the peer is a trusted proxy, so that what it says of the client is kept.
    pub(crate) trusted: bool,
    /// What a trusted peer's `X-Forwarded-For` says from the client on, nearest first; the rest of the header is
    /// hearsay.
    pub(crate) chain: SmallVec<[IpAddr; 2]>,
}

impl Client {
    /// The client behind `peer`: `lines` are the values of `X-Forwarded-For` in order. Only a trusted peer's are
    /// read: from right to left to the first entry that is not trusted; a malformed one ends the walk before it.
    pub(crate) fn of<'a>(peer: IpAddr, trusted: &[IpNet], lines: impl DoubleEndedIterator<Item = &'a [u8]>) -> Self {
        let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
        let mut client = Self { ip: peer, trusted: !trusted.is_empty() && is_trusted(&peer), chain: SmallVec::new() };
        if !client.trusted {
            return client;
        }
        for entry in lines.rev().flat_map(|line| line.rsplit(|b| *b == b',')) {
            let Some(ip) = address(entry.trim_ascii()) else { break };
            client.chain.push(ip);
            client.ip = ip;
            if !is_trusted(&ip) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: brackets, a zone and a port are dropped, IPv4-mapped IPv6 becomes IPv4.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let ip = match text.strip_prefix('[') {
        Some(rest) => {
            let (literal, port) = rest.split_once(']')?;
            if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
                return None;
            }
            literal
        }
        None => match text.split_once(':') {
            Some((v4, port)) if is_port(port) && v4.contains('.') => v4,
            _ => text,
        },
    };
    let ip = ip.split_once('%').map_or(ip, |(literal, _)| literal);
    ip.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_from_right_to_left_over_trusted_proxies() {
        let cases: &[(&str, &str, &[&str], &str)] = &[
            // peer, trusted, X-Forwarded-For lines, client
            ("192.0.2.1", "", &[], "192.0.2.1"),
            ("192.0.2.1", "", &["203.0.113.9"], "192.0.2.1"),
            ("192.0.2.1", "10.0.0.0/8", &["203.0.113.9"], "192.0.2.1"),
            ("10.0.0.1", "10.0.0.0/8", &[], "10.0.0.1"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.0/8", &["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.0/8", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", "10.0.0.0/8", &["nonsense"], "10.0.0.1"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9, nonsense"], "10.0.0.1"),
            ("10.0.0.1", "10.0.0.0/8", &["nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9,, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", "10.0.0.0/8", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.0/8", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", "10.0.0.0/8", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", "10.0.0.0/8", &["fe80::1%eth0"], "fe80::1"),
            ("10.0.0.1", "10.0.0.0/8", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("2001:db8::5", "2001:db8::/32", &["203.0.113.9, 2001:db8::6"], "203.0.113.9"),
            ("10.0.0.1", "10.0.0.1/32,192.0.2.0/24", &["203.0.113.9, 192.0.2.200"], "203.0.113.9"),
            ("10.0.0.2", "10.0.0.1/32", &["203.0.113.9"], "10.0.0.2"),
            ("10.0.0.1", "0.0.0.0/0", &["1.2.3.4, 5.6.7.8"], "1.2.3.4"),
        ];
        for (peer, trusted, lines, expected) in cases {
            let trusted: Vec<IpNet> = crate::schema::csv(trusted).filter_map(crate::schema::parse_range).collect();
            let client = Client::of(peer.parse().unwrap(), &trusted, lines.iter().map(|l| l.as_bytes()));
            assert_eq!(client.ip, expected.parse::<IpAddr>().unwrap(), "{peer} {trusted:?} {lines:?}");
        }
    }
}
