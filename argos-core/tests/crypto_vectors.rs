//! The stored forms against `vectors/crypto.json`, which an implementation in another language wrote.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

use std::collections::BTreeSet;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use argos_core::ErrorKind;
use argos_core::clock::Timestamp;
use argos_core::error::Error;
use argos_core::notify::send::signature;
use argos_core::notify::web_push::{from_base64url, is_point, seal_as};
use argos_core::secret::{MasterKey, Subkey, hmac_sha256, is_envelope, token_hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

/// Groups that a test here runs.
const RUN: &[&str] = &[
    "argon2",
    "backup_hmac",
    "envelope_decrypt",
    "envelope_encrypt_fixed_nonce",
    "envelope_reject",
    "hkdf",
    "key_forms",
    "token_hash",
    "web_push",
    "webhook_hmac",
];

/// Groups whose trade is not part of the core yet; each moves to [`RUN`] together with its code.
const LATER: &[&str] = &["bcrypt", "recovery", "totp"];

fn file() -> Value {
    serde_json::from_str(include_str!("vectors/crypto.json")).unwrap()
}

fn group(name: &str) -> Value {
    assert!(RUN.contains(&name), "{name} is run but not listed");
    let group = file()[name].take();
    assert!(!group.is_null(), "the file has no group {name}");
    group
}

/// The cases of a list; an empty list would pass without a look.
fn cases(list: &Value) -> &[Value] {
    let cases = list.as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap_or_else(|| panic!("{case} has no text {field}"))
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

fn key(case: &Value) -> MasterKey {
    MasterKey::from_bytes(bytes(case, "key_hex").try_into().unwrap())
}

fn name(case: &Value) -> &str {
    text(case, "name")
}

#[test]
fn every_group_is_run_or_named_as_later() {
    let named: BTreeSet<String> = RUN.iter().chain(LATER).map(ToString::to_string).collect();
    assert_eq!(named.len(), RUN.len() + LATER.len(), "a group is listed twice");
    let held: BTreeSet<String> = file().as_object().unwrap().keys().cloned().collect();
    assert_eq!(held, named, "groups of the file, and groups that a test knows");
    for (name, group) in file().as_object().unwrap() {
        let filled = group.as_array().map_or(group.as_object().unwrap_or(&serde_json::Map::new()).len(), Vec::len);
        assert!(filled > 0, "{name} is empty");
    }
}

#[test]
fn envelopes_open_to_their_plaintext() {
    let group = group("envelope_decrypt");
    for case in cases(&group) {
        let opened = key(case).decrypt(text(case, "envelope"));
        assert!(opened.unwrap().expose() == text(case, "plaintext"), "{}", name(case));
    }
    let longest = cases(&group).iter().map(|c| text(c, "plaintext").len()).max();
    assert_eq!(longest, Some(64 * 1024));
}

#[test]
fn a_given_nonce_gives_the_exact_envelope() {
    for case in cases(&group("envelope_encrypt_fixed_nonce")) {
        let nonce = bytes(case, "nonce_hex").try_into().unwrap();
        let made = key(case).encrypt_with_nonce(text(case, "plaintext"), nonce);
        assert_eq!(made, text(case, "envelope"), "{}", name(case));
        assert_eq!(is_envelope(&made), !made.is_empty(), "{}", name(case));
    }
}

#[test]
fn a_fresh_envelope_opens_and_never_repeats() {
    for case in cases(&group("envelope_decrypt")) {
        let (key, plain) = (key(case), text(case, "plaintext"));
        let (one, two) = (key.encrypt(plain), key.encrypt(plain));
        assert!(one != two || plain.is_empty(), "{}", name(case));
        assert!(key.decrypt(&one).unwrap().expose() == plain, "{}", name(case));
    }
}

#[test]
fn damaged_envelopes_are_refused_with_the_code_and_no_detail() {
    let group = group("envelope_reject");
    let good = text(&group, "envelope");
    assert_eq!(key(&group).decrypt(good).unwrap().expose(), text(&group, "plaintext"));
    let mut kinds = BTreeSet::new();
    for case in cases(&group["cases"]) {
        let damaged = text(case, "envelope");
        let Err(fault) = key(case).decrypt(damaged) else { panic!("{}: {damaged} was opened", name(case)) };
        let error = Error::from(fault);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, text(case, "code")), "{}", name(case));
        assert!(!error.message().contains(damaged.trim()), "{}: {error}", name(case));
        kinds.insert(text(case, "kind").to_owned());
    }
    let all = ["alphabet", "blank", "byte", "key", "longer", "padding", "plain", "plaintext", "prefix", "text"];
    let all = all.into_iter().chain(["trailing_bits", "truncated", "twice"]);
    assert_eq!(kinds, all.map(str::to_owned).collect());
}

/// The last base64 digit before padding has bits without a meaning. A lenient reader takes sixteen texts for one
/// envelope; ours takes one, so that a stored text can be compared as text.
#[test]
fn only_one_text_stands_for_the_bytes_of_an_envelope() {
    let lenient = base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let lenient = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let group = group("envelope_reject");
    let sealed = STANDARD.decode(&text(&group, "envelope")["argos1:".len()..]).unwrap();
    let same: Vec<&str> = cases(&group["cases"])
        .iter()
        .filter(|c| text(c, "envelope") != text(&group, "envelope"))
        .filter(|c| {
            text(c, "envelope").strip_prefix("argos1:").is_some_and(|b| lenient.decode(b).is_ok_and(|b| b == sealed))
        })
        .map(|c| text(c, "kind"))
        .collect();
    assert_eq!(same, ["trailing_bits"; 15]);
}

/// The file holds three changes of each byte; here are all 255.
#[test]
fn no_change_of_any_byte_opens() {
    let group = group("envelope_reject");
    let key = key(&group);
    let mut sealed = STANDARD.decode(&text(&group, "envelope")["argos1:".len()..]).unwrap();
    for at in 0..sealed.len() {
        for mask in 1..=255u8 {
            sealed[at] ^= mask;
            let opened = key.decrypt(&format!("argos1:{}", STANDARD.encode(&sealed)));
            assert!(opened.is_err(), "byte {at} xor {mask:02x} was opened");
            sealed[at] ^= mask;
        }
    }
}

#[test]
fn a_master_key_has_the_named_forms_and_no_other() {
    let group = group("key_forms");
    let parse = |case: &Value| match text(case, "in") {
        "text" => MasterKey::parse(text(case, "text")),
        "file" => MasterKey::parse_file(&bytes(case, "content_hex")),
        other => panic!("{other}"),
    };
    for case in cases(&group["accepted"]) {
        let parsed = parse(case).unwrap_or_else(|e| panic!("{}: {e}", name(case)));
        assert_eq!(parsed.to_hex().expose(), text(case, "key_hex"), "{}", name(case));
    }
    for case in cases(&group["refused"]) {
        let Err(fault) = parse(case) else { panic!("{} ({}) was accepted", name(case), text(case, "reason")) };
        let error = Error::from(fault);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, text(&group, "code")), "{}", name(case));
        assert_eq!(error.message(), "master key must be 32 bytes as 64 hex digits or base64");
    }
}

#[test]
fn subkeys_are_derived_as_named() {
    for case in cases(&group("hkdf")) {
        let named = [
            (Subkey::BackupManifest, "argos/backup-manifest/v1"),
            (Subkey::Ticket, "argos/ticket/v1"),
            (Subkey::Cursor, "argos/cursor/v1"),
        ];
        let expected = case["subkeys_hex"].as_object().unwrap();
        assert_eq!(expected.len(), named.len());
        for (of, info) in named {
            let derived = key(case).subkey(of);
            assert_eq!(hex::encode(derived.expose()), expected[info].as_str().unwrap(), "{info}");
        }
    }
}

#[test]
fn tokens_are_stored_as_their_hash() {
    for case in cases(&group("token_hash")) {
        assert_eq!(token_hash(text(case, "token")), text(case, "hash_hex"));
    }
}

#[test]
fn manifests_are_authenticated_with_their_subkey() {
    for case in cases(&group("backup_hmac")) {
        let subkey = key(case).subkey(Subkey::BackupManifest);
        let made = hmac_sha256(subkey.expose(), &bytes(case, "metadata_hex"));
        assert_eq!(hex::encode(made), text(case, "hmac_hex"));
    }
}

#[test]
fn passwords_of_other_programs_verify() {
    for case in cases(&group("argon2")) {
        let phc = PasswordHash::new(text(case, "phc")).unwrap();
        let verifies = |password: &Value| {
            let normal: String = password.as_str().unwrap().nfc().collect();
            Argon2::default().verify_password(normal.as_bytes(), &phc).is_ok()
        };
        for right in cases(&case["right"]) {
            assert!(verifies(right), "{}: {right}", name(case));
        }
        for wrong in cases(&case["wrong"]) {
            assert!(!verifies(wrong), "{}: {wrong}", name(case));
        }
    }
}

/// The example of RFC 8291: one key and one salt seal one message to the same bytes everywhere.
#[test]
fn a_message_for_a_browser_is_sealed_as_the_example_says() {
    let example = group("web_push");
    let of = |field: &str| from_base64url(text(&example, field)).unwrap();
    let (receiver, auth) = (of("receiver_public"), of("auth_secret"));
    let seal = |message: &str, salt: Vec<u8>| {
        let salt = salt.try_into().unwrap();
        seal_as(message.as_bytes(), &receiver, &auth, &of("sender_private"), salt).unwrap()
    };
    let sealed = seal(text(&example, "plaintext"), of("salt"));
    assert_eq!(sealed, of("body"));
    assert!(is_point(&receiver) && is_point(&of("sender_public")));
    assert_eq!(u64::from(u32::from_be_bytes(sealed[16..20].try_into().unwrap())), example["record_size"]);
    assert_ne!(seal("When I grow up", of("salt")), sealed);
    assert_ne!(seal(text(&example, "plaintext"), vec![0; 16])[86..], sealed[86..]);
    assert_eq!(seal_as(b"x", &receiver, &auth, &[0; 32], [0; 16]), None);
}

#[test]
fn webhooks_are_signed_as_named() {
    for case in cases(&group("webhook_hmac")) {
        let at = Timestamp(case["unix_seconds"].as_i64().unwrap() * 1000 + 999);
        assert_eq!(signature(text(case, "secret"), at, text(case, "body")), text(case, "header"));
    }
}
