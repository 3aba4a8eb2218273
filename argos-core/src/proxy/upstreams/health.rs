//! Whether a target takes requests: a state machine without a clock, a lock or a socket.
//!
//! Two judges speak, and either can take a target out: the checks of its group, and the requests themselves. What one
//! took out only the same one brings back.

use crate::schema::TargetState;

/// Failed requests in a row until a target is out.
pub(crate) const MISSES: u32 = 3;

/// What is known of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    checks: Checks,
    /// Requests in a row that failed.
    missed: u32,
    /// Whether requests took it out.
    ejected: bool,
    /// Whether a request was answered, as far as that counts: checks know better.
    served: bool,
}

/// What the checks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checks {
    verdict: Verdict,
    passes: u32,
    fails: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    #[default]
    None,
    Good,
    Bad,
}

/// How many results in a row the checks need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thresholds {
    pub(crate) fails: u32,
    pub(crate) passes: u32,
}

impl Health {
    /// What is shown.
    pub(crate) fn state(&self) -> TargetState {
        match self.checks.verdict {
            Verdict::Bad => TargetState::Unhealthy,
            _ if self.ejected => TargetState::Unhealthy,
            Verdict::Good => TargetState::Healthy,
            Verdict::None if self.served => TargetState::Healthy,
            Verdict::None => TargetState::Unknown,
        }
    }

    /// Whether checks took it out: no request brings it back.
    pub(crate) fn failed_checks(&self) -> bool {
        self.checks.verdict == Verdict::Bad
    }

    /// Whether requests took it out: one that succeeds brings it back.
    pub(crate) fn is_ejected(&self) -> bool {
        self.ejected
    }

    /// Whether one more success says nothing new.
    pub(crate) fn is_calm(&self) -> bool {
        self.missed == 0 && !self.ejected && self.served
    }

    /// A check passed.
    pub(crate) fn passed(&mut self, wanted: Thresholds) {
        self.checks.fails = 0;
        self.checks.passes = self.checks.passes.saturating_add(1);
        if self.checks.passes >= wanted.passes {
            self.checks.verdict = Verdict::Good;
        }
    }

    /// A check failed.
    pub(crate) fn failed(&mut self, wanted: Thresholds) {
        self.checks.passes = 0;
        self.checks.fails = self.checks.fails.saturating_add(1);
        if self.checks.fails >= wanted.fails {
            self.checks.verdict = Verdict::Bad;
        }
    }

    /// Whether checks have said anything.
    pub(crate) fn was_checked(&self) -> bool {
        self.checks != Checks::default()
    }

    /// There are no checks any more; what they said does not count.
    pub(crate) fn unchecked(&mut self) {
        self.checks = Checks::default();
    }

    /// A request was answered. What began before the target was taken out does not bring it back; `trial` did not.
    pub(crate) fn answered(&mut self, trial: bool) {
        if trial || !self.ejected {
            (self.missed, self.ejected, self.served) = (0, false, true);
        }
    }

    /// A request failed before the head of an answer was there; whether that takes the target out, or keeps it out.
    pub(crate) fn missed(&mut self) -> bool {
        self.missed = self.missed.saturating_add(1);
        self.ejected |= self.missed >= MISSES;
        self.ejected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetState::{Healthy, Unhealthy, Unknown};

    const WANTED: Thresholds = Thresholds { fails: 2, passes: 3 };

    /// `p`, `f`: a check passes, fails; `a`, `m`: a request is answered, missed; `t`: a trial is answered; `-`: no more checks.
    fn after(steps: &str) -> TargetState {
        let mut health = Health::default();
        for step in steps.chars() {
            match step {
                'p' => health.passed(WANTED),
                'f' => health.failed(WANTED),
                'a' => health.answered(false),
                't' => health.answered(true),
                'm' => drop(health.missed()),
                '-' => health.unchecked(),
                _ => unreachable!(),
            }
        }
        health.state()
    }

    #[test]
    fn checks_count_in_a_row() {
        for (steps, expected) in [
            ("", Unknown),
            ("p", Unknown),
            ("pp", Unknown),
            ("ppp", Healthy),
            ("ppfp", Unknown),
            ("f", Unknown),
            ("ff", Unhealthy),
            ("fpf", Unknown),
            ("pppf", Healthy),
            ("pppff", Unhealthy),
            ("ffpp", Unhealthy),
            ("ffppp", Healthy),
            ("ffppfpp", Unhealthy),
            ("ffppfppp", Healthy),
        ] {
            assert_eq!(after(steps), expected, "{steps}");
        }
    }

    #[test]
    fn three_requests_in_a_row_take_a_target_out_and_one_brings_it_back() {
        for (steps, expected) in [
            ("a", Healthy),
            ("m", Unknown),
            ("mm", Unknown),
            ("mmm", Unhealthy),
            ("mmamm", Healthy),
            ("mmmm", Unhealthy),
            ("mmma", Unhealthy),
            ("mmmt", Healthy),
            ("mmmtm", Healthy),
        ] {
            assert_eq!(after(steps), expected, "{steps}");
        }
    }

    #[test]
    fn each_judge_brings_back_what_it_took_out() {
        for (steps, expected) in [
            ("ffa", Unhealthy),
            ("ffmmm", Unhealthy),
            ("ffmmmppp", Unhealthy),
            ("ffmmmpppt", Healthy),
            ("mmmppp", Unhealthy),
            ("ff-", Unknown),
            ("ffa-", Healthy),
            ("ffmmm-", Unhealthy),
        ] {
            assert_eq!(after(steps), expected, "{steps}");
        }
    }
}
