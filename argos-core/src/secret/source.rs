//! Where the master key comes from: environment, file, or the data folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{MasterKey, Secret, SecretError};
use crate::error::{Error, ErrorKind, Result};

/// The places a key may come from, in order; the caller reads the environment.
#[derive(Clone, Debug, Default)]
pub struct MasterKeySource {
    /// The value of `ARGOS_MASTER_KEY`.
    pub env_key: Option<Secret<String>>,
    /// The value of `ARGOS_MASTER_KEY_FILE`.
    pub env_file: Option<PathBuf>,
    /// The value of `--master-key-file`.
    pub flag_file: Option<PathBuf>,
    /// The data folder, where `master.key` may lie.
    pub data_dir: PathBuf,
}

/// Which place gave the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// `ARGOS_MASTER_KEY`.
    Environment,
    /// A file named by the environment or a flag.
    File,
    /// `master.key` in the data folder.
    DataFolder,
}

/// A key and where it was found.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The key.
    pub key: MasterKey,
    /// Its place.
    pub origin: KeyOrigin,
}

impl MasterKeySource {
    /// Only the data folder.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), ..Self::default() }
    }

    /// The path of the data folder's own key.
    #[must_use]
    pub fn folder_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The key of the first place that has one.
    ///
    /// # Errors
    /// `master_key.two_sources`, `master_key.form`, `master_key.readable_by_others`, `master_key.unreadable`.
    pub fn find(&self) -> Result<Option<FoundKey>> {
        if self.env_key.is_some() && self.env_file.is_some() {
            let reason = "give ARGOS_MASTER_KEY or ARGOS_MASTER_KEY_FILE, not both";
            return Err(Error::invalid("master_key.two_sources", "ARGOS_MASTER_KEY", reason));
        }
        if let Some(text) = &self.env_key {
            let key = MasterKey::parse(text.expose())?;
            return Ok(Some(FoundKey { key, origin: KeyOrigin::Environment }));
        }
        if let Some(path) = self.flag_file.as_ref().or(self.env_file.as_ref()) {
            return Ok(Some(FoundKey { key: read(path)?, origin: KeyOrigin::File }));
        }
        let path = self.folder_file();
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(FoundKey { key: read(&path)?, origin: KeyOrigin::DataFolder }))
    }

    /// Makes a key in the data folder (mode 0600) and says so in the process log.
    ///
    /// # Errors
    /// `master_key.unwritable`.
    pub fn generate(&self) -> Result<FoundKey> {
        let path = self.folder_file();
        let key = MasterKey::generate();
        write_new(&path, &key).map_err(|e| {
            let text = format!("{}: {e}", path.display());
            Error::new(ErrorKind::Unavailable, "master_key.unwritable", text)
        })?;
        tracing::warn!("a new master key was made: {}", path.display());
        tracing::warn!("without it the secrets in the database can't be read again, not even from a backup");
        tracing::warn!("copy it to a safe place now, or give your own by ARGOS_MASTER_KEY or a key file");
        Ok(FoundKey { key, origin: KeyOrigin::DataFolder })
    }
}

fn write_new(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.to_hex().expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn read(path: &Path) -> Result<MasterKey> {
    let unreadable = |e: std::io::Error| {
        let text = format!("master key file {}: {e}", path.display());
        Error::new(ErrorKind::Invalid, "master_key.unreadable", text)
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            let text = format!("master key file {} is readable by group or others: chmod 600 it", path.display());
            return Err(Error::new(ErrorKind::Invalid, "master_key.readable_by_others", text));
        }
    }
    let content = Secret::new(std::fs::read(path).map_err(unreadable)?);
    MasterKey::parse_file(content.expose()).map_err(|e: SecretError| {
        let text = format!("{}: {e}", path.display());
        Error::new(ErrorKind::Invalid, "master_key.form", text)
    })
}
