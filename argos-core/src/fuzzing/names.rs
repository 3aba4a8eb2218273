//! Names and addresses: paths, hosts, field names, and who the client is.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::choices::Choices;
use crate::proxy::client::Client;
use crate::proxy::h1::field::{Known, is_disguised, is_token, items, length};
use crate::proxy::h1::head::split_authority;
use crate::proxy::path::PathForms;
use crate::schema::{Hostname, parse_range};

/// Raw bytes that a request target can hold before its query.
fn may_stand_in_path(byte: &u8) -> bool {
    *byte > 0x20 && *byte != 0x7f && !matches!(byte, b'?' | b'#')
}

pub(super) fn paths(bytes: &[u8]) {
    let kept = bytes.iter().copied().filter(may_stand_in_path);
    let raw: Vec<u8> = [b'/'].into_iter().chain(kept).collect();
    let Ok(forms) = PathForms::of(&raw) else {
        assert!(raw.contains(&b'%'), "only an escape can be at fault");
        return;
    };
    let (matching, forwarded) = (forms.matching(&raw), forms.forwarded(&raw));
    assert_settled(matching);
    // The upstream gets a path that matches as the received one, and is settled itself.
    let again = PathForms::of(forwarded).expect("a forwarded path has forms");
    assert_eq!(again.matching(forwarded), matching, "forwarded {}", forwarded.escape_ascii());
    assert_eq!(again.forwarded(forwarded), forwarded, "forwarding twice");
    // Written as a path once more, the matching form is its own.
    let encoded = encoded(matching);
    let again = PathForms::of(&encoded).expect("an encoded path has forms");
    assert_eq!(again.matching(&encoded), matching, "encoded {}", encoded.escape_ascii());
    // The short way for plain paths agrees with the long one: the same path with every byte escaped.
    if !raw.iter().any(|b| matches!(b, b'%' | b'\\')) {
        let escape = |b: &u8| if *b == b'/' { "/".to_owned() } else { format!("%{b:02x}") };
        let escaped = raw.iter().map(escape).collect::<String>().into_bytes();
        let long = PathForms::of(&escaped).expect("an escaped path has forms");
        assert_eq!(long.matching(&escaped), matching, "escaped {}", raw.escape_ascii());
    }
}

/// No run of slashes, no dot segment.
fn assert_settled(matching: &[u8]) {
    assert!(matching.starts_with(b"/") && !matching.windows(2).any(|w| w == b"//"), "{}", matching.escape_ascii());
    let dotted = |s: &[u8]| s == b"." || s == b"..";
    assert!(!matching.split(|b| *b == b'/').any(dotted), "{}", matching.escape_ascii());
}

fn encoded(matching: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, byte) in matching.iter().enumerate() {
        let kept = matches!(matching.get(at + 1..at + 3), Some(b"2F" | b"5C"));
        match byte {
            b'%' if !kept => out.extend_from_slice(b"%25"),
            _ => out.push(*byte),
        }
    }
    out
}

pub(super) fn hostnames(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(name) = Hostname::parse(&text) {
        let canonical = name.as_str();
        assert!(canonical.is_ascii() && canonical.len() <= 253 && !canonical.is_empty());
        assert_eq!(canonical, canonical.to_ascii_lowercase());
        assert_eq!(Hostname::parse(canonical).as_ref(), Ok(&name), "parsed twice");
        assert_eq!(Hostname::parse(&name.to_unicode()).as_ref(), Ok(&name), "{}", name.to_unicode());
        assert_eq!(serde_json::from_value(serde_json::json!(name)).ok(), Some(name.clone()));
        if !name.is_catch_all() && !name.is_wildcard() && !canonical.contains(':') {
            assert_eq!(split_authority(canonical.as_bytes()), Some((canonical, None)));
        }
    }
    if let Some((name, port)) = split_authority(bytes) {
        let literal = bytes.starts_with(b"[");
        let again = match (literal, port) {
            (false, None) => name.to_owned(),
            (true, None) => format!("[{name}]"),
            (false, Some(port)) => format!("{name}:{port}"),
            (true, Some(port)) => format!("[{name}]:{port}"),
        };
        assert_eq!(split_authority(again.as_bytes()), Some((name, port)));
    }
    if let Some(range) = parse_range(&text) {
        assert_eq!(parse_range(&range.to_string()), Some(range));
    }
}

pub(super) fn fields(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let name = choices.bytes(30);
    let known = Known::of(name);
    let swapped: Vec<u8> = name.iter().map(|b| if b.is_ascii_alphabetic() { b ^ 0x20 } else { *b }).collect();
    assert_eq!(known, Known::of(&swapped), "{} in another case", name.escape_ascii());
    if is_token(name) && is_disguised(name) {
        assert_eq!(known, Known::Identity, "{} passes", name.escape_ascii());
    }
    let value = choices.clone().rest();
    for item in items(value) {
        assert!(!item.is_empty() && item.trim_ascii() == item && !item.contains(&b','));
    }
    if let Some(size) = length(value) {
        assert_eq!(std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()), Some(size));
    }
    clients(choices);
}

/// Only what trusted proxies say is believed, and no further than to the first that is not trusted.
fn clients(mut choices: Choices<'_>) {
    let ranges = ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"];
    let trusted: Vec<IpNet> = match choices.below(4) {
        3 => Vec::new(),
        n => parse_range(ranges[n]).into_iter().collect(),
    };
    let peer = IpAddr::V4(choices.of(&[Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 1)]));
    let lines: Vec<&[u8]> = choices.rest().split(|b| *b == b'\n').collect();
    let client = Client::of(peer, &trusted, lines.iter().copied());
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    assert_eq!(client.trusted, is_trusted(&peer));
    let Some((last, before)) = client.chain.split_last() else {
        assert_eq!(client.ip, peer);
        return;
    };
    assert!(client.trusted && *last == client.ip && before.iter().all(is_trusted));
    // The same said in one line, as written by us.
    let said: Vec<String> = client.chain.iter().rev().map(ToString::to_string).collect();
    assert_eq!(Client::of(peer, &trusted, [said.join(", ").as_bytes()].into_iter()), client);
}
