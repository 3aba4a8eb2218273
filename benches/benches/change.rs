//! What a change costs, from the call to live, beside few and many hosts; and what finding a host costs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;

use argos_core::api::{CreateGroup, CreateHost, NewTarget, ToggleHost, UpdateSecurity};
use argos_core::schema::{GroupId, GroupName, HostId, Hostname, TargetHost};
use argos_core::{Argos, Options};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// An Argos with `hosts` hosts before one group, WAF on (detect), as hosts are made by default.
fn filled(hosts: usize) -> (tempfile::TempDir, Argos, GroupId) {
    let folder = tempfile::tempdir().unwrap();
    let argos = Argos::open(Options::new(folder.path().join("data"))).unwrap();
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
    let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
    let group = argos.target_groups().create(group).unwrap().value.id;
    for n in 0..hosts {
        argos.hosts().create(CreateHost::new(name(n), group)).unwrap();
    }
    (folder, argos, group)
}

fn name(n: usize) -> Hostname {
    Hostname::parse(&format!("h{n}.bench.test")).unwrap()
}

fn change(c: &mut Criterion) {
    for hosts in [1, 1_000, 10_000] {
        let (_folder, argos, group) = filled(hosts);
        let mut next = hosts;
        c.bench_function(&format!("add a host beside {hosts}"), |b| {
            b.iter_batched(
                || {
                    next += 1;
                    CreateHost::new(name(next), group)
                },
                |new| argos.hosts().create(new).unwrap(),
                BatchSize::PerIteration,
            );
        });
        let mut enabled = true;
        c.bench_function(&format!("switch one of {hosts} hosts"), |b| {
            b.iter(|| {
                enabled = !enabled;
                argos.hosts().toggle(ToggleHost { id: HostId(1), enabled }).unwrap()
            });
        });
        let mut level = 1;
        c.bench_function(&format!("change the WAF of one of {hosts} hosts"), |b| {
            b.iter(|| {
                level = 3 - level;
                let op = UpdateSecurity { waf_paranoia: Some(level), ..UpdateSecurity::new(HostId(1)) };
                argos.security(HostId(1)).update(op).unwrap()
            });
        });
        let live = argos.snapshot();
        let last = format!("h{}.bench.test", hosts - 1);
        c.bench_function(&format!("find one of {hosts} hosts"), |b| b.iter(|| live.host(black_box(&last)).is_some()));
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = change }
criterion_main!(benches);
