//! A core rule set put into the data folder: unpacked beside, compiled, then renamed into place.
//!
//! What is refused changes nothing. The set before stays as `crs.previous` and can be brought back.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::source::RuleSource;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Undo;

/// Bytes of an archive, at most: 16 MiB.
pub const MOST_ARCHIVE: u64 = 16 << 20;
/// Bytes of all files of an archive together, at most: 256 MiB.
const MOST_UNPACKED: u64 = 256 << 20;
/// Files and folders of an archive, at most.
const MOST_ENTRIES: usize = 50_000;

/// What lies in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Installed {
    /// The folder.
    pub path: PathBuf,
    /// How the rules name themselves, such as `OWASP_CRS/4.28.0`; empty where they do not.
    pub version: String,
    /// Rules, a chain counting once.
    pub rules: usize,
    /// What has no effect in it, counted.
    pub warnings: usize,
    /// Whether there is one before it to go back to.
    pub previous: bool,
}

/// The folder of installed rules, and where the one before lies.
#[derive(Clone, Debug)]
struct Folders {
    live: PathBuf,
    previous: PathBuf,
    beside: PathBuf,
    /// Where the one before the one before lies until it is known that it may go.
    aside: PathBuf,
}

impl Folders {
    fn of(data_dir: &Path) -> Self {
        // Each its own, so that two installations at once do not mix.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let at = |name: &str| data_dir.join(name);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let [beside, aside] = ["new", "old"].map(|kind| at(&format!("crs.{kind}.{}.{number}", std::process::id())));
        Self { live: at("crs"), previous: at("crs.previous"), beside, aside }
    }
}

/// An archive unpacked beside the live folder and compiled. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Staged {
    folders: Folders,
    found: Installed,
}

impl Staged {
    /// Unpacks the archive `bytes`, a gzipped tar whose SHA-256 is `sha256` in hexadecimal, into `data_dir`.
    ///
    /// # Errors
    /// `crs.checksum`, `crs.archive` for what is no rule set or would leave its folder, `waf.rules_broken` with every
    /// position, `crs.folder` when files can't be written.
    pub fn unpack(data_dir: &Path, bytes: &[u8], sha256: &str) -> Result<Self> {
        check_sum(bytes, sha256)?;
        let folders = Folders::of(data_dir);
        fs::create_dir_all(data_dir).map_err(|e| fault(data_dir, &e))?;
        // What a process before left half done.
        remove(&folders.beside)?;
        let path = folders.live.clone();
        let mut staged =
            Self { folders, found: Installed { path, version: String::new(), rules: 0, warnings: 0, previous: false } };
        unpack(bytes, &staged.folders.beside)?;
        let found = look(&staged.folders.beside, false)?;
        staged.found = Installed { path: staged.folders.live.clone(), ..found };
        Ok(staged)
    }

    /// Puts it in place; the set before becomes `crs.previous`. The second result takes that back.
    ///
    /// # Errors
    /// `crs.folder`.
    pub fn place(self) -> Result<(Installed, Undo)> {
        let Folders { live, previous, beside, aside } = self.folders.clone();
        let replaces = live.exists();
        let mut parked = Parked { aside, previous: previous.clone(), taken: false };
        if replaces {
            parked.take()?;
            if let Err(why) = rename(&live, &previous) {
                parked.give_back()?;
                return Err(why);
            }
        }
        if let Err(why) = rename(&beside, &live) {
            if replaces {
                rename(&previous, &live)?;
                parked.give_back()?;
            }
            return Err(why);
        }
        let found = Installed { previous: previous.is_dir(), ..self.found.clone() };
        let undo = move || {
            let undone = remove(&live).and_then(|()| if replaces { rename(&previous, &live) } else { Ok(()) });
            if let Err(e) = undone.and_then(|()| parked.give_back()) {
                tracing::error!("the rule set before was not brought back: {e}");
            }
        };
        Ok((found, Box::new(undo)))
    }
}

/// The set before the one before, out of the way. Dropped, it goes, unless it was given back.
struct Parked {
    aside: PathBuf,
    previous: PathBuf,
    taken: bool,
}

impl Parked {
    fn take(&mut self) -> Result<()> {
        remove(&self.aside)?;
        if self.previous.exists() {
            rename(&self.previous, &self.aside)?;
            self.taken = true;
        }
        Ok(())
    }

    fn give_back(&mut self) -> Result<()> {
        if std::mem::take(&mut self.taken) { rename(&self.aside, &self.previous) } else { Ok(()) }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if self.taken
            && let Err(e) = remove(&self.aside)
        {
            tracing::warn!("{e}");
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Placed, it is no longer there.
        if let Err(e) = remove(&self.folders.beside) {
            tracing::warn!("{e}");
        }
    }
}

/// Installs the archive `bytes` where no Argos runs and no database is.
///
/// # Errors
/// Those of [`Staged::unpack`] and [`Staged::place`].
pub fn install(data_dir: &Path, bytes: &[u8], sha256: &str) -> Result<Installed> {
    Ok(Staged::unpack(data_dir, bytes, sha256)?.place()?.0)
}

/// Brings the set before back; the one that was live becomes the one before.
///
/// # Errors
/// `crs.no_previous`, `waf.rules_broken`, `crs.folder`.
pub fn roll_back(data_dir: &Path) -> Result<Installed> {
    let folders = Folders::of(data_dir);
    if !folders.previous.is_dir() {
        let text = format!("{} does not exist: there is nothing to go back to", folders.previous.display());
        return Err(Error::new(ErrorKind::NotFound, "crs.no_previous", text));
    }
    let found = look(&folders.previous, false)?;
    remove(&folders.beside)?;
    let was_live = folders.live.exists();
    if was_live {
        rename(&folders.live, &folders.beside)?;
    }
    rename(&folders.previous, &folders.live)?;
    if was_live {
        rename(&folders.beside, &folders.previous)?;
    }
    Ok(Installed { path: folders.live, previous: was_live, ..found })
}

/// What is installed in `data_dir`.
///
/// # Errors
/// `crs.not_installed`, `waf.rules_broken`.
pub fn status(data_dir: &Path) -> Result<Installed> {
    let folders = Folders::of(data_dir);
    if !folders.live.is_dir() {
        let text = format!("no rule set is installed in {}", data_dir.display());
        return Err(Error::new(ErrorKind::NotFound, "crs.not_installed", text));
    }
    look(&folders.live, folders.previous.is_dir())
}

fn look(folder: &Path, previous: bool) -> Result<Installed> {
    let source = RuleSource::confined(folder.to_owned());
    let report = source.report()?;
    let version = report.signature.clone().unwrap_or_default();
    Ok(Installed { path: folder.to_owned(), version, rules: report.rules, warnings: report.warnings.len(), previous })
}

fn check_sum(bytes: &[u8], sha256: &str) -> Result<()> {
    let wanted = hex::decode(sha256.trim()).ok().filter(|sum| sum.len() == 32);
    let wanted = wanted.ok_or_else(|| Error::invalid("crs.checksum", "sha256", "64 hexadecimal digits are needed"))?;
    let sum = Sha256::digest(bytes);
    if sum.as_slice() != wanted {
        let reason = format!("the archive's is {}: it is not the file that was meant", hex::encode(sum));
        return Err(Error::invalid("crs.checksum", "sha256", reason));
    }
    Ok(())
}

fn unpack(bytes: &[u8], into: &Path) -> Result<()> {
    let unreadable =
        |e: &dyn std::fmt::Display| Error::invalid("crs.archive", "archive", format!("can't be read: {e}"));
    let plain = MultiGzDecoder::new(bytes).take(MOST_UNPACKED + 1);
    let mut archive = tar::Archive::new(plain);
    let mut root: Option<PathBuf> = None;
    let mut size = 0_u64;
    for (index, entry) in archive.entries().map_err(|e| unreadable(&e))?.enumerate() {
        let mut entry = entry.map_err(|e| unreadable(&e))?;
        let path = entry.path().map_err(|e| unreadable(&e))?.into_owned();
        let refused = |why: &str| Error::invalid("crs.archive", "archive", format!("{}: {why}", path.display()));
        let kind = entry.header().entry_type();
        // Notes of the archive itself, not files.
        if kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(refused("only files and folders are allowed, no links and no devices"));
        }
        size = size.saturating_add(entry.size());
        if size > MOST_UNPACKED || index >= MOST_ENTRIES {
            return Err(refused("the archive holds more than 256 MiB or 50,000 files"));
        }
        let plain = path.components().filter(|part| *part != Component::CurDir);
        let parts: Option<Vec<_>> =
            plain.map(|part| if let Component::Normal(n) = part { Some(n) } else { None }).collect();
        let parts = parts.ok_or_else(|| refused("a path leaves the archive's folder"))?;
        let Some((first, rest)) = parts.split_first() else { continue };
        // Releases stand in a folder of their own, which is left out.
        let target = match (&root, rest) {
            (None, []) if kind.is_dir() && !KNOWN.iter().any(|name| *first == *name) => {
                root = Some(first.into());
                continue;
            }
            (None, [_, ..]) if index == 0 && !KNOWN.iter().any(|name| *first == *name) => {
                root = Some(first.into());
                into.join(rest.iter().collect::<PathBuf>())
            }
            (Some(root), rest) if root.as_os_str() == *first => into.join(rest.iter().collect::<PathBuf>()),
            (Some(_), _) => return Err(refused("the archive has several folders at its top")),
            (None, _) => into.join(parts.iter().collect::<PathBuf>()),
        };
        if kind.is_dir() {
            fs::create_dir_all(&target).map_err(|e| fault(&target, &e))?;
            continue;
        }
        let folder = target.parent().unwrap_or(into);
        fs::create_dir_all(folder).map_err(|e| fault(folder, &e))?;
        let mut file = fs::File::create(&target).map_err(|e| fault(&target, &e))?;
        std::io::copy(&mut entry, &mut file).map_err(|e| unreadable(&e))?;
    }
    if !into.join("rules").is_dir() {
        return Err(Error::invalid("crs.archive", "archive", "holds no folder rules: this is no core rule set"));
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(fault(folder, &e)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| fault(from, &e))
}

fn fault(path: &Path, e: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "crs.folder", format!("{}: {e}", path.display()))
}

/// Folders of a rule set that stand at an archive's top when it has no folder of its own.
const KNOWN: &[&str] = &["rules", "plugins", "util", "docs", "tests"];

#[cfg(test)]
mod tests;
