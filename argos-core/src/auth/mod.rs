//! Who may sign in, and who is signed in.

mod hashing;
mod password;
mod sessions;
mod setup;

pub use hashing::Hashing;
pub use password::{HashSettings, check_new, hash};
pub use sessions::{Found, Session, SessionTerms, Sessions};
pub use setup::SetupToken;
