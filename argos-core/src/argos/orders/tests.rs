//! Orders in virtual time.

use std::collections::VecDeque;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::{Options, store::Tx};

const HOSTS: usize = 1000;
const BEGIN: i64 = 1_790_000_000_000;

fn note<T: Send + 'static>(argos: &Argos, work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static) -> T {
    let now = argos.inner.cx.clock.now();
    argos.inner.store.write(move |conn| in_transaction(conn, now, Actor::System, work)).unwrap().unwrap()
}

fn call(argos: &Argos, name: &str, input: serde_json::Value) -> serde_json::Value {
    argos.call(name, input.as_object().unwrap().clone()).unwrap().value
}

/// An Argos with `count` hosts whose names an authority signs.
fn with_hosts(clock: &Clock, count: usize) -> (tempfile::TempDir, Argos) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { clock: clock.clone(), ..Options::new(folder.path().join("data")) };
    let argos = Argos::open(options).unwrap();
    let group = json!({"name": "g", "targets": [{"host": "127.0.0.1", "port": 9}]});
    let first = call(&argos, "hosts.create", json!({"domain": "h0.example.com", "target_group": group}));
    for n in 1..count {
        let input = json!({"domain": format!("h{n}.example.com"), "target_group_id": first["target_group_id"]});
        call(&argos, "hosts.create", input);
    }
    (folder, argos)
}

#[test]
fn a_thousand_renewals_that_are_due_together_take_an_hour_without_a_burst() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, HOSTS);
    let (mut queue, mut running, mut begun) = (Queue::default(), VecDeque::new(), Vec::new());
    for second in 0..3600 {
        clock.set(Timestamp(BEGIN + second * 1000));
        // Each takes ten seconds.
        while running.front().is_some_and(|(_, since)| second - since >= 10) {
            let (mut order, _): (AcmeOrder, i64) = running.pop_front().unwrap();
            order.next_attempt_at = Timestamp(BEGIN + 60 * 86_400_000);
            let host = order.host_id;
            assert!(note(&argos, move |tx| acme_orders::save(tx, &order)));
            queue.ended(host, None);
        }
        while let Next::Do(work) = queue.next(&argos).unwrap() {
            let Work::Order(order) = *work else { panic!("nothing is asked for renewal") };
            begun.push(second);
            running.push_back((order, second));
        }
        assert!(running.len() <= AT_ONCE);
    }
    assert_eq!(begun.len(), HOSTS);
    let most = (0..60).map(|minute| begun.iter().filter(|at| **at / 60 == minute).count()).max().unwrap();
    assert!(most <= 24, "{most} in one minute");
}

#[test]
fn a_host_is_ordered_where_an_authority_signs_its_name_and_nowhere_else() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    let ordered = |argos: &Argos| -> Vec<(String, String)> {
        let all = argos.view(|view| acme_orders::due(&view.read, 100)).unwrap();
        all.into_iter().map(|order| (order.domain, order.directory_url)).collect()
    };
    let at = |domain: &str, directory: &str| (domain.to_owned(), directory.to_owned());
    assert_eq!(ordered(&argos), [at("h0.example.com", crate::schema::PRODUCTION)]);
    for (domain, mode) in [("a.localhost", "auto"), ("10.0.0.1", "auto"), ("b.example.com", "none")] {
        call(&argos, "hosts.create", json!({"domain": domain, "tls_mode": mode, "target_group_id": 1}));
    }
    assert_eq!(ordered(&argos).len(), 1);
    // A private authority signs names of private networks too.
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": "https://ca.lan/dir"}));
    assert_eq!(ordered(&argos), [at("h0.example.com", "https://ca.lan/dir"), at("a.localhost", "https://ca.lan/dir")]);
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": "staging"}));
    assert_eq!(ordered(&argos), [at("h0.example.com", crate::schema::STAGING)]);
    // A host's own comes first; one without TLS needs none.
    call(&argos, "hosts.update", json!({"id": 2, "tls_directory_url": "https://ca.lan/dir"}));
    call(&argos, "hosts.update", json!({"id": 1, "tls_mode": "none"}));
    assert_eq!(ordered(&argos), [at("a.localhost", "https://ca.lan/dir")]);
    // A host that takes no traffic gets none; the next generation may take it up again.
    call(&argos, "hosts.delete", json!({"id": 2}));
    call(&argos, "hosts.create", json!({"domain": "off.example.com", "enabled": false, "target_group_id": 1}));
    assert_eq!(ordered(&argos), []);
    call(&argos, "hosts.toggle", json!({"id": 5, "enabled": true}));
    assert_eq!(ordered(&argos).len(), 1);
}

#[test]
fn what_a_host_says_of_its_certificate_is_checked() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    for (field, value) in [
        ("tls_email", json!("nobody")),
        ("tls_directory_url", json!("http://ca.lan/dir")),
        ("dns_provider_id", json!(7)),
        ("tls_challenge", json!("dns")),
        ("domain", json!("*.example.com")),
    ] {
        let mut input = json!({"id": 1});
        input[field] = value;
        let refused = argos.call("hosts.update", input.as_object().unwrap().clone()).unwrap_err();
        let at = if ["tls_challenge", "domain"].contains(&field) { "dns_provider_id" } else { field };
        assert_eq!(refused.fields()[0].field, at, "{refused}");
    }
    // Only what is live is checked.
    let input = json!({"id": 1, "tls_mode": "none", "tls_email": "nobody", "tls_challenge": "dns"});
    call(&argos, "hosts.update", input);
}

#[test]
fn hosts_of_an_earlier_version_are_taken_up() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 3);
    note(&argos, |tx| (1..=3).try_for_each(|id| acme_orders::delete(tx, HostId(id))));
    argos.adopt_orders().unwrap();
    let taken = argos.view(|view| acme_orders::due(&view.read, 100)).unwrap();
    assert_eq!(taken.len(), 3);
}
