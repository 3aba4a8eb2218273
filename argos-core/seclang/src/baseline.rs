//! The rules that ship with the engine.
//!
//! The baseline has three parts so that a caller's own rules stand where they count: after the scores are
//! set up and before they are summed.

/// Body processor choice and parse failures (ids 200000–200006); part of every rule set.
pub(crate) const BASE: &[u8] = include_bytes!("baseline/base.conf");

/// Scores and defaults (ids 1000–1099).
pub(crate) const INIT: &[u8] = include_bytes!("baseline/init.conf");

/// Detection (ids 1100–8999).
pub(crate) const DETECT: &[u8] = include_bytes!("baseline/detect.conf");

/// Outbound detection (ids 7000–7999).
pub(crate) const OUTBOUND: &[u8] = include_bytes!("baseline/outbound.conf");

/// Summing and blocking (ids 9000–9999).
pub(crate) const EVALUATE: &[u8] = include_bytes!("baseline/evaluate.conf");
