//! Which host answers, and whether it takes the body that is announced.

use std::net::IpAddr;

use crate::proxy::exchange::Exchange;
use crate::proxy::h1::body::Source;
use crate::proxy::stop::Stop;
use crate::snapshot::{Host, Snapshot};

/// The host for the requested name: exact, then wildcard, then the literal of the address that the client reached,
/// then `*`.
pub(crate) fn host<'a>(ex: &mut Exchange, live: &'a Snapshot) -> Result<&'a Host, Stop> {
    let host = find(live, &ex.name, ex.peer.local.ip()).ok_or(Stop::UnknownHost)?;
    if !host.enabled {
        ex.facts.host = Some(host.id);
        return Err(Stop::HostDisabled(live.proxy.disabled_host_status));
    }
    ex.serve_by(host, live);
    if host.fault.is_some() {
        return Err(Stop::HostFault);
    }
    match ex.body.source {
        Source::Length(size) if size > ex.body.limit => Err(Stop::TooLarge),
        _ => Ok(host),
    }
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
