//! What compiling the whole stored configuration costs, as at a start: beside few and many hosts.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use argos_core::api::{CreateGroup, CreateHost, NewTarget};
use argos_core::certs::Opener;
use argos_core::clock::Timestamp;
use argos_core::schema::{GroupName, Hostname, TargetHost};
use argos_core::snapshot::compile_all;
use argos_core::store::Read;
use argos_core::waf::RuleSets;
use argos_core::{Argos, Options};
use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::Connection;

fn snapshot(c: &mut Criterion) {
    for hosts in [1, 1_000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let argos = Argos::open(Options::new(folder.path())).unwrap();
        let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
        let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
        let group = argos.target_groups().create(group).unwrap().value.id;
        for n in 0..hosts {
            let name = Hostname::parse(&format!("h{n}.bench.test")).unwrap();
            argos.hosts().create(CreateHost::new(name, group)).unwrap();
        }
        let conn = Connection::open(folder.path().join("argos.db")).unwrap();
        let read = Read::new(&conn, Timestamp(0));
        // The built-in rules are compiled once and shared; what they cost is in `engine`.
        let rule_sets = RuleSets::default();
        c.bench_function(&format!("compile {hosts} hosts"), |b| {
            b.iter(|| compile_all(&read, 1, &rule_sets, Opener::default()).unwrap());
        });
        assert_eq!(compile_all(&read, 1, &rule_sets, Opener::default()).unwrap().0.hosts.len(), hosts);
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = snapshot }
criterion_main!(benches);
