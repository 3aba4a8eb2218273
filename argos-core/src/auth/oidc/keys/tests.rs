use std::cell::Cell;

use serde_json::json;

use super::*;
use crate::outbound::wait_for;

fn set(keys: Value) -> KeySet {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa(id: &str) -> Value {
    json!({"kty": "RSA", "kid": id, "n": b64(&[0xc5; 256]), "e": "AQAB"})
}

fn count(key: Value, algorithm: Algorithm) -> usize {
    set(json!([key])).fitting(None, algorithm).len()
}

#[test]
fn a_key_signs_only_by_algorithms_of_its_own_kind() {
    use Algorithm::{ES256, ES384, EdDSA, HS256, PS384, RS256};
    let p256 = json!({"kty": "EC", "crv": "P-256", "x": b64(&[1; 32]), "y": b64(&[2; 32])});
    let p384 = json!({"kty": "EC", "crv": "P-384", "x": b64(&[1; 48]), "y": b64(&[2; 48])});
    let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 32])});
    let kinds = [(rsa("a"), &[RS256, PS384][..]), (p256, &[ES256]), (p384, &[ES384]), (ed, &[EdDSA])];
    for (key, good) in kinds {
        for algorithm in [RS256, PS384, ES256, ES384, EdDSA, HS256] {
            assert_eq!(count(key.clone(), algorithm) == 1, good.contains(&algorithm), "{key} {algorithm:?}");
        }
    }
}

#[test]
fn keys_that_are_not_for_signatures_or_have_another_form_are_passed_over() {
    let with = |name: &str, value: Value| {
        let mut key = rsa("a");
        key[name] = value;
        count(key, Algorithm::RS256)
    };
    assert_eq!(with("use", json!("sig")), 1);
    assert_eq!(with("key_ops", json!(["verify", "encrypt"])), 1);
    assert_eq!(with("alg", json!("RS256")), 1);
    // A modulus may be written with zeros before it.
    assert_eq!(with("n", json!(b64(&[vec![0], vec![0xc5; 256]].concat()))), 1);
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(7)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
        ("alg", json!("RS512")),
        ("alg", json!("HS256")),
        ("alg", json!(7)),
        ("kid", json!(7)),
        ("kty", json!("oct")),
        ("n", json!(b64(&[0xc5; 128]))),
        ("n", json!(b64(&[0xc5; 1025]))),
        ("n", json!(b64(&[0; 256]))),
        ("n", json!("!")),
        ("e", Value::Null),
    ] {
        assert_eq!(with(name, value.clone()), 0, "{name} {value}");
    }
    for key in [
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "EC", "crv": "P-521", "x": b64(&[1; 66]), "y": b64(&[2; 66])}),
        json!({"kty": "EC", "crv": "P-256", "x": b64(&[1; 31]), "y": b64(&[2; 32])}),
        json!({"kty": "OKP", "crv": "Ed448", "x": b64(&[1; 57])}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 31])}),
        json!("RSA"),
        json!(null),
    ] {
        assert!(set(json!([key, rsa("b")])).fitting(Some("b"), Algorithm::RS256).len() == 1, "{key}");
        assert_eq!(set(json!([key])).0.len(), 0, "{key}");
    }
}

#[test]
fn keys_are_told_apart_by_name() {
    let keys = set(json!([rsa("a"), rsa("b")]));
    assert_eq!(keys.fitting(Some("a"), Algorithm::RS256).len(), 1);
    assert_eq!(keys.fitting(Some("c"), Algorithm::RS256).len(), 0);
    assert_eq!(keys.fitting(None, Algorithm::RS256).len(), 2);
}

#[test]
fn what_is_no_set_of_keys_is_refused() {
    let many: Vec<Value> = (0..101).map(|n| rsa(&n.to_string())).collect();
    for bad in [json!({}), json!({"keys": {}}), json!([]), json!({ "keys": many })] {
        let fault = KeySet::read(bad.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.stage, fault.failure), (Stage::Keys, Failure::IdpError));
    }
    assert!(KeySet::read(b"<html>").is_err());
}

/// A provider whose keys change, and how often it was asked.
struct Rotating {
    clock: Clock,
    keys: Keys,
    asked: Cell<u32>,
}

impl Rotating {
    fn new() -> Self {
        Self { clock: Clock::manual(Timestamp(0)), keys: Keys::default(), asked: Cell::new(0) }
    }

    /// Looks for a key by name while the provider has `now`; none = it does not answer.
    fn find(&self, name: &str, now: Option<&str>) -> Result<(), Fault> {
        let body = now.map(|id| json!({"keys": [rsa(id)]}).to_string().into_bytes());
        let fetched = std::sync::atomic::AtomicBool::new(false);
        let fetch = || {
            fetched.store(true, std::sync::atomic::Ordering::Relaxed);
            std::future::ready(body.ok_or_else(|| Fault::discovery("silent")))
        };
        let good = |set: &KeySet| {
            let found = !set.fitting(Some(name), Algorithm::RS256).is_empty();
            if found { Ok(()) } else { Err(Fault::token("unknown")) }
        };
        let found = wait_for(self.keys.find(&self.clock, "https://idp.example/keys", fetch, good)).unwrap();
        self.asked.set(self.asked.get() + u32::from(fetched.into_inner()));
        found
    }
}

#[test]
fn an_unknown_key_has_the_keys_fetched_once_a_minute() {
    let idp = Rotating::new();
    assert!(idp.find("a", Some("a")).is_ok() && idp.find("a", Some("b")).is_ok());
    assert_eq!(idp.asked.get(), 1);
    // It changed its key: too soon to look again.
    idp.clock.set(Timestamp(59_999));
    assert!(idp.find("b", Some("b")).is_err());
    assert_eq!(idp.asked.get(), 1);
    idp.clock.set(Timestamp(60_000));
    assert!(idp.find("b", Some("b")).is_ok());
    assert_eq!(idp.asked.get(), 2);
    // Somebody who makes names up costs the provider one question a minute.
    for _ in 0..100 {
        assert!(idp.find("made-up", Some("b")).is_err());
    }
    assert_eq!(idp.asked.get(), 2);
    // The key that was taken back is not believed any more.
    assert!(idp.find("a", Some("b")).is_err());
}

#[test]
fn keys_grow_old_and_a_silent_provider_is_asked_again_soon() {
    let idp = Rotating::new();
    assert_eq!(idp.find("a", None).unwrap_err().stage, Stage::Keys);
    idp.clock.set(Timestamp(4_999));
    assert!(idp.find("a", Some("a")).is_err());
    idp.clock.set(Timestamp(5_000));
    assert!(idp.find("a", Some("a")).is_ok());
    idp.clock.set(Timestamp(5_000 + AGE_MS));
    assert!(idp.find("a", Some("b")).is_err());
    assert_eq!(idp.asked.get(), 3);
    idp.keys.forget();
    assert!(idp.find("b", Some("b")).is_ok());
    // A clock that was set back makes nothing live longer.
    idp.clock.set(Timestamp(0));
    assert!(idp.find("c", Some("c")).is_ok());
}
