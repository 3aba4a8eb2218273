//! Where time and randomness enter. Nothing else in the library reads a clock or asks for random bytes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: unix milliseconds, UTC. JSON shows RFC 3339 with milliseconds and `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Unix milliseconds.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// RFC 3339 in years of four digits: a list writes hundreds of them. Source: the days of the proleptic Gregorian
    /// calendar, counted from 1 March of year 0 in eras of 400 years.
    fn digits(self) -> Option<[u8; 24]> {
        let (day, ms) = (self.0.div_euclid(86_400_000) + 719_468, self.0.rem_euclid(86_400_000));
        let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * years + years / 4 - years / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = years + era * 400 + i64::from(month <= 2);
        if !(0..=9999).contains(&year) {
            return None;
        }
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, mut n: i64| {
            let mut at = end;
            while n > 0 {
                at -= 1;
                text[at] = b'0' + u8::try_from(n % 10).unwrap_or_default();
                n /= 10;
            }
        };
        put(4, year);
        put(7, month);
        put(10, of_year - (153 * shifted + 2) / 5 + 1);
        put(13, ms / 3_600_000);
        put(16, ms / 60_000 % 60);
        put(19, ms / 1000 % 60);
        put(23, ms % 1000);
        Some(text)
    }

    /// Parses RFC 3339, such as `2026-01-02T03:04:05.678Z`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.digits() {
            Some(digits) => s.serialize_str(std::str::from_utf8(&digits).unwrap_or_default()),
            None => s.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time such as 2026-01-02T03:04:05Z"))
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}

/// The time of day, or a hand-moved one for tests.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `at` until [`Clock::set`] moves it; clones move together.
    #[must_use]
    pub fn manual(at: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.0))))
    }

    /// The current moment. A system clock before 1970 reads as 1970.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(t) => Timestamp(t.load(Ordering::Relaxed)),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Moves a manual clock; no effect on the system's.
    pub fn set(&self, at: Timestamp) {
        if let Some(t) = &self.0 {
            t.store(at.0, Ordering::Relaxed);
        }
    }
}

/// Fills `bytes` from the operating system's random source.
///
/// # Panics
/// When the operating system has no randomness: nothing safe can be done without it.
pub fn fill_random(bytes: &mut [u8]) {
    use rand::TryRng as _;
    rand::rngs::SysRng.try_fill_bytes(bytes).expect("the operating system gives random bytes");
}

/// `N` random bytes of the operating system.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_random(&mut bytes);
    bytes
}

/// Random bytes of the operating system, fetched 4 KiB at a time. For identifiers on the request path,
/// where a system call each would cost more than the request's own bookkeeping. Not for secrets.
#[derive(Debug)]
pub struct RandomPool {
    bytes: Box<[u8; 4096]>,
    used: usize,
}

impl Default for RandomPool {
    fn default() -> Self {
        Self { bytes: Box::new([0; 4096]), used: 4096 }
    }
}

impl RandomPool {
    /// The next `N` bytes; each byte is handed out once.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            fill_random(&mut self.bytes[..]);
            self.used = 0;
        }
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[self.used..self.used + N]);
        self.used += N;
        out
    }
}

/// A new identifier that sorts by time: UUID version 7. Source: RFC 9562 §5.7.
#[must_use]
pub fn request_id() -> String {
    let millis = u64::try_from(Clock::system().now().0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_parses_rfc_3339_with_milliseconds() {
        let t = Timestamp(1_767_225_600_007);
        assert_eq!(t.to_string(), "2026-01-01T00:00:00.007Z");
        assert_eq!(Timestamp::parse("2026-01-01T00:00:00.007Z"), Some(t));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn json_shows_the_same_text() {
        const DAY: i64 = 86_400_000;
        for days in (-800_000..3_000_000).step_by(97) {
            let t = Timestamp(days * DAY + days.rem_euclid(DAY));
            assert_eq!(serde_json::to_string(&t).unwrap(), format!("\"{t}\""));
        }
        for ms in [-1, 0, 951_782_400_000, 951_868_799_999] {
            assert_eq!(serde_json::to_string(&Timestamp(ms)).unwrap(), format!("\"{}\"", Timestamp(ms)));
        }
    }

    #[test]
    fn a_manual_clock_moves_with_its_clones() {
        let a = Clock::manual(Timestamp(5));
        let b = a.clone();
        b.set(Timestamp(9));
        assert_eq!(a.now(), Timestamp(9));
    }
}
