//! Whether each core goes on: it says so at each tick, and whoever asks sees who has been silent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A core that says nothing for so long hangs, or its thread has ended.
const SILENCE: Duration = Duration::from_secs(10);

/// When each core was last heard of.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// Milliseconds since then.
    beats: Box<[AtomicU64]>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Pulse {
    /// That of so many cores, which begin now.
    pub(super) fn new(cores: usize) -> Self {
        Self { began: Instant::now(), beats: (0..cores).map(|_| AtomicU64::new(0)).collect() }
    }

    /// A core goes on.
    pub(super) fn beat(&self, core: usize) {
        if let Some(beat) = self.beats.get(core) {
            beat.store(self.millis(), Ordering::Relaxed);
        }
    }

    /// Whether all cores go on.
    ///
    /// # Errors
    /// Which one was not heard of, for how long.
    pub fn check(&self) -> Result<(), String> {
        self.check_at(self.millis())
    }

    fn check_at(&self, now: u64) -> Result<(), String> {
        for (core, beat) in self.beats.iter().enumerate() {
            let silent = Duration::from_millis(now.saturating_sub(beat.load(Ordering::Relaxed)));
            if silent > SILENCE {
                return Err(format!("thread argos-proxy-{core} has not gone on for {} s", silent.as_secs()));
            }
        }
        Ok(())
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_silent_for_more_than_ten_seconds_is_named() {
        let pulse = Pulse::new(2);
        assert_eq!(pulse.check_at(10_000), Ok(()));
        assert_eq!(pulse.check_at(10_001).unwrap_err(), "thread argos-proxy-0 has not gone on for 10 s");
        pulse.beats[0].store(10_001, Ordering::Relaxed);
        assert_eq!(pulse.check_at(10_001).unwrap_err(), "thread argos-proxy-1 has not gone on for 10 s");
        pulse.beat(1);
        pulse.beat(7);
        assert_eq!(pulse.check(), Ok(()));
    }
}
