//! Where the rules of all hosts come from: a core rule set in a folder, or the built-in rules.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use argos_seclang::{Builder, LoadReport, NoFiles, RuleSet};

use super::folder::{Files, Remembered};
use super::inspect::broken;
use crate::error::{Error, Result};

/// Names the built-in rules where a folder may be given.
pub const BASELINE: &str = "baseline";

/// Where Debian's package `modsecurity-crs` puts its rules.
const DEBIAN: &str = "/usr/share/modsecurity-crs";

/// Where a core rule set is looked for. Source: section "Rule set" of the WAF reference.
#[derive(Clone, Debug)]
pub struct Places {
    /// What the caller gave: a folder, or `baseline`. It wins over the setting `crs.path`.
    pub given: Option<PathBuf>,
    /// The data folder, whose folder `crs` is next.
    pub data_dir: Option<PathBuf>,
    /// The system's own rule set, used where there is no other.
    pub system: Option<PathBuf>,
}

impl Default for Places {
    fn default() -> Self {
        Self { given: None, data_dir: None, system: Some(DEBIAN.into()) }
    }
}

impl Places {
    /// The rules in the folder `chosen`. Those that an administrator chose or installed through an operation may read no
    /// file outside of it; a folder that was given at the start, and the system's, may.
    pub(super) fn rules(&self, chosen: Option<PathBuf>) -> RuleSource {
        match chosen {
            None => RuleSource::default(),
            Some(folder) if self.given.is_some() || self.system.as_ref() == Some(&folder) => RuleSource::folder(folder),
            Some(folder) => RuleSource::confined(folder),
        }
    }

    /// The folder to load, none for the built-in rules; `setting` is the value of `crs.path`.
    ///
    /// # Errors
    /// `waf.rule_set_missing` for a folder that was given and does not exist.
    pub(super) fn choose(&self, setting: &str) -> Result<Option<PathBuf>> {
        let setting = Some(setting).filter(|text| !text.is_empty()).map(PathBuf::from);
        if let Some(given) = self.given.clone().or(setting) {
            if given == Path::new(BASELINE) {
                return Ok(None);
            }
            if !given.is_dir() {
                let reason = format!("{} is no folder; give one with rules/*.conf, or `baseline`", given.display());
                return Err(Error::invalid("waf.rule_set_missing", "crs.path", reason));
            }
            return Ok(Some(given));
        }
        let installed = self.data_dir.as_ref().map(|folder| folder.join("crs"));
        Ok([installed, self.system.clone()].into_iter().flatten().find(|folder| folder.is_dir()))
    }
}

/// One rule set as it was read and compiled when it was first asked for: it does not change under the hosts that run
/// it. Cheap to clone.
#[derive(Clone)]
pub struct RuleSource(Arc<Inner>);

struct Inner {
    number: u64,
    kind: Kind,
    compiled: OnceLock<Result<(RuleSet, LoadReport)>>,
}

enum Kind {
    Baseline,
    Folder(PathBuf, Remembered),
    /// What was configured can't be used.
    Unusable(Error),
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl RuleSource {
    fn new(kind: Kind) -> Self {
        let number = if matches!(kind, Kind::Baseline) { 0 } else { NEXT.fetch_add(1, Ordering::Relaxed) };
        Self(Arc::new(Inner { number, kind, compiled: OnceLock::new() }))
    }

    /// The core rule set in `folder`.
    #[must_use]
    pub fn folder(folder: PathBuf) -> Self {
        Self::new(Kind::Folder(folder, Files::default().into()))
    }

    /// The core rule set in `folder`, which came from elsewhere: its rules may name no file outside.
    #[must_use]
    pub fn confined(folder: PathBuf) -> Self {
        let files = Files::within(&folder);
        Self::new(Kind::Folder(folder, files.into()))
    }

    /// Rules that can't be used, and why: every host that needs them says so.
    #[must_use]
    pub fn unusable(why: Error) -> Self {
        Self::new(Kind::Unusable(why))
    }

    /// Whether no host can run these rules.
    #[must_use]
    pub fn is_unusable(&self) -> bool {
        matches!(self.0.kind, Kind::Unusable(_))
    }

    /// Whether these rules were read from the same folder as `other`, and later.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        self.path() == other.path() && self.0.number > other.0.number
    }

    /// The folder, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0.kind {
            Kind::Folder(path, _) => Some(path),
            Kind::Baseline | Kind::Unusable(_) => None,
        }
    }

    /// What loading the rules has to say; they are compiled for it once.
    ///
    /// # Errors
    /// `waf.rules_broken` with every position, and whatever else makes them unusable.
    pub fn report(&self) -> Result<&LoadReport> {
        self.compiled().map(|(_, report)| report)
    }

    /// The rules, before any host decides about them.
    ///
    /// # Errors
    /// As [`Self::report`].
    pub fn rules(&self) -> Result<&RuleSet> {
        self.compiled().map(|(rules, _)| rules)
    }

    fn compiled(&self) -> Result<&(RuleSet, LoadReport)> {
        let compile = || self.builder()?.compile().map_err(|found| broken(&found));
        self.0.compiled.get_or_init(compile).as_ref().map_err(Clone::clone)
    }

    pub(super) fn builder(&self) -> Result<Builder> {
        match &self.0.kind {
            Kind::Baseline => Ok(RuleSet::builder(NoFiles).baseline()),
            Kind::Folder(path, files) => {
                let name = path.to_str().ok_or_else(|| Error::invalid("waf.file_name", "crs.path", "is not UTF-8"))?;
                Ok(RuleSet::builder(files.clone()).crs(name))
            }
            Kind::Unusable(why) => Err(why.clone()),
        }
    }
}

impl Default for RuleSource {
    fn default() -> Self {
        Self::new(Kind::Baseline)
    }
}

impl fmt::Debug for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSource").field("number", &self.0.number).field("path", &self.path()).finish()
    }
}

impl PartialEq for RuleSource {
    fn eq(&self, other: &Self) -> bool {
        self.0.number == other.0.number
    }
}

impl Eq for RuleSource {}

impl Hash for RuleSource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.number.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_tried_in_their_order_and_a_given_one_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut places = Places { given: None, data_dir: Some(folder.path().into()), system: Some(at("debian")) };
        assert_eq!(places.choose("").unwrap(), None);
        std::fs::create_dir(at("debian")).unwrap();
        assert_eq!(places.choose("").unwrap(), Some(at("debian")));
        std::fs::create_dir(at("crs")).unwrap();
        assert_eq!(places.choose("").unwrap(), Some(at("crs")));
        std::fs::create_dir(at("set")).unwrap();
        assert_eq!(places.choose(at("set").to_str().unwrap()).unwrap(), Some(at("set")));
        assert_eq!(places.choose(BASELINE).unwrap(), None);
        assert_eq!(places.choose("/nowhere/at/all").unwrap_err().code(), "waf.rule_set_missing");
        std::fs::create_dir(at("flag")).unwrap();
        places.given = Some(at("flag"));
        assert_eq!(places.choose(at("set").to_str().unwrap()).unwrap(), Some(at("flag")));
        places.given = Some(at("gone"));
        assert_eq!(places.choose("").unwrap_err().code(), "waf.rule_set_missing");
    }

    #[test]
    fn a_source_keeps_its_rules_and_another_one_reads_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("crs-setup.conf"), "").unwrap();
        let write = |ids: &[u64]| {
            let text: String = ids.iter().map(|id| format!("SecAction \"id:{id},phase:1,pass\"\n")).collect();
            std::fs::write(folder.path().join("rules/a.conf"), text).unwrap();
        };
        let count = |source: &RuleSource| source.rules().unwrap().rule_count();
        write(&[1]);
        let first = RuleSource::folder(folder.path().into());
        assert_eq!(count(&first), 1);
        write(&[1, 2]);
        let second = RuleSource::folder(folder.path().into());
        assert_eq!((count(&first), count(&second)), (1, 2));
        // Who compiles a source once more, such as for a host whose rules change those of all, gets the same rules.
        let (again, _) = first.builder().unwrap().compile().unwrap();
        assert_eq!(again.rule_count(), 1);
        assert!(first != second && first == first.clone() && RuleSource::default() == RuleSource::default());
    }
}
