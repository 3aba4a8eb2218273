//! Values of named parameters never reach a log.

use std::borrow::Cow;

/// `query` (without `?`) with the values of the parameters in `masked` (lower-case names) as `***`. Names are
/// compared percent-decoded and without case, so that no spelling of a name uncovers its value.
#[must_use]
pub fn masked_query<'a>(query: &'a str, masked: &[Box<str>]) -> Cow<'a, str> {
    if masked.is_empty() || !query.split('&').any(|pair| hides(pair, masked)) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for (i, pair) in query.split('&').enumerate() {
        if i > 0 {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if hides(pair, masked) => {
                out.push_str(name);
                out.push_str("=***");
            }
            _ => out.push_str(pair),
        }
    }
    Cow::Owned(out)
}

fn hides(pair: &str, masked: &[Box<str>]) -> bool {
    let Some((name, _)) = pair.split_once('=') else { return false };
    let spaced = name.replace('+', " ");
    let name = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    masked.iter().any(|m| name.trim().eq_ignore_ascii_case(m))
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
            ("", ""),
        ] {
            assert_eq!(masked_query(query, &masked), expected, "{query}");
        }
    }
}
