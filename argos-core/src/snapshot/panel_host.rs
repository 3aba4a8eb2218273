//! The panel under a name of the proxy's TLS listeners: a host like others, but that no row is behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Group, Host, HostTls, Snapshot, Target};
use crate::schema::{GroupId, HostId, TargetId, TlsMode};

/// The identity of the panel's host, which no row has.
pub const PANEL_HOST: HostId = HostId(0);
const PANEL_GROUP: GroupId = GroupId(0);

impl Host {
    /// Whether it leads to the panel.
    #[must_use]
    pub fn is_panel(&self) -> bool {
        self.id == PANEL_HOST
    }
}

impl Snapshot {
    /// Leads `panel.proxy_host` to the panel, which listens at `address`.
    pub(crate) fn lead_to_panel(&mut self, address: SocketAddr) {
        self.panel_at = Some(address);
        place(self);
    }
}

/// Puts the panel's host where the settings want it.
pub(super) fn place(next: &mut Snapshot) {
    let name = next.panel_settings.proxy_host.clone();
    let known = next.names.get(&PANEL_HOST).cloned();
    let address = next.panel_at.filter(|_| !name.is_empty());
    if known.is_some() || address.is_some() {
        replace(next, known, address.map(|at| (name, at)));
    }
}

fn replace(next: &mut Snapshot, known: Option<Box<str>>, wanted: Option<(Box<str>, SocketAddr)>) {
    // A host of the same name is refused; one that an older version stored stays what it was.
    let taken = |name: &str| next.hosts.get(name).is_some_and(|host| !host.is_panel());
    let wanted = wanted.filter(|(name, _)| !taken(name));
    let host = wanted.as_ref().map(|(name, _)| Arc::new(host(next, name)));
    let removed = known.filter(|name| !taken(name)).map(|name| (name, None));
    let placed = host.as_ref().map(|host| (host.domain.clone(), Some(Arc::clone(host))));
    next.hosts = next.hosts.with(removed.into_iter().chain(placed));
    next.names = next.names.with([(PANEL_HOST, host.map(|host| host.domain.clone()))]);
    let group = wanted.map(|(_, at)| {
        let target = Target::plain(TargetId(0), at.ip().to_string().into(), at.port(), 1);
        Arc::new(Group::plain(PANEL_GROUP, "panel", Box::new([target])))
    });
    next.groups = next.groups.with([(PANEL_GROUP, group)]);
}

/// The certificate is that of a wildcard host which covers the name, or the local CA's.
fn host(next: &Snapshot, name: &str) -> Host {
    let wildcard = name.split_once('.').and_then(|(_, parent)| next.hosts.get(format!("*.{parent}").as_str()));
    let covering = wildcard.and_then(|host| host.tls.certificate.as_ref()).filter(|served| served.covers(name));
    let certificate = covering.or(next.panel_own.as_ref()).map(Arc::clone);
    Host {
        id: PANEL_HOST,
        domain: name.into(),
        enabled: true,
        group: PANEL_GROUP,
        max_body_bytes: None,
        access_log: true,
        rules: Arc::default(),
        waf: None,
        limit: None,
        headers: None,
        compression: false,
        // Whoever may not come in is told so by the panel itself.
        access: None,
        tls: HostTls { mode: TlsMode::Auto, redirect: true, certificate, ..HostTls::default() },
        fault: None,
    }
}
