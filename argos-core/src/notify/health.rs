//! How the parts of Argos do: what checks found, and when it is to be told.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::event::HealthDegraded;
use crate::schema::text_enum;

/// Failed checks in a row that are told.
const FAILURES: u64 = 2;
/// How long nothing more is told of the same part.
const MUTED_MS: i64 = 5 * 60_000;

text_enum! {
    /// A part of Argos that is checked.
    Component {
        /// The database takes changes.
        Writer = "writer",
        /// Each thread of the proxy goes on.
        Proxy = "proxy",
        /// The thread that orders certificates goes on.
        Acme = "acme",
        /// Log rows are written, and none are dropped.
        LogQueue = "log_queue",
        /// The disk of the data folder has room.
        Disk = "disk",
    }
}

/// How the parts did when they were last checked.
#[derive(Debug, Default)]
pub struct Health(BTreeMap<&'static str, Part>);

/// How one part did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub component: Component,
    /// When it was checked.
    pub checked_at: Timestamp,
    /// Failed checks in a row, up to that one.
    pub failures: u64,
    /// What the last check found; empty = it works.
    pub error: String,
    told: Option<Timestamp>,
}

impl Health {
    /// Notes what a check found; what is to be told of it.
    pub fn note(&mut self, component: Component, found: Result<(), String>, now: Timestamp) -> Option<HealthDegraded> {
        let new = || Part { component, checked_at: now, failures: 0, error: String::new(), told: None };
        let part = self.0.entry(component.as_str()).or_insert_with(new);
        part.checked_at = now;
        part.error = found.err().unwrap_or_default();
        part.failures = if part.error.is_empty() { 0 } else { part.failures + 1 };
        // A moment in the future was noted before the clock was set back.
        let muted = part.told.is_some_and(|told| (0..MUTED_MS).contains(&(now.0 - told.0)));
        if part.failures < FAILURES || muted {
            return None;
        }
        part.told = Some(now);
        let (component, error) = (component.as_str().to_owned(), part.error.clone());
        Some(HealthDegraded { component, consecutive_failures: part.failures, error })
    }

    /// The parts that were checked, by name.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: i64 = 30_000;

    /// What is told of checks 30 s apart, of which `failing` fail: the number of the check, failures in a row.
    fn told(checks: i64, failing: impl Fn(i64) -> bool) -> Vec<(i64, u64)> {
        let mut health = Health::default();
        let mut told = Vec::new();
        for n in 0..checks {
            let found = if failing(n) { Err(format!("broken {n}")) } else { Ok(()) };
            if let Some(event) = health.note(Component::Disk, found, Timestamp(n * EVERY)) {
                assert_eq!((event.component.as_str(), event.error), ("disk", format!("broken {n}")));
                told.push((n, event.consecutive_failures));
            }
        }
        told
    }

    #[test]
    fn two_failed_checks_in_a_row_are_told_and_one_is_not() {
        assert_eq!(told(20, |n| n % 2 == 0), []);
        assert_eq!(told(3, |n| n == 1 || n == 2), [(2, 2)]);
        assert_eq!(told(3, |n| n != 1), []);
    }

    #[test]
    fn the_same_part_is_told_every_five_minutes() {
        assert_eq!(told(22, |_| true), [(1, 2), (11, 12), (21, 22)]);
        // One that recovers and fails again within them is not told; behind them it is.
        assert_eq!(told(22, |n| n != 5), [(1, 2), (11, 6), (21, 16)]);
    }

    #[test]
    fn parts_that_fail_at_once_are_told_each() {
        let mut health = Health::default();
        let mut note = |component, n| health.note(component, Err("x".into()), Timestamp(n * EVERY));
        assert!(note(Component::Disk, 0).is_none() && note(Component::Writer, 0).is_none());
        assert!(note(Component::Disk, 1).is_some() && note(Component::Writer, 1).is_some());
        assert_eq!(
            health.parts().map(|part| (part.component.as_str(), part.failures)).collect::<Vec<_>>(),
            [("disk", 2), ("writer", 2)]
        );
    }
}
