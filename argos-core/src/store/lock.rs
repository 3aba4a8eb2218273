//! One process to one data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::StoreError;

/// How often the lock is asked for: another command may just be ending, or a program that the holder starts may hold
/// it for the moment until it runs.
const TRIES: u32 = 25;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The exclusive lock of a data folder, held until this is dropped (or the process ends in any way).
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read: closing the file frees the lock")] File);

impl Lock {
    /// Takes the lock and writes our process number into it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("argos.lock");
        let fault = |e: std::io::Error| StoreError::Folder(format!("{}: {e}", path.display()));
        let mut options = OpenOptions::new();
        // Not truncated: while another process holds it, its number must stay readable.
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(fault)?;
        let mut tries = TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    file.read_to_string(&mut owner).map_err(fault)?;
                    return Err(StoreError::InUse(owner.trim().to_owned()));
                }
                Err(TryLockError::Error(e)) => return Err(fault(e)),
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(fault)?;
        Ok(Self(file))
    }
}
