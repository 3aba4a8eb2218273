//! A request → who asks, on which terms, and the fields of the operation.

use argos_core::Argos;
use argos_core::api::input::{coerce, parse_object};
use argos_core::api::{Described, Method, Place, TERMS, Terms};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::schema::{Actor, CookieName};
use argos_core::secret::Secret;
use argos_core::store::Origin;
use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest as _, Query, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Map, Value};

use super::{Door, form};

pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

/// Refuses a header that is given twice where one value is meant: two readers could take different ones.
pub(super) fn check_single(headers: &HeaderMap) -> Result<()> {
    for name in [header::HOST, header::AUTHORIZATION, header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(Error::invalid("header.twice", name.as_str(), "is given twice"));
        }
    }
    Ok(())
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token =
        value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => Ok(Some(token.trim().to_owned())),
        None => {
            let text = "the Authorization header must be \"Bearer\" and a token";
            Err(Error::new(ErrorKind::Unauthorized, "unauthorized", text))
        }
    }
}

/// The client's program, as much of it as is kept.
pub(super) fn agent(headers: &HeaderMap) -> String {
    let mut agent = headers.get(header::USER_AGENT).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let agent = agent.get_or_insert_default();
    agent.truncate(agent.floor_char_boundary(256));
    std::mem::take(agent)
}

/// The values of a cookie, in order. Source: RFC 6265 §5.4.
pub(super) fn cookies(headers: &HeaderMap, name: CookieName) -> Vec<Secret<String>> {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|b| *b == b';')).map(<[u8]>::trim_ascii);
    // What others put beside ours may be in any coding.
    let own = |pair: &[u8]| {
        let value = pair.strip_prefix(name.as_str().as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok().map(|value| value.to_owned().into())
    };
    pairs.filter_map(own).collect()
}

/// The values of the session's cookie.
pub(super) fn sessions(headers: &HeaderMap) -> Vec<Secret<String>> {
    cookies(headers, CookieName::Session)
}

/// Argos as the caller sees it.
pub(super) fn asked_by(
    argos: &Argos,
    door: Door,
    bearer: Option<&str>,
    sessions: &[Secret<String>],
    origin: Origin,
) -> Result<Argos> {
    match (door, bearer) {
        (Door::Socket, None) => Ok(argos.acting(Actor::Cli, origin)),
        (Door::Panel { .. }, None) if !sessions.is_empty() => match argos.with_session(sessions, &origin)? {
            Some(signed_in) => Ok(signed_in),
            None => argos.with_token(None, origin),
        },
        (_, token) => argos.with_token(token, origin),
    }
}

/// The fields that stand in the path, percent-decoded once.
pub(super) fn path(
    op: &Described,
    params: Result<RawPathParams, RawPathParamsRejection>,
) -> Result<Map<String, Value>> {
    let params = params.map_err(|_| Error::invalid("path", "", "the path is not UTF-8 when decoded"))?;
    params.iter().map(|(field, word)| Ok((field.to_owned(), coerce(op, field, word)?))).collect()
}

/// Puts what the query says into `fields`, and reads the terms from where each one stands.
pub(super) fn query_and_terms(op: &Described, request: &Request, fields: &mut Map<String, Value>) -> Result<Terms> {
    let mut terms = Terms::default();
    if op.mutates {
        if request.headers().contains_key(header::IF_NONE_MATCH) {
            let reason = "stands where something is looked at; a change takes If-Match";
            return Err(Error::invalid("unknown_field", "if_none_match", reason));
        }
        for term in &TERMS {
            let Place::Header(name) = term.place else { continue };
            let lines: Vec<_> = request.headers().get_all(name).iter().collect();
            let words: Option<Vec<&str>> = lines.iter().map(|line| line.to_str().ok()).collect();
            let words = words.ok_or_else(|| Error::invalid("wrong_value", term.name, "holds other than ASCII"))?;
            if !words.is_empty() {
                terms.set(term.name, &words.join(", "))?;
            }
        }
    }
    let bad = |_| Error::invalid("query", "", "the query is not well formed");
    let mut seen: Vec<String> = fields.keys().cloned().collect();
    for (name, word) in Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map_err(bad)?.0 {
        if seen.contains(&name) {
            return Err(Error::invalid("duplicate_field", name, "is given twice"));
        }
        // A deletion has no body either.
        let is_field = op.method == Method::Delete && op.input["properties"].get(&name).is_some();
        if op.method == Method::Get && ignored(op, &name) {
            continue;
        }
        if op.method == Method::Get || is_field {
            fields.insert(name.clone(), coerce(op, &name, &word)?);
        } else if TERMS.iter().any(|term| term.place == Place::Query && term.name == name) {
            terms.set(&name, &word)?;
        } else {
            return Err(Error::invalid("unknown_field", name, "does not stand in the query of this route"));
        }
        seen.push(name);
    }
    Ok(terms)
}

/// Whether a field is none of the operation's, and passed over: what comes from elsewhere may hold more than is read.
fn ignored(op: &Described, name: &str) -> bool {
    op.input.get("additionalProperties").is_none() && op.input["properties"].get(name).is_none()
}

/// Puts the fields of the body into `fields`.
pub(super) async fn body(op: &Described, request: Request, fields: &mut Map<String, Value>) -> Result<()> {
    let kind = text(request.headers(), header::CONTENT_TYPE);
    let coding = text(request.headers(), header::CONTENT_ENCODING);
    // What is announced beyond the limit is not waited for.
    if text(request.headers(), header::CONTENT_LENGTH).parse::<usize>().is_ok_and(|length| length > op.most_body) {
        return Err(too_large(op));
    }
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_form = op.form && kind.eq_ignore_ascii_case("multipart/form-data");
    if is_form {
        check_coding(&coding)?;
        return merge(form::fields(op, request).await?, fields);
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|e| {
        if e.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large(op);
        }
        Error::invalid("body.unreadable", "", "the body did not come whole")
    })?;
    if bytes.is_empty() {
        return Ok(());
    }
    if matches!(op.method, Method::Get | Method::Delete) {
        return Err(Error::invalid("body.unexpected", "", "this route takes no body"));
    }
    let merges = op.method == Method::Patch && kind.eq_ignore_ascii_case("application/merge-patch+json");
    if !merges && !kind.eq_ignore_ascii_case("application/json") {
        let allowed = if op.form { "send application/json or multipart/form-data" } else { "send application/json" };
        return Err(Error::invalid("body.media_type", "", allowed));
    }
    check_coding(&coding)?;
    merge(parse_object(&bytes)?, fields)
}

pub(super) fn too_large(op: &Described) -> Error {
    Error::invalid("body.too_large", "", format!("a body has at most {} bytes", op.most_body))
}

fn check_coding(coding: &str) -> Result<()> {
    if matches!(coding, "" | "identity") {
        return Ok(());
    }
    Err(Error::invalid("body.coding", "", "send the body as it is, without Content-Encoding"))
}

/// Puts the fields of a body beside those that are known.
fn merge(given: Map<String, Value>, fields: &mut Map<String, Value>) -> Result<()> {
    for (name, value) in given {
        // What a result shows with its place, such as a proposed exclusion, can be sent as it is.
        if fields.get(&name).is_some_and(|known| *known != value) {
            return Err(Error::invalid("unknown_field", name, "stands in the path, and is another one in the body"));
        }
        fields.insert(name, value);
    }
    Ok(())
}
