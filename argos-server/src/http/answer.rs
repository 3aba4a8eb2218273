//! Results and errors → answers.

use argos_core::api::input::{fill_path, is_syntax};
use argos_core::api::{Described, Method, STALE, tag, tag_names};
use argos_core::clock::Timestamp;
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::store::Origin;
use argos_core::{Argos, Reply};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

const JSON: &str = "application/json";

/// The answer to a call that was done. `unless` is the text of `If-None-Match`.
pub(super) fn success(
    op: &Described,
    in_path: &Map<String, Value>,
    done: Reply,
    unless: &str,
) -> Result<Response<Body>> {
    let looks = op.method == Method::Get;
    // Everything that can be looked at has a tag, so that it need not be sent again.
    let etag = done.etag.or_else(|| looks.then(|| tag(&done.value)));
    let unchanged = looks && etag.as_ref().is_some_and(|etag| tag_names(unless, etag));
    let status = match op.status {
        _ if unchanged => 304,
        // What is usually empty may have something to say.
        204 if !done.value.is_null() => 200,
        status => status,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Some(generation) = done.generation {
        headers.insert(HeaderName::from_static("x-argos-generation"), HeaderValue::from(generation));
    }
    for cookie in &done.cookies {
        headers.append(header::SET_COOKIE, text(cookie.field().expose())?);
    }
    if let (302, Some(location)) = (status, done.value.get("location").and_then(Value::as_str)) {
        headers.insert(header::LOCATION, text(location)?);
    }
    if let Some(etag) = etag {
        headers.insert(header::ETAG, text(&format!("\"{etag}\""))?);
    }
    if let Some(place) = op.place {
        let field = |name: &str| in_path.get(name).or_else(|| done.value.get(name)).cloned();
        headers.insert(header::LOCATION, text(&format!("/api/v1{}", fill_path(place, field)?))?);
    }
    if !matches!(status, 204 | 302 | 304) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(op.media_type()));
        *response.body_mut() = match done.value {
            Value::String(text) if op.media_type() != JSON => Body::from(text),
            value => Body::from(value.to_string()),
        };
    }
    Ok(response)
}

fn text(value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|e| Error::internal(format!("a header can't hold {value:?}: {e}")))
}

/// Has the browser forget its session.
pub(super) fn forget_session(argos: &Argos, response: &mut Response<Body>) {
    let settings = argos.snapshot().panel_settings.clone();
    let mut cookie = settings.session_cookie(&Origin::default(), None, Timestamp(0));
    let mut domains = vec![None];
    domains.extend(Some(settings.parent_domain.to_string()).filter(|domain| !domain.is_empty()).map(Some));
    for domain in domains {
        cookie.domain = domain;
        if let Ok(field) = text(cookie.field().expose()) {
            response.headers_mut().append(header::SET_COOKIE, field);
        }
    }
}

/// The status of a refusal.
fn status(error: &Error) -> u16 {
    match error.code() {
        _ if is_syntax(error) => 400,
        "body.unreadable" | "body.form" | "header.twice" => 400,
        "body.too_large" => 413,
        "body.media_type" | "body.coding" => 415,
        "misdirected" => 421,
        "method_not_allowed" => 405,
        STALE => 412,
        // The identity provider, not Argos.
        "oidc.provider" => 502,
        _ => error.kind().http_status(),
    }
}

/// The answer to a refused call. Source: RFC 9457.
pub(super) fn problem(error: &Error, id: &str) -> Response<Body> {
    let hidden = error.kind() == ErrorKind::Internal;
    if hidden {
        tracing::error!(request_id = id, "{error}");
    }
    let status = StatusCode::from_u16(status(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = if hidden { "the process log has the detail under this request_id" } else { error.message() };
    let mut body = json!({
        "type": format!("urn:argos:problem:{}", error.code()),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": error.code(),
        "request_id": id,
        "errors": if hidden { &[] } else { error.fields() },
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
    *response.body_mut() = Body::from(body.to_string());
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn shown(error: &Error) -> (u16, Value, Response<()>) {
        let (parts, body) = problem(error, "r1").into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
        (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap(), Response::from_parts(parts, ()))
    }

    #[test]
    fn every_kind_is_a_problem_document_with_its_status() {
        for (kind, status) in [
            (ErrorKind::Invalid, 422),
            (ErrorKind::Unauthorized, 401),
            (ErrorKind::Forbidden, 403),
            (ErrorKind::NotFound, 404),
            (ErrorKind::Conflict, 409),
            (ErrorKind::RateLimited, 429),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::Corrupt, 500),
            (ErrorKind::Internal, 500),
        ] {
            let error = Error::new(kind, "some.code", "the text").with_field("a.b", "why").with_retry_after(7);
            let (got, body, response) = shown(&error);
            assert_eq!(got, status, "{kind:?}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers()[header::RETRY_AFTER], "7");
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
            let hidden = kind == ErrorKind::Internal;
            let title = StatusCode::from_u16(status).unwrap().canonical_reason();
            let errors = if hidden { json!([]) } else { json!([{"field": "a.b", "reason": "why"}]) };
            assert_eq!(
                body,
                json!({"type": "urn:argos:problem:some.code", "title": title, "status": status, "code": "some.code",
                    "detail": if hidden { body["detail"].clone() } else { json!("the text") },
                    "request_id": "r1", "errors": errors, "retry_after": 7})
            );
            assert!(!hidden || body["detail"] != "the text");
        }
    }

    #[test]
    fn some_codes_have_a_status_of_their_own() {
        for (error, status) in [
            (Error::invalid("json.syntax", "", ""), 400),
            (Error::invalid("body.unreadable", "", ""), 400),
            (Error::invalid("body.form", "", ""), 400),
            (Error::invalid("header.twice", "", ""), 400),
            (Error::invalid("method_not_allowed", "", ""), 405),
            (Error::conflict(STALE, "if_match", ""), 412),
            (Error::invalid("body.too_large", "", ""), 413),
            (Error::invalid("body.media_type", "", ""), 415),
            (Error::invalid("body.coding", "", ""), 415),
            (Error::new(ErrorKind::Forbidden, "misdirected", ""), 421),
        ] {
            let (got, body, _) = shown(&error);
            assert_eq!((got, &body["status"]), (status, &json!(status)), "{}", error.code());
            assert!(body.get("retry_after").is_none());
        }
    }
}
