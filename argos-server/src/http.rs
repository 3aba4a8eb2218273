//! HTTP routes onto operations: path, query and body become fields; results and errors become answers.

use std::collections::HashMap;
use std::sync::Arc;

use argos_core::Argos;
use argos_core::api::input::{coerce, is_syntax, parse_object};
use argos_core::api::{Described, Method, describe};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::schema::{Actor, csv};
use argos_core::store::Origin;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest as _, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::{MethodFilter, get, on};
use serde_json::{Map, Value, json};

/// Largest body of a call.
const MAX_BODY: usize = 1 << 20;

/// Who may ask on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The panel listener: bearer tokens.
    Panel,
    /// The Unix socket of the data folder: the person at the command line.
    Socket,
}

/// All routes of one listener.
pub(crate) fn routes(argos: Argos, door: Door) -> Router {
    let mut router = Router::new();
    let operations = describe();
    let shown: Vec<&str> = operations.iter().filter(|o| o.method == Method::Get).map(|o| o.path).collect();
    for op in operations.clone() {
        // Only what can be read has a place to be found at.
        let has_place = shown.contains(&format!("{}/{{id}}", op.path).as_str());
        let filter = match op.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let path = format!("/api/v1{}", op.path);
        let (op, argos) = (Arc::new(op), argos.clone());
        router = router.route(
            &path,
            on(filter, move |params: RawPathParams, request: Request| {
                let (op, argos) = (op.clone(), argos.clone());
                async move { answer(&op, has_place, argos, door, &params, request).await }
            }),
        );
    }
    for path in ["/healthz", "/api/v1/healthz"] {
        let argos = argos.clone();
        router = router.route(path, get(move || healthz(argos.clone())));
    }
    router
        // The first snapshot is compiled before any listener is bound.
        .route("/readyz", get(|| async { "ok" }))
        .fallback(|| async { refused(&Error::not_found("route.not_found", "this route")) })
        .method_not_allowed_fallback(|| async {
            let text = "this route does not take this method";
            refused(&Error::invalid("method_not_allowed", "", text))
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn healthz(argos: Argos) -> Response<Body> {
    let working = tokio::task::spawn_blocking(move || argos.check_writer()).await;
    match working {
        Ok(Ok(())) => Response::new(Body::from("ok")),
        _ => {
            let mut response = Response::new(Body::from("the writer does not answer"));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// A refusal outside any operation.
fn refused(error: &Error) -> Response<Body> {
    let id = request_id();
    let mut response = problem(error, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn request_id() -> String {
    argos_core::clock::request_id()
}

async fn answer(
    op: &Described,
    has_place: bool,
    argos: Argos,
    door: Door,
    params: &RawPathParams,
    request: Request,
) -> Response<Body> {
    let id = request_id();
    let mut response = match run(op, has_place, argos, door, params, request, &id).await {
        Ok(response) => response,
        Err(e) => problem(&e, &id),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn run(
    op: &Described,
    has_place: bool,
    argos: Argos,
    door: Door,
    params: &RawPathParams,
    request: Request,
    id: &str,
) -> Result<Response<Body>> {
    let origin = Origin {
        source_ip: peer(&request),
        user_agent: text(request.headers(), header::USER_AGENT).chars().take(256).collect(),
        request_id: id.to_owned(),
    };
    if door == Door::Panel {
        check_host(&argos, request.headers())?;
    }
    let bearer = bearer(request.headers())?;
    let argos = tokio::task::spawn_blocking(move || -> Result<Argos> {
        let actor = actor(&argos, door, bearer.as_deref())?;
        Ok(argos.acting(actor, origin))
    });
    let argos = argos.await.map_err(|_| Error::internal("the sign-in check was cut off"))??;
    // Before the body is read: nobody makes Argos read a megabyte without the right to ask.
    argos.actor().require(op.role)?;
    let mut fields = path_fields(op, params)?;
    query_fields(op, request.uri().query().unwrap_or_default(), &mut fields)?;
    body_fields(op, request, &mut fields).await?;
    let name = op.name;
    let done = tokio::task::spawn_blocking(move || argos.call(name, fields));
    let done = done.await.map_err(|_| Error::internal(format!("{name} was cut off")))??;
    let mut response = Response::new(if op.status == 204 { Body::empty() } else { json_body(&done.value) });
    *response.status_mut() = StatusCode::from_u16(op.status).unwrap_or(StatusCode::OK);
    if op.status != 204 {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(generation) = done.generation {
        response.headers_mut().insert("x-argos-generation", HeaderValue::from(generation));
    }
    if has_place
        && op.status == 201
        && let Some(location) = location(op, params, &done.value)
        && let Ok(value) = HeaderValue::from_str(&location)
    {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

fn peer(request: &Request) -> String {
    let address = request.extensions().get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
    address.map_or_else(String::new, |a| a.0.ip().to_canonical().to_string())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn bearer(headers: &HeaderMap) -> Result<Option<String>> {
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

fn actor(argos: &Argos, door: Door, bearer: Option<&str>) -> Result<Actor> {
    match (door, bearer) {
        (Door::Socket, None) => Ok(Actor::Cli),
        (_, Some(text)) => match argos.token(text)? {
            Some(token) => Ok(Actor::Token { id: token.id, name: token.name, role: token.role.into() }),
            None => {
                Err(Error::new(ErrorKind::Unauthorized, "token.refused", "this token is unknown, revoked or ended"))
            }
        },
        (Door::Panel, None) => Ok(Actor::Anonymous),
    }
}

/// Refuses names that are not the panel's, so that a page of another origin can't reach it by rebinding a name.
fn check_host(argos: &Argos, headers: &HeaderMap) -> Result<()> {
    let host = text(headers, header::HOST);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => &host,
    };
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    let known = name.eq_ignore_ascii_case("localhost") || literal.parse::<std::net::IpAddr>().is_ok();
    if known || csv(&argos.snapshot().panel_hosts).any(|allowed| allowed.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let text = "this name is not served here; add it to panel.allowed_hosts";
    Err(Error::new(ErrorKind::Forbidden, "misdirected", text))
}

fn path_fields(op: &Described, params: &RawPathParams) -> Result<Map<String, Value>> {
    params.iter().map(|(field, word)| Ok((field.to_owned(), coerce(op, field, word)?))).collect()
}

fn query_fields(op: &Described, query: &str, fields: &mut Map<String, Value>) -> Result<()> {
    for (name, word) in axum::extract::Query::<Vec<(String, String)>>::try_from_uri(
        &format!("/?{query}").parse().map_err(|_| Error::invalid("query", "", "the query is not well formed"))?,
    )
    .map_err(|_| Error::invalid("query", "", "the query is not well formed"))?
    .0
    {
        if op.method != Method::Get {
            return Err(Error::invalid("unknown_field", name, "this route takes no query"));
        }
        let value = coerce(op, &name, &word)?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(Error::invalid("duplicate_field", name, "is given twice"));
        }
    }
    Ok(())
}

async fn body_fields(op: &Described, request: Request, fields: &mut Map<String, Value>) -> Result<()> {
    let kind = text(request.headers(), header::CONTENT_TYPE);
    let bytes = Bytes::from_request(request, &())
        .await
        .map_err(|_| Error::invalid("body.too_large", "", format!("a body has at most {MAX_BODY} bytes")))?;
    if bytes.is_empty() {
        return Ok(());
    }
    if matches!(op.method, Method::Get | Method::Delete) {
        return Err(Error::invalid("body.unexpected", "", "this route takes no body"));
    }
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Error::invalid("body.media_type", "", "send application/json"));
    }
    for (name, value) in parse_object(&bytes)? {
        if fields.contains_key(&name) {
            return Err(Error::invalid("unknown_field", name, "stands in the path, not in the body"));
        }
        fields.insert(name, value);
    }
    Ok(())
}

/// Where a new resource is found: the collection's path and its id.
fn location(op: &Described, params: &RawPathParams, made: &Value) -> Option<String> {
    let id = made.get("id")?;
    let params: HashMap<&str, &str> = params.iter().collect();
    let mut path = String::from("/api/v1");
    for segment in op.path.split('/').skip(1) {
        path.push('/');
        match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(field) => path.push_str(params.get(field)?),
            None => path.push_str(segment),
        }
    }
    Some(format!("{path}/{id}"))
}

fn json_body(value: &Value) -> Body {
    Body::from(value.to_string())
}

/// The answer to a refused call. Source: RFC 9457.
fn problem(error: &Error, id: &str) -> Response<Body> {
    let status = match error.code() {
        _ if is_syntax(error) => 400,
        "body.too_large" => 413,
        "body.media_type" => 415,
        "misdirected" => 421,
        "method_not_allowed" => 405,
        _ => error.kind().http_status(),
    };
    let hidden = error.kind() == ErrorKind::Internal;
    if hidden {
        tracing::error!(request_id = id, "{error}");
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = if hidden { "the process log has the detail under this request_id" } else { error.message() };
    let mut body = json!({
        "type": format!("urn:argos:problem:{}", error.code()),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": error.code(),
        "request_id": id,
        "errors": error.fields(),
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = error.retry_after() {
        body["retry_after"] = seconds.into();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    *response.body_mut() = json_body(&body);
    response
}
