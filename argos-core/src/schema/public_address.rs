//! Which addresses lie in the public internet, and not in somebody's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Whether Argos may be sent to `ip` by somebody who can only ask it: not its own machine, not a network around it,
/// not a range that belongs to nobody. Addresses that carry an IPv4 address inside are judged by that one.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !NOT_PUBLIC_4.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => {
            !NOT_PUBLIC_6.iter().any(|net| net.contains(&ip)) && inside(ip).all(|v4| is_public(v4.into()))
        }
    }
}

/// The addresses of IPv4 that `ip` carries inside, to which a gateway or the system itself may lead: at most two.
pub fn carried(ip: IpAddr) -> impl Iterator<Item = Ipv4Addr> {
    let ip = match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(ip),
    };
    ip.into_iter().flat_map(inside)
}

fn inside(ip: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let (first, second) = match s {
        // Compatible, mapped and translated forms; NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => (Some(v4(high, low)), None),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (Some(v4(high, low)), None),
        // NAT64 of a network's own, which may keep all of it at the end or around the eighth byte. Source: RFC 8215,
        // RFC 6052 §2.2.
        [0x64, 0xff9b, 1, top, middle, bottom, high, low] => {
            (Some(v4(high, low)), Some(v4(top, (middle << 8) | (bottom >> 8))))
        }
        // 6to4.
        [0x2002, high, low, ..] => (Some(v4(high, low)), None),
        // Teredo: its server, and the client with every bit turned over.
        [0x2001, 0, high, low, _, _, a, b] => (Some(v4(high, low)), Some(v4(!a, !b))),
        _ => (None, None),
    };
    first.into_iter().chain(second)
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Source: the IANA registry of special-purpose IPv4 addresses.
const NOT_PUBLIC_4: &[Ipv4Net] = &[
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

/// Source: the IANA registry of special-purpose IPv6 addresses.
const NOT_PUBLIC_6: &[Ipv6Net] = &[
    v6(0x64, 0xff9b, 1, 48),
    v6(0x100, 0, 0, 64),
    v6(0x2001, 2, 0, 48),
    v6(0x2001, 0xdb8, 0, 32),
    v6(0x3fff, 0, 0, 20),
    // Identifiers of segments within one network (RFC 9602).
    v6(0x5f00, 0, 0, 16),
    v6(0xfc00, 0, 0, 7),
    v6(0xfe80, 0, 0, 10),
    v6(0xfec0, 0, 0, 10),
    v6(0xff00, 0, 0, 8),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let yes = "8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.1.1 198.17.0.1 198.20.0.1 \
                   223.255.255.255 2606:4700::1111 2a00::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 \
                   2001:0:808:808:0:0:f7f7:f7f7";
        let no = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 \
                  172.31.255.255 192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 \
                  224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.1.2.3 \
                  ::ffff:0:10.1.2.3 64:ff9b::a00:1 64:ff9b:1::1 2002:7f00:1::1 2002:a9fe:a9fe::1 \
                  2001:0:808:808:0:0:80ff:fffe 2001:0:a00:1:0:0:f7f7:f7f7 2001:db8::1 2001:2::1 3fff::1 5f00::1 5f00:ffff::1 fc00::1 \
                  fd00:ec2::254 fe80::1 fec0::1 ff02::1 100::1";
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts.split_whitespace() {
                assert_eq!(is_public(text.parse().unwrap()), expected, "{text}");
            }
        }
    }
}
