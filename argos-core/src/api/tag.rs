//! Tags of resources: what `ETag` shows and `If-Match` asks for. Source: RFC 9110 §8.8.3, §13.1.

use std::io::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Bytes of a tag; a quarter of them would do for the versions of one resource.
const BYTES: usize = 16;

/// The strong tag of a resource, without quotes: a hash of its canonical JSON (keys sorted, no blanks).
#[must_use]
pub fn tag(resource: &Value) -> String {
    let mut text = Vec::new();
    write(resource, &mut text);
    hex::encode(&Sha256::digest(&text)[..BYTES])
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            out.push(b'{');
            for (i, (name, field)) in fields.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                scalar(&Value::from(name.as_str()), out);
                out.push(b':');
                write(field, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        other => scalar(other, out),
    }
}

fn scalar(value: &Value, out: &mut Vec<u8>) {
    write!(out, "{value}").expect("a vector takes all bytes");
}

/// Whether `asked` allows a change of a resource with this tag: `*`, a tag, or tags in quotes with commas between
/// them. A weak tag allows nothing.
///
/// # Errors
/// `if_match`, when it is neither.
pub(crate) fn allows(asked: &str, tag: &str) -> Result<bool> {
    let asked = asked.trim();
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != ',';
    if asked == "*" || (!asked.is_empty() && asked.chars().all(plain)) {
        return Ok(asked == "*" || asked == tag);
    }
    let tags = parse(asked).ok_or_else(|| {
        Error::invalid("if_match", "if_match", "give a tag, tags in quotes with commas between them, or *")
    })?;
    Ok(tags.iter().any(|(weak, text)| !weak && *text == tag))
}

/// Whether the text of `If-None-Match` names this tag. What is no list of tags names none.
#[must_use]
pub fn names(asked: &str, tag: &str) -> bool {
    asked.trim() == "*" || parse(asked).is_some_and(|tags| tags.iter().any(|(_, text)| *text == tag))
}

/// Tags in quotes, each with whether it is weak.
fn parse(list: &str) -> Option<Vec<(bool, &str)>> {
    let mut tags = Vec::new();
    let mut rest = list.trim();
    loop {
        let weak = rest.starts_with("W/");
        rest = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (text, after) = rest.split_once('"')?;
        tags.push((weak, text));
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(tags);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_is_of_the_values_and_not_of_their_order() {
        let one = tag(&json!({"a": 1, "b": [{"c": "x", "d": null}]}));
        assert_eq!(one, tag(&json!({"b": [{"d": null, "c": "x"}], "a": 1})));
        assert_eq!(one.len(), 2 * BYTES);
        for other in [json!({"a": 1}), json!({"a": 1, "b": [{"c": "x"}]}), json!({"a": "1", "b": []}), json!([])] {
            assert_ne!(one, tag(&other), "{other}");
        }
    }

    #[test]
    fn conditions_are_lists_of_tags() {
        for (asked, strong, any) in [
            ("*", Some(true), true),
            ("abc", Some(true), false),
            ("\"abc\"", Some(true), true),
            ("\"x\", \"abc\"", Some(true), true),
            ("\"x,y\" ,\"abc\"", Some(true), true),
            ("W/\"abc\"", Some(false), true),
            ("\"ABC\"", Some(false), false),
            ("\"x\"", Some(false), false),
            ("", None, false),
            ("\"abc", None, false),
            ("\"abc\" \"x\"", None, false),
            ("\"abc\",", None, false),
            ("a b", None, false),
        ] {
            assert_eq!(allows(asked, "abc").ok(), strong, "{asked}");
            assert_eq!(names(asked, "abc"), any, "{asked}");
        }
    }
}
