//! The SecLang rule engine of Argos.

/// placeholder until the engine lands
#[derive(Clone, Debug)]
pub struct RuleSet;
