//! An Argos over a data folder of the test's own.

use argos_core::{Argos, Options};

/// A data folder of a test's own, removed at its end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }
}

/// An Argos over that folder.
pub fn argos(folder: &Folder) -> Argos {
    Argos::open(Options::new(folder.path())).unwrap()
}
