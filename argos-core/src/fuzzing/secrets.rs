//! Envelopes and cursors: only what was made with the key opens, and it opens to what it was made of.

use super::choices::Choices;
use crate::api::cursor;
use crate::secret::{MasterKey, SecretError, is_envelope};

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

pub(super) fn envelopes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match key(7).decrypt(&text) {
        Ok(plain) => assert!(text.is_empty() && plain.expose().is_empty(), "an envelope of nobody opened"),
        Err(SecretError::NotEncrypted) => assert!(!is_envelope(&text)),
        Err(fault) => assert!(fault == SecretError::Tampered && is_envelope(&text)),
    }
    let mut choices = Choices::new(bytes);
    let (at, bit) = (choices.below(256), choices.below(7));
    let nonce: [u8; 12] = std::array::from_fn(|_| choices.below(256) as u8);
    let plain = String::from_utf8_lossy(choices.rest());
    let envelope = key(7).encrypt_with_nonce(&plain, nonce);
    assert_eq!(key(7).decrypt(&envelope).map(|opened| opened.expose().clone()), Ok(plain.to_string()));
    if plain.is_empty() {
        return;
    }
    assert!(key(8).decrypt(&envelope).is_err(), "another key opens it");
    let mut changed = envelope.clone().into_bytes();
    let at = at % changed.len();
    changed[at] ^= 1 << bit;
    if let Ok(changed) = String::from_utf8(changed) {
        assert!(key(7).decrypt(&changed).is_err(), "opened with a bit turned");
    }
    keys(bytes, &text);
}

/// Every form of a key is the same key.
fn keys(bytes: &[u8], text: &str) {
    for found in [MasterKey::parse(text), MasterKey::parse_file(bytes)].into_iter().flatten() {
        let hex = found.to_hex();
        let again = MasterKey::parse(hex.expose()).map(|again| again.to_hex());
        assert_eq!(again, Ok(hex));
    }
}

pub(super) fn cursors(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(cursor::decode::<1>(&KEY, "hosts", &text).is_err() && cursor::decode::<2>(&KEY, "logs", &text).is_err());
    let mut choices = Choices::new(bytes);
    let mut number = || i64::from_be_bytes(std::array::from_fn(|_| choices.below(256) as u8));
    let at = [number(), number()];
    let made = cursor::encode(&KEY, "logs", &at);
    assert_eq!(cursor::decode::<2>(&KEY, "logs", &made).ok(), Some(at));
    assert!(cursor::decode::<1>(&KEY, "logs", &made).is_err() && cursor::decode::<2>(&KEY, "hosts", &made).is_err());
    let cut = choices.below(made.len());
    assert!(cursor::decode::<2>(&KEY, "logs", &made[..cut]).is_err());
    let mut other = made.into_bytes();
    let place = choices.below(other.len());
    other[place] = if other[place] == b'A' { b'B' } else { b'A' };
    assert!(cursor::decode::<2>(&KEY, "logs", &String::from_utf8_lossy(&other)).is_err());
}

const KEY: [u8; 32] = [9; 32];
