//! Which files of a core rule set folder are read, in which order.

use crate::source::{LoadError, Loader};

/// The files of one rule set folder, each group in load order.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// `crs-setup.conf`, else the example; then plugins' settings.
    pub(super) setup: Vec<String>,
    /// What stands before the rules: overrides, plugins, and the initialisation of scores.
    pub(super) before: Vec<String>,
    pub(super) rules: Vec<String>,
    /// Plugins that come last.
    pub(super) after: Vec<String>,
}

impl Folder {
    /// Lists the folder `name`.
    ///
    /// # Errors
    /// It holds no rules, or no set-up file.
    pub(super) fn list(loader: &dyn Loader, name: &str) -> Result<Self, LoadError> {
        let name = name.trim_end_matches('/');
        let fault = |reason: &str| LoadError { name: name.to_owned(), reason: reason.to_owned() };
        let list = |pattern: &str| loader.glob(&format!("{name}/{pattern}"));
        let mut folder = Self::default();
        // Debian's package keeps what an administrator edits under /etc.
        for candidate in ["crs-setup.conf", "crs-setup.conf.example", "../../../etc/modsecurity/crs/crs-setup.conf"] {
            if folder.setup.is_empty() {
                folder.setup = list(candidate)?;
            }
        }
        if folder.setup.is_empty() {
            return Err(fault("crs-setup.conf is missing"));
        }
        folder.setup.extend(list("plugins/*-config.conf")?);
        let mut rules = list("rules/*.conf")?;
        if rules.is_empty() {
            return Err(fault("rules/*.conf is missing"));
        }
        for overrides in ["REQUEST-900-*.conf", "RESPONSE-999-*.conf"] {
            let start = overrides.trim_end_matches("*.conf");
            if !rules.iter().any(|rule| file_name(rule).starts_with(start)) {
                rules.extend(list(&format!("../../../etc/modsecurity/crs/{overrides}"))?);
            }
        }
        rules.sort_by(|a, b| file_name(a).cmp(file_name(b)));
        folder.before = list("plugins/*-before.conf")?;
        let first = rules.iter().take_while(|rule| file_name(rule) < INITIALISED).count();
        let last = rules.split_off(first);
        folder.before.extend(rules);
        folder.rules = last;
        folder.after = list("plugins/*-after.conf")?;
        Ok(folder)
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Files before this name set up and initialise; a caller's own rules stand between them and the rest.
const INITIALISED: &str = "REQUEST-902";
