//! Who asks, and what their role allows.

use super::{SessionId, TokenId, UserId, text_enum};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};

text_enum! {
    /// A role, from the weakest. Each allows what those before it allow.
    Role {
        /// May open protected hosts, nothing of the panel.
        User = "user",
        /// Reads configuration and logs.
        Viewer = "viewer",
        /// Changes hosts, groups, rules and security.
        Operator = "operator",
        /// Everything.
        Admin = "admin",
    }
}

/// The author of a call; every change is audited with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Argos itself or the program that embeds it.
    System,
    /// A person at the command line of this machine.
    Cli,
    /// An API token.
    Token {
        /// The token's row.
        id: TokenId,
        /// Its name, for the audit row.
        name: String,
        /// What it may do.
        role: Role,
    },
    /// A signed-in person.
    User {
        /// The person's row.
        id: UserId,
        /// The name they sign in with.
        username: String,
        /// What they may do.
        role: Role,
        /// How they signed in; none where the program that embeds Argos vouches for them.
        session: Option<Signed>,
    },
    /// Nobody: a public call.
    Anonymous,
}

/// The session that a person asks through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The session's row.
    pub id: SessionId,
    /// When the person signed in.
    pub at: Timestamp,
}

/// Who may ask beside having the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Everybody with the role.
    Anyone,
    /// Everybody with the role but API tokens.
    NoToken,
    /// A person through a session.
    Session,
}

impl Actor {
    /// Text of the audit row: the username, `cli`, `token:<name>`, `system` or the empty string.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::System => "system".into(),
            Self::Cli => "cli".into(),
            Self::Token { name, .. } => format!("token:{name}"),
            Self::User { username, .. } => username.clone(),
            Self::Anonymous => String::new(),
        }
    }

    /// The user behind the call, if it is a person.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The role, or none for public calls.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::System | Self::Cli => Some(Role::Admin),
            Self::Token { role, .. } | Self::User { role, .. } => Some(*role),
            Self::Anonymous => None,
        }
    }

    /// Refuses unless this actor is one that may ask beside having the role.
    ///
    /// # Errors
    /// `unauthorized` for nobody, `forbidden.token`, `forbidden.session`.
    pub fn require_by(&self, by: By) -> Result<(), Error> {
        let refused = |code, text: &str| Err(Error::new(ErrorKind::Forbidden, code, text));
        match (by, self) {
            (By::Anyone, _) => Ok(()),
            (_, Self::Anonymous) => self.require(Some(Role::User)),
            (By::NoToken, Self::Token { .. }) => refused("forbidden.token", "API tokens may not ask this"),
            (By::Session, Self::User { session: None, .. } | Self::Token { .. } | Self::System | Self::Cli) => {
                refused("forbidden.session", "only a person who is signed in may ask this, about themselves")
            }
            _ => Ok(()),
        }
    }

    /// The session that asks.
    #[must_use]
    pub fn session(&self) -> Option<&Signed> {
        match self {
            Self::User { session, .. } => session.as_ref(),
            _ => None,
        }
    }

    /// Refuses unless this actor's role is at least `needed` (`None` = public).
    ///
    /// # Errors
    /// `unauthorized` for nobody, `forbidden` for a role that is too weak.
    pub fn require(&self, needed: Option<Role>) -> Result<(), Error> {
        let Some(needed) = needed else { return Ok(()) };
        match self.role() {
            None => Err(Error::new(ErrorKind::Unauthorized, "unauthorized", "sign in or give a bearer token")),
            Some(role) if role >= needed => Ok(()),
            Some(role) => Err(Error::new(
                ErrorKind::Forbidden,
                "forbidden",
                format!("this needs role {needed}; {} has role {role}", self.label()),
            )),
        }
    }
}
