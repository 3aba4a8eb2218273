//! What reading a list costs: the typed call, and the call by name that the bindings make.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use argos_core::api::{CreateGroup, CreateHost, ListHosts, NewTarget};
use argos_core::form::Rows;
use argos_core::schema::{GroupName, Hostname, TargetHost};
use argos_core::{Argos, Options};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Map;

fn list(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let argos = Argos::open(Options::new(folder.path().join("data"))).unwrap();
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
    let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
    let group = argos.target_groups().create(group).unwrap().value.id;
    for n in 0..100 {
        let name = Hostname::parse(&format!("h{n}.bench.test")).unwrap();
        argos.hosts().create(CreateHost::new(name, group)).unwrap();
    }
    let found = argos.hosts().list(ListHosts::default()).unwrap();
    assert_eq!(found.items.len(), 100);
    c.bench_function("list 100 hosts", |b| b.iter(|| argos.hosts().list(ListHosts::default()).unwrap()));
    c.bench_function("write a list of 100 hosts as text", |b| b.iter(|| serde_json::to_string(&found).unwrap()));
    c.bench_function("list 100 hosts by name", |b| b.iter(|| argos.call("hosts.list", Map::new()).unwrap()));
    c.bench_function("list 100 hosts by name as rows", |b| {
        b.iter(|| argos.call_as("hosts.list", Map::new(), &Rows).unwrap());
    });
}

criterion_group!(benches, list);
criterion_main!(benches);
