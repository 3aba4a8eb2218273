//! Second factors: codes of six digits from a shared secret, and codes for the day the telephone is gone.
//!
//! Source: RFC 6238, RFC 4226; the Key Uri Format of authenticator programs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcodegen_image::qrcodegen::{QrCode, QrCodeEcc};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use totp_rs::{Algorithm, Builder, Secret as Key, Totp};

use crate::clock::{Timestamp, random};
use crate::error::{Error, Result};
use crate::secret::{MasterKey, Secret};

/// Seconds of a step.
const STEP: u64 = 30;
/// Recovery codes of a set.
const CODES: usize = 10;
/// The white border of a QR code, in modules. Source: ISO/IEC 18004 §5.3.8.
const QUIET: i32 = 4;

/// A shared secret: 20 bytes, as base32 without padding.
pub struct TotpSecret(Secret<String>);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl TotpSecret {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::new(Key::from(random::<20>()).to_base32()))
    }

    /// The one that is stored as `text`.
    #[must_use]
    pub fn stored(text: Secret<String>) -> Self {
        Self(text)
    }

    /// As base32.
    #[must_use]
    pub fn text(&self) -> &Secret<String> {
        &self.0
    }

    /// The step whose code `given` is, one before or after `now` included, if it is one. Blanks are left out.
    ///
    /// # Errors
    /// `internal` for a stored secret that is none.
    pub fn step(&self, given: &str, now: Timestamp) -> Result<Option<i64>> {
        let code = Secret::new(given.chars().filter(|c| !c.is_whitespace()).collect::<String>());
        if code.expose().len() != 6 || !code.expose().bytes().all(|b| b.is_ascii_digit()) {
            return Ok(None);
        }
        let seconds = u64::try_from(now.millis() / 1000).unwrap_or(0);
        Ok(self.totp()?.check(code.expose(), seconds).and_then(|step| i64::try_from(step).ok()))
    }

    /// The address that authenticator programs read.
    #[must_use]
    pub fn url(&self, username: &str) -> Secret<String> {
        let user = utf8_percent_encode(username, NON_ALPHANUMERIC);
        let secret = self.0.expose();
        Secret::new(format!(
            "otpauth://totp/Argos:{user}?secret={secret}&issuer=Argos&algorithm=SHA1&digits=6&period={STEP}"
        ))
    }

    fn totp(&self) -> Result<Totp> {
        let wrong = |e: &dyn std::fmt::Display| Error::internal(format!("a stored TOTP secret: {e}"));
        let key = Key::try_from_base32(self.0.expose()).map_err(|e| wrong(&e))?;
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1);
        builder.with_step_duration(STEP).with_secret(key).build().map_err(|e| wrong(&e))
    }
}

/// A text as a QR code, as SVG and as PNG in base64.
///
/// # Errors
/// `internal` for a text that is too long.
pub fn qr(text: &Secret<String>) -> Result<(Secret<String>, Secret<String>)> {
    let wrong = |e: &dyn std::fmt::Display| Error::internal(format!("drawing a QR code: {e}"));
    let code = QrCode::encode_text(text.expose(), QrCodeEcc::Medium).map_err(|e| wrong(&e))?;
    let side = code.size() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{},{}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0,0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
    );
    let png = qrcodegen_image::draw_png(text.expose()).map_err(|e| wrong(&e))?;
    Ok((Secret::new(svg), Secret::new(STANDARD.encode(png))))
}

/// The stored form of a set of recovery codes.
#[derive(serde::Serialize, serde::Deserialize)]
struct Set {
    #[serde(default)]
    v: u8,
    codes: Vec<String>,
}

/// A set of recovery codes, of which each is good once.
#[derive(Debug)]
pub struct RecoveryCodes(Vec<String>);

impl RecoveryCodes {
    /// A new set, and the codes as they are shown this once.
    #[must_use]
    pub fn generate() -> (Self, Vec<String>) {
        let shown: Vec<String> = (0..CODES).map(|_| shown(random())).collect();
        let stored = shown.iter().map(|code| seal(&normalised(code).unwrap_or_default(), random())).collect();
        (Self(stored), shown)
    }

    /// The set that is stored as `text`.
    ///
    /// # Errors
    /// `Corrupt` for one that can't be opened, `internal` for one that is none.
    pub fn stored(text: &str, key: &MasterKey) -> Result<Self> {
        let plain = key.decrypt(text)?;
        let set: Set = serde_json::from_str(plain.expose())
            .map_err(|_| Error::internal("a stored set of recovery codes is not well-formed"))?;
        if set.v >= 1 {
            return Ok(Self(set.codes));
        }
        // An older form holds the codes themselves.
        let sealed = set.codes.iter().filter_map(|code| normalised(code).ok()).map(|code| seal(&code, random()));
        Ok(Self(sealed.collect()))
    }

    /// The text that is stored.
    #[must_use]
    pub fn seal(&self, key: &MasterKey) -> String {
        let set = Secret::new(serde_json::json!({"v": 1, "codes": self.0}).to_string());
        key.encrypt(set.expose())
    }

    /// Codes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Takes `code` out; whether it was there.
    ///
    /// # Errors
    /// `recovery_code.form`.
    pub fn spend(&mut self, code: &str) -> Result<bool> {
        let code = normalised(code)?;
        // Every one is looked at, so that the time tells nothing about which it is.
        let fits: Vec<Choice> = self.0.iter().map(|stored| is_sealed(&code, stored)).collect();
        let found = fits.iter().position(|fit| bool::from(*fit));
        if let Some(at) = found {
            self.0.remove(at);
        }
        Ok(found.is_some())
    }
}

/// A code as it is shown: `xxxx-xxxx` in lower-case base32 (RFC 4648 §6).
fn shown(raw: [u8; 5]) -> String {
    let text = Key::from(&raw[..]).to_base32().to_ascii_lowercase();
    format!("{}-{}", &text[..4], &text[4..])
}

/// A code without what people put into it: blanks, dashes, capitals.
fn normalised(code: &str) -> Result<String> {
    let kept = code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(9);
    let text: String = kept.map(|c| c.to_ascii_lowercase()).collect();
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'2'..=b'7')) {
        return Ok(text);
    }
    Err(Error::invalid("recovery_code.form", "recovery_code", "8 letters and digits, such as abcd-2345"))
}

/// `<salt hex>$<hash hex>`.
fn seal(code: &str, salt: [u8; 16]) -> String {
    format!("{}${}", hex::encode(salt), hex::encode(digest(&salt, code)))
}

fn is_sealed(code: &str, stored: &str) -> Choice {
    let parts =
        stored.split_once('$').and_then(|(salt, hash)| Some((hex::decode(salt).ok()?, hex::decode(hash).ok()?)));
    let Some((salt, hash)) = parts else { return Choice::from(0) };
    digest(&salt, code).ct_eq(&hash)
}

fn digest(salt: &[u8], code: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(code).finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors(group: &str) -> Value {
        let all: Value = serde_json::from_str(include_str!("../../tests/vectors/crypto.json")).unwrap();
        all[group].clone()
    }

    #[test]
    fn codes_are_those_of_the_vectors_one_step_around() {
        let group = vectors("totp");
        let secret = TotpSecret::stored(group["secret_base32"].as_str().unwrap().to_owned().into());
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let (code, step) = (case["code"].as_str().unwrap(), case["step"].as_i64().unwrap());
            let at = |seconds: i64| Timestamp((case["unix_seconds"].as_i64().unwrap() + seconds) * 1000);
            for shift in [-30, 0, 30] {
                assert_eq!(secret.step(code, at(shift)).unwrap(), Some(step), "{code} {shift}");
            }
            assert_eq!(secret.step(code, at(90)).unwrap(), None);
            assert_eq!(secret.step(&format!(" {} {} ", &code[..3], &code[3..]), at(0)).unwrap(), Some(step));
        }
        for bad in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "+12345", "-12345"] {
            assert_eq!(secret.step(bad, Timestamp(59_000)).unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn a_new_secret_is_20_bytes_and_its_address_and_picture_hold_it() {
        let secret = TotpSecret::generate();
        let text = secret.text().expose();
        assert!(text.len() == 32 && text.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7')));
        let url = secret.url("ada@example.org");
        let expected = format!(
            "otpauth://totp/Argos:ada%40example%2Eorg?secret={text}&issuer=Argos&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(*url.expose(), expected);
        let (svg, png) = qr(&url).unwrap();
        assert!(svg.expose().starts_with("<svg ") && svg.expose().ends_with("</svg>"));
        assert!(STANDARD.decode(png.expose()).unwrap().starts_with(b"\x89PNG"));
        assert_eq!(format!("{secret:?}"), "***");
    }

    #[test]
    fn recovery_codes_are_those_of_the_vectors() {
        let group = vectors("recovery");
        let text = |field: &str| group[field].as_str().unwrap();
        let raw: [u8; 5] = hex::decode(text("raw_hex")).unwrap().try_into().unwrap();
        assert_eq!(shown(raw), text("shown"));
        let salt: [u8; 16] = hex::decode(text("salt_hex")).unwrap().try_into().unwrap();
        assert_eq!(seal(text("normalised"), salt), format!("{}${}", text("salt_hex"), text("hash_hex")));
        let spellings = group["spellings"].as_array().unwrap();
        assert!(!spellings.is_empty());
        for spelling in spellings {
            let mut set = RecoveryCodes(vec![seal(text("normalised"), salt)]);
            assert!(set.spend(spelling.as_str().unwrap()).unwrap(), "{spelling}");
            assert_eq!(set.left(), 0);
        }
        let refused = group["refused"].as_array().unwrap();
        assert!(!refused.is_empty());
        for spelling in refused {
            let spelling = spelling["code"].as_str().unwrap();
            let mut set = RecoveryCodes(vec![seal(text("normalised"), salt)]);
            assert!(!set.spend(spelling).unwrap_or(false), "{spelling}");
        }
    }

    #[test]
    fn each_code_of_a_set_is_good_once_also_of_an_older_form() {
        let key = MasterKey::generate();
        let (set, codes) = RecoveryCodes::generate();
        assert_eq!(codes.len(), 10);
        let mut set = RecoveryCodes::stored(&set.seal(&key), &key).unwrap();
        assert!(set.spend(&codes[3]).unwrap() && !set.spend(&codes[3]).unwrap());
        assert_eq!(set.left(), 9);
        let old = key.encrypt("{\"codes\":[\"aaaa-2222\",\"bbbb-3333\"]}");
        let mut set = RecoveryCodes::stored(&old, &key).unwrap();
        assert!(set.spend("AAAA2222").unwrap());
        let sealed = key.decrypt(&set.seal(&key)).unwrap();
        assert!(sealed.expose().starts_with("{\"v\":1,") && !sealed.expose().contains("bbbb"));
    }
}
