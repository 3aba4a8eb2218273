//! Rule files on disk, for the engine, which opens no file itself.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use argos_seclang::{LoadError, Loader};

/// Reads rule files and lists globs. Names are paths; the engine makes included ones relative to the file they
/// stand in.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// The folder that nothing is read outside of; None where the rules come from someone who may read all files.
    within: Option<PathBuf>,
}

/// Largest rule or word-list file, in bytes.
const MAX_FILE: u64 = 64 << 20;

impl Files {
    /// Files of `folder` alone, for rules that came from elsewhere: what they include, name as word list or show in an
    /// error must not be a file of the machine.
    pub(super) fn within(folder: &Path) -> Self {
        Self { within: Some(folder.to_owned()) }
    }

    /// Whether `path`, as it is written and as links lead, lies in the folder.
    fn has(&self, path: &Path) -> bool {
        let Some(folder) = &self.within else { return true };
        let written = plain(path).is_some_and(|path| plain(folder).is_some_and(|folder| path.starts_with(folder)));
        let real = |path: &Path| path.canonicalize().ok();
        // What does not exist leads nowhere.
        written && real(path).is_none_or(|path| real(folder).is_some_and(|folder| path.starts_with(folder)))
    }
}

/// A path without `.` and `..`; None where it leaves its beginning.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !parts.pop() {
                    return None;
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts)
}

impl Loader for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let fault = |reason: String| LoadError { name: name.to_owned(), reason };
        if !self.has(Path::new(name)) {
            return Err(fault("lies outside the folder of the rule set".to_owned()));
        }
        // Asked before it is opened: a pipe is waited for at that. Whoever may read all files may name one.
        if self.within.is_some() && !std::fs::metadata(name).map_err(|e| fault(e.to_string()))?.is_file() {
            return Err(fault("is no file".to_owned()));
        }
        let file = std::fs::File::open(name).map_err(|e| fault(e.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| fault(e.to_string()))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(fault(format!("a rule file has at most {MAX_FILE} bytes")));
        }
        Ok(bytes)
    }

    /// What lies outside the folder is not there.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let fault = |reason: String| LoadError { name: pattern.to_owned(), reason };
        let found = glob::glob(pattern).map_err(|e| fault(e.to_string()))?;
        let mut names = Vec::new();
        for path in found {
            let path = match path {
                Ok(path) => path,
                // A folder that can't be read may lie outside.
                Err(_) if self.within.is_some() => continue,
                Err(e) => return Err(fault(e.to_string())),
            };
            if self.has(&path) {
                names.push(path.into_os_string().into_string().map_err(|_| fault("a name is not UTF-8".into()))?);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Files as they were when they were first read: who compiles them again compiles the same. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    files: Files,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    texts: HashMap<String, Arc<[u8]>>,
    names: HashMap<String, Vec<String>>,
    bytes: usize,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("texts", &self.texts.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Bytes that are remembered of one rule set; files over that are read each time.
const MOST_REMEMBERED: usize = 32 << 20;

impl From<Files> for Remembered {
    fn from(files: Files) -> Self {
        Self { files, known: Arc::default() }
    }
}

impl Remembered {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // A panic elsewhere leaves at worst a file missing.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loader for Remembered {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        if let Some(text) = self.known().texts.get(name) {
            return Ok(text.to_vec());
        }
        let text = self.files.read(name)?;
        let mut known = self.known();
        if known.bytes + text.len() <= MOST_REMEMBERED && !known.texts.contains_key(name) {
            known.bytes += text.len();
            known.texts.insert(name.to_owned(), text.as_slice().into());
        }
        Ok(text)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        if let Some(names) = self.known().names.get(pattern) {
            return Ok(names.clone());
        }
        let names = self.files.glob(pattern)?;
        self.known().names.insert(pattern.to_owned(), names.clone());
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_a_glob_stands_for_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", "c.data"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        assert_eq!(Files::default().glob(&at("*.conf")).unwrap(), [at("a.conf"), at("b.conf")]);
        assert_eq!(Files::default().read(&at("a.conf")).unwrap(), b"a.conf");
        assert!(Files::default().read(&at("none.conf")).unwrap_err().reason.contains("No such file"));
    }

    #[test]
    fn what_was_read_is_read_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(at("a.conf"), "first").unwrap();
        let files = Remembered::from(Files::default());
        assert!(files.read(&at("b.conf")).is_err(), "what is missing is asked for again");
        assert_eq!(
            (files.read(&at("a.conf")).unwrap(), files.glob(&at("*")).unwrap()),
            (b"first".into(), vec![at("a.conf")])
        );
        std::fs::write(at("b.conf"), "other").unwrap();
        std::fs::write(at("a.conf"), "second").unwrap();
        let again = files.clone();
        assert_eq!(
            (again.read(&at("a.conf")).unwrap(), again.glob(&at("*")).unwrap()),
            (b"first".into(), vec![at("a.conf")])
        );
        assert_eq!(again.read(&at("b.conf")).unwrap(), b"other");
    }

    #[test]
    fn reads_nothing_outside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(at("set/rules")).unwrap();
        std::fs::write(at("master.key"), "pattern").unwrap();
        std::fs::write(at("set/rules/a.conf"), "own").unwrap();
        std::os::unix::fs::symlink(at("master.key"), at("set/rules/link.conf")).unwrap();
        let files = Files::within(&folder.path().join("set"));
        assert_eq!(files.read(&at("set/rules/../rules/a.conf")).unwrap(), b"own");
        for outside in ["set/rules/../../master.key", "set/rules/link.conf", "set/../none", "other"] {
            let refused = files.read(&at(outside)).unwrap_err();
            assert!(refused.reason.contains("outside the folder"), "{outside}: {}", refused.reason);
        }
        assert!(files.read("/etc/passwd").unwrap_err().reason.contains("outside the folder"));
        assert_eq!(files.glob(&at("set/rules/*.conf")).unwrap(), [at("set/rules/a.conf")]);
        assert_eq!(files.glob(&at("*.key")).unwrap(), [""; 0]);
        assert_eq!(Files::default().read(&at("master.key")).unwrap(), b"pattern");
        assert_eq!(Files::default().read("/dev/null").unwrap(), b"");
        // What never ends is not waited for.
        assert!(Files::default().read("/dev/zero").unwrap_err().reason.contains("at most"));
        assert!(files.read(&at("set/rules")).unwrap_err().reason.contains("is no file"));
    }
}
