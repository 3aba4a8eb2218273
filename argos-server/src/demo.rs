//! `--demo`: a small upstream that echoes what it received, and a host before it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use argos_core::Argos;
use argos_core::api::{CreateHost, GetGroup, ListHosts, NewGroup, NewTarget, UpdateSecurity, UpdateTarget};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::schema::{GroupName, Hostname, TargetHost, TlsMode, WafMode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The name of the demonstration host.
const DOMAIN: &str = "demo.localhost";

/// The name of its group: the mark that both are ours.
const GROUP: &str = "argos-demo";

/// Starts the upstream and points the demonstration host at it; a host of that name that is not ours stays as it is.
///
/// # Errors
/// Those of the operations, and of binding a port on loopback.
pub(crate) async fn start(argos: &Argos) -> Result<()> {
    let owner = argos.clone();
    let known = blocking(move || stored(&owner)).await?;
    if let Stored::Foreign = known {
        tracing::warn!("{DOMAIN} exists and is not the demonstration's: it stays as it is");
        return Ok(());
    }
    // The port of the last start, so that a restart changes nothing.
    let wished = match &known {
        Stored::Ours(target) => target.port,
        _ => 0,
    };
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, wished)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unavailable)?,
    };
    let address = listener.local_addr().map_err(unavailable)?;
    tokio::spawn(serve(listener));
    let owner = argos.clone();
    blocking(move || place(&owner, known, address)).await
}

fn unavailable(e: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "demo.upstream", format!("the demonstration's upstream: {e}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("setting up the demonstration was cut off"))?
}

/// What the configuration has of the demonstration.
enum Stored {
    Nothing,
    Foreign,
    Ours(argos_core::schema::Target),
}

fn stored(argos: &Argos) -> Result<Stored> {
    let filter = ListHosts { q: Some(DOMAIN.into()), ..ListHosts::default() };
    let found = argos.hosts().list(filter)?.items.into_iter().find(|h| h.domain.as_str() == DOMAIN);
    let Some(host) = found else { return Ok(Stored::Nothing) };
    let group = argos.target_groups().get(GetGroup { id: host.target_group_id })?;
    let ours = (group.name.as_str() == GROUP).then_some(group.targets.into_iter().next()).flatten();
    Ok(ours.map_or(Stored::Foreign, Stored::Ours))
}

fn place(argos: &Argos, known: Stored, address: SocketAddr) -> Result<()> {
    let fault = || Error::internal("the demonstration's own names are not valid");
    match known {
        Stored::Foreign => Ok(()),
        Stored::Ours(target) if target.port == address.port() => Ok(()),
        Stored::Ours(target) => {
            let update = UpdateTarget {
                target_group_id: target.target_group_id,
                id: target.id,
                host: None,
                port: Some(address.port()),
                weight: None,
                enabled: None,
            };
            argos.targets(target.target_group_id).update(update).map(drop)
        }
        Stored::Nothing => {
            let host = TargetHost::parse(&address.ip().to_string()).map_err(|_| fault())?;
            let targets = vec![NewTarget { host, port: address.port(), weight: None, enabled: None }];
            let domain = Hostname::parse(DOMAIN).map_err(|_| fault())?;
            let name = Some(GroupName::parse(GROUP).ok_or_else(fault)?);
            // With both doors open, so that the same call can be tried at each.
            let mut new = CreateHost {
                tls_mode: Some(TlsMode::Auto),
                https_redirect: Some(false),
                ..CreateHost::with_targets(domain, vec![])
            };
            new.target_group = Some(NewGroup { name, targets, preserve_host: None, protocol: None, verify_tls: None });
            let host = argos.hosts().create(new)?.value;
            let block = UpdateSecurity { waf_mode: Some(WafMode::Block), ..UpdateSecurity::new(host.id) };
            argos.security(host.id).update(block).map(drop)
        }
    }
}

async fn serve(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that leaves is no fault of the demonstration.
            let _ = connection.serve_connection(TokioIo::new(stream), service_fn(echo)).await;
        });
    }
}

/// Answers with the request as it arrived.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or("(not text)")));
    }
    let body = http_body_util::Limited::new(body, 1 << 20).collect().await;
    match body {
        Ok(body) => text.push_str(&format!("\n{}", String::from_utf8_lossy(&body.to_bytes()))),
        Err(_) => text.push_str("\n(a body of more than 1 MiB)"),
    }
    let mut response = Response::new(Full::new(text.into()));
    let plain = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, plain);
    Ok(response)
}
