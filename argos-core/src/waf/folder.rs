//! Rule files on disk, for the engine, which opens no file itself.

use argos_seclang::{LoadError, Loader};

/// Reads rule files and lists globs. Names are paths; the engine makes included ones relative to the file they
/// stand in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files;

/// Largest rule or word-list file, in bytes.
const MAX_FILE: u64 = 64 << 20;

impl Loader for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let fault = |reason: String| LoadError { name: name.to_owned(), reason };
        let size = std::fs::metadata(name).map_err(|e| fault(e.to_string()))?.len();
        if size > MAX_FILE {
            return Err(fault(format!("{size} bytes; a rule file has at most {MAX_FILE}")));
        }
        std::fs::read(name).map_err(|e| fault(e.to_string()))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let fault = |reason: String| LoadError { name: pattern.to_owned(), reason };
        let found = glob::glob(pattern).map_err(|e| fault(e.to_string()))?;
        let mut names = Vec::new();
        for path in found {
            let path = path.map_err(|e| fault(e.to_string()))?;
            names.push(path.into_os_string().into_string().map_err(|_| fault("a name is not UTF-8".into()))?);
        }
        names.sort();
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
        assert_eq!(Files.glob(&at("*.conf")).unwrap(), [at("a.conf"), at("b.conf")]);
        assert_eq!(Files.read(&at("a.conf")).unwrap(), b"a.conf");
        assert!(Files.read(&at("none.conf")).unwrap_err().reason.contains("No such file"));
    }
}
