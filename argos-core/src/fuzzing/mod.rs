//! What must hold for any bytes: one function for each target in `fuzz/`, called by the tests too.
//!
//! A property takes bytes as they come and panics where something that must always hold does not. This module is
//! compiled into tests and with the feature `fuzzing`, which adds it and changes nothing else.

mod bodies;
mod calls;
mod choices;
mod dns;
mod exchanges;
mod heads;
mod names;
mod secrets;
mod texts;

#[cfg(test)]
mod tests;

/// A property over any bytes.
pub type Property = fn(&[u8]);

/// The property of each target in `fuzz/fuzz_targets`, by the target's name.
pub const TARGETS: &[(&str, Property)] = &[
    ("caa", dns::caa),
    ("call_sequences", calls::call_sequences),
    ("calls", calls::calls),
    ("chunked", bodies::chunked),
    ("codings", bodies::codings),
    ("cursors", secrets::cursors),
    ("dns_providers", dns::dns_providers),
    ("envelopes", secrets::envelopes),
    ("exchanges", exchanges::exchanges),
    ("fields", names::fields),
    ("hostnames", names::hostnames),
    ("oidc", crate::auth::oidc::answers),
    ("paths", names::paths),
    ("reply_heads", heads::reply_heads),
    ("request_heads", heads::request_heads),
    ("templates", texts::templates),
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
