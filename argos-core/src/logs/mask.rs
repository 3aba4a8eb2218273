//! Values of named parameters never reach a log.

use std::borrow::Cow;

/// `query` (without `?`) with the values of the parameters in `masked` (lower-case names) as `***`. Names are
/// compared percent-decoded and without case, so that no spelling of a name uncovers its value.
#[must_use]
pub fn masked_query<'a>(query: &'a str, masked: &[Box<str>]) -> Cow<'a, str> {
    if masked.is_empty() || !pairs(query).any(|(pair, _)| hides(pair, masked)) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for (pair, end) in pairs(query) {
        match pair.split_once('=') {
            Some((name, _)) if hides(pair, masked) => {
                out.push_str(name);
                out.push_str("=***");
            }
            _ => out.push_str(pair),
        }
        out.push_str(end);
    }
    Cow::Owned(out)
}

/// What may separate parameters for one program or another.
const SEPARATORS: [char; 4] = ['&', ';', '?', '#'];

/// The parts of a query, each with the separator behind it.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split_inclusive(SEPARATORS).map(|part| match part.strip_suffix(SEPARATORS) {
        Some(pair) => (pair, &part[pair.len()..]),
        None => (part, ""),
    })
}

/// Whether the name of `pair`, or a part of a name such as `user[password]` or `json.password.array_0`, is masked.
fn hides(pair: &str, masked: &[Box<str>]) -> bool {
    let Some((name, _)) = pair.split_once('=') else { return false };
    let spaced = name.replace('+', " ");
    let name = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    name.split(['[', ']', '.']).any(|part| masked.iter().any(|m| part.trim().eq_ignore_ascii_case(m)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_values_by_decoded_name_without_case() {
        let masked: Vec<Box<str>> = vec!["token".into(), "api_key".into()];
        for (query, expected) in [
            ("a=1&token=secret&b=2", "a=1&token=***&b=2"),
            ("TOKEN=secret", "TOKEN=***"),
            ("%74oken=secret", "%74oken=***"),
            ("api%5Fkey=x=y", "api%5Fkey=***"),
            ("token", "token"),
            ("token=", "token=***"),
            ("tokens=1", "tokens=1"),
            ("user[token]=x&a=1", "user[token]=***&a=1"),
            ("token[]=x;a=1", "token[]=***;a=1"),
            ("a=1;token=x", "a=1;token=***"),
            ("a=1#token=x", "a=1#token=***"),
            ("?token=x", "?token=***"),
            ("", ""),
        ] {
            assert_eq!(masked_query(query, &masked), expected, "{query}");
        }
    }
}
