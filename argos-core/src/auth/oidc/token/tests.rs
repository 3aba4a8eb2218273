use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;

use super::super::fault::{Failure, Stage};
use super::super::states::digest;
use super::*;

const NOW: i64 = 1_800_000_000;

struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl Signer {
    fn public(&self, id: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        jwk
    }

    fn sign(&self, head: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(head), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    // The signer wants the key itself (PKCS #1), which stands behind 26 bytes about what it is (PKCS #8).
    Signer { key: EncodingKey::from_rsa_der(&pair.serialize_der()[26..]), algorithm: Algorithm::RS256 }
});

fn claims() -> Value {
    json!({"iss": "https://idp.example", "aud": "argos", "sub": "ann", "nonce": "n", "exp": NOW + 300, "iat": NOW})
}

fn keys(all: Value) -> KeySet {
    KeySet::read(json!({ "keys": all }).to_string().as_bytes()).unwrap()
}

fn believe(token: &str, keys: &KeySet) -> Result<String, Fault> {
    let claims = Unverified::parse(token)?.verify(keys)?;
    let expected =
        Expected { issuer: "https://idp.example", client_id: "argos", nonce: &digest("n"), now: Timestamp(NOW * 1000) };
    expected.check(&claims)
}

fn refused(token: &str, keys: &KeySet) -> String {
    let fault = believe(token, keys).unwrap_err();
    assert_eq!((fault.stage, fault.failure), (Stage::Token, Failure::TokenInvalid));
    fault.reason
}

fn head() -> Value {
    json!({"alg": "RS256", "kid": "a", "typ": "JWT"})
}

/// What becomes of a token whose claim `name` is `value`; null = absent.
fn with(name: &str, value: Value) -> Result<String, String> {
    let mut claims = claims();
    claims[name] = value.clone();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    }
    believe(&RSA.sign(&head(), &claims), &keys(json!([RSA.public("a")]))).map_err(|fault| fault.reason)
}

#[test]
fn each_algorithm_that_is_believed_is() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let pair = |kind| KeyPair::generate_for(kind).unwrap().serialize_der();
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA] {
        let key = match algorithm {
            ES256 => EncodingKey::from_ec_der(&pair(&PKCS_ECDSA_P256_SHA256)),
            ES384 => EncodingKey::from_ec_der(&pair(&PKCS_ECDSA_P384_SHA384)),
            // Seed and nothing else: 48 bytes.
            EdDSA => EncodingKey::from_ed_der(&ed_key(&pair(&PKCS_ED25519))),
            _ => RSA.key.clone(),
        };
        let signer = Signer { key, algorithm };
        let keys = keys(json!([signer.public("a")]));
        let name = format!("{algorithm:?}");
        let token = signer.sign(&json!({ "alg": name, "kid": "a" }), &claims());
        assert_eq!(believe(&token, &keys).unwrap(), "ann", "{name}");
        // One bit of it, and it is not.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        let broken = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes));
        assert!(refused(&broken, &keys).contains("signature"), "{name}");
        let without = format!("{message}.");
        assert!(refused(&without, &keys).contains("signature"), "{name}");
        let (head, _) = message.split_once('.').unwrap();
        let mut admin = claims();
        admin["sub"] = json!("root");
        assert!(refused(&format!("{head}.{}.{signature}", part(&admin)), &keys).contains("signature"), "{name}");
    }
}

/// PKCS #8 of an Ed25519 seed without the public key behind it. Source: RFC 8410 §7.
fn ed_key(der: &[u8]) -> Vec<u8> {
    let at = der.windows(4).position(|four| four == [4, 34, 4, 32]).unwrap() + 4;
    let mut short = vec![48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    short.extend_from_slice(&der[at..at + 32]);
    short
}

#[test]
fn unsigned_tokens_and_shared_keys_are_never_believed() {
    let set = keys(json!([RSA.public("a")]));
    for name in ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS1", "ES512", "rs256", "RSA-OAEP"] {
        let head = json!({"alg": name, "kid": "a"});
        for signature in ["", "AAAA"] {
            let token = format!("{}.{}.{signature}", part(&head), part(&claims()));
            assert!(refused(&token, &set).contains("believed are RS256"), "{name}");
        }
    }
    for head in [json!({"kid": "a"}), json!({"alg": null}), json!({"alg": ["RS256"]})] {
        assert!(refused(&format!("{}.{}.", part(&head), part(&claims())), &set).contains("believed are"), "{head}");
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_one() {
    // Everybody has the public key; as the key of HS256 it would let everybody sign.
    let public = RSA.public("a");
    let set = keys(json!([public]));
    let modulus = public["n"].as_str().unwrap();
    for secret in [modulus.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(modulus).unwrap(), public.to_string().into()] {
        let forger = Signer { key: EncodingKey::from_secret(&secret), algorithm: Algorithm::HS256 };
        for name in ["HS256", "RS256"] {
            refused(&forger.sign(&json!({"alg": name, "kid": "a"}), &claims()), &set);
        }
    }
    // Nor does a provider's shared key count, or one of another kind.
    let shared = keys(json!([{"kty": "oct", "kid": "a", "k": "AAAA"}]));
    let forger = Signer { key: EncodingKey::from_secret(&[0, 0, 0]), algorithm: Algorithm::HS256 };
    refused(&forger.sign(&json!({"alg": "HS256", "kid": "a"}), &claims()), &shared);
    let token = RSA.sign(&json!({"alg": "ES256", "kid": "a"}), &claims());
    assert!(refused(&token, &set).contains("the provider has none"));
    let token = RSA.sign(&json!({"alg": "PS256", "kid": "a"}), &claims());
    assert!(refused(&token, &set).contains("the provider has none"));
    let mut any = RSA.public("a");
    any.as_object_mut().unwrap().remove("alg");
    assert!(refused(&token, &keys(json!([any]))).contains("signature"));
}

#[test]
fn a_key_that_the_token_brings_with_it_is_not_looked_at() {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let forger = Signer { key: EncodingKey::from_ec_der(&pair.serialize_der()), algorithm: Algorithm::ES256 };
    let head = json!({"alg": "ES256", "kid": "a", "jwk": forger.public("a"), "jku": "https://evil.example/keys"});
    let token = forger.sign(&head, &claims());
    assert!(refused(&token, &keys(json!([RSA.public("a")]))).contains("the provider has none"));
}

#[test]
fn the_key_is_the_one_that_is_named() {
    let named = |id: &str| RSA.sign(&json!({"alg": "RS256", "kid": id}), &claims());
    let unnamed = RSA.sign(&json!({"alg": "RS256"}), &claims());
    let one = keys(json!([RSA.public("a")]));
    assert!(refused(&named("b"), &one).contains("\"b\""));
    assert!(believe(&unnamed, &one).is_ok());
    let two = keys(json!([RSA.public("a"), RSA.public("b")]));
    assert!(refused(&unnamed, &two).contains("does not say which"));
    assert!(believe(&named("b"), &two).is_ok());
    assert!(refused(&RSA.sign(&json!({"alg": "RS256", "kid": 7}), &claims()), &one).contains("kid"));
    let head = json!({"alg": "RS256", "kid": "a", "crit": ["b64"], "b64": false});
    assert!(refused(&RSA.sign(&head, &claims()), &one).contains("critical"));
}

#[test]
fn what_is_no_token_is_refused() {
    let set = keys(json!([RSA.public("a")]));
    for bad in ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "e30.e30.", "\u{e9}.\u{e9}.\u{e9}", "W10.e30.AA", " . . "] {
        refused(bad, &set);
    }
    let text = RSA.sign(&head(), &json!(["not", "an", "object"]));
    assert!(refused(&text, &set).contains("can't be read"));
}

#[test]
fn it_is_said_by_the_provider_to_this_client() {
    for other in
        [json!("https://evil.example"), json!("https://idp.example/"), json!(null), json!(["https://idp.example"])]
    {
        assert!(with("iss", other).unwrap_err().contains("iss"));
    }
    for other in
        [json!("other"), json!(["other"]), json!([]), json!(null), json!({"argos": 1}), json!("argos "), json!(7)]
    {
        assert!(with("aud", other.clone()).unwrap_err().contains("(aud)"), "{other}");
    }
    assert!(with("aud", json!(["argos"])).is_ok());
    assert!(with("aud", json!(["other", "argos"])).unwrap_err().contains("(azp)"));
    for (azp, good) in [(json!("argos"), true), (json!("other"), false), (json!(7), false), (json!(""), false)] {
        assert_eq!(with("azp", azp.clone()).is_ok(), good, "{azp}");
        let mut claims = claims();
        (claims["aud"], claims["azp"]) = (json!(["other", "argos"]), azp.clone());
        let set = keys(json!([RSA.public("a")]));
        assert_eq!(believe(&RSA.sign(&head(), &claims), &set).is_ok(), good, "{azp}");
    }
}

#[test]
fn it_is_said_now_give_or_take_a_minute() {
    for (exp, good) in [(NOW + 1, true), (NOW - 59, true), (NOW - 60, false), (NOW - 1000, false), (0, false)] {
        assert_eq!(with("exp", json!(exp)).is_ok(), good, "exp {}", exp - NOW);
    }
    for name in ["iat", "nbf"] {
        for (at, good) in [(NOW - 100_000, true), (NOW + 60, true), (NOW + 61, false), (i64::MAX, false)] {
            assert_eq!(with(name, json!(at)).is_ok(), good, "{name} {at}");
        }
    }
    assert!(with("exp", json!(NOW as f64 + 0.5)).is_ok());
    for name in ["exp", "iat"] {
        for bad in [json!(null), json!("1900000000"), json!({}), json!(true)] {
            assert!(with(name, bad.clone()).unwrap_err().contains(name), "{name} {bad}");
        }
    }
    assert!(with("nbf", json!("x")).unwrap_err().contains("nbf"));
    assert!(with("iat", json!(NOW + 3600)).unwrap_err().contains("clock"));
}

#[test]
fn it_is_said_for_this_sign_in_about_somebody() {
    for bad in [json!("m"), json!(""), json!(null), json!(7), json!("n ")] {
        assert!(with("nonce", bad.clone()).unwrap_err().contains("nonce"), "{bad}");
    }
    for bad in [json!(""), json!(null), json!(7), json!("a\nb"), json!("x".repeat(256))] {
        assert!(with("sub", bad.clone()).unwrap_err().contains("sub"), "{bad}");
    }
    assert_eq!(with("sub", json!("x".repeat(255))).unwrap().len(), 255);
}

#[test]
fn a_refusal_quotes_foreign_texts_in_one_short_line() {
    let why = with("iss", json!(format!("a\r\n{}", "x".repeat(5000)))).unwrap_err();
    assert!(why.len() < 300 && !why.contains('\n'), "{why}");
}
