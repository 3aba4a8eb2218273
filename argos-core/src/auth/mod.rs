//! Who may sign in. So far: the first administrator.

mod password;
mod setup;

pub use password::{HashSettings, check_new, hash};
pub use setup::SetupToken;
