//! Which rule of the host decides, and where the request goes.

mod matching;
mod template;

use crate::proxy::exchange::Exchange;
use crate::proxy::path;
use crate::proxy::stop::Stop;
use crate::schema::GroupId;
use crate::snapshot::{Action, Host, Piece, Rule, Template};

pub(crate) use matching::Captures;
use matching::matches;
pub(crate) use template::filled;
use template::{Scope, fill, holds_control};

/// The group that the first matching rule, or else the host, sends the request to.
pub(crate) fn rule(ex: &mut Exchange, host: &Host) -> Result<GroupId, Stop> {
    tried(ex, host, |_| {})
}

/// How a rule did.
pub(crate) struct Tried<'a> {
    pub(crate) rule: &'a Rule,
    /// Which matcher did not hold; none = all did.
    pub(crate) failed: Option<usize>,
    pub(crate) captures: &'a Captures,
}

/// The same, with each rule that is tried told to `each`.
pub(crate) fn tried(ex: &mut Exchange, host: &Host, mut each: impl FnMut(Tried<'_>)) -> Result<GroupId, Stop> {
    for rule in &*host.rules {
        let mut captures = Captures::default();
        let failed = rule.matchers.iter().position(|m| !matches(ex, m, &mut captures));
        each(Tried { rule, failed, captures: &captures });
        if failed.is_none() {
            ex.facts.rule = Some(rule.id);
            return act(ex, host, rule, &captures);
        }
    }
    Ok(host.group)
}

fn act(ex: &mut Exchange, host: &Host, rule: &Rule, captures: &Captures) -> Result<GroupId, Stop> {
    match &rule.action {
        Action::Forward(group) => Ok(*group),
        Action::Redirect { status, target, strip_query } => {
            let location = location(ex, target, *strip_query, captures)?;
            Err(Stop::Redirect { status: *status, location })
        }
        Action::Fixed(reply) => Err(Stop::Fixed(reply.clone())),
        Action::Block(reply) => Err(Stop::Block(reply.clone())),
        Action::Rewrite { strip_prefix, path, query } => {
            let strip = strip_prefix.as_deref();
            ex.rewritten = Some(rewrite(ex, strip, path.as_ref(), query.as_ref(), captures)?);
            Ok(host.group)
        }
    }
}

fn location(ex: &Exchange, target: &Template, strip_query: bool, captures: &Captures) -> Result<Vec<u8>, Stop> {
    let query = if strip_query { &[] } else { ex.forwarded_query().unwrap_or_default() };
    let scope = Scope { ex, path: ex.forwarded_path(), query, captures };
    let mut out = fill(target, &scope);
    if holds_control(&out) {
        return Err(Stop::BadResult);
    }
    // What the client wrote must not become another site's name: `//x` and `/\\x` begin with an authority.
    let slashes = out.iter().take_while(|b| matches!(b, b'/' | b'\\')).count();
    if slashes > 1 && !matches!(target.0.first(), Some(Piece::Text(text)) if text.starts_with("//")) {
        out.drain(1..slashes);
        out[0] = b'/';
    }
    if !query.is_empty() && !target.places_query() {
        // The query stands before a fragment. Source: RFC 3986 §3.
        let at = out.iter().position(|b| *b == b'#').unwrap_or(out.len());
        let fragment = out.split_off(at);
        out.push(b'?');
        out.extend_from_slice(query);
        out.extend_from_slice(&fragment);
    }
    Ok(out)
}

/// The new path and query: `strip_prefix`, then `path`, then `query`, each seeing what the one before made.
fn rewrite(
    ex: &Exchange,
    strip_prefix: Option<&str>,
    new_path: Option<&Template>,
    new_query: Option<&Template>,
    captures: &Captures,
) -> Result<(Vec<u8>, Vec<u8>), Stop> {
    let mut path = ex.forwarded_path().to_vec();
    let query = ex.forwarded_query().unwrap_or_default();
    if let Some(prefix) = strip_prefix {
        path = stripped(path, prefix.as_bytes());
    }
    if let Some(template) = new_path {
        path = fill(template, &Scope { ex, path: &path, query, captures });
    }
    let query = match new_query {
        Some(template) => fill(template, &Scope { ex, path: &path, query, captures }),
        None => query.to_vec(),
    };
    if holds_control(&path) || holds_control(&query) || path.iter().chain(&query).any(|b| *b == b' ') {
        return Err(Stop::BadResult);
    }
    // A `?` that a template put into the path begins the query.
    let (path, query) = match path.iter().position(|b| *b == b'?') {
        Some(at) if new_query.is_none() => (path[..at].to_vec(), path[at + 1..].to_vec()),
        _ => (path, query),
    };
    let rooted = if path.first() == Some(&b'/') { path } else { [b"/", &path[..]].concat() };
    Ok((path::forwardable(rooted), query))
}

/// `path` without `prefix`, if it ends on a segment border.
fn stripped(path: Vec<u8>, prefix: &[u8]) -> Vec<u8> {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    match path.strip_prefix(prefix) {
        Some([]) => b"/".to_vec(),
        Some(rest @ [b'/', ..]) => rest.to_vec(),
        _ => path,
    }
}
