//! Which statuses of a health check are good ones.

use std::fmt;

/// A set of HTTP statuses, 100–599, written as a list of `200`, `2xx` and `200-204`, separated by commas.
///
/// ```
/// use argos_core::schema::StatusSet;
///
/// let good = StatusSet::parse("200,404,3xx").unwrap();
/// assert!(good.has(404) && good.has(302) && !good.has(204));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet {
    text: Box<str>,
    ranges: Box<[(u16, u16)]>,
}

/// Most characters of the text.
const MOST: usize = 255;

impl StatusSet {
    /// Parses `text`; the error says which item is wrong and what is allowed.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MOST {
            return Err(format!("at most {MOST} characters; got {}", text.len()));
        }
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        let ranges = items.iter().map(|item| range(item)).collect::<Option<Box<[_]>>>();
        match ranges {
            Some(ranges) => Ok(Self { text: items.join(",").into(), ranges }),
            None => {
                let wrong = items.iter().find(|item| range(item).is_none()).copied().unwrap_or_default();
                Err(format!("{wrong:?} is not a status (200), a class (2xx) or a range (200-204) within 100–599"))
            }
        }
    }

    /// Whether `status` is one of them.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }

    /// The text, without blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Default for StatusSet {
    fn default() -> Self {
        Self { text: "200".into(), ranges: Box::new([(200, 200)]) }
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn range(item: &str) -> Option<(u16, u16)> {
    if let Some(class) = item.strip_suffix("xx").or_else(|| item.strip_suffix("XX")) {
        let class = class.parse::<u16>().ok().filter(|n| class.len() == 1 && (1..=5).contains(n))?;
        return Some((class * 100, class * 100 + 99));
    }
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| digits && (100..=599).contains(n))
    };
    match item.split_once('-') {
        Some((from, to)) => Some((status(from.trim())?, status(to.trim())?)).filter(|(from, to)| from <= to),
        None => status(item).map(|n| (n, n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_classes_and_ranges_are_evaluated_exactly() {
        for (text, good, bad) in [
            ("200", &[200][..], &[201, 204, 404][..]),
            ("2xx", &[200, 204, 299], &[199, 300]),
            ("200-204", &[200, 202, 204], &[199, 205]),
            ("200,404", &[200, 404], &[204, 403]),
            ("2xx, 301 ,400-403,5XX", &[200, 301, 400, 403, 503], &[302, 404, 199]),
        ] {
            let set = StatusSet::parse(text).unwrap();
            good.iter().for_each(|status| assert!(set.has(*status), "{text}: {status}"));
            bad.iter().for_each(|status| assert!(!set.has(*status), "{text}: {status}"));
        }
        assert_eq!(StatusSet::parse("2xx, 301 ").unwrap().as_str(), "2xx,301");
    }

    #[test]
    fn what_is_no_set_is_refused_with_the_item() {
        for (text, item) in [
            ("", "\"\""),
            ("200,", "\"\""),
            ("6xx", "6xx"),
            ("20x", "20x"),
            ("99", "99"),
            ("600", "600"),
            ("204-200", "204-200"),
            ("200-2xx", "200-2xx"),
            ("+20", "+20"),
            ("200;204", "200;204"),
        ] {
            let reason = StatusSet::parse(text).unwrap_err();
            assert!(reason.contains(item), "{text}: {reason}");
        }
        assert!(StatusSet::parse(&"200,".repeat(80)).unwrap_err().contains("255"));
    }
}
