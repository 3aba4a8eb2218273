//! What is odd about a rule beside the others of its host, told when it is saved and whenever it is shown.
//!
//! What is said is certain: a rule of which it is said that it never decides has no request to decide. What is not said
//! may be so all the same, since regular expressions are compared as texts only.

use std::collections::HashSet;

use ipnet::IpNet;

use crate::schema::{Hostname, Matcher, Rule, ValueMode, parse_range};

/// Rules that are named one by one.
const MOST_NAMED: usize = 5;

/// What is odd about `rule` among `all` rules of the host `domain`, which stand in order of priority.
#[must_use]
pub fn oddities(rule: &Rule, all: &[Rule], domain: &str) -> Vec<String> {
    if !rule.enabled {
        return Vec::new();
    }
    let named = |rule: &Rule| rule.matchers.iter().any(|matcher| matches!(matcher, Matcher::HostHeader(_)));
    if !all.iter().chain([rule]).any(named) {
        return among(rule, all, domain);
    }
    let all: Vec<Rule> = all.iter().map(in_canonical_form).collect();
    among(&in_canonical_form(rule), &all, domain)
}

/// The rule with the names that it wants as the proxy compares them.
fn in_canonical_form(rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    for matcher in &mut rule.matchers {
        let Matcher::HostHeader(config) = matcher else { continue };
        for value in &mut config.values {
            if let Ok(name) = Hostname::parse(value) {
                *value = name.as_str().to_owned();
            }
        }
    }
    rule
}

fn among(rule: &Rule, all: &[Rule], domain: &str) -> Vec<String> {
    if let Some(reason) = impossible(rule, domain) {
        return vec![format!("it never decides: {reason}")];
    }
    let others = || all.iter().filter(|other| other.enabled && other.id != rule.id);
    let mut found = Vec::new();
    let before = others().find(|other| other.priority < rule.priority && hides(other, rule, domain));
    if let Some(other) = before {
        let name = named(other);
        found.push(match same(other, rule) {
            true => format!("it never decides: {name} comes first and has the same conditions"),
            false => format!("it never decides: {name} comes first and holds whenever this one does"),
        });
        return found;
    }
    let hidden: Vec<&Rule> =
        others().filter(|other| other.priority > rule.priority && hides(rule, other, domain)).collect();
    if !hidden.is_empty() {
        let mut names: Vec<String> = hidden.iter().take(MOST_NAMED).map(|other| named(other)).collect();
        if hidden.len() > MOST_NAMED {
            names.push(format!("{} more", hidden.len() - MOST_NAMED));
        }
        found.push(format!("{} behind it never decide: this one holds whenever they do", names.join(", ")));
    }
    found
}

fn named(rule: &Rule) -> String {
    match rule.name.is_empty() {
        true => format!("rule {}", rule.id),
        false => format!("rule {} {:?}", rule.id, rule.name),
    }
}

/// Why no request can match `rule`.
fn impossible(rule: &Rule, domain: &str) -> Option<String> {
    let matchers = &rule.matchers;
    if let Some(index) = matchers.iter().position(|matcher| known(matcher, domain) == Some(false)) {
        return Some(format!("matcher {index} wants another name than {domain}"));
    }
    for (i, one) in matchers.iter().enumerate() {
        for (j, other) in matchers.iter().enumerate().skip(i + 1) {
            let excluded = match (negated(one), negated(other)) {
                (false, false) => disjoint(one, other),
                // What the one wants is all within what the other does not.
                (false, true) => covers(other, one),
                (true, false) => covers(one, other),
                (true, true) => false,
            };
            if excluded {
                return Some(format!("matchers {i} and {j} exclude each other"));
            }
        }
    }
    None
}

/// Whether `first` holds whenever `second` does.
fn hides(first: &Rule, second: &Rule, domain: &str) -> bool {
    first
        .matchers
        .iter()
        .all(|wanted| known(wanted, domain) == Some(true) || second.matchers.iter().any(|given| follows(wanted, given)))
}

fn same(one: &Rule, other: &Rule) -> bool {
    let within = |a: &Rule, b: &Rule| a.matchers.iter().all(|matcher| b.matchers.contains(matcher));
    within(one, other) && within(other, one)
}

/// Whether `wanted` holds whenever `given` does.
fn follows(wanted: &Matcher, given: &Matcher) -> bool {
    match (negated(wanted), negated(given)) {
        (false, false) => covers(wanted, given),
        (true, true) => covers(given, wanted),
        (true, false) => disjoint(wanted, given),
        (false, true) => false,
    }
}

fn negated(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Path(c) => c.negate,
        Matcher::PathExact(c) => c.negate,
        Matcher::PathRegex(c) => c.negate,
        Matcher::Method(c) => c.negate,
        Matcher::Header(c) => c.negate,
        Matcher::Query(c) => c.negate,
        Matcher::Cookie(c) => c.negate,
        Matcher::RemoteIp(c) => c.negate,
        Matcher::HostHeader(c) => c.negate,
        Matcher::Country(c) => c.negate,
    }
}

/// Whether a matcher always or never holds at a host of this name, as far as the name says.
fn known(matcher: &Matcher, domain: &str) -> Option<bool> {
    let Matcher::HostHeader(config) = matcher else { return None };
    let holds = match domain.strip_prefix("*.") {
        // One label before its parent: a name of it may be any of these, and only a wildcard is all of them.
        Some(parent) if config.values.iter().any(|value| value == domain) => Some(!parent.is_empty()),
        Some(parent) => {
            let may = |value: &String| value.split_once('.').is_some_and(|(_, rest)| rest == parent);
            if config.values.iter().any(may) { None } else { Some(false) }
        }
        None if domain == "*" => None,
        None => Some(config.values.iter().any(|value| names(value, domain))),
    };
    holds.map(|holds| holds != config.negate)
}

/// Whether all that the test of `small` takes is taken by that of `large`, whatever their `negate`.
fn covers(large: &Matcher, small: &Matcher) -> bool {
    let present = |mode: ValueMode, value: &str| mode == ValueMode::Exact && value == "*";
    match (large, small) {
        (Matcher::Path(large), Matcher::Path(small)) => {
            small.patterns.iter().all(|small| large.patterns.iter().any(|large| glob_covers(large, small)))
        }
        (Matcher::Path(large), Matcher::PathExact(small)) => {
            small.values.iter().all(|value| large.patterns.iter().any(|glob| takes(glob, value)))
        }
        (Matcher::PathExact(large), Matcher::PathExact(small)) => within(&small.values, &large.values),
        (Matcher::PathExact(large), Matcher::Path(small)) => {
            small.patterns.iter().all(|glob| !glob.contains(['*', '?']) && large.values.contains(glob))
        }
        (Matcher::PathRegex(large), Matcher::PathRegex(small)) => large.pattern == small.pattern,
        (Matcher::Method(large), Matcher::Method(small)) => within(&small.methods, &large.methods),
        (Matcher::Header(large), Matcher::Header(small)) => {
            let same = (large.mode, &large.value) == (small.mode, &small.value);
            large.name.eq_ignore_ascii_case(&small.name) && (same || present(large.mode, &large.value))
        }
        (Matcher::Query(large), Matcher::Query(small)) => {
            large.name == small.name && (large.value == "*" || large.value == small.value)
        }
        (Matcher::Cookie(large), Matcher::Cookie(small)) => {
            let same = (large.mode, &large.value) == (small.mode, &small.value);
            large.name == small.name && (same || present(large.mode, &large.value))
        }
        (Matcher::RemoteIp(large), Matcher::RemoteIp(small)) => {
            let large = ranges(&large.ranges);
            ranges(&small.ranges).iter().all(|small| large.iter().any(|large| large.contains(small)))
        }
        (Matcher::HostHeader(large), Matcher::HostHeader(small)) => {
            small.values.iter().all(|small| large.values.iter().any(|large| large == small || names(large, small)))
        }
        (Matcher::Country(large), Matcher::Country(small)) => within(&small.codes, &large.codes),
        _ => false,
    }
}

/// Whether no request passes the tests of both, whatever their `negate`.
fn disjoint(one: &Matcher, other: &Matcher) -> bool {
    let apart = |one: &[String], other: &[String]| one.iter().all(|item| !other.contains(item));
    match (one, other) {
        (Matcher::Method(one), Matcher::Method(other)) => apart(&one.methods, &other.methods),
        (Matcher::PathExact(one), Matcher::PathExact(other)) => apart(&one.values, &other.values),
        (Matcher::PathExact(exact), Matcher::Path(globs)) | (Matcher::Path(globs), Matcher::PathExact(exact)) => {
            exact.values.iter().all(|value| globs.patterns.iter().all(|glob| !takes(glob, value)))
        }
        (Matcher::RemoteIp(one), Matcher::RemoteIp(other)) => {
            let (one, other) = (ranges(&one.ranges), ranges(&other.ranges));
            one.iter().all(|a| other.iter().all(|b| !a.contains(b) && !b.contains(a)))
        }
        (Matcher::HostHeader(one), Matcher::HostHeader(other)) => {
            one.values.iter().all(|a| other.values.iter().all(|b| a != b && !names(a, b) && !names(b, a)))
        }
        (Matcher::Country(one), Matcher::Country(other)) => apart(&one.codes, &other.codes),
        _ => false,
    }
}

fn within(small: &[String], large: &[String]) -> bool {
    let large: HashSet<&String> = large.iter().collect();
    small.iter().all(|item| large.contains(item))
}

fn ranges(texts: &[String]) -> Vec<IpNet> {
    texts.iter().filter_map(|text| parse_range(text)).collect()
}

/// Whether the name or wildcard `pattern` takes the name `name`.
fn names(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && label != "*" && rest == parent)
        }
        None => pattern == name,
    }
}

/// Whether the glob takes a path; `%2F` and all else stands for itself.
fn takes(glob: &str, path: &str) -> bool {
    consumes(glob, path, |glob, c| glob == c || glob == '?' && c != '/')
}

/// Whether `large` takes every path that `small` takes: a `*` of the small one may stand for anything, so that only a
/// `*` of the large one is as much.
fn glob_covers(large: &str, small: &str) -> bool {
    consumes(large, small, |glob, c| match c {
        '*' => false,
        '?' => glob == '?',
        c => glob == c || glob == '?' && c != '/',
    })
}

/// Whether `glob`, in which `*` is any run, consumes all of `text`, each other character by `one`.
fn consumes(glob: &str, text: &str, one: impl Fn(char, char) -> bool) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g + 1, t));
                g += 1;
            }
            Some(c) if one(*c, text[t]) => (g, t) = (g + 1, t + 1),
            _ => match retry {
                Some((after, from)) => {
                    (g, t) = (after, from + 1);
                    retry = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Timestamp;
    use crate::schema::{HostId, RuleId};

    fn rules(list: Value) -> Vec<Rule> {
        let list = list.as_array().unwrap().iter().zip(1..);
        list.map(|(matchers, n)| Rule {
            id: RuleId(n),
            host_id: HostId(1),
            priority: n * 10,
            name: String::new(),
            enabled: true,
            action: serde_json::from_value(json!({"type": "block", "config": {}})).unwrap(),
            matchers: serde_json::from_value(matchers.clone()).unwrap(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            warnings: Vec::new(),
        })
        .collect()
    }

    fn m(kind: &str, config: Value) -> Value {
        json!({"type": kind, "config": config})
    }

    #[test]
    fn a_rule_that_a_former_one_hides_is_told_with_the_reason() {
        let path = |glob: &str| m("path", json!({"patterns": [glob]}));
        let exact = |value: &str| m("path_exact", json!({"values": [value]}));
        let get = || m("method", json!({"methods": ["GET"]}));
        let not_get = || m("method", json!({"methods": ["GET"], "negate": true}));
        let post = || m("method", json!({"methods": ["POST"]}));
        let has = |value: &str| m("header", json!({"name": "x-a", "value": value}));
        let from = |range: &str| m("remote_ip", json!({"ranges": [range]}));
        for (first, second, hidden) in [
            (json!([]), json!([path("/a")]), true),
            (json!([path("/a*")]), json!([]), false),
            (json!([path("/a*")]), json!([path("/a/b*")]), true),
            (json!([path("/a/*")]), json!([path("/a*")]), false),
            (json!([path("/*/x")]), json!([path("/a/*/x")]), true),
            (json!([path("/?/x")]), json!([path("/?/x")]), true),
            (json!([path("/?/x")]), json!([path("/*/x")]), false),
            (json!([path("/a*")]), json!([exact("/abc")]), true),
            (json!([path("/a?")]), json!([exact("/a/")]), false),
            (json!([path("/a*"), get()]), json!([path("/a/b")]), false),
            (json!([path("/a*"), get()]), json!([get(), path("/a/b")]), true),
            (json!([not_get()]), json!([post()]), true),
            (json!([not_get()]), json!([get()]), false),
            (json!([has("*")]), json!([has("7"), get()]), true),
            (json!([has("7")]), json!([has("*")]), false),
            (json!([from("10.0.0.0/8")]), json!([from("10.1.0.0/16")]), true),
            (json!([from("10.1.0.0/16")]), json!([from("10.0.0.0/8")]), false),
            (json!([m("host_header", json!({"values": ["shop.test"]}))]), json!([path("/x")]), true),
        ] {
            let all = rules(json!([first, second]));
            let told = oddities(&all[1], &all, "shop.test");
            assert_eq!(!told.is_empty(), hidden, "{first} then {second}: {told:?}");
            assert_eq!(oddities(&all[0], &all, "shop.test").is_empty(), !hidden, "the former one tells it, too");
        }
        let all = rules(json!([[path("/a"), get()], [get(), path("/a")]]));
        assert_eq!(
            oddities(&all[1], &all, "shop.test"),
            ["it never decides: rule 1 comes first and has the same conditions"]
        );
        let mut off = all.clone();
        off[0].enabled = false;
        assert!(oddities(&off[1], &off, "shop.test").is_empty(), "a rule that is off hides nothing");
    }

    #[test]
    fn matchers_that_exclude_each_other_are_told() {
        for (matchers, domain, told) in [
            (
                json!([m("method", json!({"methods": ["GET"]})), m("method", json!({"methods": ["PUT"]}))]),
                "a.test",
                true,
            ),
            (
                json!([m("path_exact", json!({"values": ["/b"]})), m("path", json!({"patterns": ["/a*"]}))]),
                "a.test",
                true,
            ),
            (json!([m("path", json!({"patterns": ["/a*"]})), m("path", json!({"patterns": ["*b"]}))]), "a.test", false),
            (
                json!([
                    m("path", json!({"patterns": ["/a/b"]})),
                    m("path", json!({"patterns": ["/a*"], "negate": true}))
                ]),
                "a.test",
                true,
            ),
            (json!([m("host_header", json!({"values": ["b.test"]}))]), "a.test", true),
            (json!([m("host_header", json!({"values": ["b.test"], "negate": true}))]), "a.test", false),
            (json!([m("host_header", json!({"values": ["b.test"]}))]), "*.test", false),
            (json!([m("host_header", json!({"values": ["b.other"]}))]), "*.test", true),
            (json!([m("host_header", json!({"values": ["b.test"]}))]), "*", false),
            (json!([m("host_header", json!({"values": ["A.Test."]}))]), "a.test", false),
        ] {
            let all = rules(json!([matchers]));
            let found = oddities(&all[0], &all, domain);
            assert_eq!(!found.is_empty(), told, "{matchers} at {domain}: {found:?}");
        }
    }
}
