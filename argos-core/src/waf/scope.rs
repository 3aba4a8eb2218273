//! Which requests an exclusion is about.
//!
//! A path or a method limits an exclusion only where no upstream can take the request for another one: what such
//! requests say beside their first line counts too.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::schema::csv;

/// Headers by which some upstreams are told another path than that of the request line.
const OTHER_PATH: [&str; 2] = ["x-original-url", "x-rewrite-url"];
/// Headers by which some upstreams are told another method.
const OTHER_METHOD: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
/// The parameter of a query that does the same.
const METHOD_PARAMETER: &[u8] = b"_method";
/// How often a path may be encoded over its matching form.
const MOST_ENCODINGS: usize = 3;

/// Path and methods of an exclusion.
#[derive(Clone, Debug)]
pub struct When {
    path: Box<[u8]>,
    methods: Box<[Box<str>]>,
}

/// All that a request says about its path and its method.
#[derive(Debug)]
pub struct Addressed<'a> {
    path: Cow<'a, [u8]>,
    method: &'a [u8],
    other_paths: Vec<Vec<u8>>,
    other_methods: Vec<Vec<u8>>,
    /// Some upstream may read it as a request of a path that is not known here.
    leaves: bool,
}

impl<'a> Addressed<'a> {
    /// A request of `method` for `path`, in its matching form, and `query`.
    #[must_use]
    pub fn new(method: &'a [u8], path: impl Into<Cow<'a, [u8]>>, query: &[u8]) -> Self {
        let path = path.into();
        let parameters = query.split(|byte| matches!(byte, b'&' | b';')).filter_map(|pair| {
            let at = memchr::memchr(b'=', pair)?;
            is_method_parameter(&pair[..at]).then(|| &pair[at + 1..])
        });
        let other_methods = parameters.map(|value| percent_decode(value).collect::<Vec<u8>>().to_ascii_uppercase());
        Self { method, leaves: climbs(&path), path, other_paths: Vec::new(), other_methods: other_methods.collect() }
    }

    /// With the `target` as it was sent. What begins with two slashes is an authority for some upstreams.
    #[must_use]
    pub fn sent_as(mut self, target: &[u8]) -> Self {
        self.leaves |= matches!(target, [b'/', b'/' | b'\\', ..]);
        self
    }

    /// With what its headers say; `form` makes the matching form of a path.
    #[must_use]
    pub fn with<'h>(
        mut self,
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        form: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Self {
        // A CGI program can't tell `_` from `-`.
        let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        let is = |name: &[u8], known: &[&str]| known.iter().any(|known| name.iter().map(folded).eq(known.bytes()));
        for (name, value) in headers.filter(|(name, _)| matches!(name.len(), 13..=22)) {
            if is(name, &OTHER_METHOD) {
                self.other_methods.push(value.trim_ascii().to_ascii_uppercase());
            } else if is(name, &OTHER_PATH) {
                match form(path_of(value.trim_ascii())).filter(|path| path.first() == Some(&b'/')) {
                    Some(path) => {
                        self.leaves |= climbs(&path);
                        self.other_paths.push(path);
                    }
                    None => self.leaves = true,
                }
            }
        }
        self
    }

    /// The path in its matching form.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a [u8] {
        self.method
    }
}

impl When {
    /// That of an exclusion with this `path_pattern` and these methods, comma-separated.
    #[must_use]
    pub fn new(path_pattern: &str, methods: &str) -> Self {
        Self { path: path_pattern.as_bytes().into(), methods: csv(methods).map(Into::into).collect() }
    }

    /// Whether it means every request.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.path.is_empty() && self.methods.is_empty()
    }

    /// Whether it means this request, whichever way an upstream reads it.
    #[must_use]
    pub fn holds(&self, asked: &Addressed<'_>) -> bool {
        let is_named = |method: &[u8]| self.methods.iter().any(|own| own.as_bytes() == method);
        let method = self.methods.is_empty()
            || is_named(asked.method) && asked.other_methods.iter().all(|other| is_named(other));
        let inside = |path: &[u8]| covers(&self.path, path);
        method
            && (self.path.is_empty()
                || !asked.leaves && inside(&asked.path) && asked.other_paths.iter().all(|other| inside(other)))
    }
}

/// Whether some upstream reads the parameter `name` as [`METHOD_PARAMETER`]: in any case, and with what PHP makes `_`.
fn is_method_parameter(name: &[u8]) -> bool {
    let plain = percent_decode(name).map(|byte| if byte == b'+' { b' ' } else { byte });
    let folded = plain.skip_while(|byte| *byte == b' ').map(|byte| match byte {
        b'.' | b' ' | b'[' => b'_',
        byte => byte.to_ascii_lowercase(),
    });
    folded.eq(METHOD_PARAMETER.iter().copied())
}

/// The path of a target: without its origin, and without query and fragment.
#[must_use]
pub fn path_of(target: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    let whole = &target[..end];
    let behind = memchr::memmem::find(whole, b"://").filter(|_| whole.first() != Some(&b'/')).map(|at| at + 3);
    let Some(from) = behind else { return whole };
    memchr::memchr(b'/', &whole[from..]).map_or(b"/", |at| &whole[from + at..])
}

/// Whether `path` begins with `pattern` on a segment's border. A pattern that ends with `/` covers what lies inside.
#[must_use]
pub fn covers(pattern: &[u8], path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(pattern) else { return false };
    rest.is_empty() || rest[0] == b'/' || pattern.last().is_none_or(|last| *last == b'/')
}

/// Whether some upstream may read `path`, in its matching form, as one that leaves the folders that it seems to lie in:
/// with `%2F`, `%5C` and what was encoded twice decoded, `\` for `/`, without the parameters of a segment (`..;`,
/// `..?`), and with characters that look like dots and slashes read as such, it has a `..` segment. No exclusion of a
/// path holds there.
#[must_use]
pub fn climbs(path: &[u8]) -> bool {
    if !path.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';' | b'?' | b'#') || !byte.is_ascii()) {
        return false;
    }
    let mut plain = path.to_vec();
    for turn in 0.. {
        let decoded: Vec<u8> = percent_decode(&plain).collect();
        if decoded.len() == plain.len() {
            break;
        }
        // Nobody means a path that is encoded so often, and each further turn would cost its whole length.
        if turn == MOST_ENCODINGS {
            return true;
        }
        plain = decoded;
    }
    // `%u002e` is a dot for some; nobody else writes that.
    if plain.windows(2).any(|two| two.eq_ignore_ascii_case(b"%u")) {
        return true;
    }
    if !plain.is_ascii() {
        // A percent sign that only looks like one: nobody else writes that.
        if [&b"\xef\xbc\x85"[..], b"\xef\xb9\xaa"].iter().any(|sign| memchr::memmem::find(&plain, sign).is_some()) {
            return true;
        }
        plain = likened(&plain);
    }
    let name = |segment: &[u8]| segment.split(|byte| b";?#".contains(byte)).next().is_some_and(|name| name == b"..");
    plain.split(|byte| matches!(byte, b'/' | b'\\')).any(name)
}

/// What some upstreams read as dots and slashes: characters that stand for them by Unicode's compatibility forms or best
/// fit (U+FF0E, U+2024, U+FE52, U+FF61, U+3002, U+2025, U+FE30; U+FF0F, U+2044, U+2215; U+FF3C, U+FE68, U+2216, U+00A5,
/// U+20A9), and overlong forms of UTF-8.
const ALIKE: &[(&[u8], &[u8])] = &[
    (b"\xef\xbc\x8e", b"."),
    (b"\xe2\x80\xa4", b"."),
    (b"\xef\xb9\x92", b"."),
    (b"\xef\xbd\xa1", b"."),
    (b"\xe3\x80\x82", b"."),
    (b"\xe2\x80\xa5", b".."),
    (b"\xef\xb8\xb0", b".."),
    (b"\xef\xbc\x8f", b"/"),
    (b"\xe2\x81\x84", b"/"),
    (b"\xe2\x88\x95", b"/"),
    (b"\xef\xbc\xbc", b"/"),
    (b"\xef\xb9\xa8", b"/"),
    (b"\xe2\x88\x96", b"/"),
    (b"\xc2\xa5", b"/"),
    (b"\xe2\x82\xa9", b"/"),
    (b"\xc0\xae", b"."),
    (b"\xc0\xaf", b"/"),
    (b"\xc1\x9c", b"/"),
    (b"\xe0\x80\xae", b"."),
    (b"\xe0\x80\xaf", b"/"),
    (b"\xe0\x81\x9c", b"/"),
];

fn likened(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(byte) = rest.first() {
        let (as_read, length) = match ALIKE.iter().find(|(like, _)| rest.starts_with(like)) {
            Some((like, as_read)) => (*as_read, like.len()),
            None => (std::slice::from_ref(byte), 1),
        };
        plain.extend_from_slice(as_read);
        rest = &rest[length..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_whole_segments() {
        for (pattern, path, expected) in [
            ("", "/", true),
            ("", "*", true),
            ("/", "/", true),
            ("/", "/x", true),
            ("/", "*", false),
            ("/api", "/api", true),
            ("/api", "/api/", true),
            ("/api", "/api/x", true),
            ("/api", "/apix", false),
            ("/api", "/ap", false),
            ("/api", "/API", false),
            ("/api/", "/api", false),
            ("/api/", "/api/", true),
            ("/api/", "/api/x/y", true),
        ] {
            assert_eq!(covers(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_path_that_may_leave_its_folder_is_known() {
        for path in [
            "/public/..%2Fadmin",
            "/public/..%5Cadmin",
            "/public/%2e%2e/admin",
            "/public/.%252e/admin",
            "/public/..\\admin",
            "/public/..;/admin",
            "/public/..;v=1",
            "/public/..#/admin",
            "/public/..?/admin",
            "/public/%2%65%2%65/admin",
            "/public/%252e%252e/admin",
            "/public/..%3b/admin",
            "/a%25252525252525252525",
            "/public/%u002e%u002e/admin",
            "/public/．．/admin",
            "/public/%EF%BC%8E%EF%BC%8E/admin",
            "/public/.․/admin",
            "/public/‥/admin",
            "/public/x／..／..／admin",
            "/public/%C0%AE%C0%AE/admin",
            "/public/%EF%B8%B0/admin",
            "/public/︰%5cadmin",
            "/public/..∖admin",
            "/public/..%C2%A5admin",
            "/public/｡｡/admin",
            "/public/％2e％2e/admin",
        ] {
            assert!(climbs(path.as_bytes()), "{path}");
        }
        for path in
            ["/public/x", "/a%2Fb", "/a;v=..", "/a..b/%41", "/..a;x", "/100%", "/a%2", "/über/…", "/．/x", "/%E9"]
        {
            assert!(!climbs(path.as_bytes()), "{path}");
        }
    }

    fn plain(method: &'static str, target: &'static str) -> Addressed<'static> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Addressed::new(method.as_bytes(), path.as_bytes(), query.as_bytes())
    }

    fn with(target: &'static str, headers: &[(&str, &str)]) -> Addressed<'static> {
        let fields = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        plain("POST", target).with(fields, |path| (!path.contains(&b'%')).then(|| path.to_vec()))
    }

    #[test]
    fn a_path_holds_only_where_each_path_that_the_request_names_is_inside() {
        let api = When::new("/api", "");
        for (value, expected) in [
            ("/api/x?q=/admin", true),
            ("https://a.test/api", true),
            ("/admin", false),
            ("/apix", false),
            ("/api/..;/admin", false),
            ("/api/%zz", false),
            ("admin", false),
            ("", false),
        ] {
            for name in ["X-Original-URL", "x-rewrite-url", "X_Original_URL"] {
                assert_eq!(api.holds(&with("/api", &[(name, value)])), expected, "{name}: {value}");
            }
        }
        // Each line counts, and a rule of every path does not care.
        let twice = with("/api", &[("X-Original-URL", "/api"), ("X-Original-URL", "/admin")]);
        assert!(!api.holds(&twice) && When::new("", "").holds(&twice) && When::new("", "POST").holds(&twice));
        assert!(api.holds(&with("/api", &[("X-Other-Names", "/admin")])));
    }

    #[test]
    fn a_path_that_may_be_an_authority_is_no_path() {
        let api = When::new("/api", "");
        for (sent, expected) in [("/api/x", true), ("//api/x", false), ("/\\api/x", false), ("/", true)] {
            assert_eq!(api.holds(&plain("GET", "/api/x").sent_as(sent.as_bytes())), expected, "{sent}");
        }
    }

    #[test]
    fn a_method_holds_only_where_each_method_that_the_request_names_is_meant() {
        let post = When::new("", "POST");
        assert!(post.holds(&plain("POST", "/")) && !post.holds(&plain("GET", "/")));
        for name in ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "X_HTTP-Method_Override"] {
            assert!(!post.holds(&with("/", &[(name, "delete")])), "{name}");
            assert!(post.holds(&with("/", &[(name, " post ")])), "{name}");
            assert!(When::new("/", "").holds(&with("/", &[(name, "DELETE")])), "{name}");
        }
        assert!(!post.holds(&plain("POST", "/?a=1&_method=put")));
        for query in ["/?%5Fmethod=PU%54", "/?.method=put", "/?+%20_method=put", "/?[method=put", "/?_METHOD=put"] {
            assert!(!post.holds(&plain("POST", query)), "{query}");
        }
        assert!(When::new("", "POST,PUT").holds(&plain("POST", "/?_method=put")));
    }
}
