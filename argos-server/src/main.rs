//! The `argos` binary.
fn main() {}
