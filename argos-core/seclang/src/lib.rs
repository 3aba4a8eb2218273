//! A SecLang web application firewall engine: rule text in, verdicts out.
//!
//! `source → parse → compile → RuleSet → Transaction`. A [`RuleSet`] is immutable and shared; a
//! [`Transaction`] holds all that changes. The engine has no clock, no file system and no runtime.
//!
//! ```
//! use argos_seclang::{NoFiles, Now, RuleSet, Verdict};
//!
//! let rules = r#"SecRule ARGS:q "@contains drop table" "id:1,phase:2,deny,status:403,t:lowercase""#;
//! let (rule_set, _report) = RuleSet::builder(NoFiles).rules_str("my.conf", rules).compile().expect("valid rules");
//!
//! let mut transaction = rule_set.transaction(Now::default());
//! transaction.request_line(b"GET", b"/?q=DROP+TABLE+users", b"HTTP/1.1");
//! assert!(transaction.phase1().is_none());
//! assert_eq!(transaction.phase2().map(|stop| stop.status), Some(403));
//! assert_eq!(transaction.finish().verdict, Verdict::Blocked);
//! ```

#![forbid(unsafe_code)]

mod actions;
mod ast;
mod baseline;
mod body;
mod collections;
mod compile;
mod diagnostic;
mod directives;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(test, allow(clippy::unwrap_used, unreachable_pub, reason = "tests"))]
#[doc(hidden)]
pub mod fuzzing;
mod injection;
mod lex;
mod limits;
mod operators;
mod parse;
mod plan;
mod program;
mod run;
mod screen;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod testdata;
mod transforms;
mod variables;

pub use actions::Severity;
pub use collections::Collections;
pub use compile::{Builder, Claim, Exclusion, NEEDS_ALL, Variant, claims, is_protected, remarks};
pub use diagnostic::{Diagnostic, LoadReport};
pub use limits::Limits;
pub use operators::{GeoLookup, Resolver};
pub use run::{
    Audit, BodyRoom, Decision, Disruption, Hides, Interruption, LeftOut, ListedRule, MOST_STEPS, Masked, Matched, Mode,
    Now, Outcome, RuleSet, Step, Trace, Transaction, Tried, Verdict,
};
pub use source::{LoadError, Loader, NoFiles};
