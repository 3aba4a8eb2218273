//! What one host changes about the rules that all hosts share.

use std::sync::Arc;

use argos_seclang::{LeftOut, RuleSet, is_protected};

use super::{OwnRules, RuleSource};
use crate::error::{Error, Result};
use crate::schema::{CustomRule, Exclusion, csv};

/// The exclusions and own rules of one host, read and not yet bound to rules.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    exclusions: Vec<Excluded>,
    own: OwnRules,
}

#[derive(Clone, Debug)]
struct Excluded {
    rules: argos_seclang::Exclusion,
    when: When,
}

/// Which requests an exclusion is about.
#[derive(Clone, Debug)]
struct When {
    path: Box<[u8]>,
    methods: Box<[Box<str>]>,
}

/// The rules of one host, and what only some of its requests leave out.
#[derive(Clone, Debug)]
pub struct Tuned {
    tuning: Tuning,
    sometimes: Vec<(When, LeftOut)>,
}

impl Tuning {
    /// Reads the exclusions and own rules of a host; those that are off are read and left aside.
    ///
    /// # Errors
    /// As [`reach`].
    pub fn of(exclusions: &[Exclusion], own: &[CustomRule]) -> Result<Self> {
        let mut tuning = Self::default();
        own.iter().for_each(|row| tuning.own.add(row));
        for row in exclusions {
            let rules = named(row.crs_rule_id, &row.tag, &row.target)?;
            let methods = csv(&row.method).map(Into::into).collect();
            if row.enabled {
                let when = When { path: row.path_pattern.as_bytes().into(), methods };
                tuning.exclusions.push(Excluded { rules, when });
            }
        }
        Ok(tuning)
    }

    /// Whether the host changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exclusions.is_empty() && self.own.is_empty()
    }

    /// The host's own rules.
    #[must_use]
    pub fn own_rules(&self) -> &OwnRules {
        &self.own
    }

    /// The rules of the host: `shared` without what it leaves out.
    ///
    /// # Errors
    /// `waf.rules_broken`.
    pub fn apply(self, shared: &RuleSet) -> Result<(RuleSet, Arc<Tuned>)> {
        let mut own = shared.vary();
        let mut sometimes = Vec::new();
        for exclusion in &self.exclusions {
            let left = shared.left_out(&exclusion.rules);
            match left.rules() {
                0 => {}
                _ if exclusion.when.is_always() => own = own.leave_out(left),
                _ => sometimes.push((exclusion.when.clone(), left)),
            }
        }
        let (rules, _) = own.compile().map_err(|found| super::inspect::broken(&found))?;
        Ok((rules, Arc::new(Tuned { tuning: self, sometimes })))
    }
}

impl Tuned {
    /// What the host changes.
    #[must_use]
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// What a request with this method and path (in its matching form) leaves out beside what all do.
    pub fn left_out<'a>(&'a self, method: &'a [u8], path: &'a [u8]) -> impl Iterator<Item = &'a LeftOut> {
        let climbs = !self.sometimes.is_empty() && climbs(path);
        let holds = move |when: &When| when.holds(method, path) && (!climbs || when.path.is_empty());
        self.sometimes.iter().filter(move |(when, _)| holds(when)).map(|(_, left)| left)
    }
}

impl When {
    fn is_always(&self) -> bool {
        self.path.is_empty() && self.methods.is_empty()
    }

    fn holds(&self, method: &[u8], path: &[u8]) -> bool {
        let method = self.methods.is_empty() || self.methods.iter().any(|own| own.as_bytes() == method);
        method && covers(&self.path, path)
    }
}

/// Whether `path` begins with `pattern` on a segment's border. A pattern that ends with `/` covers what lies inside.
fn covers(pattern: &[u8], path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(pattern) else { return false };
    rest.is_empty() || rest[0] == b'/' || pattern.last().is_none_or(|last| *last == b'/')
}

/// Whether some upstream may read `path`, in its matching form, as one that leaves the folders that it seems to lie in:
/// with `%2F`, `%5C` and what was encoded twice decoded, `\` for `/`, and without the parameters of a segment (`..;`, `..?`),
/// it has a `..` segment. No exclusion of a path holds there.
fn climbs(path: &[u8]) -> bool {
    if !path.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';' | b'?' | b'#')) {
        return false;
    }
    let mut plain = path.to_vec();
    for turn in 0.. {
        let decoded: Vec<u8> = percent_encoding::percent_decode(&plain).collect();
        if decoded.len() == plain.len() {
            break;
        }
        // Nobody means a path that is encoded so often, and each further turn would cost its whole length.
        if turn == MOST_ENCODINGS {
            return true;
        }
        plain = decoded;
    }
    let name = |segment: &[u8]| segment.split(|byte| b";?#".contains(byte)).next().is_some_and(|name| name == b"..");
    plain.split(|byte| matches!(byte, b'/' | b'\\')).any(name)
}

/// How often a path may be encoded over its matching form.
const MOST_ENCODINGS: usize = 3;

/// What an exclusion means among the rules that are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many rules; none where no rules can be used.
    pub rules: Option<usize>,
    /// Whether one of those that set up, sum or block is named: nothing may leave them out.
    pub protected: bool,
}

/// What an exclusion of the rule `id`, else of the rules with `tag`, means among `rules`.
///
/// # Errors
/// `exclusion.target` with its column.
pub fn reach(rules: &RuleSource, id: Option<i64>, tag: &str, target: &str) -> Result<Reach> {
    let named = named(id, tag, target)?;
    let protected = id.is_some_and(|id| is_protected(id.unsigned_abs()));
    Ok(match rules.rules() {
        Ok(rules) => {
            let left = rules.left_out(&named);
            Reach { rules: Some(left.rules()), protected: protected || left.names_protected() }
        }
        Err(_) => Reach { rules: None, protected },
    })
}

fn named(id: Option<i64>, tag: &str, target: &str) -> Result<argos_seclang::Exclusion> {
    let rules = match id {
        Some(id) => argos_seclang::Exclusion::id(id.unsigned_abs()),
        None => argos_seclang::Exclusion::tag(tag),
    };
    rules.targets(target).map_err(|found| {
        let token = if found.token.is_empty() { String::new() } else { format!(" ({})", found.token) };
        let reason = format!("column {}: {}{token}", found.column, found.text);
        Error::invalid("exclusion.target", "target", reason)
    })
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
        ] {
            assert!(climbs(path.as_bytes()), "{path}");
        }
        for path in ["/public/x", "/a%2Fb", "/a;v=..", "/a..b/%41", "/..a;x", "/100%", "/a%2"] {
            assert!(!climbs(path.as_bytes()), "{path}");
        }
    }
}
