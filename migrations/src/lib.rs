//! The numbered SQL migrations of an Argos database.
