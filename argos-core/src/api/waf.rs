//! The rules that hosts run: which they are, read anew, installed from an archive.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::{Context, Mutation, Query, View};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::outbound::{OwnListeners, Reach};
use crate::schema::AppsecMode;
use crate::store::{Read, Tx, settings};
use crate::waf::download;
use crate::waf::install::{Installed, MOST_ARCHIVE, Staged};
use crate::waf::{BASELINE, RuleSource};

/// The rules that hosts run, and what loading them had to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RulesReport {
    /// The rules.
    pub rule_set: RuleSetSummary,
    /// What has no effect in them, at most 1,000 findings.
    pub load_warnings: Vec<LoadWarning>,
}

/// A rule set in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleSetSummary {
    /// The folder, or `baseline` for the built-in rules.
    pub path: String,
    /// How the rules name themselves, such as `OWASP_CRS/4.28.0`; empty where they do not.
    pub version: String,
    /// Rules, a chain counting once.
    pub rules: usize,
    /// Why no host can run them; null = they can.
    pub fault: Option<String>,
}

/// A finding of a load, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LoadWarning {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// Stable code, such as `seclang.no_effect`.
    pub code: String,
    /// The finding in words.
    pub text: String,
}

impl RulesReport {
    fn of(source: &RuleSource) -> Self {
        let path = source.path().map_or_else(|| BASELINE.to_owned(), |path| path.display().to_string());
        let rule_set = RuleSetSummary { path, version: String::new(), rules: 0, fault: None };
        let report = match source.report() {
            Ok(report) => report,
            Err(why) => {
                let path = if source.is_unusable() { String::new() } else { rule_set.path };
                let rule_set = RuleSetSummary { path, fault: Some(why.to_string()), ..rule_set };
                return Self { rule_set, load_warnings: Vec::new() };
            }
        };
        let warnings = report.warnings.iter().map(|w| LoadWarning {
            file: w.file.clone(),
            line: w.line,
            column: w.column,
            code: w.code.to_owned(),
            text: w.text.clone(),
        });
        Self {
            load_warnings: warnings.collect(),
            rule_set: RuleSetSummary {
                version: report.signature.clone().unwrap_or_default(),
                rules: report.rules,
                ..rule_set
            },
        }
    }
}

/// What the WAF does over all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WafStatus {
    /// The cap of every host's mode.
    pub mode: AppsecMode,
    /// The cap before the last change; null = it was never changed.
    pub previous_mode: Option<AppsecMode>,
    /// When it was changed.
    pub last_change_at: Option<Timestamp>,
    /// Who changed it; empty = nobody yet.
    pub last_change_by: String,
    #[allow(missing_docs, reason = "flattened; documented on its type")]
    #[serde(flatten)]
    pub report: RulesReport,
}

/// Shows what the WAF does over all hosts, and the rules it runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetWafStatus {}
operation!(GetWafStatus => WafStatus, "waf.status", Get "/waf/status", Viewer, 200,
    "Shows what the WAF does over all hosts, and the rules it runs.");

impl Query for GetWafStatus {
    fn run(self, view: &View<'_>) -> Result<WafStatus> {
        WafStatus::of(&view.read, &view.live.rules)
    }
}

impl WafStatus {
    pub(super) fn of(read: &Read<'_>, rules: &RuleSource) -> Result<Self> {
        let stored = settings::values(read)?;
        let text = |key: &str| stored.get(key).map_or("", String::as_str);
        Ok(Self {
            mode: AppsecMode::parse(text("appsec.mode")).unwrap_or(AppsecMode::Block),
            previous_mode: AppsecMode::parse(text("appsec.previous_mode")),
            last_change_at: Timestamp::parse(text("appsec.last_mode_change_at")),
            last_change_by: text("appsec.last_mode_change_by").to_owned(),
            report: RulesReport::of(rules),
        })
    }
}

/// Reads the rules of all hosts anew. Rules that do not compile change nothing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReloadRules {
    #[serde(skip)]
    read: Option<RuleSource>,
}
operation!(ReloadRules => RulesReport, "waf.reload", Post "/waf/reload", Admin, 200,
    "Reads the rules of all hosts anew; rules that do not compile change nothing.");

pub(super) fn crs_path(read: &Read<'_>) -> Result<String> {
    Ok(settings::value(read, "crs.path")?.unwrap_or_default())
}

impl Mutation for ReloadRules {
    const CONFIGURES: bool = false;
    const RELOADS: bool = true;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let read = view.cx.rules.read_anew(&crs_path(&view.read)?).inspect_err(|e| {
            // Whoever reloads by a signal sees no answer.
            let open = view.live.appsec.fail_open;
            view.cx.lookout.rules_failed(&format!("the rules were not loaded anew: {e}"), open, view.read.now());
        });
        self.read = Some(read?);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<RulesReport> {
        let source = self.read.ok_or_else(|| Error::internal("rules were read before they were made live"))?;
        let source = cx.rules.newest(source);
        let report = RulesReport::of(&source);
        tx.about("waf_reloaded", "rule_set", &report.rule_set.path, None);
        tx.acted(cx.rules.adopt(source));
        Ok(report)
    }
}

/// Installs a core rule set into the data folder and reads the rules anew: from `url` or from `archive`, one of them.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallRules {
    /// Where the archive is: https at a public address.
    pub url: Option<String>,
    /// The archive itself, a gzipped tar of at most 16 MiB, in base64.
    pub archive: Option<String>,
    /// SHA-256 of the archive in hexadecimal, from where the release is announced.
    pub sha256: String,
    #[serde(skip)]
    #[schemars(skip)]
    staged: Option<Staged>,
}
operation!(InstallRules => InstalledRules, "waf.install", Post "/waf/crs", Admin, 200,
    "Installs a core rule set into the data folder and reads the rules anew; one that does not compile changes nothing.",
    body 24 << 20);

/// The rule set that was installed, and what hosts run now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InstalledRules {
    /// What lies in the data folder now.
    pub installed: Installed,
    /// What hosts run: the installed set, unless another place is configured.
    #[serde(flatten)]
    pub report: RulesReport,
}

impl fmt::Debug for InstallRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallRules").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl InstallRules {
    /// Installs the archive at `url`.
    #[must_use]
    pub fn from_url(url: String, sha256: String) -> Self {
        Self { url: Some(url), sha256, ..Self::default() }
    }

    /// Installs `archive`.
    #[must_use]
    pub fn from_bytes(archive: &[u8], sha256: String) -> Self {
        Self { archive: Some(STANDARD.encode(archive)), sha256, ..Self::default() }
    }

    fn fetch(&mut self, own: &OwnListeners) -> Result<Vec<u8>> {
        match (self.url.take(), self.archive.take()) {
            (Some(url), None) => download::fetch(&url, Reach { private: false, own: own.clone() }),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text.trim()).ok().filter(|bytes| bytes.len() as u64 <= MOST_ARCHIVE);
                bytes.ok_or_else(|| Error::invalid("crs.archive", "archive", "base64 of at most 16 MiB is needed"))
            }
            _ => Err(Error::invalid("crs.source", "archive", "give either url or archive")),
        }
    }
}

impl Mutation for InstallRules {
    const CONFIGURES: bool = false;
    const RELOADS: bool = true;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let bytes = self.fetch(&view.cx.own)?;
        self.staged = Some(Staged::unpack(view.cx.rules.data_dir()?, &bytes, &self.sha256)?);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<InstalledRules> {
        let staged = self.staged.ok_or_else(|| Error::internal("an archive was unpacked before it was installed"))?;
        let (installed, undo) = staged.place()?;
        tx.about("crs_installed", "rule_set", &installed.version, None);
        tx.acted(undo);
        let source = cx.rules.read_anew(&crs_path(tx)?)?;
        let report = RulesReport::of(&source);
        tx.acted(cx.rules.adopt(source));
        Ok(InstalledRules { installed, report })
    }
}
