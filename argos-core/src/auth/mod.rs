//! Who may sign in, and who is signed in.

mod hashing;
pub mod oidc;
mod password;
mod sessions;
mod setup;

pub use hashing::Hashing;
pub use password::{HashSettings, check_new, hash};
pub use sessions::{Found, Session, SessionTerms, Sessions};
pub use setup::SetupToken;
