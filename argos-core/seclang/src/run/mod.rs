//! The rule set at work: transactions and what they find.

mod act;
mod bodies;
mod ctl;
mod evaluate;
mod expand;
pub(crate) mod left_out;
pub(crate) mod own;
mod pool;
mod resolve;
pub(crate) mod segment;
mod store;
mod texts;
mod time;
mod trace;
mod transaction;
pub(crate) mod tx;
mod views;

use std::sync::Arc;

use crate::actions::Severity;
use crate::collections::Collections;
use crate::compile::{Builder, Variant};
use crate::limits::Limits;
use crate::program::{Program, Rule, Template};
use crate::source::Loader;
pub(crate) use ctl::only_protected;
pub use left_out::LeftOut;
use own::Own;
use pool::Pool;
pub use trace::{Decision, Hides, MOST_STEPS, Step, Trace, Tried};
pub use transaction::{BodyRoom, Transaction};

/// Compiled rules: immutable, shared, cheap to clone.
#[derive(Clone)]
pub struct RuleSet {
    program: Arc<Program>,
    own: Arc<Own>,
    mode: Mode,
    collections: Collections,
    plain: bool,
    pool: Arc<Pool>,
}

impl std::fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleSet").field("rules", &self.rule_count()).field("mode", &self.mode).finish()
    }
}

impl RuleSet {
    /// Starts a rule set; `loader` reads the files that rule text names.
    pub fn builder(loader: impl Loader + 'static) -> Builder {
        Builder::new(Box::new(loader))
    }

    pub(crate) fn new(program: Program, own: Own, mode: Mode, collections: Collections) -> Self {
        let (program, own) = (Arc::new(program), Arc::new(own));
        Self { program, own, mode, collections, plain: false, pool: Arc::default() }
    }

    /// The same rules with other values of the host and further exclusions. All that is compiled is shared, so that
    /// such a set costs little time and memory.
    #[must_use]
    pub fn vary(&self) -> Variant {
        Variant::new(self.clone())
    }

    /// The same compiled rules with what `own` says.
    pub(crate) fn with(&self, own: Own, mode: Mode, collections: Option<Collections>) -> Self {
        let collections = collections.unwrap_or_else(|| self.collections.clone());
        Self { own: Arc::new(own), mode, collections, ..self.clone() }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    pub(crate) fn default_mode(&self) -> Mode {
        self.mode
    }

    /// Starts a transaction at `now`.
    #[must_use]
    pub fn transaction(&self, now: Now) -> Transaction {
        Transaction::new(self, now)
    }

    /// The same rules, evaluated as they are written and without any shortcut: what tests hold the engine against.
    #[doc(hidden)]
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { plain: true, ..self.clone() }
    }

    /// The same rules with records of `IP`, `SESSION`, `USER`, `GLOBAL` and `RESOURCE` of their own, empty at first: what
    /// is tried with them leaves nothing behind.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { collections: Collections::default(), ..self.clone() }
    }

    /// Starts a transaction at `now` that keeps a [`Trace`] for [`Transaction::finish_explained`]: rules are evaluated
    /// as they are written, which takes many times as long and finds the same. `hides` says which values the trace must
    /// not show.
    #[must_use]
    pub fn explain(&self, now: Now, hides: Hides) -> Transaction {
        self.plain().transaction(now).traced(Trace::new(hides))
    }

    /// Rules of the caller's texts; a chain counts once, the engine's own rules not at all.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        let own = self.own.segment.as_ref().map_or(0, |segment| segment.program().rules.len());
        let rules = self.program.rules.iter().enumerate();
        own + rules.filter(|(at, rule)| !rule.is_own() && !self.own.removes(*at as u32)).count()
    }

    /// Every rule of the caller's texts in file order, as it is written.
    #[must_use]
    pub fn list(&self) -> Vec<ListedRule> {
        let shown = self.program.rules.iter().enumerate();
        let shown = shown.filter(|(at, rule)| !rule.is_own() && !self.own.removes(*at as u32));
        let list = |rule: &Rule| ListedRule {
            id: rule.id,
            phase: rule.phase,
            severity: rule.severity,
            msg: rule.msg.as_ref().map(Template::written).unwrap_or_default(),
            tags: rule.tags.iter().map(Template::written).collect(),
            file: rule.file.to_string(),
            line: rule.line,
        };
        shown.map(|(_, rule)| list(rule)).collect()
    }

    /// Whether the caller's texts have rules in `phase` (1–5).
    #[must_use]
    pub fn has_phase(&self, phase: u8) -> bool {
        self.program.has_phase(phase) || self.own.has_phase(phase)
    }

    /// The bounds in force, directives included.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.own.settings.limits
    }
}

/// What a rule says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// Its id.
    pub id: u64,
    /// Its phase.
    pub phase: u8,
    /// `severity`.
    pub severity: Option<Severity>,
    /// `msg`, as written.
    pub msg: String,
    /// `tag`s, as written.
    pub tags: Vec<String>,
    /// Name of the rule text.
    pub file: String,
    /// Line in it.
    pub line: u32,
}

/// When a transaction began. The engine reads no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970, UTC.
    pub unix_millis: i64,
}

impl Now {
    pub(crate) fn seconds(self) -> i64 {
        self.unix_millis.div_euclid(1000)
    }
}

/// What happens to a disruptive outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is recorded; the transaction goes on.
    Detect,
    /// It ends the transaction.
    Block,
}

/// A transaction that rules ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// Status to answer with.
    pub status: u16,
    /// Phase of the rule, 1–4.
    pub phase: u8,
    /// The rule.
    pub rule_id: u64,
    /// What to do.
    pub action: Disruption,
    /// Where `redirect` leads.
    pub location: Option<String>,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// Answer with the status.
    Deny,
    /// Close the connection.
    Drop,
    /// Answer with a redirection.
    Redirect,
}

/// The sum of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing would have stopped it.
    Pass,
    /// Detect mode: block mode would have stopped it.
    Detected,
    /// It was stopped.
    Blocked,
}

/// What a transaction leaves behind.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The interruption, in block mode only.
    pub interrupted: Option<Interruption>,
    /// The sum.
    pub verdict: Verdict,
    /// Final inbound anomaly score.
    pub score_in: i64,
    /// Final outbound anomaly score.
    pub score_out: i64,
    /// What each category of attacks added, as far as rules counted it: `sql_injection`, `xss` and so on.
    pub categories: Vec<(String, i64)>,
    /// Rules whose whole chain matched, in evaluation order.
    pub matched: Vec<Matched>,
    /// What `sanitise…` actions want kept out of sight; values in `matched` are masked already.
    pub masked: Masked,
    /// What `SecAudit…` and `ctl:audit…` decide about the record of this transaction.
    pub audit: Audit,
}

/// Names whose values must not be shown, as rules chose them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masked {
    /// Arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Request headers.
    pub request_headers: Vec<Vec<u8>>,
    /// Response headers.
    pub response_headers: Vec<Vec<u8>>,
    /// Cookies.
    pub cookies: Vec<Vec<u8>>,
}

/// What belongs into the record of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Whether it is worth a record at all.
    pub record: bool,
    /// Whether details of the request belong into it: the answer's status is a relevant one.
    pub details: bool,
    /// Letters of the parts, such as `ABCFHZ`.
    pub parts: String,
}

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The rule.
    pub id: u64,
    /// Its phase.
    pub phase: u8,
    /// `msg`, expanded.
    pub msg: Arc<str>,
    /// `logdata`, expanded.
    pub data: String,
    /// `severity`.
    pub severity: Option<Severity>,
    /// `tag`s, expanded.
    pub tags: Arc<[String]>,
    /// Name of the rule text.
    pub file: Arc<str>,
    /// Line in it.
    pub line: u32,
    /// Name of the last value that matched, such as `ARGS:q`.
    pub variable: String,
    /// That value.
    pub value: Arc<[u8]>,
    /// The rule wants to be logged.
    pub log: bool,
    /// The rule alone makes a transaction worth a record.
    pub audit: bool,
}
