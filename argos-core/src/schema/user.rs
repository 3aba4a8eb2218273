//! People who sign in.

use super::{Role, UserId, text_enum};
use crate::clock::Timestamp;
use crate::error::Error;

text_enum! {
    /// Who vouches for a person.
    Provider {
        /// Argos, by a password.
        Local = "local",
        /// The identity provider.
        Oidc = "oidc",
    }
}

/// A name to sign in with: 1–64 ASCII letters, digits and `_ . - @`; case does not tell two apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Parses `text`; blanks at its ends are left out.
    ///
    /// # Errors
    /// `user.username`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let name = text.trim_matches(' ');
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@');
        if (1..=64).contains(&name.len()) && name.bytes().all(good) {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::invalid("user.username", "username", "1–64 ASCII letters, digits and _ . - @"))
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that attempts are counted under.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl std::fmt::Display for Username {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Identity.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// Address of mail.
    pub email: Option<String>,
    /// Name as others read it.
    pub display_name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Who vouches for them.
    pub provider: Provider,
    /// Groups at the last sign-in by the identity provider.
    pub groups: Vec<String>,
}

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct User {
    /// Identity.
    pub id: UserId,
    /// Unique name; case does not tell two apart.
    pub username: String,
    /// Address of mail.
    pub email: Option<String>,
    /// Name as others read it.
    pub display_name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether they can sign in.
    pub enabled: bool,
    /// `oidc` where an identity of the identity provider is attached.
    pub provider: Provider,
    /// How the person came to be here.
    pub created_via: Provider,
    /// Whether they can sign in by a password.
    pub has_password: bool,
    /// Whether a second factor is asked of them.
    pub totp_enabled: bool,
    /// Groups at the last sign-in by the identity provider.
    pub oidc_groups: Vec<String>,
    /// When they last signed in.
    pub last_login: Option<Timestamp>,
    /// When the password was last set.
    pub password_changed_at: Option<Timestamp>,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ascii() {
        for good in ["a", "A.b-c_d@e", " ada ", &"x".repeat(64)] {
            assert_eq!(Username::parse(good).unwrap().as_str(), good.trim());
        }
        let look_alike = "\u{430}dmin";
        for bad in ["", " ", "a b", "a\0", "a\n", look_alike, "admin\u{200b}", "ａdmin", &"x".repeat(65), "a/b", "<a>"]
        {
            assert_eq!(Username::parse(bad).unwrap_err().code(), "user.username", "{bad:?}");
        }
        assert_eq!(Username::parse("Ada").unwrap().folded(), "ada");
    }
}
