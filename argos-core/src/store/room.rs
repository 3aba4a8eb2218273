//! Whether the disk takes a change.
//!
//! A full disk does not refuse every write: what was moved out of the write-ahead log leaves room in its file, and a
//! page or two fit there again for a while. So a small write that works says little, and the question is asked of the
//! disk itself.

use std::fs::{File, remove_file};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::StoreError;

/// What must fit: more than a change of the configuration writes.
const BYTES: usize = 256 * 1024;

/// Writes a file of [`BYTES`] into the data folder and removes it.
pub(super) fn check(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join("argos.room");
    let written = File::create(&path).and_then(|mut file| file.write_all(&[0; BYTES]));
    let removed = match remove_file(&path) {
        // Somebody who asked at the same time was faster.
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    written.and(removed).map_err(|e| fault(&path, &e))
}

fn fault(path: &Path, e: &io::Error) -> StoreError {
    match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::NoRoom(e.to_string()),
        _ => StoreError::Folder(format!("{}: {e}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_check_leaves_nothing_and_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let gone = Error::from(check(&folder.path().join("gone")).unwrap_err());
        assert_eq!(gone.code(), "store.folder");
        let full = Error::from(fault(folder.path(), &ErrorKind::StorageFull.into()));
        assert_eq!(full.code(), "store.disk_full");
    }
}
