//! The SecLang rule engine of Argos.
