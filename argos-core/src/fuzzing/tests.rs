//! The kept inputs of every target, and some more made of them: the same in every run.

#[path = "../../seclang/src/fuzzing/tests/smoke.rs"]
mod smoke;

use super::TARGETS;

#[test]
fn every_property_holds_for_the_kept_inputs_and_what_is_made_of_them() {
    smoke::run(std::path::Path::new(env!("CARGO_MANIFEST_DIR")), TARGETS, 200);
}
