//! What a stage showed against what its test expects.

use std::collections::BTreeSet;

use argos_seclang::Matched;
use regex::{Regex, bytes};

use super::Seen;
use super::suite::Output;

/// Fine, or the first thing that is not as expected.
pub(super) fn judge(expected: &Output, seen: &Seen) -> Result<(), String> {
    if expected.expect_error {
        return if seen.status == 0 { Ok(()) } else { Err(format!("expected an error, got {}", seen.status)) };
    }
    if seen.status == 0 {
        return Err("there was no answer".to_owned());
    }
    if let Some(status) = expected.status.filter(|status| ![0, seen.status].contains(status)) {
        return Err(format!("status {}, expected {status}", seen.status));
    }
    if let Some(pattern) = &expected.response_contains
        && !bytes::Regex::new(pattern).map_err(|e| e.to_string())?.is_match(&seen.answer)
    {
        return Err(format!("the answer lacks {pattern}"));
    }
    let fired: BTreeSet<u64> = seen.log.iter().map(|(id, _)| *id).collect();
    let log = &expected.log;
    let matches = |pattern: &str| -> Result<bool, String> {
        let regex = Regex::new(pattern).map_err(|e| e.to_string())?;
        Ok(seen.log.iter().any(|(_, line)| regex.is_match(line)))
    };
    if let Some(pattern) = log.match_regex.as_ref().or(expected.log_contains.as_ref())
        && !matches(pattern)?
    {
        return Err(format!("the log lacks {pattern} (fired: {fired:?})"));
    }
    if let Some(pattern) = log.no_match_regex.as_ref().or(expected.no_log_contains.as_ref())
        && matches(pattern)?
    {
        return Err(format!("the log has {pattern} (fired: {fired:?})"));
    }
    if let Some(id) = log.expect_ids.iter().find(|id| !fired.contains(id)) {
        return Err(format!("rule {id} did not fire (fired: {fired:?}; status {})", seen.status));
    }
    if let Some(id) = log.no_expect_ids.iter().find(|id| fired.contains(id)) {
        return Err(format!("rule {id} fired"));
    }
    if expected.isolated && fired.len() != 1 {
        return Err(format!("one rule was to fire alone (fired: {fired:?})"));
    }
    Ok(())
}

/// A match as one line of a log: control characters as `\xHH`.
pub(super) fn line(matched: &Matched) -> String {
    let plain = |text: &str| {
        let escape = |c: char| match c {
            c if c.is_ascii_control() => format!("\\x{:02x}", c as u32),
            c => c.to_string(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let part =
        |name: &str, text: &str| if text.is_empty() { String::new() } else { format!(" [{name} \"{}\"]", plain(text)) };
    format!("[id \"{}\"]{}{}", matched.id, part("msg", &matched.msg), part("data", &matched.data))
}
