//! Path and method of the exclusions that are proposed for a request: the narrowest that can be saved and that hold.

use std::borrow::Cow;

use crate::logs::masked_path;
use crate::proxy::path::matching_form;
use crate::schema::Exclusion;
use crate::waf::asked::Asked;
use crate::waf::scope::When;

/// Where proposed exclusions hold, and what to know about that.
pub(super) struct Scope {
    pub(super) path_pattern: String,
    pub(super) method: String,
    pub(super) warnings: Vec<String>,
}

impl Scope {
    /// The narrowest path and method that an exclusion for `asked` can have, without parameters of the names `masked`.
    pub(super) fn of(asked: &Asked, masked: &[Box<str>]) -> Self {
        let mut scope = Self { path_pattern: String::new(), method: String::new(), warnings: Vec::new() };
        // The proxy refuses a request without such a form.
        let Some(addressed) = asked.addressed(matching_form) else { return scope };
        let holds = |path: &str, method: &str| When::new(path, method).holds(&addressed);
        let method = String::from_utf8_lossy(addressed.method());
        if !Exclusion::has_method(&method) {
            scope.warn(format!("an exclusion can't name the method {method:?}: this one covers every method"));
        } else if holds("", &method) {
            scope.method = method.into_owned();
        } else {
            scope.warn("the request names another method, too: the exclusion covers every method");
        }
        let path = addressed.path();
        let shows_no_secret = |path: &str| masked_path(path, masked) == path;
        let nameable = |path: &[u8]| {
            std::str::from_utf8(path).is_ok_and(|path| Exclusion::has_path(path) && shows_no_secret(path))
        };
        let found = upwards(path).filter(|path| nameable(path)).map(String::from_utf8_lossy);
        let found: Option<Cow<'_, str>> = { found }.find(|path| holds(path, ""));
        scope.path_pattern = found.unwrap_or_default().into_owned();
        let pattern = scope.path_pattern.clone();
        let own =
            "to mean one path alone, write an own rule with REQUEST_FILENAME, @streq and ctl:ruleRemoveTargetById";
        match pattern.as_bytes() {
            b"" if path.first() == Some(&b'/') => scope.warn(
                "upstreams may read the path of this request in different ways, so that no exclusion of a path holds for \
                 it: this one covers every path of the host",
            ),
            b"" => scope.warn("the request is for no path: the exclusion covers every path of the host"),
            b"/" => scope.warn(format!(
                "the path / means all that lies below it: the exclusion covers every path of the host; {own}"
            )),
            inside if inside.ends_with(b"/") && inside == path => {
                scope.warn(format!("the exclusion covers all that lies inside {pattern}; {own}"));
            }
            inside if inside.ends_with(b"/") => scope.warn(format!(
                "the path of this request can't be that of an exclusion that holds for it: this one covers all that lies \
                 inside {pattern}"
            )),
            _ => {}
        }
        scope
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

/// `path` and the folders that it lies in, each with its last `/`.
fn upwards(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut end = Some(path.len());
    std::iter::from_fn(move || {
        let now = end?;
        end = memchr::memrchr(b'/', &path[..now.saturating_sub(1)]).map(|at| at + 1);
        (now > 0).then(|| &path[..now])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waf::inspect::RequestLine;

    fn scope(method: &str, uri: &str, headers: &[(&str, &str)]) -> Scope {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (method, uri) = (method.to_owned(), uri.to_owned());
        let asked = Asked::from(&RequestLine { method, uri, headers, ..RequestLine::default() });
        let scope = Scope::of(&asked, &["token".into()]);
        // What is proposed can be saved, and holds.
        assert!(Exclusion::has_path(&scope.path_pattern), "{}", scope.path_pattern);
        assert!(scope.method.is_empty() || Exclusion::has_method(&scope.method), "{}", scope.method);
        let when = When::new(&scope.path_pattern, &scope.method);
        assert!(when.holds(&asked.addressed(matching_form).unwrap()), "{} {}", scope.method, scope.path_pattern);
        scope
    }

    #[test]
    fn the_narrowest_path_that_can_be_saved_and_holds_is_proposed() {
        let long = format!("/a/{}", "x".repeat(3000));
        for (uri, pattern, warning) in [
            ("/find?q=1", "/find", ""),
            ("http://a.test/find#x", "/find", ""),
            ("/%252e", "/%2e", ""),
            ("/a%2fb", "/a%2Fb", ""),
            ("/", "/", "every path of the host"),
            ("/?q", "/", "REQUEST_FILENAME"),
            ("/docs/", "/docs/", "inside /docs/"),
            ("/docs/caf%E9", "/docs/", "inside /docs/"),
            ("/docs/%E9/x/y", "/docs/", "inside /docs/"),
            ("/%E9", "/", "every path of the host"),
            ("/a/b%01", "/a/", "inside /a/"),
            ("/a/b;id=1", "/a/b;id=1", ""),
            ("/a/b;Token=hush/c", "/a/", "inside /a/"),
            (&long, "/a/", "inside /a/"),
            ("/public/..%2Fadmin", "", "in different ways"),
            ("/public/..;/admin", "", "in different ways"),
            ("*", "", "for no path"),
        ] {
            let found = scope("GET", uri, &[]);
            assert_eq!((found.path_pattern.as_str(), found.method.as_str()), (pattern, "GET"), "{uri}");
            assert_eq!(found.warnings.len(), usize::from(!warning.is_empty()), "{uri}: {:?}", found.warnings);
            assert!(found.warnings.iter().all(|text| text.contains(warning)), "{uri}: {:?}", found.warnings);
        }
    }

    #[test]
    fn a_method_that_can_not_be_named_is_left_open_and_said() {
        for (method, uri, header) in [("get", "/a", "GET"), ("GET", "/a?_method=put", "GET"), ("GET", "/a", "delete")] {
            let found = scope(method, uri, &[("X-HTTP-Method-Override", header)]);
            assert_eq!((found.path_pattern.as_str(), found.method.as_str()), ("/a", ""), "{method} {uri} {header}");
            assert!(found.warnings[0].contains("every method"), "{:?}", found.warnings);
        }
    }

    #[test]
    fn a_header_that_names_another_path_widens_it() {
        for (other, pattern) in [("/a/b/c", "/a/b"), ("/a/x", "/a/"), ("/x", "/"), ("..", ""), ("/a/..;/x", "")] {
            assert_eq!(scope("GET", "/a/b", &[("X-Original-URL", other)]).path_pattern, pattern, "{other}");
        }
    }
}
