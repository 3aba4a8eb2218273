//! The document that the server serves.

/// The committed form: indented, so that a change reads well.
pub fn render() -> String {
    let document = serde_json::to_string_pretty(&argos_core::api::openapi()).unwrap();
    document + "\n"
}
