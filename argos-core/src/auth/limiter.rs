//! How often somebody may fail: by address, by person and address, and a growing pause by name.
//!
//! Everything that counts is stored, so that a restart forgives nothing. In memory is only when a refusal was last told to
//! the audit log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{UserId, Username};
use crate::store::attempts::{self, BanScope};
use crate::store::{Read, Tx};

const MINUTE_MS: i64 = 60_000;
/// Failures that begin a ban.
const MOST: u32 = 5;
/// How far back failed passwords of an address count.
const LOGIN_WINDOW_MS: i64 = 5 * MINUTE_MS;
/// How far back failed codes of a person from an address count.
const TOTP_WINDOW_MS: i64 = 15 * MINUTE_MS;
/// How long a ban lasts.
const BAN_MS: i64 = 30 * MINUTE_MS;
/// How far back failures of a name count; as long as they are kept.
const ROW_WINDOW_MS: i64 = 24 * 60 * MINUTE_MS;
/// Failures of a name in a row that are followed by a pause.
const PAUSED_FROM: u32 = 3;
/// The longest pause.
const LONGEST_PAUSE_S: i64 = 60;
/// Keys whose last row is remembered.
const REMEMBERED: usize = 10_000;

/// Why nobody looks at an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// When it may be made again.
    pub until: Timestamp,
    /// Whether it is a ban; else the pause of a name.
    pub is_ban: bool,
}

impl Limited {
    /// The refusal that a caller gets.
    #[must_use]
    pub fn refusal(self, now: Timestamp) -> Error {
        let seconds = u32::try_from((self.until.0 - now.0 + 999).div_euclid(1000)).unwrap_or(0).max(1);
        let text = format!("too many failed attempts; try again in {seconds} s");
        Error::new(ErrorKind::RateLimited, "rate_limited", text).with_retry_after(seconds)
    }
}

/// Tells the audit log of refusals, once a minute for each key.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<String, Timestamp>>);

impl Told {
    /// Whether a row is due; asking counts as writing it.
    pub fn is_due(&self, key: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(key).is_some_and(|at| (0..MINUTE_MS).contains(&(now.0 - at.0))) {
            return false;
        }
        if told.len() >= REMEMBERED {
            told.retain(|_, at| (0..MINUTE_MS).contains(&(now.0 - at.0)));
        }
        if told.len() < REMEMBERED {
            told.insert(key.to_owned(), now);
        }
        true
    }
}

/// What attempts of a client are counted under: its address, of IPv6 the first 64 bits, which one customer has.
#[must_use]
pub fn client_key(ip: &str) -> String {
    match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Ok(IpAddr::V6(ip)) => {
            let network = u128::from(ip) >> 64 << 64;
            format!("{}/64", std::net::Ipv6Addr::from(network))
        }
        Err(_) => "local".into(),
    }
}

/// Whether a password may be tried now.
///
/// # Errors
/// Those of the database.
pub fn check_login(read: &Read<'_>, ip: &str, username: &Username) -> Result<Option<Limited>> {
    if let Some(until) = attempts::banned_until(read, BanScope::Login, &client_key(ip))? {
        return Ok(Some(Limited { until, is_ban: true }));
    }
    let since = Timestamp(read.now().0 - ROW_WINDOW_MS);
    let row = attempts::row_of(read, &username.folded(), since)?;
    let Some(row) = row.filter(|row| row.failures >= PAUSED_FROM) else { return Ok(None) };
    let pause_s = 1i64.checked_shl(row.failures - PAUSED_FROM).unwrap_or(LONGEST_PAUSE_S);
    let pause_s = if (1..LONGEST_PAUSE_S).contains(&pause_s) { pause_s } else { LONGEST_PAUSE_S };
    let until = Timestamp(row.last.0 + pause_s * 1000);
    // A failure in the future was noted before the clock was set back.
    let waits = read.now() < until && row.last <= read.now();
    Ok(waits.then_some(Limited { until, is_ban: false }))
}

/// Notes a wrong password; whether it begins a ban of the address.
///
/// # Errors
/// Those of the database.
pub fn fail_login(tx: &Tx<'_>, ip: &str, username: &Username) -> Result<bool> {
    let key = client_key(ip);
    attempts::note_login(tx, &key, &username.folded(), false)?;
    let begins = attempts::login_failures(tx, &key, Timestamp(tx.now().0 - LOGIN_WINDOW_MS))? >= MOST;
    if begins {
        attempts::ban(tx, BanScope::Login, &key, Timestamp(tx.now().0 + BAN_MS))?;
    }
    Ok(begins)
}

/// Notes a sign-in.
///
/// # Errors
/// Those of the database.
pub fn pass_login(tx: &Tx<'_>, ip: &str, username: &Username) -> Result<()> {
    attempts::note_login(tx, &client_key(ip), &username.folded(), true)
}

/// What codes of a person from an address are counted under.
#[must_use]
pub fn totp_key(user: UserId, ip: &str) -> String {
    format!("{user}|{}", client_key(ip))
}

/// Whether a code may be tried now.
///
/// # Errors
/// Those of the database.
pub fn check_totp(read: &Read<'_>, ip: &str, user: UserId) -> Result<Option<Limited>> {
    let until = attempts::banned_until(read, BanScope::Totp, &totp_key(user, ip))?;
    Ok(until.map(|until| Limited { until, is_ban: true }))
}

/// Notes a wrong code; whether it begins a ban.
///
/// # Errors
/// Those of the database.
pub fn fail_totp(tx: &Tx<'_>, ip: &str, user: UserId) -> Result<bool> {
    let key = client_key(ip);
    attempts::note_totp(tx, user, &key, false)?;
    let since = Timestamp(tx.now().0 - TOTP_WINDOW_MS);
    let begins = attempts::totp_failures(tx, user, &key, since)? >= MOST;
    if begins {
        attempts::ban(tx, BanScope::Totp, &totp_key(user, ip), Timestamp(tx.now().0 + BAN_MS))?;
    }
    Ok(begins)
}

/// Notes a right code.
///
/// # Errors
/// Those of the database.
pub fn pass_totp(tx: &Tx<'_>, ip: &str, user: UserId) -> Result<()> {
    attempts::note_totp(tx, user, &client_key(ip), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_of_ipv6_is_one_client() {
        for (ip, key) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("", "local"),
        ] {
            assert_eq!(client_key(ip), key);
        }
    }

    #[test]
    fn a_refusal_is_told_once_a_minute() {
        let told = Told::default();
        assert!(told.is_due("a", Timestamp(0)) && !told.is_due("a", Timestamp(59_999)));
        assert!(told.is_due("b", Timestamp(1)) && told.is_due("a", Timestamp(60_000)));
        (0..2 * REMEMBERED).for_each(|n| assert!(told.is_due(&format!("k{n}"), Timestamp(60_001))));
        assert!(told.0.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn a_refusal_says_whole_seconds_rounded_up() {
        let seconds = |ms| Limited { until: Timestamp(ms), is_ban: true }.refusal(Timestamp(0)).retry_after();
        assert_eq!((seconds(1), seconds(1000), seconds(1001)), (Some(1), Some(1), Some(2)));
    }
}
