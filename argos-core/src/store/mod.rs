//! The SQLite file: opened, migrated, read and written. One file per table family.

pub mod audit;
mod background;
mod columns;
pub mod custom_rules;
mod error;
pub mod exclusions;
pub mod findings;
pub mod history;
pub mod host_security;
pub mod hosts;
mod key_check;
mod lock;
pub mod logs;
mod migrate;
mod open;
mod pool;
pub mod rollback;
mod room;
pub mod rules;
pub mod settings;
mod span;
pub mod target_groups;
pub mod targets;
pub mod tokens;
mod tx;
pub mod users;
pub mod versions;
mod wal;
mod writer;

pub use audit::Origin;
pub(crate) use background::give_way;
pub use error::StoreError;
pub use migrate::{Step, Work};
pub use open::{OpenOptions, Store};
pub use span::Span;
pub use tx::{CONFIG_TABLES, Change, Read, Subject, Table, Tx, Undo};
