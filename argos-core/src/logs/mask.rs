//! Values of named parameters never reach a log.

use std::borrow::Cow;

/// `query` (without `?`) with the values of the parameters in `masked` (lower-case names) as `***`. Names are
/// compared percent-decoded and without case, so that no spelling of a name uncovers its value.
#[must_use]
pub fn masked_query<'a>(query: &'a str, masked: &[Box<str>]) -> Cow<'a, str> {
    if masked.is_empty() || !pairs(query).any(|(pair, _)| is_hidden(pair, masked)) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for (pair, end) in pairs(query) {
        match pair.split_once('=') {
            Some((name, _)) if is_hidden(pair, masked) => {
                out.push_str(name);
                out.push_str("=***");
            }
            _ => out.push_str(pair),
        }
        out.push_str(end);
    }
    Cow::Owned(out)
}

/// Headers whose values are never stored, lower-case.
pub const SECRET_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];

/// Whether `value` of the WAF's `variable`, such as `ARGS:password`, must not be stored or shown.
#[must_use]
pub fn hides(variable: &str, value: &str, masked: &[Box<str>]) -> bool {
    let (collection, key) = variable.split_once(':').unwrap_or((variable, ""));
    match collection.to_ascii_uppercase().as_str() {
        "REQUEST_COOKIES" => true,
        "REQUEST_HEADERS" | "RESPONSE_HEADERS" if SECRET_HEADERS.iter().any(|h| key.eq_ignore_ascii_case(h)) => true,
        _ => is_listed(key, masked) || mask_uri(value, masked) != value,
    }
}

/// `text` with masked pairs after its `?`, or everywhere where it has none.
#[must_use]
pub fn mask_uri(text: &str, masked: &[Box<str>]) -> String {
    match text.split_once('?') {
        Some((path, query)) => format!("{path}?{}", masked_query(query, masked)),
        None => masked_query(text, masked).into_owned(),
    }
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
fn is_hidden(pair: &str, masked: &[Box<str>]) -> bool {
    let Some((name, _)) = pair.split_once('=') else { return false };
    let spaced = name.replace('+', " ");
    let name = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    is_listed(&name, masked)
}

/// Whether `name`, or a part of it, is one of `masked`.
fn is_listed(name: &str, masked: &[Box<str>]) -> bool {
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

    #[test]
    fn secrets_are_hidden_by_variable_and_by_content() {
        let masked: Vec<Box<str>> = vec!["password".into()];
        for (variable, value, expected) in [
            ("ARGS:password", "x", true),
            ("ARGS:PassWord", "x", true),
            ("ARGS:json.user.password", "x", true),
            ("ARGS:q", "x", false),
            ("REQUEST_COOKIES:a", "x", true),
            ("REQUEST_HEADERS:Authorization", "x", true),
            ("REQUEST_HEADERS:User-Agent", "x", false),
            ("REQUEST_URI", "/a?password=x", true),
            ("REQUEST_BODY", "a=1&password=x", true),
            ("REQUEST_BODY", "a=1", false),
        ] {
            assert_eq!(hides(variable, value, &masked), expected, "{variable} {value}");
        }
    }

    #[test]
    fn values_of_named_variables_are_hidden_however_the_name_is_nested() {
        let masked: Vec<Box<str>> = vec!["password".into()];
        for (variable, value) in [
            ("ARGS:password", "x"),
            ("ARGS:user[Password]", "x"),
            ("ARGS_POST:json.password.array_0", "x"),
            ("MULTIPART_NAME:user[password][]", "x"),
            ("REQUEST_HEADERS:Referer", "http://a.example/?password=<x>"),
            ("REQUEST_HEADERS:Authorization", "x"),
            ("REQUEST_COOKIES:a", "x"),
            ("REQUEST_URI", "/?a[password]=x"),
        ] {
            assert!(hides(variable, value, &masked), "{variable} {value}");
        }
        for (variable, value) in [("ARGS:passwords", "x"), ("REQUEST_HEADERS:Referer", "/?a=password"), ("ARGS", "x")] {
            assert!(!hides(variable, value, &masked), "{variable} {value}");
        }
    }
}
