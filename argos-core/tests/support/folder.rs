//! An Argos over a data folder of the test's own.

use std::path::{Path, PathBuf};

use argos_core::{Argos, Options};

/// A data folder of a test's own, removed at its end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

/// The folder `name` of the shared inputs, if they are there; `SHARED_DIR` counts from the package.
pub fn shared(name: &str) -> Option<PathBuf> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join(name);
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return None;
    }
    Some(folder)
}

/// An Argos over that folder.
pub fn argos(folder: &Folder) -> Argos {
    Argos::open(Options::new(folder.path())).unwrap()
}
