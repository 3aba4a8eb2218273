//! What the data path costs: one catch-all host before one upstream, one thread, rows drained and thrown away.
//!
//! `proxy_floor HTTP_ADDRESS UPSTREAM_ADDRESS`; for the proxy benchmark.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use arc_swap::ArcSwap;
use argos_core::clock::Clock;
use argos_core::logs::Queue;
use argos_core::proxy::{Proxy, ServeOptions};
use argos_core::schema::{GroupId, HostId, TargetId};
use argos_core::snapshot::{Group, Host, HostTls, Snapshot, Target};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, http, upstream, ..] = &arguments[..] else { return Err("usage: proxy_floor HTTP UPSTREAM".into()) };
    let upstream: SocketAddr = upstream.parse()?;
    let target = Target::plain(TargetId(1), upstream.ip().to_string().into(), upstream.port(), 1);
    let group = Group::plain(GroupId(1), "floor", Box::new([target]));
    let host = Host {
        id: HostId(1),
        domain: "*".into(),
        enabled: true,
        group: group.id,
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
    let mut live = Snapshot::default();
    live.hosts = live.hosts.with([("*".into(), Some(Arc::new(host)))]);
    live.groups = live.groups.with([(group.id, Some(Arc::new(group)))]);
    let (wake, woken) = mpsc::channel();
    let queue = Arc::new(Queue::new(move || {
        // The writer outlives every request.
        let _ = wake.send(());
    }));
    let rows = Arc::clone(&queue);
    std::thread::Builder::new().name("log-writer".into()).spawn(move || {
        while woken.recv().is_ok() {
            while !rows.take(1000).is_empty() {}
        }
    })?;
    let options = ServeOptions { http: vec![http.parse()?], threads: 1, ..ServeOptions::default() };
    let proxy = Proxy::start(options, Arc::new(ArcSwap::from_pointee(live)), queue, Clock::system())?;
    println!("{:?}", proxy.addresses());
    loop {
        std::thread::park();
    }
}
