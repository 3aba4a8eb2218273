//! Where rule text comes from, and positions inside it.
//!
//! The engine opens no file itself: whoever compiles rules hands in a [`Loader`].

use std::sync::Arc;

/// Why a named rule file could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct LoadError {
    /// The name that was asked for.
    pub name: String,
    /// What stood in the way.
    pub reason: String,
}

/// Reads rule files for the compiler.
pub trait Loader: Send + Sync {
    /// The bytes of the file called `name`.
    ///
    /// # Errors
    /// The file does not exist or may not be read.
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError>;

    /// The names that `pattern` stands for, sorted; a plain name that exists stands for itself.
    ///
    /// # Errors
    /// The folder may not be listed.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError>;
}

/// A [`Loader`] without files: every `Include` is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError { name: name.to_owned(), reason: "rule files are not available here".to_owned() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        self.read(pattern).map(|_| Vec::new())
    }
}

/// A place in rule text. Lines and columns count from 1; a column counts bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) file: Arc<str>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The name `include` means when it stands in `file`: relative names start at that file's folder.
pub(crate) fn relative_to(file: &str, include: &str) -> String {
    if include.starts_with('/') {
        return include.to_owned();
    }
    match file.rfind('/') {
        Some(cut) => format!("{}/{include}", &file[..cut]),
        None => include.to_owned(),
    }
}
