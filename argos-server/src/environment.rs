//! The environment, read once. Flag over environment over setting over default.

use std::path::PathBuf;

use argos_core::error::{Error, Result};
use argos_core::secret::MasterKeySource;
use clap::ArgMatches;

/// Variables that this version reads.
const KNOWN: &[&str] = &[
    "ARGOS_DATA_DIR",
    "ARGOS_MASTER_KEY",
    "ARGOS_MASTER_KEY_FILE",
    "ARGOS_HTTP_LISTEN",
    "ARGOS_HTTPS_LISTEN",
    "ARGOS_H3_LISTEN",
    "ARGOS_PANEL_LISTEN",
    "ARGOS_LOG_LEVEL",
    "ARGOS_LOG_FORMAT",
    "ARGOS_THREADS",
    "ARGOS_CRS_PATH",
    "ARGOS_WAF_AUDIT_LOG",
    "ARGOS_INITIAL_ADMIN_USER",
    "ARGOS_INITIAL_ADMIN_PASSWORD",
    "ARGOS_INITIAL_ADMIN_PASSWORD_FILE",
    "ARGOS_PANEL_URL",
];

/// Variables of parts that do not exist yet: refused, because ignoring them would be a silent acceptance.
const LATER: &[&str] = &["ARGOS_CONFIG"];

/// Refuses variables of parts that do not exist yet and returns the `ARGOS_` names that nobody knows.
///
/// # Errors
/// `environment.not_available_yet`.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut unknown = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|n| n.starts_with("ARGOS_")) else { continue };
        if LATER.contains(&name) && value != "off" {
            let reason = "not available yet: nothing reads this variable in this version";
            return Err(Error::invalid("environment.not_available_yet", name, reason));
        }
        if !KNOWN.contains(&name) && !LATER.contains(&name) {
            unknown.push(name.to_owned());
        }
    }
    unknown.sort();
    Ok(unknown)
}

/// The data folder: flag, then `ARGOS_DATA_DIR`, then `./data`.
pub(crate) fn data_dir(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("data-dir").cloned().unwrap_or_else(|| PathBuf::from("data"))
}

/// The rule set that hosts run: the flag of `serve`, then `ARGOS_CRS_PATH`; none: the stored setting decides.
pub(crate) fn crs(matches: &ArgMatches) -> Option<PathBuf> {
    let flag = matches.try_get_one::<PathBuf>("crs").ok().flatten().cloned();
    flag.or_else(|| std::env::var_os("ARGOS_CRS_PATH").map(PathBuf::from)).filter(|path| !path.as_os_str().is_empty())
}

/// Where people reach the panel, in place of the stored setting.
pub(crate) fn panel_url() -> Option<String> {
    std::env::var("ARGOS_PANEL_URL").ok().filter(|url| !url.is_empty())
}

/// Name and password of the first administrator, where a password is given.
///
/// # Errors
/// `environment.twice`, and those of the file.
pub(crate) fn first_admin() -> Result<Option<(String, String)>> {
    let (password, file) = ("ARGOS_INITIAL_ADMIN_PASSWORD", "ARGOS_INITIAL_ADMIN_PASSWORD_FILE");
    let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let password = match (given(password), given(file)) {
        (Some(_), Some(_)) => {
            let reason = format!("give it or {password}, not both");
            return Err(Error::invalid("environment.twice", file, reason));
        }
        (Some(password), None) => password,
        (None, Some(path)) => crate::file::secret(file, &path)?,
        (None, None) => return Ok(None),
    };
    Ok(Some((given("ARGOS_INITIAL_ADMIN_USER").unwrap_or_else(|| "admin".into()), password)))
}

/// Where the master key may come from.
pub(crate) fn key_source(matches: &ArgMatches) -> MasterKeySource {
    MasterKeySource {
        env_key: std::env::var("ARGOS_MASTER_KEY").ok().map(Into::into),
        env_file: std::env::var_os("ARGOS_MASTER_KEY_FILE").map(PathBuf::from),
        flag_file: matches.get_one::<PathBuf>("master-key-file").cloned(),
        data_dir: data_dir(matches),
    }
}
