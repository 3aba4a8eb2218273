//! The rules that ship with the engine.

/// Body processor choice and parse failures (ids 200000–200006); part of every rule set.
pub(crate) const BASE: &[u8] = include_bytes!("base.conf");

/// The baseline (ids 1000–9999); chosen by the caller.
pub(crate) const RULES: &[u8] = include_bytes!("baseline.conf");
