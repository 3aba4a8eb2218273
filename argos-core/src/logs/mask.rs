//! Values of named parameters never reach a log.

use std::borrow::Cow;

/// `query` (without `?`) with the values of the parameters in `masked` (lower-case names) as `***`. Names are
/// compared percent-decoded and without case, so that no spelling of a name uncovers its value.
#[must_use]
pub fn masked_query<'a>(query: &'a str, masked: &[Box<str>]) -> Cow<'a, str> {
    let is_secret = |pair: &str| is_hidden(pair, masked) || nests(pair, masked);
    if masked.is_empty() || !pairs(query).any(|(pair, _)| is_secret(pair)) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for (pair, end) in pairs(query) {
        match pair.split_once('=') {
            Some((name, _)) if is_secret(pair) => {
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
const SECRET_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];

/// Whether values of the header `name` are never stored. Names with `_` for `-` count: a CGI program can't tell them
/// apart.
#[must_use]
pub fn is_secret_header(name: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    SECRET_HEADERS.iter().any(|known| known.len() == name.len() && name.iter().map(folded).eq(known.bytes()))
}

/// Whether `value` of the WAF's `variable`, such as `ARGS:password`, must not be stored or shown.
#[must_use]
pub fn hides(variable: &str, value: &str, masked: &[Box<str>]) -> bool {
    let (collection, key) = variable.split_once(':').unwrap_or((variable, ""));
    match collection.to_ascii_uppercase().as_str() {
        "REQUEST_COOKIES" => true,
        "REQUEST_HEADERS" | "RESPONSE_HEADERS" if is_secret_header(key.as_bytes()) => true,
        "XML" if tells_markup(value, masked) => true,
        "REQUEST_BODY" | "RESPONSE_BODY" | "FULL_REQUEST" if tells_markup(value, masked) => true,
        // A document that was sent as a form is the name of a parameter.
        _ => {
            is_listed(key, masked)
                || mask_uri(value, masked) != value
                || tells(value, masked)
                || tells(key, masked)
                || tells_markup(key, masked)
        }
    }
}

/// Whether `text` has a member of a masked name, as JSON writes it: a quote before and behind the name, and a colon.
#[must_use]
pub(super) fn tells(text: &str, masked: &[Box<str>]) -> bool {
    if !text.contains(':') && !text.contains("%3") {
        return false;
    }
    let unquoted = |rest: &str| rest.trim_start_matches(['\\', '"', '\'']).trim_start().starts_with(':');
    let quote = |c: char| matches!(c, '"' | '\'');
    names(text, masked, |before, after| {
        before.ends_with(quote) && after.trim_start_matches('\\').starts_with(quote) && unquoted(after)
    })
}

/// Whether `text` has an element or an attribute of a masked name, as XML writes it.
fn tells_markup(text: &str, masked: &[Box<str>]) -> bool {
    if !text.contains('<') && !text.contains("%3") {
        return false;
    }
    names(text, masked, |before, after| {
        let tag = before.rsplit('<').next().filter(|tag| tag.len() < before.len() && !tag.contains('>'));
        let Some(tag) = tag else { return false };
        let element = tag.is_empty() || tag.ends_with(':') && !tag.contains(char::is_whitespace);
        let ends = after.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace());
        element && ends || after.trim_start().starts_with('=')
    })
}

/// Whether a masked name stands in `text`, as it is or percent-encoded, where `fits` what is before and behind it.
fn names(text: &str, masked: &[Box<str>], fits: impl Fn(&str, &str) -> bool) -> bool {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let lower = unescaped(&decoded).to_ascii_lowercase();
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    masked.iter().filter(|name| !name.is_empty()).any(|name| {
        memchr::memmem::find_iter(lower.as_bytes(), name.as_bytes()).any(|at| {
            let (before, after) = (&lower[..at], &lower[at + name.len()..]);
            !before.ends_with(word) && !after.starts_with(word) && fits(before, after)
        })
    })
}

/// `text` with the characters that JSON writes as `\u0061`, as far as they are ASCII.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u00") {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split("\\u00");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii);
        match byte {
            Some(byte) => {
                out.push(byte.into());
                out.push_str(&piece[2..]);
            }
            None => {
                out.push_str("\\u00");
                out.push_str(piece);
            }
        }
    }
    Cow::Owned(out)
}

/// `path` with the values of masked parameters of its segments (`;name=value`) as `***`.
#[must_use]
pub fn masked_path<'a>(path: &'a str, masked: &[Box<str>]) -> Cow<'a, str> {
    if !path.contains(';') || !path.split(['/', ';']).any(|part| is_hidden(part, masked)) {
        return Cow::Borrowed(path);
    }
    let segments = path.split_inclusive('/').map(|segment| {
        let (segment, end) = segment.strip_suffix('/').map_or((segment, ""), |segment| (segment, "/"));
        format!("{}{end}", masked_query(segment, masked))
    });
    Cow::Owned(segments.collect())
}

/// `text` with masked pairs after its `?`, or everywhere where it has none.
#[must_use]
pub fn mask_uri(text: &str, masked: &[Box<str>]) -> String {
    match text.split_once('?') {
        Some((path, query)) => format!("{}?{}", masked_path(path, masked), masked_query(query, masked)),
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

/// Whether the value of `pair` is an address or a form of its own with a masked name, also one that is encoded for that.
fn nests(pair: &str, masked: &[Box<str>]) -> bool {
    let Some((_, value)) = pair.split_once('=') else { return false };
    let mut plain = Cow::Borrowed(value);
    for _ in 0..MOST_NESTED {
        if !plain.contains('=') && !plain.contains("%3") && !plain.contains("%25") {
            return false;
        }
        let query = plain.split_once('?').map_or(&*plain, |(_, query)| query);
        if pairs(query).any(|(pair, _)| is_hidden(pair, masked)) {
            return true;
        }
        plain = Cow::Owned(percent_encoding::percent_decode_str(&plain).decode_utf8_lossy().into_owned());
    }
    false
}

/// How often a value is decoded in search of what it holds.
const MOST_NESTED: usize = 4;

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
            ("next=/login?token=x&a=1", "next=/login?token=***&a=1"),
            ("next=%2Flogin%3Ftoken%3Dx&a=%3D", "next=***&a=%3D"),
            ("next=%252Flogin%253Fa%253D1%2526token%253Dx", "next=***"),
            ("next=%2Flogin%3Fa%3Dtoken", "next=%2Flogin%3Fa%3Dtoken"),
            ("?token=x", "?token=***"),
            ("", ""),
        ] {
            assert_eq!(masked_query(query, &masked), expected, "{query}");
        }
    }

    #[test]
    fn parameters_of_a_path_are_hidden_segment_by_segment() {
        let masked: Vec<Box<str>> = vec!["token".into()];
        for (path, expected) in [
            ("/a;token=x/b", "/a;token=***/b"),
            ("/a;b=1;TOKEN=x;c=2/d;token=y", "/a;b=1;TOKEN=***;c=2/d;token=***"),
            ("/token=x", "/token=x"),
            ("/a;tokens=x", "/a;tokens=x"),
        ] {
            assert_eq!(masked_path(path, &masked), expected, "{path}");
        }
        assert_eq!(mask_uri("/a;token=x?token=y", &masked), "/a;token=***?token=***");
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
            ("REQUEST_BODY", r#"{"user": {"password" : "x"}}"#, true),
            ("REQUEST_BODY", r#"%7B%22password%22%3A%22x%22%7D"#, true),
            ("REQUEST_BODY", "<a><Password>x</Password></a>", true),
            ("REQUEST_BODY", "<a><n:password at='1'>x</n:password></a>", true),
            ("REQUEST_BODY", "<user name='a' password = 'x'/>", true),
            ("REQUEST_BODY", "<passwords>x</passwords>", false),
            ("REQUEST_BODY", "<p>a password = 1</p>", false),
            (r#"ARGS_NAMES:{"password":"x"}"#, r#"{"password":"x"}"#, true),
            (r#"ARGS:{"pass\u0077ord":"a"#, "b\"}", true),
            ("ARGS_NAMES:<a><password>x</password></a>", "", true),
            ("ARGS:json", r#"{\"password\":\"x\"}"#, true),
            ("ARGS:text", "the \"password\" is old: change it", false),
            ("ARGS:html", "<code>x</code>", false),
            ("REQUEST_FILENAME", "/login;password=x/y", true),
            ("REQUEST_URI", "/login;password=x/y?a=1", true),
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
