//! Which host answers, over which connection, and whether it takes the body that is announced.

use std::net::IpAddr;

use crate::certs::Clients;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::body::Source;
use crate::proxy::h1::head::split_authority;
use crate::proxy::stop::Stop;
use crate::schema::TlsMode;
use crate::snapshot::{Host, Snapshot};

/// The host for the requested name: exact, then wildcard, then the literal of the address that the client reached,
/// then `*`.
pub(crate) fn host<'a>(ex: &mut Exchange, live: &'a Snapshot) -> Result<&'a Host, Stop> {
    let local = ex.peer.local.ip();
    let found = find(live, &ex.name, local);
    let host = match &ex.secured {
        None => found.ok_or(Stop::UnknownHost)?,
        Some(secured) => {
            let host = found.filter(|h| h.tls.mode != TlsMode::None).ok_or(Stop::Misdirected)?;
            let shaken = secured.clients.as_deref().map(Clients::identity);
            let wanted = host.tls.clients.as_ref().map(|clients| clients.identity());
            // What was shown under other terms says nothing under these.
            if !is_meant(live, host, secured.name.as_deref(), &ex.name) || (wanted.is_some() && wanted != shaken) {
                return Err(Stop::Misdirected);
            }
            host
        }
    };
    if !host.enabled {
        ex.facts.host = Some(host.id);
        return Err(Stop::HostDisabled(live.proxy.disabled_host_status));
    }
    ex.serve_by(host, live);
    if host.fault.is_some() {
        return Err(Stop::HostFault);
    }
    if host.tls.redirect && host.tls.mode != TlsMode::None && !ex.https {
        return Err(Stop::HttpsRedirect(secure_location(ex)));
    }
    if host.tls.clients.as_ref().is_some_and(|clients| clients.required)
        && ex.secured.as_ref().is_none_or(|secured| secured.shown.is_none())
    {
        return Err(Stop::NoClientCertificate);
    }
    match ex.body.source {
        Source::Length(size) if size > ex.body.limit => Err(Stop::TooLarge),
        _ => Ok(host),
    }
}

/// Whether a client that shook hands for `sni` may ask `host` by `name`: for the same host, for none that is known, or
/// where the certificate it was shown is good for both and neither wants to know who the client is.
fn is_meant(live: &Snapshot, host: &Host, sni: Option<&str>, name: &str) -> bool {
    let Some(sni) = sni.filter(|sni| *sni != name) else { return true };
    match live.host(sni) {
        Some(other) if other.id != host.id => {
            let open = |host: &Host| host.tls.clients.is_none() && host.access.is_none() && !host.is_panel();
            open(other) && open(host) && other.tls.certificate.as_ref().is_some_and(|c| c.covers(name))
        }
        _ => true,
    }
}

/// The same request over https. The port is left out unless the client reached a port of ours by its number: then no
/// other one stands between, and https has a number too.
fn secure_location(ex: &Exchange) -> Vec<u8> {
    let mut location = b"https://".to_vec();
    let ipv6 = ex.name.contains(':');
    location.extend_from_slice(if ipv6 { b"[" } else { b"" });
    location.extend_from_slice(ex.name.as_bytes());
    location.extend_from_slice(if ipv6 { b"]" } else { b"" });
    let bytes = ex.bytes();
    let asked = ex.head.host.and_then(|host| split_authority(host.of_bytes(bytes))).and_then(|(_, port)| port);
    if asked == Some(ex.peer.local.port())
        && let Some(port) = ex.core.shared.https_port.filter(|port| *port != 443)
    {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    location.extend_from_slice(ex.forwarded_path());
    if let Some(query) = ex.raw_query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    location
}

fn find<'a>(live: &'a Snapshot, name: &str, local: IpAddr) -> Option<&'a Host> {
    if name.is_empty() {
        return live.hosts.get("*").map(|h| &**h);
    }
    let may_be_ip = name.contains(':') || name.as_bytes()[0].is_ascii_digit();
    if may_be_ip && let Ok(ip) = name.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        let own = if ip == local { live.hosts.get(ip.to_string().as_str()) } else { None };
        return own.or_else(|| live.hosts.get("*")).map(|h| &**h);
    }
    live.host(name).map(|h| &**h)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::schema::{GroupId, HostId};
    use crate::snapshot::HostTls;

    #[test]
    fn exact_then_wildcard_then_own_address_then_catch_all() {
        let names = ["a.example", "*.example", "127.0.0.1", "::1", "*"];
        let mut live = Snapshot::default();
        live.hosts = live.hosts.with(names.iter().enumerate().map(|(i, name)| {
            let host = Host {
                id: HostId(i as i64 + 1),
                domain: (*name).into(),
                enabled: true,
                group: GroupId(1),
                max_body_bytes: None,
                access_log: true,
                rules: Arc::default(),
                waf: None,
                limit: None,
                headers: None,
                compression: false,
                access: None,
                tls: HostTls::default(),
                fault: None,
            };
            (Box::from(*name), Some(Arc::new(host)))
        }));
        for (name, local, expected) in [
            ("a.example", "127.0.0.1", "a.example"),
            ("b.example", "127.0.0.1", "*.example"),
            ("c.b.example", "127.0.0.1", "*"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "10.0.0.1", "*"),
            ("10.9.9.9", "10.0.0.1", "*"),
            ("0:0:0:0:0:0:0:1", "::1", "::1"),
            ("::1", "127.0.0.1", "*"),
            ("", "127.0.0.1", "*"),
        ] {
            let host = find(&live, name, local.parse().unwrap()).unwrap();
            assert_eq!(&*host.domain, expected, "{name} at {local}");
        }
    }
}
