//! Orders that meet trouble: a process that is killed at each step of one, and authorities that are down, that want
//! fewer orders, or that lie.
#![cfg(unix)]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use argos_core::{Argos, Options, ServeOptions, Serving};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use support::Folder;
use support::between::{Passing, answer, between, problem};
use support::knot::{self, Knot};
use support::pebble::{Pebble, PebbleOptions, TestCa, free_port};

fn call(argos: &Argos, name: &str, input: Value) -> Value {
    let input = input.as_object().unwrap().clone();
    argos.call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Stores a host whose certificate is to be ordered at `port`.
fn prepare(argos: &Argos, domain: &str, port: u16, root: &str) -> i64 {
    prepare_with(argos, domain, json!({}), port, root)
}

fn prepare_with(argos: &Argos, domain: &str, more: Value, port: u16, root: &str) -> i64 {
    call(argos, "settings.set", json!({"key": "acme.ca_bundle", "value": root}));
    let directory = format!("https://127.0.0.1:{port}/dir");
    call(argos, "settings.set", json!({"key": "acme.directory_url", "value": directory}));
    call(argos, "settings.set", json!({"key": "acme.email", "value": "admin@example.com"}));
    let group = json!({"targets": [{"host": "127.0.0.1", "port": 9}]});
    let mut input = json!({"domain": domain, "target_group": group});
    for (field, value) in more.as_object().unwrap() {
        input[field] = value.clone();
    }
    call(argos, "hosts.create", input)["id"].as_i64().unwrap()
}

fn serve(argos: &Argos, ports: [u16; 2]) -> Serving {
    let [http, https] = ports.map(|port| vec![address(port)]);
    argos.start(&ServeOptions { http, https, threads: 1, ..ServeOptions::default() }).unwrap()
}

/// The host's standing, once it is as `wanted`.
fn until(argos: &Argos, host: i64, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = SystemTime::now() + Duration::from_secs(90);
    loop {
        let status = call(argos, "certificates.status", json!({"host_id": host}))["items"][0].clone();
        if wanted(&status) {
            return status;
        }
        assert!(SystemTime::now() < deadline, "{status:#}");
        argos.rest().unwrap();
    }
}

/// Not a test of its own: the process that is killed.
#[test]
fn the_other_process() {
    let Some(folder) = std::env::var_os("ARGOS_TEST_FOLDER").map(PathBuf::from) else { return };
    let ports = std::env::var("ARGOS_TEST_PORTS").unwrap();
    let ports: Vec<u16> = ports.split(',').map(|port| port.parse().unwrap()).collect();
    let argos = Argos::open(Options::new(folder)).unwrap();
    let _serving = serve(&argos, [ports[0], ports[1]]);
    until(&argos, 1, |status| status["source"] == "acme");
    println!("signed");
}

struct Other {
    child: Child,
    said: Receiver<String>,
}

fn other_process(folder: &Path, ports: [u16; 2]) -> Other {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env("ARGOS_TEST_FOLDER", folder)
        .env("ARGOS_TEST_PORTS", ports.map(|port| port.to_string()).join(","))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (say, said) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(say.send(line))));
    Other { child, said }
}

/// What passes between the process and its authority.
#[derive(Default)]
struct Passed {
    /// At which request the process is killed; `usize::MAX` = at none.
    kill_at: AtomicUsize,
    /// Whether the authority gets that request.
    arrives: AtomicUsize,
    count: AtomicUsize,
    victim: Mutex<Option<Child>>,
    /// Requests that reached the authority.
    lines: Mutex<Vec<String>>,
}

impl Passed {
    fn kill(&self) {
        if let Some(mut victim) = self.victim.lock().unwrap().take() {
            victim.kill().unwrap();
            victim.wait().unwrap();
        }
    }

    fn act(&self, passing: &Passing) -> Vec<u8> {
        let at = self.count.fetch_add(1, Ordering::SeqCst);
        let dies = at == self.kill_at.load(Ordering::SeqCst);
        if dies && self.arrives.load(Ordering::SeqCst) == 0 {
            self.kill();
            return Vec::new();
        }
        self.lines.lock().unwrap().push(passing.line.clone());
        let answer = passing.onward();
        if dies {
            self.kill();
            return Vec::new();
        }
        answer
    }

    fn passed(&self, word: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(word)).count()
    }
}

#[test]
fn a_kill_at_any_step_of_an_order_loses_no_key_and_signs_nothing_twice() {
    let ports = [free_port(), free_port()];
    let Some(authority) = Pebble::start(ports[0], ports[1], PebbleOptions::default()) else { return };
    let passed: Arc<Passed> = Arc::default();
    let behind = Arc::clone(&passed);
    let (port, root) = between(Some((authority.port, &authority.root)), move |passing| behind.act(passing));
    let mut kills = 0;
    for arrives in [0, 1] {
        for step in 0.. {
            let folder = Folder::new();
            let argos = Argos::open(Options::new(folder.path())).unwrap();
            call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": authority.resolver.to_string()}));
            prepare(&argos, "a.example.com", port, &root);
            drop(argos);
            passed.lines.lock().unwrap().clear();
            passed.count.store(0, Ordering::SeqCst);
            passed.kill_at.store(step, Ordering::SeqCst);
            passed.arrives.store(arrives, Ordering::SeqCst);
            let first = other_process(&folder.path(), ports);
            *passed.victim.lock().unwrap() = Some(first.child);
            let signed_at_once = first.said.iter().any(|line| line == "signed");
            if let Some(mut child) = passed.victim.lock().unwrap().take() {
                child.wait().unwrap();
            }
            if signed_at_once {
                // The order has fewer steps.
                break;
            }
            kills += 1;
            let mut second = other_process(&folder.path(), ports);
            let signed = second.said.iter().any(|line| line == "signed");
            second.child.wait().unwrap();
            assert!(signed, "killed at {step}, {arrives}");
            let lines = passed.lines.lock().unwrap().join("\n");
            assert_eq!(passed.passed("/finalize-order/"), 1, "killed at {step}, {arrives}:\n{lines}");
            assert!(passed.passed("/order-plz") <= 2, "killed at {step}, {arrives}:\n{lines}");
            if arrives == 0 {
                assert_eq!(passed.passed("/order-plz"), 1, "killed at {step}:\n{lines}");
            }
            let argos = Argos::open(Options::new(folder.path())).unwrap();
            let accounts = call(&argos, "acme_accounts.list", json!({}));
            assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
            let stored = call(&argos, "certificates.list", json!({"host_id": 1}))["items"].as_array().unwrap().clone();
            assert_eq!(stored.iter().filter(|c| c["kind"] == "acme").count(), 1, "{stored:#?}");
        }
    }
    assert!(kills >= 20, "{kills}");
}

#[test]
fn a_record_that_a_killed_process_left_is_taken_out() {
    let Some(knot) = Knot::start(&[("example.test", "@ NS ns\nns A 127.0.0.1")]) else { return };
    let ports = [free_port(), free_port()];
    let options = PebbleOptions { dns: Some(knot.address), ..PebbleOptions::default() };
    let Some(authority) = Pebble::start(ports[0], ports[1], options) else { return };
    let victim: Arc<Mutex<Option<Child>>> = Arc::default();
    let held = Arc::clone(&victim);
    let (port, root) = between(Some((authority.port, &authority.root)), move |passing| {
        if passing.line.contains("/chalZ/")
            && let Some(mut victim) = held.lock().unwrap().take()
        {
            victim.kill().unwrap();
            victim.wait().unwrap();
            return Vec::new();
        }
        passing.onward()
    });
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    let config = json!({
        "server": knot.address.to_string(), "zone": "example.test", "tsig_name": knot::KEY,
        "tsig_secret": knot::secret(),
    });
    call(&argos, "dns_providers.create", json!({"name": "home", "kind": "rfc2136", "config": config}));
    call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": knot.address.to_string()}));
    let more = json!({"dns_provider_id": 1, "tls_challenge": "dns"});
    prepare_with(&argos, "a.example.test", more, port, &root);
    drop(argos);
    // The lock keeps the other process waiting at the challenge until this one knows whom to kill.
    let mut kept = victim.lock().unwrap();
    let first = other_process(&folder.path(), ports);
    *kept = Some(first.child);
    drop(kept);
    assert!(first.said.iter().all(|line| line != "signed"));
    assert_eq!(knot.txt("_acme-challenge.a.example.test").len(), 1, "it was killed while the record stood");
    let mut second = other_process(&folder.path(), ports);
    assert!(second.said.iter().any(|line| line == "signed"));
    second.child.wait().unwrap();
    assert_eq!(knot.txt("_acme-challenge.a.example.test"), Vec::<String>::new());
}

/// An Argos that orders at an authority whose answers `act` may change.
struct Troubled {
    argos: Argos,
    host: i64,
    _serving: Serving,
    _authority: Pebble,
    _folder: Folder,
}

fn troubled(act: impl Fn(&Passing) -> Option<Vec<u8>> + Send + Sync + 'static) -> Option<Troubled> {
    let ports = [free_port(), free_port()];
    let authority = Pebble::start(ports[0], ports[1], PebbleOptions::default())?;
    let act = move |passing: &Passing| act(passing).unwrap_or_else(|| passing.onward());
    let (port, root) = between(Some((authority.port, &authority.root)), act);
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": authority.resolver.to_string()}));
    let serving = serve(&argos, ports);
    let host = prepare(&argos, "a.example.com", port, &root);
    Some(Troubled { argos, host, _serving: serving, _authority: authority, _folder: folder })
}

impl Troubled {
    fn fails(&self) -> String {
        let status = until(&self.argos, self.host, |status| status["state"] == "error");
        assert_eq!(status["source"], "local", "{status:#}");
        status["last_error"].as_str().unwrap().to_owned()
    }

    /// A certificate that is wrong is told as `word` says, and not stored.
    fn keeps_from_serving(&self, word: &str) {
        let error = self.fails();
        assert!(error.contains(word), "{error}");
        let stored = call(&self.argos, "certificates.list", json!({"host_id": self.host}));
        let stored = stored["items"].as_array().unwrap();
        assert!(stored.iter().all(|c| c["kind"] == "local"), "{stored:#?}");
        self.signed_in_the_end();
    }

    fn signed_in_the_end(&self) {
        call(&self.argos, "certificates.renew", json!({"id": self.host}));
        until(&self.argos, self.host, |status| status["source"] == "acme");
    }
}

fn seconds_until_next(error: &str) -> i64 {
    let next = error.rsplit("next at ").next().unwrap();
    let next = argos_core::clock::Timestamp::parse(next).unwrap();
    (next.0 - argos_core::clock::Clock::system().now().0) / 1000
}

/// Does something the first time only.
fn once(act: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> impl Fn(&Passing, &str) -> Option<Vec<u8>> + Send + Sync {
    let done = AtomicUsize::new(0);
    move |passing, word| (passing.line.contains(word) && done.fetch_add(1, Ordering::SeqCst) == 0).then(&act)
}

#[test]
fn an_authority_that_wants_fewer_orders_is_left_alone_for_as_long() {
    let limited = once(|| problem("429 Too Many Requests", "rateLimited", "too many", &[("Retry-After", "7200")]));
    let Some(world) = troubled(move |passing| limited(passing, "/order-plz")) else { return };
    let error = world.fails();
    assert!(error.contains("takes no more orders for now"), "{error}");
    let wait = seconds_until_next(&error);
    assert!((7000..=7200).contains(&wait), "{wait}: {error}");
    // Another host of the same authority waits too, unless somebody wants its certificate now.
    let group = json!({"targets": [{"host": "127.0.0.1", "port": 9}]});
    let other = call(&world.argos, "hosts.create", json!({"domain": "b.example.com", "target_group": group}));
    call(&world.argos, "certificates.renew", json!({"id": other["id"]}));
    until(&world.argos, other["id"].as_i64().unwrap(), |status| status["source"] == "acme");
    world.signed_in_the_end();
}

#[test]
fn an_authority_that_is_down_is_named() {
    let down = AtomicUsize::new(0);
    let Some(world) = troubled(move |_| {
        (down.fetch_add(1, Ordering::SeqCst) == 0)
            .then(|| answer("503 Service Unavailable", &[("Retry-After", "600")], "<html>"))
    }) else {
        return;
    };
    let error = world.fails();
    assert!(error.contains("/dir answers 503"), "{error}");
    assert!((580..=600).contains(&seconds_until_next(&error)), "{error}");
    world.signed_in_the_end();
}

#[test]
fn an_authority_that_does_not_answer_stops_no_order_at_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("https://{}/dir", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        listener.incoming().map_while(Result::ok).for_each(|socket| kept.lock().unwrap().push(socket));
    });
    let ports = [free_port(), free_port()];
    let Some(authority) = Pebble::start(ports[0], ports[1], PebbleOptions::default()) else { return };
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": authority.resolver.to_string()}));
    for n in 0..6 {
        let more = json!({"tls_directory_url": silent});
        prepare_with(&argos, &format!("s{n}.example.com"), more, authority.port, &authority.root);
    }
    let host = prepare(&argos, "a.example.com", authority.port, &authority.root);
    let _serving = serve(&argos, ports);
    until(&argos, host, |status| status["source"] == "acme");
    assert_eq!(asked.lock().unwrap().len(), 1, "while one host waits for an answer the others of it do not ask");
}

#[test]
fn what_is_no_directory_is_told_as_that() {
    let page = once(|| answer("200 OK", &[("Content-Type", "text/html")], "<html>hello</html>"));
    let Some(world) = troubled(move |passing| page(passing, "/dir")) else { return };
    let error = world.fails();
    assert!(error.contains("is not an ACME directory"), "{error}");
    world.signed_in_the_end();
}

#[test]
fn what_names_a_directory_that_is_none_is_told() {
    let (port, root) = between(None, |_| answer("200 OK", &[("Content-Type", "text/html")], "<html>hello</html>"));
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    let own = json!({"tls_directory_url": format!("https://127.0.0.1:{port}/dir")});
    for (domain, more, named) in
        [("a.example.com", json!({}), "acme.directory_url"), ("b.example.com", own, "tls_directory_url")]
    {
        let host = prepare_with(&argos, domain, more, port, &root);
        let found = call(&argos, "certificates.check", json!({"id": host}))["findings"][0]["text"].clone();
        let wanted = format!("https://127.0.0.1:{port}/dir is not an ACME directory: check {named}");
        assert_eq!(found, wanted);
    }
}

/// The answer behind, with another body.
fn altered(passing: &Passing, alter: impl Fn(&mut Value)) -> Vec<u8> {
    let whole = String::from_utf8(passing.onward()).unwrap();
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    let mut body: Value = serde_json::from_str(body).unwrap();
    alter(&mut body);
    let mut lines = head.lines();
    let status = lines.next().unwrap().trim_start_matches("HTTP/1.1 ");
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let kept = |name: &str| ["location", "replay-nonce", "content-type"].contains(&name.to_ascii_lowercase().as_str());
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| kept(name)).collect();
    answer(status, &fields, &body.to_string())
}

#[test]
fn an_address_that_cannot_be_asked_is_named_and_breaks_nothing() {
    let bad = "file:///etc/passwd";
    for (word, pointer, field) in [
        ("/dir", "/newNonce", "newNonce"),
        ("/order-plz", "/authorizations/0", "authorizations"),
        ("/authZ/", "/challenges/0/url", "url"),
    ] {
        let done = AtomicUsize::new(0);
        let Some(world) = troubled(move |passing| {
            let first = passing.line.contains(word) && done.fetch_add(1, Ordering::SeqCst) == 0;
            first.then(|| altered(passing, |body| *body.pointer_mut(pointer).unwrap() = bad.into()))
        }) else {
            return;
        };
        // Where another way is left the order goes on by that.
        let ended = |status: &Value| status["state"] == "error" || status["source"] == "acme";
        let status = until(&world.argos, world.host, ended);
        if word == "/dir" || status["state"] == "error" {
            let error = status["last_error"].as_str().unwrap();
            assert!(error.contains(&format!("gives {bad:?} as {field}")), "{error}");
            assert!(error.starts_with("attempt 1 "), "{error}");
        }
        world.signed_in_the_end();
    }
}

#[test]
fn a_name_that_nobody_ordered_is_not_proven() {
    let proven = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&proven);
    let Some(world) = troubled(move |passing| {
        counted.fetch_add(usize::from(passing.line.contains("/chalZ/")), Ordering::SeqCst);
        passing
            .line
            .contains("/authZ/")
            .then(|| altered(passing, |body| body["identifier"]["value"] = "evil.example.com".into()))
    }) else {
        return;
    };
    let error = world.fails();
    assert!(error.contains("asks for evil.example.com, which was not ordered"), "{error}");
    assert_eq!(proven.load(Ordering::SeqCst), 0);
}

#[test]
fn a_connection_that_ends_in_the_middle_is_no_end_of_the_order() {
    let cut = once(Vec::new);
    let Some(world) = troubled(move |passing| cut(passing, "/finalize-order/")) else { return };
    let error = world.fails();
    assert!(error.contains("having it signed"), "{error}");
    world.signed_in_the_end();
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    let giant = once(|| answer("200 OK", &[], &format!("{{\"a\":\"{}\"}}", "a".repeat(400_000))));
    let Some(world) = troubled(move |passing| giant(passing, "/dir")) else { return };
    let error = world.fails();
    assert!(error.contains("more than 262144 bytes"), "{error}");
    world.signed_in_the_end();
}

fn certificate(pem: &str) -> Vec<u8> {
    answer("200 OK", &[("Content-Type", "application/pem-certificate-chain"), ("Replay-Nonce", "bm9uY2U")], pem)
}

#[test]
fn a_certificate_of_another_key_is_never_served() {
    let lie = once(|| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
        certificate(&params.self_signed(&key).unwrap().pem())
    });
    let Some(world) = troubled(move |passing| lie(passing, "/certZ/")) else { return };
    world.keeps_from_serving("is not the key of this certificate");
}

#[test]
fn a_certificate_of_another_name_is_never_served() {
    let (ca, asked) = (TestCa::new(), Arc::new(Mutex::new(Vec::new())));
    let request = Arc::clone(&asked);
    let lie = once(move || certificate(&ca.sign_for(&request.lock().unwrap(), "other.example.com")));
    let Some(world) = troubled(move |passing| {
        if passing.line.contains("/finalize-order/") {
            let payload = passing.payload();
            *asked.lock().unwrap() = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap()).unwrap();
        }
        lie(passing, "/certZ/")
    }) else {
        return;
    };
    world.keeps_from_serving("does not cover a.example.com: it is for other.example.com");
}

#[test]
fn an_authority_that_caa_records_shut_out_gets_no_order() {
    let zone = "@ NS ns\nns A 127.0.0.1\na A 127.0.0.1\n@ CAA 0 issue \"other.example\"";
    let Some(knot) = Knot::start(&[("example.test", zone)]) else { return };
    let ports = [free_port(), free_port()];
    let options = PebbleOptions { dns: Some(knot.address), ..PebbleOptions::default() };
    let Some(authority) = Pebble::start(ports[0], ports[1], options) else { return };
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    let (port, root) = between(Some((authority.port, &authority.root)), move |passing| {
        counted.fetch_add(usize::from(passing.line.contains("/order-plz")), Ordering::SeqCst);
        let whole = passing.onward();
        let text = String::from_utf8_lossy(&whole);
        match text.split_once("\r\n\r\n") {
            Some((_, body)) if passing.line.ends_with(" /dir") => {
                let mut directory: Value = serde_json::from_str(body).unwrap();
                directory["meta"]["caaIdentities"] = json!(["pebble.example"]);
                answer("200 OK", &[("Content-Type", "application/json")], &directory.to_string())
            }
            _ => whole,
        }
    });
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    call(&argos, "settings.set", json!({"key": "acme.dns_resolvers", "value": knot.address.to_string()}));
    let _serving = serve(&argos, ports);
    let host = prepare(&argos, "a.example.test", port, &root);
    let status = until(&argos, host, |status| status["state"] == "error");
    let error = status["last_error"].as_str().unwrap();
    assert!(error.contains("nothing was ordered: the CAA records let only other.example issue"), "{error}");
    assert!(error.contains("CAA 0 issue \"pebble.example\""), "{error}");
    assert_eq!(orders.load(Ordering::SeqCst), 0);
}

#[test]
fn an_authority_that_nobody_trusts_is_named_with_what_helps() {
    let Some(world) = troubled(|_| None) else { return };
    until(&world.argos, world.host, |status| status["source"] == "acme");
    call(&world.argos, "settings.set", json!({"key": "acme.ca_bundle", "value": TestCa::new().root}));
    call(&world.argos, "certificates.renew", json!({"id": world.host}));
    let error = {
        let failed = |status: &Value| status["last_error"].as_str().unwrap().contains("failed");
        until(&world.argos, world.host, failed)["last_error"].as_str().unwrap().to_owned()
    };
    assert!(error.contains("127.0.0.1") && error.contains("acme.ca_bundle"), "{error}");
}
