//! What must hold for any bytes: one function for each target in `fuzz/`, called by the tests too.
//!
//! A property takes bytes as they come and panics where something that must always hold does not. This module is
//! compiled into tests and with the feature `fuzzing`, which adds it and changes nothing else.

mod bodies;
mod choices;
mod language;
mod operators;
mod transactions;
mod transforms;

#[cfg(test)]
mod tests;

/// A property over any bytes.
pub type Property = fn(&[u8]);

/// The property of each target in `fuzz/fuzz_targets`, by the target's name.
pub const TARGETS: &[(&str, Property)] = &[
    ("form", bodies::form),
    ("json", bodies::json),
    ("multipart", bodies::multipart),
    ("operators", operators::operators),
    ("rules", language::rules),
    ("transactions", transactions::transactions),
    ("transforms", transforms::transforms),
    ("xml", bodies::xml),
];

/// Runs the property of one target.
///
/// # Panics
/// When it does not hold, which is what a fuzzer looks for, or when there is no such target.
pub fn run(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, property) = found.expect("a target is named in the table");
    property(bytes);
}
