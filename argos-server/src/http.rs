//! HTTP routes onto operations: path, query and body become fields; results and errors become answers.

mod answer;
mod form;
mod guard;
mod read;

use std::sync::Arc;

use argos_core::Argos;
use argos_core::api::{Described, Method, describe};
use argos_core::error::{Error, Result};
use argos_core::store::Origin;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::routing::{MethodFilter, get, on};

use crate::login;

/// Who may ask on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The panel listener: people by cookies, programs by bearer tokens.
    Panel {
        /// Whether it speaks TLS.
        secure: bool,
    },
    /// The Unix socket of the data folder: the person at the command line.
    Socket,
}

/// All routes of one listener.
pub(crate) fn routes(argos: Argos, door: Door) -> Router {
    let mut router = Router::new();
    for op in describe() {
        let filter = match op.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let path = format!("/api/v1{}", op.path);
        let most = DefaultBodyLimit::max(op.most_body);
        let (op, argos) = (Arc::new(op), argos.clone());
        router = router.route(
            &path,
            on(filter, move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
                let (op, argos) = (op.clone(), argos.clone());
                async move { call(&op, argos, door, params, request).await }
            })
            .layer(most),
        );
    }
    for path in ["/healthz", "/api/v1/healthz"] {
        let argos = argos.clone();
        router = router.route(path, get(move || healthz(argos.clone())));
    }
    if door != Door::Socket {
        router = router.merge(login::pages(&argos));
    }
    let router = router
        // The first snapshot is compiled before any listener is bound.
        .route("/readyz", get(|| async { "ok" }))
        .fallback(|request: Request| async move {
            answer::problem(&Error::not_found("route.not_found", "this route"), &id_of(&request))
        })
        .method_not_allowed_fallback(|request: Request| async move {
            let text = "this route does not take this method; Allow names those it takes";
            answer::problem(&Error::invalid("method_not_allowed", "", text), &id_of(&request))
        });
    let router = match door {
        Door::Socket => router,
        Door::Panel { secure } => router.layer(middleware::from_fn(move |request: Request, next: Next| {
            let argos = argos.clone();
            async move { guard::answered(&argos, secure, request, next).await }
        })),
    };
    router.layer(middleware::from_fn(identified))
}

/// The identity of one request, in its answer, in the audit row and in the process log.
#[derive(Clone, Debug, Default)]
struct RequestId(String);

fn id_of(request: &Request) -> String {
    request.extensions().get::<RequestId>().cloned().unwrap_or_default().0
}

/// Gives every request an identity and every answer its header.
async fn identified(mut request: Request, next: Next) -> Response<Body> {
    let id = argos_core::clock::request_id();
    let shown = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).await;
    if let Ok(shown) = shown {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), shown);
    }
    response
}

async fn healthz(argos: Argos) -> Response<Body> {
    // Asked without a token, so the answer names no folder.
    let text = match tokio::task::spawn_blocking(move || argos.check()).await {
        Ok(Ok(())) => return Response::new(Body::from("ok")),
        Ok(Err(e)) if e.code() == "store.disk_full" => "the disk is full",
        _ => "the writer does not work",
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

async fn call(
    op: &Described,
    argos: Argos,
    door: Door,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response<Body> {
    let id = id_of(&request);
    let had_session = !read::sessions(request.headers()).is_empty();
    let mut response = match run(op, argos.clone(), door, params, request, &id).await {
        Ok(response) => response,
        Err(e) => {
            let mut response = answer::problem(&e, &id);
            // Whoever shows a session that is none shall not show it again.
            if had_session && e.code() == "unauthorized" {
                answer::forget_session(&argos, &mut response);
            }
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn run(
    op: &Described,
    argos: Argos,
    door: Door,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    id: &str,
) -> Result<Response<Body>> {
    read::check_single(request.headers())?;
    let asked = match door {
        Door::Panel { secure } => guard::asked_at_panel(&argos, secure, op, &request)?,
        Door::Socket => Origin::default(),
    };
    let origin = Origin { user_agent: read::agent(request.headers()), request_id: id.to_owned(), ..asked };
    let bearer = read::bearer(request.headers())?;
    let sessions = if bearer.is_none() { read::sessions(request.headers()) } else { Vec::new() };
    let argos = tokio::task::spawn_blocking(move || read::asked_by(&argos, door, bearer.as_deref(), &sessions, origin));
    let argos = argos.await.map_err(|_| Error::internal("the sign-in check was cut off"))??;
    // Before the body is read: nobody makes Argos read a megabyte without the right to ask.
    op.allow(argos.actor())?;
    let in_path = read::path(op, params)?;
    let mut fields = in_path.clone();
    let terms = read::query_and_terms(op, &request, &mut fields)?;
    let unless = read::text(request.headers(), header::IF_NONE_MATCH);
    read::body(op, request, &mut fields).await?;
    let name = op.name;
    let done = tokio::task::spawn_blocking(move || argos.on(terms).call(name, fields));
    let done = done.await.map_err(|_| Error::internal(format!("{name} was cut off")))??;
    answer::success(op, &in_path, done, &unless)
}
