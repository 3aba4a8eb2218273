//! What push services and browsers agree on: sealed messages, and the pair of keys that an Argos is known by.
//!
//! Source: RFC 8291 (which seals with RFC 8188), RFC 8292. The curve, the signature and the cipher are those of the
//! library that does TLS.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::{alphabet, engine::DecodePaddingMode};
use hkdf::Hkdf;
use serde_json::json;
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::send::Vapid;
use crate::clock::{Timestamp, random};
use crate::error::{Error, ErrorKind, Result};
use crate::outbound::{self, Reach};
use crate::schema::Setting;
use crate::secret::{MasterKey, Secret};
use crate::store::{Read, Tx, settings};

/// Bytes of a message before it is sealed, at most.
pub(crate) const MOST: usize = 3072;
/// Bytes of an endpoint, at most.
const MOST_ENDPOINT: usize = 2048;
/// The size of the one record that a message is, as it is announced. Services need not take more than this.
const RECORD: u32 = 4096;
/// How long a signature holds: half of what is allowed, so that a clock that is wrong by hours does no harm.
const SIGNED_SECONDS: i64 = 12 * 3600;

const PRIVATE: &str = "notifications.vapid_private_key";
const PUBLIC: &str = "notifications.vapid_public_key";
const CONTACT: &str = "notifications.vapid_contact_email";

/// A pair of keys of the curve P-256, both in base64url without padding.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The number, 32 bytes.
    pub private: Secret<String>,
    /// The point, uncompressed, 65 bytes.
    pub public: String,
}

impl Pair {
    /// A new pair.
    ///
    /// # Errors
    /// `internal` when the library refuses.
    pub fn generate() -> Result<Self> {
        let (bytes, key) = fresh()?;
        Ok(Self { private: Secret::new(to_base64url(&*bytes)), public: to_base64url(&point(&key)?) })
    }
}

/// A private key that nobody had before. Numbers that are none of the curve's are thrown away: one of 2³² is.
fn fresh() -> Result<(Zeroizing<[u8; 32]>, PrivateKey)> {
    for _ in 0..8 {
        let bytes = Zeroizing::new(random::<32>());
        if let Ok(key) = PrivateKey::from_private_key(&ECDH_P256, &*bytes) {
            return Ok((bytes, key));
        }
    }
    Err(Error::internal("no private key could be made"))
}

fn point(key: &PrivateKey) -> Result<Vec<u8>> {
    let public = key.compute_public_key().map_err(|_| Error::internal("a private key without its public key"))?;
    Ok(public.as_ref().to_vec())
}

/// Reads base64url; browsers leave the padding out.
#[must_use]
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(text).ok()
}

/// Bytes in base64url without padding.
#[must_use]
pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads where a push service is told: https, or http on this machine where `reach` goes there. What a name resolves to is
/// looked at when it is called.
///
/// # Errors
/// Why it can't be one.
pub fn check_endpoint(text: &str, reach: &Reach) -> Result<Url, String> {
    if text.len() > MOST_ENDPOINT {
        return Err(format!("at most {MOST_ENDPOINT} bytes; got {}", text.len()));
    }
    let url = Url::parse(text).map_err(|e| format!("must be an https URL: {e}"))?;
    outbound::check(reach, &url, true).map_err(|fault| fault.to_string())?;
    if url.fragment().is_some() {
        return Err("must be a URL without a fragment".into());
    }
    Ok(url)
}

/// Whether `bytes` are an uncompressed point of the curve P-256.
#[must_use]
pub fn is_point(bytes: &[u8]) -> bool {
    bytes.len() == 65 && bytes[0] == 4 && ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, bytes)).is_ok()
}

/// Seals `message` for the browser with the public key `p256dh` and the secret `auth`: a body of the content coding
/// `aes128gcm`. None where these are no keys.
#[must_use]
pub fn seal(message: &[u8], p256dh: &[u8], auth: &[u8]) -> Option<Vec<u8>> {
    let (_, sender) = fresh().ok()?;
    seal_with(message, p256dh, auth, &sender, random())
}

/// As [`seal`] with a sender's key and a salt from outside. For test vectors only: together they seal one message.
#[doc(hidden)]
#[must_use]
pub fn seal_as(message: &[u8], p256dh: &[u8], auth: &[u8], sender: &[u8], salt: [u8; 16]) -> Option<Vec<u8>> {
    seal_with(message, p256dh, auth, &PrivateKey::from_private_key(&ECDH_P256, sender).ok()?, salt)
}

fn seal_with(message: &[u8], p256dh: &[u8], auth: &[u8], sender: &PrivateKey, salt: [u8; 16]) -> Option<Vec<u8>> {
    if !is_point(p256dh) || auth.len() != 16 {
        return None;
    }
    let public = point(sender).ok()?;
    let info = [b"WebPush: info\0", p256dh, &public].concat();
    let mut input = Zeroizing::new([0; 32]);
    agree(sender, UnparsedPublicKey::new(&ECDH_P256, p256dh), (), |shared| {
        Hkdf::<Sha256>::new(Some(auth), shared).expand(&info, &mut *input).map_err(drop)
    })
    .ok()?;
    let (mut key, mut nonce) = (Zeroizing::new([0; 16]), [0; 12]);
    let derived = Hkdf::<Sha256>::new(Some(&salt), &*input);
    derived.expand(b"Content-Encoding: aes128gcm\0", &mut *key).ok()?;
    derived.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;
    // The last record ends in 2, and may be filled up with zeros behind it.
    let mut sealed = [message, &[2]].concat();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &*key).ok()?);
    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()?;
    let mut body = salt.to_vec();
    body.extend(RECORD.to_be_bytes());
    body.push(u8::try_from(public.len()).ok()?);
    body.extend(public);
    body.extend(sealed);
    Some(body)
}

impl Vapid {
    /// The value of `Authorization` for a push service, which is at `origin`: who sends, and how they can be told of
    /// trouble.
    ///
    /// # Errors
    /// `push.key` when the stored pair is none.
    pub fn authorization(&self, origin: &str, now: Timestamp) -> Result<Secret<String>> {
        let broken = || Error::new(ErrorKind::Corrupt, "push.key", "the stored pair of keys is none");
        let private = Zeroizing::new(from_base64url(self.private.expose()).ok_or_else(broken)?);
        let public = from_base64url(&self.public).ok_or_else(broken)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public)
            .map_err(|_| broken())?;
        let mut claims = json!({"aud": origin, "exp": now.0.div_euclid(1000) + SIGNED_SECONDS});
        if !self.contact.is_empty() {
            claims["sub"] = format!("mailto:{}", self.contact).into();
        }
        let part = |value: serde_json::Value| to_base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(json!({"typ": "JWT", "alg": "ES256"})), part(claims));
        let signature = pair.sign_digest(&digest(&SHA256, signed.as_bytes())).map_err(|_| broken())?;
        let token = format!("{signed}.{}", to_base64url(signature.as_ref()));
        Ok(Secret::new(format!("vapid t={token}, k={}", self.public)))
    }
}

/// What push services are shown, as it is stored; none where no pair is.
///
/// # Errors
/// `secret_tampered`, `secret_not_encrypted`, and those of the database.
pub fn vapid(read: &Read<'_>, key: &MasterKey) -> Result<Option<Vapid>> {
    let stored = |name| Ok::<_, Error>(settings::value(read, name)?.unwrap_or_default());
    let (private, public) = (stored(PRIVATE)?, stored(PUBLIC)?);
    if private.is_empty() || public.is_empty() {
        return Ok(None);
    }
    let unset = || Setting::find(CONTACT).map_or("", |setting| setting.default).to_owned();
    let contact = settings::value(read, CONTACT)?.unwrap_or_else(unset);
    Ok(Some(Vapid { private: key.decrypt(&private)?, public, contact }))
}

/// The public key that browsers subscribe with; none where no pair is stored.
///
/// # Errors
/// Those of the database.
pub fn public_key(read: &Read<'_>) -> Result<Option<String>> {
    Ok(settings::value(read, PUBLIC)?.filter(|text| !text.is_empty()))
}

/// Whether no pair is stored. One that can't be opened is one: a new pair would end every subscription.
///
/// # Errors
/// Those of the database.
pub fn lacks_pair(read: &Read<'_>) -> Result<bool> {
    Ok(settings::value(read, PRIVATE)?.is_none_or(|text| text.is_empty()))
}

/// Makes and stores the pair, unless one is stored.
///
/// # Errors
/// Those of [`Pair::generate`] and of the database.
pub fn ensure_pair(tx: &Tx<'_>, key: &MasterKey) -> Result<()> {
    if !lacks_pair(tx)? {
        return Ok(());
    }
    let pair = Pair::generate()?;
    settings::write_own(tx, PRIVATE, &key.encrypt(pair.private.expose()))?;
    settings::write_own(tx, PUBLIC, &pair.public)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifying};
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_points_of_the_curve_are_points() {
        let good = from_base64url(&Pair::generate().unwrap().public).unwrap();
        assert!(is_point(&good));
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        // A point whose second half is another one lies beside the curve.
        for bad in [&good[1..], &[], &[4; 65], &changed(0, 6), &changed(64, good[64] ^ 1), &changed(0, 2)[..33]] {
            assert!(!is_point(bad), "{bad:?}");
        }
        assert_eq!(seal(b"x", &changed(64, good[64] ^ 1), &[0; 16]), None);
        assert_eq!(seal(b"x", &good, &[0; 15]), None);
        assert_ne!(seal(b"x", &good, &[0; 16]).unwrap(), seal(b"x", &good, &[0; 16]).unwrap());
    }

    #[test]
    fn who_sends_is_signed_for_one_service_and_half_a_day() {
        let Pair { private, public } = Pair::generate().unwrap();
        let vapid = Vapid { private, public: public.clone(), contact: "ops@example.org".into() };
        let value = vapid.authorization("https://push.example", Timestamp(1_767_225_600_999)).unwrap();
        let (token, key) = value.expose().strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, public);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifying = Verifying::new(&ECDSA_P256_SHA256_FIXED, from_base64url(key).unwrap());
        verifying.verify(signed.as_bytes(), &from_base64url(signature).unwrap()).unwrap();
        let parts: Vec<Value> =
            signed.split('.').map(|part| serde_json::from_slice(&from_base64url(part).unwrap()).unwrap()).collect();
        assert_eq!(parts[0], json!({"typ": "JWT", "alg": "ES256"}));
        let claims = json!({"aud": "https://push.example", "exp": 1_767_268_800, "sub": "mailto:ops@example.org"});
        assert_eq!(parts[1], claims);
        assert_eq!(format!("{vapid:?}").matches("***").count(), 1);
    }

    #[test]
    fn a_pair_that_is_none_is_named() {
        let Pair { private, .. } = Pair::generate().unwrap();
        let other = Pair::generate().unwrap().public;
        for (private, public) in [(private, other.clone()), (Secret::new("x".into()), other)] {
            let vapid = Vapid { private, public, contact: String::new() };
            let error = vapid.authorization("https://push.example", Timestamp(0)).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "push.key"));
        }
    }

    #[test]
    fn endpoints_are_https_and_lie_outside() {
        let (outside, private) = (Reach::default(), Reach { private: true, ..Reach::default() });
        for good in ["https://push.example/a?b=c", "https://8.8.8.8:8443/a", "https://[2606:4700::1111]/"] {
            assert_eq!(check_endpoint(good, &outside).unwrap().as_str(), good);
        }
        let long = format!("https://push.example/{}", "a".repeat(2048));
        for bad in [
            "",
            "/a",
            "push.example",
            "http://push.example/",
            "ftp://push.example/",
            "https://me:word@push.example/",
            "https://push.example/#a",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/",
            "http://localhost/",
            &long,
        ] {
            assert!(check_endpoint(bad, &outside).is_err(), "{bad}");
        }
        for here in ["http://localhost:1/", "http://127.0.0.1:1/", "http://[::1]:1/", "https://10.0.0.1/"] {
            assert_eq!(check_endpoint(here, &private).unwrap().as_str(), here);
        }
        assert!(check_endpoint("http://10.0.0.1/", &private).is_err());
    }
}
