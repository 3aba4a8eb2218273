//! Certificates of an authority, ordered for real: Pebble looks for the proofs at the listeners of a running Argos.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{Event, EventKind};
use argos_core::{Argos, Options, ServeOptions, Serving};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use support::Folder;
use support::knot::{self, Knot};
use support::pebble::{Pebble, PebbleOptions, free_port};

const DAY_MS: i64 = 86_400_000;

struct World {
    argos: Option<Argos>,
    serving: Option<Serving>,
    clock: Clock,
    http: SocketAddr,
    https: SocketAddr,
    pebble: Pebble,
    folder: Folder,
}

impl World {
    fn new(options: PebbleOptions) -> Option<Self> {
        let ports = [free_port(), free_port()];
        Self::with(Pebble::start(ports[0], ports[1], options)?, ports)
    }

    /// The authority looks for proofs over HTTP where nothing listens.
    fn blind_over_http(options: PebbleOptions) -> Option<Self> {
        let ports = [free_port(), free_port()];
        Self::with(Pebble::start(free_port(), ports[1], options)?, ports)
    }

    fn with(pebble: Pebble, ports: [u16; 2]) -> Option<Self> {
        let [http, https] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let clock = Clock::manual(Timestamp(i64::try_from(now).unwrap()));
        let mut world = Self { argos: None, serving: None, clock, http, https, pebble, folder: Folder::new() };
        world.start();
        world.set("acme.ca_bundle", &world.pebble.root.clone());
        world.set("acme.directory_url", &world.pebble.directory.clone());
        world.set("acme.dns_resolvers", &world.pebble.resolver.to_string());
        Some(world)
    }

    fn start(&mut self) {
        let argos = Argos::open(Options { clock: self.clock.clone(), ..Options::new(self.folder.path()) }).unwrap();
        let options =
            ServeOptions { http: vec![self.http], https: vec![self.https], threads: 1, ..ServeOptions::default() };
        self.serving = Some(argos.start(&options).unwrap());
        self.argos = Some(argos);
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop(Duration::from_secs(5));
        }
        self.argos = None;
    }

    fn argos(&self) -> &Argos {
        self.argos.as_ref().unwrap()
    }

    fn call(&self, name: &str, input: Value) -> Value {
        let input = input.as_object().unwrap().clone();
        self.argos().call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    fn set(&self, key: &str, value: &str) {
        self.call("settings.set", json!({"key": key, "value": value}));
    }

    fn host(&self, domain: &str, more: Value) -> i64 {
        let mut input = json!({"domain": domain, "target_group": {"targets": [{"host": "127.0.0.1", "port": 9}]}});
        for (field, value) in more.as_object().unwrap() {
            input[field] = value.clone();
        }
        self.call("hosts.create", input)["id"].as_i64().unwrap()
    }

    fn status(&self, host: i64) -> Value {
        self.call("certificates.status", json!({"host_id": host}))["items"][0].clone()
    }

    fn certificates(&self, host: i64) -> Vec<Value> {
        self.call("certificates.list", json!({"host_id": host}))["items"].as_array().unwrap().clone()
    }

    /// Looks at the host's standing, after each change of it, until `wanted`.
    fn until(&self, host: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = SystemTime::now() + Duration::from_secs(60);
        loop {
            let status = self.status(host);
            if wanted(&status) {
                return status;
            }
            assert!(SystemTime::now() < deadline, "{status:#}");
            self.argos().rest().unwrap();
        }
    }

    fn signed(&self, host: i64) -> Value {
        self.until(host, |status| status["source"] == "acme")
    }

    /// Looks at the host's newest certificate until `wanted`.
    fn until_stored(&self, host: i64, wanted: impl Fn(&Value) -> bool) -> Value {
        let newest = || self.certificates(host).into_iter().rfind(|c| c["kind"] == "acme");
        self.until(host, |_| newest().is_some_and(|c| wanted(&c)));
        newest().unwrap()
    }

    fn advance(&self, ms: i64) {
        self.clock.set(Timestamp(self.clock.now().0 + ms));
        self.argos().tend().unwrap();
    }

    /// A client of the host's TLS that trusts what the authority signed; the certificate it was shown.
    fn shown(&self, name: &str) -> Vec<u8> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pebble.signing_root().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(config, name).unwrap();
        let mut socket = TcpStream::connect(self.https).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).unwrap();
        }
        connection.peer_certificates().unwrap()[0].to_vec()
    }

    fn serial(&self, certificate: &Value) -> String {
        let chain = self.call("certificates.chain", json!({"id": certificate["id"]}));
        let der = CertificateDer::from_pem_slice(chain.as_str().unwrap().as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn rows(&self, source: &str) -> Vec<Value> {
        self.argos().flush_logs();
        self.call("logs.search", json!({"source": source}))["items"].as_array().unwrap().clone()
    }
}

fn error_of(status: &Value) -> &str {
    status["last_error"].as_str().unwrap()
}

#[test]
fn a_name_is_proven_over_http() {
    let Some(world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({"tls_challenge": "http"}));
    let status = world.signed(host);
    assert_eq!((&status["state"], &status["last_error"]), (&json!("valid"), &json!("")), "{status:#}");
    assert_eq!(status["days_left"], 89, "{status:#}");
    let stored = world.certificates(host);
    assert_eq!(stored.len(), 1, "{stored:#?}");
    assert_eq!((&stored[0]["names"], &stored[0]["kind"]), (&json!(["shop.example.com"]), &json!("acme")));
    world.shown("shop.example.com");
    let rows = world.rows("access");
    assert_eq!((&rows[0]["action"], &rows[0]["status"]), (&json!("acme_challenge"), &json!(200)), "{rows:#?}");
    // What is no token of a live order goes on as any request.
    let token = rows[0]["path"].as_str().unwrap();
    let mut socket = TcpStream::connect(world.http).unwrap();
    write!(socket, "GET {token} HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
}

#[test]
fn a_name_is_proven_over_tls() {
    let Some(world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({"tls_challenge": "tls-alpn"}));
    world.signed(host);
    world.shown("shop.example.com");
    assert!(world.rows("access").is_empty(), "a proof over TLS is no request");
}

#[test]
fn the_second_way_is_tried_where_the_first_fails() {
    let Some(world) = World::blind_over_http(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({}));
    let status = world.signed(host);
    assert_eq!(status["state"], "valid");
    // Where one way is fixed there is no second.
    let fixed = world.host("fixed.example.com", json!({"tls_challenge": "http"}));
    let status = world.until(fixed, |status| status["state"] == "error");
    let error = error_of(&status);
    assert!(
        error.contains("HTTP-01: ") && error.contains("ports 80 and 443") && !error.contains("TLS-ALPN"),
        "{error}"
    );
    assert_eq!(status["source"], "local", "a certificate of the local CA is served meanwhile");
}

#[test]
fn a_certificate_is_renewed_when_its_authority_wants() {
    let Some(world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({}));
    world.signed(host);
    let first = world.until_stored(host, |c| !c["ari_window_end"].is_null());
    let end = Timestamp::parse(first["ari_window_end"].as_str().unwrap()).unwrap();
    let left = Timestamp::parse(first["not_after"].as_str().unwrap()).unwrap().0 - end.0;
    assert!(left > 5 * DAY_MS, "{first:#}");
    let before = world.shown("shop.example.com");
    world.advance(end.0 - world.clock.now().0);
    let second = world.until_stored(host, |c| c["id"] != first["id"]);
    assert_eq!(second["active"], true);
    assert_ne!(world.shown("shop.example.com"), before);
    assert_eq!(world.certificates(host).len(), 1, "what was replaced is gone");
}

#[test]
fn a_certificate_that_ends_soon_is_told_every_day() {
    let Some(mut world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({}));
    world.signed(host);
    let end = world.certificates(host).remove(0)["not_after"].as_str().and_then(Timestamp::parse).unwrap();
    world.pebble.end();
    let heard = world.argos().subscribe();
    let expiring = |at: i64| {
        world.clock.set(Timestamp(at));
        world.argos().tend().unwrap();
        let all = heard.try_iter().filter(|event| event.kind().as_str() == "cert_expiring_soon");
        all.map(|event| event.data()["days_left"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(expiring(end.0 - 15 * DAY_MS), Vec::<i64>::new());
    assert_eq!(expiring(end.0 - 13 * DAY_MS), [13]);
    assert_eq!(expiring(end.0 - 13 * DAY_MS + 1000), Vec::<i64>::new());
    assert_eq!(expiring(end.0 - 12 * DAY_MS), [12]);
    // The old one is served to its end.
    let status = world.until(host, |status| error_of(status).contains("attempt"));
    assert_eq!((&status["source"], &status["state"]), (&json!("acme"), &json!("valid")), "{status:#}");
    assert!(error_of(&status).contains("can't be reached"), "{status:#}");
}

#[test]
fn a_certificate_is_revoked_once_it_is_replaced() {
    let Some(world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({}));
    let early =
        world.argos().call("certificates.renew", json!({"id": host, "revoke": true}).as_object().unwrap().clone());
    assert_eq!(early.unwrap_err().code(), "certificate.not_revocable");
    world.signed(host);
    let first = world.certificates(host).remove(0);
    let serial = world.serial(&first);
    assert!(world.pebble.status_by_serial(&serial).contains("\"Valid\""));
    world.call("certificates.renew", json!({"id": host, "revoke": true}));
    let second = world.until_stored(host, |c| c["id"] != first["id"]);
    world.until_stored(host, |_| world.certificates(host).len() == 1);
    assert!(world.pebble.status_by_serial(&serial).contains("\"Revoked\""));
    assert!(world.pebble.status_by_serial(&world.serial(&second)).contains("\"Valid\""));
}

#[test]
fn an_account_serves_all_hosts_and_the_next_process() {
    let Some(mut world) = World::new(PebbleOptions::default()) else { return };
    world.set("acme.email", "admin@example.com");
    let first = world.host("a.example.com", json!({}));
    world.signed(first);
    let accounts = world.call("acme_accounts.list", json!({}));
    world.stop();
    world.start();
    let second = world.host("b.example.com", json!({}));
    world.signed(second);
    assert_eq!(world.call("acme_accounts.list", json!({})), accounts);
    assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
    assert_eq!(accounts["items"][0]["email"], "admin@example.com");
    // Another contact is another account.
    let third = world.host("c.example.com", json!({"tls_email": "other@example.com"}));
    world.signed(third);
    let accounts = world.call("acme_accounts.list", json!({}))["items"].as_array().unwrap().clone();
    assert_eq!(accounts.len(), 2);
    assert_ne!(accounts[0]["account_url"], accounts[1]["account_url"]);
    // A forgotten one is registered anew.
    world.call("acme_accounts.delete", json!({"id": accounts[0]["id"]}));
    world.call("certificates.renew", json!({"id": first}));
    let old = world.certificates(first).remove(0);
    world.until_stored(first, |c| c["id"] != old["id"]);
    assert_eq!(world.call("acme_accounts.list", json!({}))["items"].as_array().unwrap().len(), 2);
}

#[test]
fn an_account_is_bound_to_an_external_one() {
    let key = "WW91IGNhbid0IHNlZSB0aGlzIGtleSBhbnl3aGVyZSBlbHNlLg";
    let config = json!({"externalAccountBindingRequired": true, "externalAccountMACKeys": {"kid-of-a-test": key}});
    let Some(world) = World::new(PebbleOptions { config: Some(config), ..PebbleOptions::default() }) else { return };
    let host = world.host("shop.example.com", json!({}));
    let status = world.until(host, |status| status["state"] == "error");
    assert!(error_of(&status).contains("acme.eab_kid"), "{status:#}");
    let refused = world
        .argos()
        .call("settings.set", json!({"key": "acme.eab_hmac_key", "value": "not base64!"}).as_object().unwrap().clone())
        .unwrap_err();
    assert_eq!(refused.fields()[0].field, "acme.eab_hmac_key");
    // What is for another authority is shown to none but that, and not asked for.
    let directory = world.pebble.directory.clone();
    world.set("acme.directory_url", "https://127.0.0.1:1/dir");
    world.call("hosts.update", json!({"id": host, "tls_directory_url": directory}));
    world.call("certificates.renew", json!({"id": host}));
    world.until(host, |status| error_of(status).contains("for the authority of acme.directory_url only"));
    world.call("hosts.update", json!({"id": host, "tls_directory_url": ""}));
    world.set("acme.directory_url", &directory);
    world.set("acme.eab_kid", "kid-of-a-test");
    world.set("acme.eab_hmac_key", &format!("AAAA{key}"));
    // Four orders began at once: the next ones do after a while.
    world.advance(60_000);
    world.call("certificates.renew", json!({"id": host}));
    world.until(host, |status| error_of(status).contains("compare acme.eab_kid and acme.eab_hmac_key"));
    world.set("acme.eab_hmac_key", key);
    world.call("certificates.renew", json!({"id": host}));
    world.signed(host);
    let account = world.call("acme_accounts.list", json!({}))["items"][0].clone();
    assert_eq!(account["eab_kid"], "kid-of-a-test");
    let setting = world.call("settings.get", json!({"key": "acme.eab_hmac_key"}));
    assert_eq!((&setting["value_set"], setting.get("value")), (&json!(true), None), "{setting}");
    let audit = Value::from(world.rows("audit")).to_string();
    assert!(audit.contains("acme.eab_hmac_key") && !audit.contains(key));
    // The account has a key of its own, which the next order uses.
    let old = world.certificates(host).remove(0);
    world.call("certificates.renew", json!({"id": host}));
    world.until_stored(host, |c| c["id"] != old["id"]);
}

#[test]
fn nonces_that_are_refused_are_tried_again() {
    let Some(world) = World::new(PebbleOptions { refused_nonces: 15, ..PebbleOptions::default() }) else { return };
    let host = world.host("shop.example.com", json!({}));
    world.until(host, |status| {
        // It may happen three times in a row; then the order goes on after a while.
        if status["state"] == "error" {
            world.call("certificates.renew", json!({"id": host}));
        }
        status["source"] == "acme"
    });
}

#[test]
fn what_fails_is_told_and_tried_again_after_a_while() {
    let Some(mut world) = World::new(PebbleOptions { refused_nonces: 100, ..PebbleOptions::default() }) else { return };
    let heard = world.argos().subscribe();
    let host = world.host("shop.example.com", json!({}));
    let status = world.until(host, |status| status["state"] == "error");
    assert!(error_of(&status).contains("refuses the nonces"), "{status:#}");
    // Changes of the configuration are told beside it.
    let failed = |event: &Arc<Event>| event.kind() == EventKind::CertRenewalFailed;
    let next_event = || loop {
        let event = heard.recv_timeout(Duration::from_secs(20)).unwrap();
        if failed(&event) {
            break event;
        }
    };
    let event = next_event();
    assert_eq!(
        (event.kind().as_str(), event.host.as_ref().map(|(_, domain)| &**domain)),
        ("cert_renewal_failed", Some("shop.example.com"))
    );
    assert_eq!((&event.data()["attempt"], &event.data()["directory"]), (&json!(1), &json!(world.pebble.directory)));
    let next = Timestamp::parse(event.data()["next_attempt_at"].as_str().unwrap()).unwrap();
    let wait = next.0 - world.clock.now().0;
    assert!((48_000..=72_000).contains(&wait), "{wait}");
    let row = world.rows("error").remove(0);
    assert_eq!((&row["action"], &row["level"], &row["host_id"]), (&json!("acme"), &json!("error"), &json!(host)));
    // The second waits twice as long, and is no second event on the same day.
    world.advance(wait);
    let status = world.until(host, |status| error_of(status).contains("attempt 2"));
    let next = Timestamp::parse(error_of(&status).rsplit("next at ").next().unwrap()).unwrap();
    let wait = next.0 - world.clock.now().0;
    assert!((96_000..=144_000).contains(&wait), "{wait}");
    world.advance(DAY_MS);
    world.until(host, |status| error_of(status).contains("attempt 3"));
    // It is told behind what is stored. The second would have come before it.
    let event = next_event();
    assert_eq!(event.data()["attempt"], 3);
    assert!(!heard.try_iter().any(|event| failed(&event)));
    // The next process waits as long as this one would.
    world.stop();
    world.start();
    assert!(error_of(&world.status(host)).contains("attempt 3"));
}

#[test]
fn a_name_that_the_authority_does_not_sign_is_told_as_that() {
    let config = json!({"domainBlocklist": ["blocked.example.com"]});
    let Some(world) = World::new(PebbleOptions { config: Some(config), ..PebbleOptions::default() }) else { return };
    let host = world.host("blocked.example.com", json!({}));
    let status = world.until(host, |status| status["state"] == "error");
    assert!(error_of(&status).contains("does not sign this name"), "{status:#}");
    // Its own authority may be another; the names of private networks are ordered there too.
    let private = world.host("printer.lan", json!({}));
    assert_eq!(world.signed(private)["state"], "valid");
    let address = world.host("127.0.0.1", json!({}));
    assert_eq!((&world.status(address)["source"], &world.status(address)["state"]), (&json!("local"), &json!("valid")));
}

#[test]
fn an_authority_that_changes_signs_anew() {
    let Some(world) = World::new(PebbleOptions::default()) else { return };
    let host = world.host("shop.example.com", json!({}));
    world.signed(host);
    let before = world.certificates(host).remove(0);
    let ports = (world.http.port(), world.https.port());
    let other = Pebble::start(ports.0, ports.1, PebbleOptions::default()).unwrap();
    world.set("acme.ca_bundle", &other.root);
    world.set("acme.directory_url", &other.directory);
    let after = world.until_stored(host, |c| c["id"] != before["id"]);
    assert_ne!(after["issuer"], before["issuer"]);
}

#[test]
fn a_host_that_is_renamed_or_deleted_while_it_is_ordered_leaves_nothing() {
    let Some(world) = World::blind_over_http(PebbleOptions::default()) else { return };
    let deleted = world.host("a.example.com", json!({}));
    world.call("hosts.delete", json!({"id": deleted}));
    let renamed = world.host("b.example.com", json!({}));
    world.call("hosts.update", json!({"id": renamed, "domain": "c.example.com"}));
    world.signed(renamed);
    let stored = world.call("certificates.list", json!({}))["items"].as_array().unwrap().clone();
    let names: Vec<_> = stored.iter().filter(|c| c["kind"] == "acme").map(|c| &c["names"]).collect();
    assert_eq!(names, [&json!(["c.example.com"])], "{stored:#?}");
    world.shown("c.example.com");
}

/// A zone with a server that takes signed updates.
fn zone() -> Option<Knot> {
    Knot::start(&[("example.test", "@ NS ns\nns A 127.0.0.1\nshop A 127.0.0.1\n@ CAA 0 issue \"any.example\"")])
}

fn provider(world: &World, knot: &Knot, secret: &str) -> i64 {
    let config = json!({
        "server": knot.address.to_string(), "zone": "example.test", "tsig_name": knot::KEY, "tsig_secret": secret,
    });
    let made = world.call("dns_providers.create", json!({"name": "home", "kind": "rfc2136", "config": config}));
    made["id"].as_i64().unwrap()
}

#[test]
fn a_wildcard_is_proven_over_dns() {
    let Some(knot) = zone() else { return };
    let options = PebbleOptions { dns: Some(knot.address), ..PebbleOptions::default() };
    let Some(world) = World::blind_over_http(options) else { return };
    let provider = provider(&world, &knot, &knot::secret());
    let host = world.host("*.example.test", json!({"dns_provider_id": provider}));
    let status = world.signed(host);
    assert_eq!(status["state"], "valid", "{status:#}");
    world.shown("any.example.test");
    assert_eq!(knot.txt("_acme-challenge.example.test"), Vec::<String>::new());
    // A plain name is proven so where that is chosen.
    let plain = world.host("shop.example.test", json!({"dns_provider_id": provider, "tls_challenge": "dns"}));
    world.signed(plain);
    assert_eq!(knot.txt("_acme-challenge.shop.example.test"), Vec::<String>::new());
}

#[test]
fn a_provider_that_refuses_is_told_and_nothing_stays() {
    let Some(knot) = zone() else { return };
    let options = PebbleOptions { dns: Some(knot.address), ..PebbleOptions::default() };
    let Some(world) = World::new(options) else { return };
    let provider = provider(&world, &knot, "d3Jvbmc=");
    let host = world.host("*.example.test", json!({"dns_provider_id": provider}));
    let status = world.until(host, |status| status["state"] == "error");
    assert!(error_of(&status).contains("placing the record"), "{status:#}");
    assert_eq!(knot.txt("_acme-challenge.example.test"), Vec::<String>::new());
}

#[test]
fn what_no_order_can_pass_is_told_before_one_is_placed() {
    let Some(knot) = zone() else { return };
    let options = PebbleOptions { dns: Some(knot.address), ..PebbleOptions::default() };
    let Some(world) = World::new(options) else { return };
    let host = world.host("nowhere.example.test", json!({}));
    let status = world.until(host, |status| status["state"] == "error");
    let error = error_of(&status);
    assert!(error.contains("nothing was ordered") && error.contains("has no address"), "{error}");
    // The same without an order.
    let check = world.call("certificates.check", json!({"id": host}));
    assert_eq!(check["ok"], false, "{check:#}");
    let found = |check: &Value, name: &str| {
        check["findings"].as_array().unwrap().iter().find(|f| f["check"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(found(&check, "address")["result"], "fail");
    let good = world.host("shop.example.test", json!({}));
    world.signed(good);
    let check = world.call("certificates.check", json!({"id": good}));
    assert_eq!(check["ok"], true, "{check:#}");
    for (name, result) in [("authority", "ok"), ("caa", "ok"), ("address", "ok"), ("port_80", "warn")] {
        assert_eq!(found(&check, name)["result"], result, "{check:#}");
    }
    let local = world.host("127.0.0.1", json!({}));
    let refused = world.argos().call("certificates.check", json!({"id": local}).as_object().unwrap().clone());
    assert_eq!(refused.unwrap_err().code(), "certificate.not_ordered");
}
