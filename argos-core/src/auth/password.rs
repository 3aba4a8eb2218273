//! Passwords: what is accepted, how they are stored and how they are checked.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier as _, Version};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Bytes of a password, at most.
const MOST: usize = 1024;

/// Passwords of the usual least length that many people use; lower-case, as they are compared.
const COMMON: &[&str] = &[
    "adminadminadmin",
    "administrator1",
    "changemechangeme",
    "correcthorsebatterystaple",
    "iloveyouforever",
    "letmeinletmein",
    "passwordpassword",
    "qwertyuiop[]",
    "qwertyuiop123",
    "qwertyuiopasdf",
    "qwertyuiopasdfghjkl",
    "trustno1trustno1",
    "welcome123456",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "zaq12wsxcde3",
];

/// Words that are nobody's secret with any digits around them.
const WORDS: &[&str] = &[
    "admin",
    "administrator",
    "changeme",
    "default",
    "dragon",
    "football",
    "iloveyou",
    "letmein",
    "login",
    "master",
    "monkey",
    "pass",
    "password",
    "passwort",
    "princess",
    "qwerty",
    "qwertz",
    "root",
    "secret",
    "sunshine",
    "superman",
    "test",
    "user",
    "welcome",
];

/// Rows of keys and characters that lie beside each other.
const ROWS: &[&str] = &["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm"];

/// Cost of a password hash: the settings `auth.argon2_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashSettings {
    /// KiB, at least 19,456.
    pub memory_kib: u32,
    /// Passes, at least 2.
    pub iterations: u32,
    /// Lanes, at least 1.
    pub parallelism: u32,
}

/// What is known of whoever a password is for: none of it is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bearer<'a> {
    /// The name to sign in with.
    pub username: &'a str,
    /// Address of mail.
    pub email: Option<&'a str>,
    /// Name as others read it.
    pub display_name: Option<&'a str>,
}

/// What a check of a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right {
        /// Whether it is to be stored anew, since the stored form costs an attacker less than it could.
        outdated: bool,
    },
}

/// Refuses a password that is too short, too long, holds NUL, or is among the first that anybody tries.
///
/// # Errors
/// `password.too_short`, `password.too_long`, `password.nul`, `password.weak`.
pub fn check_new(field: &'static str, password: &Secret<String>, min_length: usize, of: &Bearer<'_>) -> Result<()> {
    let text = password.expose();
    if text.contains('\0') {
        return Err(Error::invalid("password.nul", field, "NUL is not allowed"));
    }
    if text.len() > MOST {
        return Err(Error::invalid("password.too_long", field, "at most 1024 bytes"));
    }
    if text.nfc().count() < min_length {
        let reason = format!("at least {min_length} characters");
        return Err(Error::invalid("password.too_short", field, reason));
    }
    let weak = |why: &str| Err(Error::invalid("password.weak", field, format!("choose another one: {why}")));
    let folded = Secret::new(text.nfc().collect::<String>().to_lowercase());
    let around = |c: char| c.is_ascii_digit() || c.is_whitespace();
    let core = folded.expose().trim_matches(around);
    let known = [Some(of.username), of.email, of.email.and_then(|e| e.split('@').next()), of.display_name];
    for name in known.into_iter().flatten().filter(|name| !name.is_empty()) {
        let name = name.nfc().collect::<String>().to_lowercase();
        let own = name.trim_matches(around);
        if name == *folded.expose() || (own == core && !own.is_empty()) {
            return weak("it is a name of yours, with or without digits around it");
        }
    }
    if is_pattern(folded.expose()) {
        return weak("it repeats itself, or goes along a row of keys");
    }
    if COMMON.contains(&folded.expose().as_str()) || WORDS.contains(&core) {
        return weak("it is one of those that many people use");
    }
    Ok(())
}

/// Whether a text is one short part again and again, or goes up or down a row all the way.
fn is_pattern(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let repeats = |part: usize| chars.iter().enumerate().all(|(i, c)| *c == chars[i % part]);
    if (1..=chars.len() / 2).any(repeats) {
        return true;
    }
    ROWS.iter().any(|row| {
        let row: Vec<char> = row.chars().collect();
        let goes = |step: usize| {
            chars.windows(2).all(|pair| {
                row.iter().zip(row.iter().cycle().skip(step)).take(row.len()).any(|(a, b)| pair == [*a, *b])
            })
        };
        goes(1) || goes(row.len() - 1)
    })
}

/// The Argon2id PHC string of a password after Unicode NFC. Takes some ten milliseconds and `memory_kib`.
///
/// # Errors
/// `internal` when the parameters are outside what Argon2 allows.
pub fn hash(password: &Secret<String>, cost: HashSettings) -> Result<String> {
    let normal = normal(password);
    argon2(cost)?
        .hash_password(normal.expose().as_bytes())
        .map(|phc| phc.to_string())
        .map_err(|e| Error::internal(format!("hashing a password: {e}")))
}

/// Checks a password against the stored form: an Argon2 PHC string, or one of bcrypt from elsewhere. Without a stored form
/// (nobody, or somebody without a password) it does the same work and is wrong.
///
/// # Errors
/// As [`hash`], and `internal` for a stored form that is neither.
pub fn verify(password: &Secret<String>, stored: Option<&str>, cost: HashSettings) -> Result<Checked> {
    // What can't have been accepted is not looked at; it costs the same.
    let fits = password.expose().len() <= MOST;
    let Some(stored) = stored.filter(|_| fits) else {
        // The work is what counts: no salt of a fixed value could be told from one that is stored.
        let nobodys = Secret::new("nobody's".to_owned());
        hash(if fits { password } else { &nobodys }, cost)?;
        return Ok(Checked::Wrong);
    };
    let normal = normal(password);
    if ["$2a$", "$2b$", "$2y$"].iter().any(|version| stored.starts_with(version)) {
        let right = bcrypt::verify(normal.expose(), stored);
        let right = right.map_err(|e| Error::internal(format!("a stored bcrypt hash: {e}")))?;
        return Ok(if right { Checked::Right { outdated: true } } else { Checked::Wrong });
    }
    let phc = PasswordHash::new(stored).map_err(|e| Error::internal(format!("a stored password hash: {e}")))?;
    match Argon2::default().verify_password(normal.expose().as_bytes(), &phc) {
        Ok(()) => Ok(Checked::Right { outdated: is_weaker(&phc, cost) }),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Checked::Wrong),
        Err(e) => Err(Error::internal(format!("a stored password hash: {e}"))),
    }
}

fn is_weaker(phc: &PasswordHash, cost: HashSettings) -> bool {
    let number = |name: &str| phc.params.get_decimal(name).unwrap_or(0);
    phc.algorithm.as_str() != "argon2id"
        || number("m") < cost.memory_kib
        || number("t") < cost.iterations
        || number("p") < cost.parallelism
}

fn normal(password: &Secret<String>) -> Secret<String> {
    Secret::new(password.expose().nfc().collect::<String>())
}

fn argon2(cost: HashSettings) -> Result<Argon2<'static>> {
    let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None)
        .map_err(|e| Error::internal(format!("password hash parameters: {e}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashSettings = HashSettings { memory_kib: 64, iterations: 1, parallelism: 1 };

    #[test]
    fn weak_ones_are_refused_by_reason() {
        let of = Bearer {
            username: "ada.lovelace",
            email: Some("countess.lovelace@example.org"),
            display_name: Some("Ada King Lovelace"),
        };
        let refusal =
            |text: &str| check_new("new", &text.to_owned().into(), 12, &of).err().map(|e| e.code().to_owned());
        for (text, code) in [
            ("short", "password.too_short"),
            (&*"x".repeat(1025), "password.too_long"),
            ("with\0a zero byte", "password.nul"),
            ("ada.lovelace", "password.weak"),
            ("ADA.Lovelace1815", "password.weak"),
            ("12ada.lovelace34", "password.weak"),
            ("countess.lovelace@example.org", "password.weak"),
            ("countess.lovelace7", "password.weak"),
            ("ada king lovelace", "password.weak"),
            ("aaaaaaaaaaaa", "password.weak"),
            ("abcabcabcabc", "password.weak"),
            ("ab12ab12ab12ab", "password.weak"),
            ("abcdeabcdeabcde", "password.weak"),
            ("Passw0rdPassw0rd", "password.weak"),
            ("abcdefghijklm", "password.weak"),
            ("123456789012", "password.weak"),
            ("987654321098", "password.weak"),
            ("qwertyuiopas", "password.weak"),
            ("CorrectHorseBatteryStaple", "password.weak"),
            ("Password1234", "password.weak"),
            ("2026 welcome 2026", "password.weak"),
        ] {
            assert_eq!(refusal(text).as_deref(), Some(code), "{text:?}");
        }
        for text in ["sturdy-lantern-47", "ada.lovelace writes notes", "été à la plage"] {
            assert_eq!(refusal(text), None, "{text:?}");
        }
        // Composed and decomposed are the same characters.
        assert_eq!(refusal("e\u{301}f g h i j").as_deref(), Some("password.too_short"));
    }

    #[test]
    fn a_stored_form_that_costs_less_is_outdated() {
        let password: Secret<String> = "sturdy-lantern-47".to_owned().into();
        let stored = hash(&password, CHEAP).unwrap();
        let check = |text: &str, cost| verify(&text.to_owned().into(), Some(&stored), cost).unwrap();
        assert_eq!(check("sturdy-lantern-47", CHEAP), Checked::Right { outdated: false });
        let dearer = HashSettings { memory_kib: 65, ..CHEAP };
        assert_eq!(check("sturdy-lantern-47", dearer), Checked::Right { outdated: true });
        assert_eq!(check("sturdy-lantern-48", dearer), Checked::Wrong);
        assert_eq!(verify(&password, None, CHEAP).unwrap(), Checked::Wrong);
        assert_eq!(verify(&"x".repeat(1025).into(), Some(&stored), CHEAP).unwrap(), Checked::Wrong);
        assert!(verify(&password, Some("plain text"), CHEAP).is_err());
    }

    #[test]
    fn composed_and_decomposed_are_one_password() {
        let stored = hash(&"caf\u{e9} lantern 47".to_owned().into(), CHEAP).unwrap();
        let given = verify(&"cafe\u{301} lantern 47".to_owned().into(), Some(&stored), CHEAP).unwrap();
        assert_eq!(given, Checked::Right { outdated: false });
    }
}
