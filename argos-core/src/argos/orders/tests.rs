//! Orders in virtual time.

use std::collections::VecDeque;

use serde_json::json;

use super::*;
use crate::certs::acme::{Fault, FaultKind, renewal_at};
use crate::clock::Clock;
use crate::schema::CertificateKind;
use crate::store::certificates::{self, NewCertificate};
use crate::{Options, store::Tx};

const HOSTS: usize = 1000;
const BEGIN: i64 = 1_790_000_000_000;
const ANSWERED: Did = Did { kept: true, silent: false };

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
            queue.ended(host, ANSWERED, clock.now());
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

/// Steps that may begin now, by directory, without any of them ending.
fn begin_all(queue: &mut Queue, argos: &Argos) -> Vec<AcmeOrder> {
    let mut begun = Vec::new();
    while let Next::Do(work) = queue.next(argos).unwrap() {
        begun.push(work.order().clone());
    }
    begun
}

#[test]
fn an_authority_that_does_not_answer_holds_back_its_own_hosts_only() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let silent = "https://silent.lan/dir";
    // More than are looked at.
    let (_folder, argos) = with_hosts(&clock, 40);
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": silent}));
    let good = json!({"domain": "p.lan", "target_group_id": 1, "tls_directory_url": "https://ca.lan/dir"});
    let good = HostId(call(&argos, "hosts.create", good)["id"].as_i64().unwrap());
    let mut queue = Queue::default();
    let begun = begin_all(&mut queue, &argos);
    let at = |begun: &[AcmeOrder]| begun.iter().map(|order| order.directory_url.clone()).collect::<Vec<_>>();
    assert_eq!(at(&begun), [silent, "https://ca.lan/dir"]);
    // It answers in the end: others of it may come beside.
    queue.ended(begun[0].host_id, ANSWERED, clock.now());
    let more = begin_all(&mut queue, &argos);
    assert_eq!(more.len(), 2, "four began at once");
    clock.set(Timestamp(BEGIN + 60_000));
    assert_eq!(at(&begin_all(&mut queue, &argos)), [silent], "one place is left to others");
    queue.ended(good, ANSWERED, clock.now());
    assert_eq!(at(&begin_all(&mut queue, &argos)), ["https://ca.lan/dir"]);
    // A step that met silence: the others wait a minute, and only its own.
    fail(&argos, begun[0].clone(), Fault::new(FaultKind::Silent, "no answer"));
    for order in &more {
        queue.ended(order.host_id, Did { kept: true, silent: true }, clock.now());
    }
    let free = |order: &AcmeOrder| order.next_attempt_at;
    let waiting: Vec<_> = (1..=40).map(|host| free(&self::order(&argos, host))).collect();
    let pause = Timestamp(clock.now().0 + 60_000);
    assert!(waiting[1..].iter().all(|at| *at == pause), "{waiting:?}");
    assert_eq!(free(&self::order(&argos, good.0)), Timestamp(BEGIN));
    // Then it is asked for one, until it answers again.
    queue = Queue { heard: queue.heard, ..Queue::default() };
    note(&argos, move |tx| acme_orders::delete(tx, good));
    clock.set(Timestamp(BEGIN + 180_000));
    assert_eq!(at(&begin_all(&mut queue, &argos)), [silent]);
}

#[test]
fn a_step_that_panics_is_a_failed_attempt_of_its_host() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    // No host is stored so; the library panics at it.
    note(&argos, |tx| tx.execute("UPDATE acme_orders SET directory_url = 'file:///etc/passwd'", []));
    let ordering = Ordering::start(argos.acting(Actor::System, Default::default())).unwrap();
    for failures in [1, 2] {
        while order(&argos, 1).failures < failures {
            assert!(argos.inner.cx.clock.now() == clock.now() && !ordering.thread.as_ref().unwrap().is_finished());
            std::thread::yield_now();
        }
        let failed = order(&argos, 1);
        let wait = failed.next_attempt_at.0 - clock.now().0;
        assert!(wait >= i64::from(failures) * 48_000, "{wait}");
        assert!(failed.last_error.contains("a fault of Argos itself"), "{}", failed.last_error);
        let status = call(&argos, "certificates.status", json!({}))["items"][0].clone();
        assert_eq!(status["state"], "error", "{status}");
        clock.set(failed.next_attempt_at);
        argos.inner.cx.changed.notify_one();
    }
    drop(ordering);
    // A question for the time of renewal comes again, later.
    let asks = order(&argos, 1);
    let orderer = Orderer::new(argos.acting(Actor::System, Default::default()));
    assert!(orderer.broke_off(Work::Ari(asks.clone())).kept);
    let asked = order(&argos, 1);
    assert!(asked.ari_next_at.unwrap().0 > clock.now().0 + 3_600_000);
    assert_eq!((asked.failures, asked.next_attempt_at), (asks.failures, asks.next_attempt_at));
    // One that was begun under other terms says nothing of what is wanted now.
    assert!(orderer.broke_off(Work::Order(AcmeOrder { domain: "old.example.com".into(), ..asks })).kept);
    assert_eq!(order(&argos, 1), asked);
}

/// A resolver that knows no record of any name, until it is sent nothing.
#[cfg(unix)]
fn empty_resolver() -> (std::net::SocketAddr, JoinHandle<()>) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((length @ 12.., from)) = socket.recv_from(&mut bytes) {
            // An answer without records is the question, marked as answered: without the fields that came with it.
            let question = bytes[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            bytes[2] |= 0x80;
            bytes[3] = 0x80;
            bytes[6..12].fill(0);
            socket.send_to(&bytes[..12 + question], from).unwrap();
        }
    });
    (address, thread)
}

#[cfg(unix)]
#[test]
fn a_record_that_could_not_be_taken_out_is_tried_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let clock = Clock::manual(Timestamp(BEGIN));
    let (folder, argos) = with_hosts(&clock, 1);
    let (resolver, thread) = empty_resolver();
    let (command, works, log) = (folder.path().join("hook"), folder.path().join("works"), folder.path().join("log"));
    let script = format!("#!/bin/sh\n[ -e {0} ] || exit 1\necho $1 $2 $3 >> {1}\n", works.display(), log.display());
    // Written under another name: while a file is open for writing it can't be run.
    let draft = folder.path().join("draft");
    std::fs::write(&draft, script).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(draft, &command).unwrap();
    let at_cli = argos.acting(Actor::Cli, Default::default());
    let hook = json!({"name": "hook", "kind": "exec", "config": {"command": command}});
    call(&at_cli, "dns_providers.create", hook);
    let orderer = Orderer::new(argos.acting(Actor::System, Default::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clean = |in_hand: Option<(i64, &certs::dns::Provider)>| {
        let mut going_on = order(&argos, 1);
        runtime.block_on(orderer.clean_zone(&mut going_on, &[resolver], in_hand)).unwrap();
        assert_eq!(order(&argos, 1).dns_record, going_on.dns_record);
        going_on.dns_record
    };
    let place = |value: &str| {
        let mut going_on = order(&argos, 1);
        // As an earlier version noted it.
        going_on.dns_record = json!({"provider_id": 1, "name": "_acme.h0.example.com", "value": value}).to_string();
        assert!(note(&argos, move |tx| acme_orders::save(tx, &going_on)));
    };
    place("first");
    assert!(clean(None).contains("first"), "it is kept");
    std::fs::write(&works, "").unwrap();
    assert_eq!(clean(None), "");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "cleanup _acme.h0.example.com first\n");
    // Whoever placed it takes it out, though its row is switched off meanwhile.
    place("second");
    let provider = argos.view(|view| certs::dns::of_row(&view.read, &view.cx.key, crate::schema::DnsProviderId(1)));
    let provider = provider.unwrap();
    call(&at_cli, "dns_providers.update", json!({"id": 1, "enabled": false}));
    assert!(clean(None).contains("second"), "nobody else may");
    assert_eq!(clean(Some((1, &provider))), "");
    assert!(std::fs::read_to_string(&log).unwrap().ends_with("second\n"));
    // Not for ever.
    place("third");
    let tries = (1..20).find(|_| clean(None).is_empty());
    assert_eq!(tries, Some(5));
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], resolver).unwrap();
    thread.join().unwrap();
    argos.flush_logs();
    let logged = call(&argos, "logs.search", json!({"source": "error"})).to_string();
    assert!(logged.contains("the TXT record third stays at _acme.h0.example.com"), "{logged}");
}

#[test]
fn a_host_that_waits_for_its_turn_says_so() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    let said = || call(&argos, "certificates.status", json!({}))["items"][0]["last_error"].as_str().unwrap().to_owned();
    assert!(said().starts_with("waiting to be ordered at https://acme-v02."), "{}", said());
    let placed = AcmeOrder { order_url: "https://ca.lan/o/1".into(), challenge: "http".into(), ..order(&argos, 1) };
    Orderer::new(argos.acting(Actor::System, Default::default())).placed(&placed).unwrap();
    assert!(said().starts_with("ordered at https://acme-v02."), "{}", said());
}

#[test]
fn a_host_is_ordered_where_an_authority_signs_its_name_and_nowhere_else() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    let ordered = |argos: &Argos| -> Vec<(String, String)> {
        let all = argos.view(|view| acme_orders::due(&view.read, &[], 100)).unwrap();
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
    let taken = argos.view(|view| acme_orders::due(&view.read, &[], 100)).unwrap();
    assert_eq!(taken.len(), 3);
}

/// Tells that what was wanted of a host failed, as its attempt does when it ends.
fn fail(argos: &Argos, order: AcmeOrder, fault: Fault) {
    assert!(Orderer::new(argos.acting(Actor::System, Default::default())).failed(order, fault));
}

fn due(argos: &Argos) -> Vec<AcmeOrder> {
    argos.view(|view| acme_orders::due(&view.read, &[], 100)).unwrap()
}

fn order(argos: &Argos, host: i64) -> AcmeOrder {
    argos.view(|view| acme_orders::find(&view.read, HostId(host))).unwrap().unwrap()
}

/// Lets the order of a host fail so often that the next attempt is hours away.
fn fail_often(argos: &Argos, host: i64) {
    for _ in 0..10 {
        fail(argos, order(argos, host), Fault::other("nobody answers"));
    }
    assert!(order(argos, host).next_attempt_at.0 > argos.inner.cx.clock.now().0 + 3_600_000);
}

fn limited(seconds: u64) -> Fault {
    Fault { wait: Some(Duration::from_secs(seconds)), ..Fault::new(FaultKind::Limited, "too many") }
}

#[test]
fn a_wish_while_an_attempt_goes_on_does_not_wait_until_the_next_when_it_fails() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    let renew = || call(&argos, "certificates.renew", json!({"id": 1}));
    fail(&argos, order(&argos, 1), Fault::other("nobody answers"));
    assert_eq!(due(&argos), [], "nobody wanted it sooner");
    clock.set(Timestamp(BEGIN + 3_600_000));
    let [going_on] = due(&argos).try_into().unwrap();
    renew();
    fail(&argos, going_on, Fault::other("nobody answers"));
    let [again] = due(&argos).try_into().unwrap();
    assert_eq!((again.failures, again.next_attempt_at), (2, clock.now()));
    let status = call(&argos, "certificates.status", json!({}));
    let told = status["items"][0]["last_error"].as_str().unwrap().to_owned();
    assert!(told.ends_with(&format!("next at {}", clock.now())), "{told}");
    // One wish is one attempt.
    fail(&argos, again, Fault::other("nobody answers"));
    assert_eq!(due(&argos), []);
    // What the authority asks for counts more.
    let going_on = order(&argos, 1);
    renew();
    fail(&argos, going_on, limited(7200));
    assert_eq!(order(&argos, 1).next_attempt_at, Timestamp(clock.now().0 + 7_200_000));
    // A step that is kept says nothing of when the next is due.
    let mut going_on = order(&argos, 1);
    renew();
    "https://ca.lan/order/1".clone_into(&mut going_on.order_url);
    assert!(note(&argos, move |tx| acme_orders::save(tx, &going_on)));
    let kept = order(&argos, 1);
    assert_eq!((kept.order_url.as_str(), kept.next_attempt_at), ("https://ca.lan/order/1", clock.now()));
}

#[test]
fn orders_that_begin_while_an_authority_is_left_alone_wait_too() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 2);
    let until = Timestamp(BEGIN + 600_000);
    fail(&argos, order(&argos, 1), limited(600));
    call(&argos, "hosts.create", json!({"domain": "new.example.com", "target_group_id": 1}));
    let private = json!({"domain": "p.lan", "target_group_id": 1, "tls_directory_url": "https://ca.lan/dir"});
    call(&argos, "hosts.create", private);
    let waiting = || [1, 2, 3].map(|host| order(&argos, host).next_attempt_at);
    assert_eq!(waiting(), [until; 3]);
    assert_eq!(due(&argos).into_iter().map(|order| order.domain).collect::<Vec<_>>(), ["p.lan"]);
    // Neither does a change that may help end it, and a shorter one does not shorten it.
    call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": "192.0.2.1:53"}));
    note(&argos, move |tx| acme_orders::pause(tx, crate::schema::PRODUCTION, Timestamp(BEGIN + 1000)));
    call(&argos, "hosts.update", json!({"id": 3, "domain": "other.example.com"}));
    assert_eq!(waiting(), [until; 3]);
    // Somebody who wants one now has it tried now.
    call(&argos, "certificates.renew", json!({"id": 2}));
    assert_eq!(waiting(), [until, clock.now(), until]);
    // Nobody is left alone for longer than a quarter of an hour because of another.
    fail(&argos, order(&argos, 2), limited(86_400));
    assert_eq!(order(&argos, 3).next_attempt_at, Timestamp(BEGIN + acme_orders::LONGEST_PAUSE_MS));
    clock.set(Timestamp(BEGIN + acme_orders::LONGEST_PAUSE_MS));
    call(&argos, "hosts.create", json!({"domain": "later.example.com", "target_group_id": 1}));
    assert_eq!(order(&argos, 5).next_attempt_at, clock.now());
}

#[test]
fn what_may_have_been_the_fault_is_tried_again_soon_once_it_is_changed() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 4);
    call(&argos, "hosts.update", json!({"id": 3, "tls_directory_url": "https://ca.lan/dir"}));
    let config = json!({"server": "192.0.2.1:53", "zone": "example.com", "tsig_name": "k",
        "tsig_secret": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="});
    call(&argos, "dns_providers.create", json!({"name": "home", "kind": "rfc2136", "config": config}));
    let seconds = |host| (order(&argos, host).next_attempt_at.0 - clock.now().0) / 1000;
    // The fourth succeeded.
    let mut signed = order(&argos, 4);
    signed.next_attempt_at = Timestamp(BEGIN + 60 * 86_400_000);
    note(&argos, move |tx| acme_orders::save(tx, &signed));
    let far = |host| seconds(host) > 3600;
    let all_fail = || (1..=3).for_each(|host| fail_often(&argos, host));
    let set = |key: &str, value: &str| drop(call(&argos, "settings.set", json!({"key": key, "value": value})));

    all_fail();
    set("acme.dns_resolvers", "192.0.2.1:53");
    let mut spread = [1, 2, 3].map(seconds);
    spread.sort_unstable();
    assert_eq!(spread, [0, 5, 10]);
    assert!(far(4));
    let status = call(&argos, "certificates.status", json!({"host_id": 1}));
    let next = order(&argos, 1).next_attempt_at;
    assert!(status["items"][0]["last_error"].as_str().unwrap().ends_with(&format!("next at {next}")), "{status}");

    // An external account is shown to the authority of all and to no other.
    all_fail();
    set("acme.eab_kid", "kid-1");
    assert!(!far(1) && !far(2) && far(3));

    all_fail();
    call(&argos, "hosts.update", json!({"id": 2, "dns_provider_id": 1, "tls_challenge": "dns"}));
    assert!(far(1) && seconds(2) == 0 && far(3), "its own way changed");
    fail_often(&argos, 2);
    call(&argos, "dns_providers.update", json!({"id": 1, "name": "other"}));
    assert!(far(2), "a name says nothing of whether it works");
    call(&argos, "dns_providers.update", json!({"id": 1, "config": {"server": "192.0.2.2:53"}}));
    assert!(far(1) && seconds(2) == 0 && far(3));

    // Neither does any other change.
    fail_often(&argos, 2);
    set("proxy.max_retries", "3");
    call(&argos, "hosts.update", json!({"id": 1, "access_log": false}));
    assert!(far(1) && far(2) && far(3));

    // An attempt that goes on under the old terms does not hold up the next.
    let going_on = order(&argos, 1);
    call(&argos, "hosts.update", json!({"id": 1, "tls_challenge": "http"}));
    fail(&argos, going_on, Fault::other("nobody answers"));
    assert_eq!(seconds(1), 0);
}

/// Stores that the authority of all signed a host's name for 90 days from now.
fn sign(argos: &Argos, host: i64, domain: &str) -> Timestamp {
    let now = argos.inner.cx.clock.now();
    let not_after = Timestamp(now.0 + 90 * 86_400_000);
    let row = NewCertificate {
        host_id: Some(HostId(host)),
        names: vec![domain.into()],
        kind: CertificateKind::Acme,
        cert_pem: "not opened here".into(),
        chain_pem: String::new(),
        key_encrypted: String::new(),
        issuer: "Authority".into(),
        fingerprint_sha256: format!("of {domain}"),
        not_before: now,
        not_after,
        active: true,
        directory_url: crate::schema::PRODUCTION.into(),
    };
    let renewal = renewal_at(now, not_after);
    let mut order = order(argos, host);
    order.next_attempt_at = renewal;
    note(argos, move |tx| certificates::insert(tx, &row).and(acme_orders::save(tx, &order)));
    renewal
}

#[test]
fn a_host_that_gets_its_old_name_back_has_its_old_certificate_and_orders_none() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    let renewal = sign(&argos, 1, "h0.example.com");
    let rename = |domain: &str| {
        let host = call(&argos, "hosts.update", json!({"id": 1, "domain": domain}));
        host["certificate"]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(rename("b.example.com"), "local");
    assert_eq!((order(&argos, 1).domain.as_str(), order(&argos, 1).next_attempt_at), ("b.example.com", clock.now()));
    clock.set(Timestamp(BEGIN + 86_400_000));
    assert_eq!(rename("h0.example.com"), "acme");
    assert_eq!((order(&argos, 1).domain.as_str(), order(&argos, 1).next_attempt_at), ("h0.example.com", renewal));
    // It is served again, and replaced at once, where another authority signs by now.
    rename("b.example.com");
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": "staging"}));
    assert_eq!(rename("h0.example.com"), "acme");
    assert_eq!(order(&argos, 1).next_attempt_at, clock.now());
    // One that has ended is of no use.
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": "production"}));
    rename("b.example.com");
    clock.set(Timestamp(BEGIN + 91 * 86_400_000));
    assert_eq!(rename("h0.example.com"), "local");
    assert_eq!(order(&argos, 1).next_attempt_at, clock.now());
}

#[test]
fn a_stored_directory_that_is_none_is_named_and_nothing_is_ordered_elsewhere() {
    let clock = Clock::manual(Timestamp(BEGIN));
    let (_folder, argos) = with_hosts(&clock, 1);
    // As an earlier version may have stored it.
    note(&argos, |tx| tx.execute("UPDATE hosts SET tls_directory_url = 'http://ca.lan/dir'", []));
    call(&argos, "hosts.toggle", json!({"id": 1, "enabled": false}));
    call(&argos, "hosts.toggle", json!({"id": 1, "enabled": true}));
    assert_eq!(due(&argos), []);
    let status = call(&argos, "certificates.status", json!({}))["items"][0].clone();
    assert_eq!((&status["state"], &status["source"]), (&json!("error"), &json!("local")));
    assert!(status["last_error"].as_str().unwrap().contains("tls_directory_url: allowed"), "{status}");
    // A good one ends that.
    call(&argos, "hosts.update", json!({"id": 1, "tls_directory_url": "staging"}));
    assert_eq!(due(&argos).len(), 1);
    // The one of all is named, too.
    let broken = "UPDATE settings SET value = 'ftp://ca.lan' WHERE key = 'acme.directory_url'";
    call(&argos, "settings.set", json!({"key": "acme.directory_url", "value": "production"}));
    assert_eq!(note(&argos, |tx| tx.execute(broken, [])), 1);
    let input = json!({"domain": "b.example.com", "target_group_id": 1});
    let refused = argos.call("hosts.create", input.as_object().unwrap().clone()).unwrap_err();
    assert_eq!(refused.fields()[0].field, "acme.directory_url", "{refused}");
}
