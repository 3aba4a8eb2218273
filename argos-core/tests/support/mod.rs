//! What the tests of the facade share.
#![allow(dead_code, reason = "each test binary uses its part")]

use argos_core::{Argos, Options};

/// A data folder of a test's own, removed at its end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }
}

/// An Argos over that folder.
pub(crate) fn argos(folder: &Folder) -> Argos {
    Argos::open(Options::new(folder.path())).unwrap()
}
