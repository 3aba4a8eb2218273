//! A host's rules, compiled: globs parsed, regexes built, templates split.
//!
//! What is written here is data; the request is matched against it by `proxy`'s `decide` stage.

use std::sync::Arc;

use ipnet::IpNet;
use regex::bytes::Regex;

use crate::schema::{self, GroupId, RuleId, ValueMode, is_token, parse_range};

/// One enabled rule.
#[derive(Debug)]
pub struct Rule {
    /// Identity, for the log row.
    pub id: RuleId,
    /// All must hold.
    pub matchers: Box<[Matcher]>,
    /// What happens.
    pub action: Action,
}

/// One condition.
#[derive(Debug)]
pub struct Matcher {
    /// Turns the result round.
    pub negate: bool,
    /// The comparison.
    pub test: Test,
}

/// What is compared with what.
#[derive(Debug)]
pub enum Test {
    /// Any glob covers the matching path.
    Path(Box<[Glob]>),
    /// Any text equals the matching path.
    PathExact(Box<[Box<[u8]>]>),
    /// A search in the matching path; the first one of a rule gives captures 1–9.
    PathRegex(Regex),
    /// Any method equals.
    Method(Box<[Box<str>]>),
    /// Any field line of the name passes.
    Header(Box<str>, ValueTest),
    /// Any decoded occurrence of the parameter passes.
    Query(Box<[u8]>, ValueTest),
    /// Any cookie of the name passes.
    Cookie(Box<[u8]>, ValueTest),
    /// The client address is in any range.
    RemoteIp(Box<[IpNet]>),
    /// The requested name equals any; `*.` covers one more label.
    HostHeader(Box<[Box<str>]>),
}

/// How a value is compared.
#[derive(Debug)]
pub enum ValueTest {
    /// Any value at all.
    Present,
    /// Byte for byte.
    Exact(Box<[u8]>),
    /// A search.
    Regex(Regex),
}

impl ValueTest {
    /// Whether `value` passes.
    #[must_use]
    pub fn passes(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(text) => **text == *value,
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// What a matching rule does.
#[derive(Debug)]
pub enum Action {
    /// Sends to this group.
    Forward(GroupId),
    /// `Location` from a template.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The location.
        target: Template,
        /// Leaves the query out.
        strip_query: bool,
    },
    /// Answers with a fixed text.
    Fixed(Arc<Reply>),
    /// Refuses; an empty body means the standard page.
    Block(Arc<Reply>),
    /// Changes the target, then goes to the default group.
    Rewrite {
        /// Removed from the start of the path, on a segment border.
        strip_prefix: Option<Box<str>>,
        /// The new path.
        path: Option<Template>,
        /// The new query; empty = none.
        query: Option<Template>,
    },
}

/// A literal answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Box<str>,
    /// Its `Content-Type`.
    pub content_type: Box<str>,
}

/// A glob over whole paths: `*` is any run of bytes, `?` one character but `/`.
#[derive(Debug)]
pub struct Glob(Box<[u8]>);

impl Glob {
    fn parse(text: &str) -> Self {
        let mut bytes: Vec<u8> = text.as_bytes().to_vec();
        bytes.dedup_by(|a, b| *a == b'*' && *b == b'*');
        Self(bytes.into())
    }

    /// Whether the whole of `path` matches. Linear but for one step back per `*`: at most `path × glob` steps.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let (glob, mut g, mut p) = (&*self.0, 0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while p < path.len() {
            match glob.get(g) {
                Some(b'*') => {
                    retry = Some((g + 1, p));
                    g += 1;
                    continue;
                }
                Some(b'?') if path[p] != b'/' => {
                    g += 1;
                    p += char_len(&path[p..]);
                    continue;
                }
                Some(b) if *b == path[p] && *b != b'?' => {
                    g += 1;
                    p += 1;
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((after_star, from)) => {
                    g = after_star;
                    p = from + 1;
                    retry = Some((after_star, p));
                }
                None => return false,
            }
        }
        glob[g..].iter().all(|b| *b == b'*')
    }
}

// Bytes of the UTF-8 character at the start; 1 for bytes that begin none.
fn char_len(bytes: &[u8]) -> usize {
    let len = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    match bytes.get(..len) {
        Some(c) if std::str::from_utf8(c).is_ok() => len,
        _ => 1,
    }
}

/// A text with placeholders.
#[derive(Debug, PartialEq, Eq)]
pub struct Template(pub Box<[Piece]>);

/// A part of a [`Template`].
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Copied as it is.
    Text(Box<str>),
    /// The requested name.
    Host,
    /// The path as it is forwarded.
    Path,
    /// The query without `?`.
    Query,
    /// Path, and query after `?` if there is one.
    Uri,
    /// `http` or `https`.
    Scheme,
    /// The client's address.
    RemoteIp,
    /// A capture of the first `path_regex`, 1–9.
    Capture(u8),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].into()));
            }
            let close = rest[open..].find('}').ok_or("a `{` without its `}`")? + open;
            pieces.push(match &rest[open + 1..close] {
                "host" => Piece::Host,
                "path" => Piece::Path,
                "query" => Piece::Query,
                "uri" => Piece::Uri,
                "scheme" => Piece::Scheme,
                "remote_ip" => Piece::RemoteIp,
                n if n.len() == 1 && matches!(n.as_bytes()[0], b'1'..=b'9') => Piece::Capture(n.as_bytes()[0] - b'0'),
                other => {
                    let known = "{host} {path} {query} {uri} {scheme} {remote_ip} {1}–{9}";
                    return Err(format!("unknown placeholder {{{other}}}; known: {known}"));
                }
            });
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Ok(Self(pieces.into()))
    }

    /// Whether it places the query itself, so that none is appended.
    #[must_use]
    pub fn places_query(&self) -> bool {
        self.0.iter().any(|p| match p {
            Piece::Query | Piece::Uri => true,
            Piece::Text(text) => text.contains('?'),
            _ => false,
        })
    }
}

/// A part of a rule that does not compile.
#[derive(Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Path below the rule, such as `matchers[0].config.pattern`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

fn fault<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, RuleFault> {
    Err(RuleFault { field: field.into(), reason: reason.into() })
}

impl Rule {
    /// Compiles a stored rule.
    ///
    /// # Errors
    /// The first field that does not compile.
    pub fn compile(rule: &schema::Rule) -> Result<Self, RuleFault> {
        let matchers = rule.matchers.iter().enumerate().map(|(i, m)| {
            Matcher::compile(m).map_err(|(field, reason)| RuleFault {
                field: format!("matchers[{i}].config{}{field}", if field.is_empty() { "" } else { "." }),
                reason,
            })
        });
        let matchers = matchers.collect::<Result<_, _>>()?;
        Ok(Self { id: rule.id, matchers, action: Action::compile(&rule.action)? })
    }
}

type Field<T> = Result<T, (&'static str, String)>;

impl Matcher {
    fn compile(m: &schema::Matcher) -> Field<Self> {
        use schema::Matcher as M;
        let (negate, test) = match m {
            M::Path(c) => {
                if let Some(bad) = c.patterns.iter().find(|p| !p.starts_with('/') && !p.starts_with('*')) {
                    return Err(("patterns", format!("{bad:?} covers no path: begin with `/` or `*`")));
                }
                (c.negate, Test::Path(filled("patterns", &c.patterns)?.iter().map(|p| Glob::parse(p)).collect()))
            }
            M::PathExact(c) => {
                let values = filled("values", &c.values)?;
                if let Some(bad) = values.iter().find(|v| !v.starts_with('/') || v.contains(['*', '?'])) {
                    return Err(("values", format!("{bad:?}: begin with `/`, without `*` and `?`")));
                }
                (c.negate, Test::PathExact(values.iter().map(|v| v.as_bytes().into()).collect()))
            }
            M::PathRegex(c) => (c.negate, Test::PathRegex(regex("pattern", &c.pattern)?)),
            M::Method(c) => {
                let methods = filled("methods", &c.methods)?;
                if let Some(bad) = methods.iter().find(|m| !is_token(m) || m.contains(|c: char| c.is_ascii_lowercase()))
                {
                    return Err(("methods", format!("{bad:?} is not an upper-case method")));
                }
                (c.negate, Test::Method(methods.iter().map(|m| m.as_str().into()).collect()))
            }
            M::Header(c) => {
                if !is_token(&c.name) {
                    return Err(("name", format!("{:?} is not a header name", c.name)));
                }
                let name = c.name.to_ascii_lowercase().into();
                (c.negate, Test::Header(name, value_test(&c.value, c.mode)?))
            }
            M::Query(c) => (c.negate, Test::Query(c.name.as_bytes().into(), value_test(&c.value, ValueMode::Exact)?)),
            M::Cookie(c) => {
                if !is_token(&c.name) {
                    return Err(("name", format!("{:?} is not a cookie name", c.name)));
                }
                (c.negate, Test::Cookie(c.name.as_bytes().into(), value_test(&c.value, c.mode)?))
            }
            M::RemoteIp(c) => {
                let parse = |r: &String| {
                    parse_range(r).ok_or_else(|| ("ranges", format!("{r:?} is neither an address nor a CIDR range")))
                };
                (c.negate, Test::RemoteIp(filled("ranges", &c.ranges)?.iter().map(parse).collect::<Result<_, _>>()?))
            }
            M::HostHeader(c) => {
                let parse = |v: &String| match schema::Hostname::parse(v) {
                    Ok(name) if !name.is_catch_all() => Ok(name.as_str().into()),
                    _ => Err(("values", format!("{v:?} is not a name or `*.` and a name"))),
                };
                (c.negate, Test::HostHeader(filled("values", &c.values)?.iter().map(parse).collect::<Result<_, _>>()?))
            }
            M::Country(_) => return Err(("", "country is not available yet: no GeoIP database is read".into())),
        };
        Ok(Self { negate, test })
    }
}

fn filled<'a>(field: &'static str, list: &'a [String]) -> Field<&'a [String]> {
    if list.is_empty() || list.len() > 1000 {
        return Err((field, "give 1–1000 values".into()));
    }
    Ok(list)
}

fn value_test(value: &str, mode: ValueMode) -> Field<ValueTest> {
    Ok(match mode {
        ValueMode::Regex => ValueTest::Regex(regex("value", value)?),
        ValueMode::Exact if value == "*" => ValueTest::Present,
        ValueMode::Exact => ValueTest::Exact(value.as_bytes().into()),
    })
}

fn regex(field: &'static str, pattern: &str) -> Field<Regex> {
    // `.` is any byte: a line break or a stray byte in a path must not slip past a rule that blocks it.
    let built =
        regex::bytes::RegexBuilder::new(pattern).size_limit(1 << 20).unicode(false).dot_matches_new_line(true).build();
    built.map_err(|e| {
        let text = e.to_string();
        (field, text.lines().last().unwrap_or("not a regular expression").trim_start_matches("error: ").to_owned())
    })
}

fn is_header_value(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|b| b < b' ' || b == 0x7f)
}

impl Action {
    fn compile(action: &schema::Action) -> Result<Self, RuleFault> {
        use schema::Action as A;
        let template = |field: &str, text: &str| match Template::parse(text) {
            Ok(t) if !text.bytes().any(|b| b < b' ' || b == 0x7f) => Ok(t),
            Ok(_) => fault(format!("action.config.{field}"), "control characters are not allowed"),
            Err(reason) => fault(format!("action.config.{field}"), reason),
        };
        let reply = |status: u16, low: u16, field: &str, body: &str, content_type: &str| {
            if !(low..=599).contains(&status) {
                return fault(format!("action.config.{field}"), format!("{status} is not {low}–599"));
            }
            if body.len() > 1 << 20 {
                return fault("action.config.body", "at most 1 MiB");
            }
            if !is_header_value(content_type) {
                return fault("action.config.content_type", "not a header value");
            }
            Ok(Arc::new(Reply { status, body: body.into(), content_type: content_type.into() }))
        };
        Ok(match action {
            A::Forward(c) => Self::Forward(c.target_group_id),
            A::Redirect(c) => {
                if !matches!(c.status_code, 301 | 302 | 303 | 307 | 308) {
                    return fault("action.config.status_code", "allowed: 301, 302, 303, 307, 308");
                }
                if c.target.is_empty() {
                    return fault("action.config.target", "can't be empty");
                }
                let placed = c.target.starts_with(['/', '{']) || c.target.contains("://");
                if !placed || c.target.contains(' ') {
                    let reason = "begin with `/`, a scheme such as `https://`, or a placeholder; no blanks";
                    return fault("action.config.target", reason);
                }
                let target = template("target", &c.target)?;
                Self::Redirect { status: c.status_code, target, strip_query: c.strip_query }
            }
            A::FixedResponse(c) => Self::Fixed(reply(c.status_code, 200, "status_code", &c.body, &c.content_type)?),
            A::Block(c) => Self::Block(reply(c.status, 400, "status", &c.body, &c.content_type)?),
            A::Rewrite(c) => {
                if c.path.is_none() && c.strip_prefix.is_none() && c.query.is_none() {
                    return fault("action.config", "give at least one of path, strip_prefix, query");
                }
                if c.path.as_ref().is_some_and(|p| !p.starts_with('/') && !p.starts_with('{')) {
                    return fault("action.config.path", "a path begins with `/` or a placeholder");
                }
                if c.strip_prefix.as_ref().is_some_and(|p| !p.starts_with('/')) {
                    return fault("action.config.strip_prefix", "a prefix begins with `/`");
                }
                Self::Rewrite {
                    strip_prefix: c.strip_prefix.as_deref().map(Into::into),
                    path: c.path.as_deref().map(|t| template("path", t)).transpose()?,
                    query: c.query.as_deref().map(|t| template("query", t)).transpose()?,
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_whole_paths() {
        for (glob, path, expected) in [
            ("/api/*", "/api/x/y", true),
            ("/api/*", "/api/", true),
            ("/api/*", "/api", false),
            ("*", "/anything", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/a/c", false),
            ("/a?c", "/aéc", true),
            ("/*.php", "/x.php/y.php", true),
            ("/*.php", "/x.phpx", false),
            ("/**/x", "/a/b/x", true),
            ("/a", "/A", false),
            ("/", "/", true),
        ] {
            assert_eq!(Glob::parse(glob).matches(path.as_bytes()), expected, "{glob} {path}");
        }
    }

    #[test]
    fn templates_know_their_placeholders() {
        let t = Template::parse("https://{host}/new{path}?x={1}").unwrap();
        assert_eq!(t.0.len(), 6);
        assert!(t.places_query());
        assert!(!Template::parse("https://{host}{path}").unwrap().places_query());
        assert!(Template::parse("{user}").unwrap_err().contains("unknown placeholder"));
        assert!(Template::parse("{host").is_err());
    }
}
