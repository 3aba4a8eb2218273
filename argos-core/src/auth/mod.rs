//! Who may sign in, and who is signed in.

mod hashing;
pub mod limiter;
pub mod oidc;
mod password;
mod pending;
pub mod return_url;
mod sessions;
mod setup;
mod tickets;
mod totp;

pub use hashing::Hashing;
pub use password::{Bearer, Checked, HashSettings, check_new, hash, verify};
pub use pending::Pending;
pub use sessions::{Found, Session, SessionTerms, Sessions};
pub use setup::SetupToken;
pub use tickets::{Ticket, Tickets};
pub use totp::{RecoveryCodes, TotpSecret, qr};
