//! The cookie by which a client goes on with the target that it was given.
//!
//! Its value holds the target, until when it counts, and a proof that we wrote it: nobody chooses a target by hand, and
//! a cookie of one group says nothing in another. It names no address.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::schema::{GroupId, TargetId};
use crate::snapshot::Sticky;

/// Bytes of the target, and of the moment until which the cookie counts.
const CONTENT: usize = 16;
/// Bytes of the proof: half of a SHA-256, as RFC 2104 §5 allows.
const PROOF: usize = 16;

/// What a good cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) target: TargetId,
    /// Whether it shall be given anew, so that a client that keeps coming stays.
    pub(crate) ages: bool,
}

/// The target that one of the lines of `Cookie` names.
pub(crate) fn read<'a>(
    sticky: &Sticky,
    group: GroupId,
    lines: impl Iterator<Item = &'a [u8]>,
    now: Timestamp,
) -> Option<Told> {
    let pairs = lines.flat_map(|line| line.split(|b| *b == b';'));
    let values = pairs.filter_map(|pair| value_of(pair, sticky.cookie.as_bytes()));
    // Another site of the same parent domain may have set one of the same name.
    values.filter_map(|value| open(sticky, group, value, now)).next()
}

/// The value of a pair, if its name is `name`.
pub(crate) fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let pair = pair.trim_ascii();
    let rest = pair.strip_prefix(name)?.trim_ascii_start();
    rest.strip_prefix(b"=").map(<[u8]>::trim_ascii)
}

/// The value of the `Set-Cookie` that gives a client this target. Source: RFC 6265 §4.1.
pub(crate) fn set_cookie(sticky: &Sticky, group: GroupId, target: TargetId, now: Timestamp, https: bool) -> String {
    let until = match sticky.ttl_seconds {
        0 => 0,
        seconds => now.0 / 1000 + i64::from(seconds),
    };
    let mut bytes = [0; CONTENT + PROOF];
    bytes[..8].copy_from_slice(&target.0.to_be_bytes());
    bytes[8..CONTENT].copy_from_slice(&until.to_be_bytes());
    let proof = proof(sticky, group, &bytes[..CONTENT]);
    bytes[CONTENT..].copy_from_slice(&proof);
    let mut out = format!("{}={}; Path=/; HttpOnly; SameSite=Lax", sticky.cookie, URL_SAFE_NO_PAD.encode(bytes));
    if sticky.ttl_seconds > 0 {
        let _ = write!(out, "; Max-Age={}", sticky.ttl_seconds);
    }
    if https {
        out.push_str("; Secure");
    }
    out
}

fn open(sticky: &Sticky, group: GroupId, value: &[u8], now: Timestamp) -> Option<Told> {
    let mut bytes = [0; CONTENT + PROOF];
    if URL_SAFE_NO_PAD.decode_slice(value, &mut bytes).ok()? != bytes.len() {
        return None;
    }
    let (content, proof) = bytes.split_at(CONTENT);
    mac(sticky, group, content).verify_truncated_left(proof).ok()?;
    let number = |at: usize| content[at..at + 8].try_into().map(i64::from_be_bytes).ok();
    let (target, until, now) = (number(0)?, number(8)?, now.0 / 1000);
    let ttl = i64::from(sticky.ttl_seconds);
    // What was given under other terms counts as long as the terms of now allow.
    let left = if until == 0 { ttl / 2 } else { until - now };
    if ttl > 0 && left <= 0 || until != 0 && until <= now {
        return None;
    }
    let ages = (until == 0) != (ttl == 0) || left < ttl / 2 || left > ttl && ttl > 0;
    Some(Told { target: TargetId(target), ages })
}

fn proof(sticky: &Sticky, group: GroupId, content: &[u8]) -> [u8; PROOF] {
    let whole = mac(sticky, group, content).finalize().into_bytes();
    let mut proof = [0; PROOF];
    proof.copy_from_slice(&whole[..PROOF]);
    proof
}

fn mac(sticky: &Sticky, group: GroupId, content: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(sticky.key.expose());
    let mac = mac.expect("HMAC takes keys of any length");
    mac.chain_update(group.0.to_be_bytes()).chain_update(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn sticky(ttl_seconds: u32) -> Sticky {
        Sticky { cookie: "route".into(), ttl_seconds, key: Secret::new([7; 32]).into() }
    }

    const GROUP: GroupId = GroupId(3);
    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn later(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds * 1000)
    }

    fn given(sticky: &Sticky) -> String {
        let text = set_cookie(sticky, GROUP, TargetId(5), NOW, true);
        text.split_once("; ").unwrap().0.to_owned()
    }

    fn told(sticky: &Sticky, line: &str, now: Timestamp) -> Option<Told> {
        read(sticky, GROUP, std::iter::once(line.as_bytes()), now)
    }

    #[test]
    fn a_client_comes_back_to_its_target_until_the_cookie_ends() {
        let sticky = sticky(100);
        let cookie = given(&sticky);
        let good = |ages| Some(Told { target: TargetId(5), ages });
        assert_eq!(told(&sticky, &format!("a=b; {cookie}"), later(1)), good(false));
        assert_eq!(told(&sticky, &format!("route=old;{cookie}; c=d"), later(60)), good(true));
        assert_eq!(told(&sticky, &cookie, later(100)), None);
        let whole = set_cookie(&sticky, GROUP, TargetId(5), NOW, true);
        assert!(whole.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=100; Secure"), "{whole}");
        let session = super::tests::sticky(0);
        assert_eq!(told(&session, &given(&session), later(1_000_000)), good(false));
        assert!(set_cookie(&session, GROUP, TargetId(5), NOW, false).ends_with("SameSite=Lax"));
        // Other terms since: it is given anew under them, and no longer good than they allow.
        assert_eq!(told(&sticky, &given(&session), later(1)), good(true));
        assert_eq!(told(&session, &cookie, later(1)), good(true));
    }

    #[test]
    fn nobody_else_can_write_one() {
        let sticky = sticky(0);
        let cookie = given(&sticky);
        for at in "route=".len()..cookie.len() {
            let mut forged = cookie.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(told(&sticky, &forged, NOW), None, "{forged}");
        }
        for wrong in ["", "route", "route=", "xroute=abc", "route=%%", &cookie[..cookie.len() - 1]] {
            assert_eq!(told(&sticky, wrong, NOW), None, "{wrong}");
        }
        let line = std::iter::once(cookie.as_bytes());
        assert_eq!(read(&sticky, GroupId(4), line, NOW), None, "another group");
        let other = Sticky { key: Secret::new([8; 32]).into(), ..sticky };
        assert_eq!(told(&other, &cookie, NOW), None, "another key");
    }
}
