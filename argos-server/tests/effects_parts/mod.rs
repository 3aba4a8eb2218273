//! The tables of `effects.rs`, and the running Argos that their rows are tried on.
#![allow(unreachable_pub, reason = "a test has no public paths")]

pub mod columns;
pub mod rules;
pub mod settings;
pub mod world;

use world::World;

/// How it shows that a stored field or a setting does what it says.
pub enum Proof {
    /// Changes it and observes the difference from outside.
    Effect(fn(&World)),
    /// Its part does not exist yet: the operation refuses this field with this value as not available yet.
    #[expect(dead_code, reason = "each field that is known has its part; the next one that has none needs this")]
    NotYet(&'static str, &'static str, serde_json::Value),
    /// No operation writes it: whatever was done, every row holds the column's default.
    Unwritten,
    /// Every operation was done and some row of the table holds another value than the column's default.
    Filled,
    /// It can't be seen from outside. The file and the test in it that show it.
    ShownBy(&'static str, &'static str),
}
