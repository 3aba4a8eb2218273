//! HTTP/3 with clients: requests, answers, refusals, floods, waits, over real sockets.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argos_core::{Argos, ServeOptions, Serving};
use bytes::Bytes;
use http::{HeaderMap, Request};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use support::quic::{self, Client, Fate, GET, Raw, endpoint, frame, run, section};
use support::{Folder, Upstream};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    argos: Argos,
    serving: Option<Serving>,
    roots: RootCertStore,
    _folder: Folder,
}

impl World {
    fn new(upstream: &Upstream) -> Self {
        Self::with(upstream, |options| options)
    }

    fn with(upstream: &Upstream, options: impl FnOnce(ServeOptions) -> ServeOptions) -> Self {
        let folder = Folder::new();
        let argos = support::argos(&folder);
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let plain = ServeOptions { http: vec![any], https: vec![any], threads: 1, ..ServeOptions::default() };
        let serving = argos.start(&options(plain)).unwrap();
        let mut world = Self { argos, serving: Some(serving), roots: RootCertStore::empty(), _folder: folder };
        let targets = json!([{"host": "127.0.0.1", "port": upstream.address.port()}]);
        world.call("target_groups.create", json!({"name": "g", "targets": targets}));
        world.host("a.test", json!({}));
        let root = world.call("certificates.local_ca", json!({}));
        let root = CertificateDer::from_pem_slice(root.as_str().unwrap().as_bytes()).unwrap();
        world.roots.add(root).unwrap();
        world
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    fn host(&self, domain: &str, more: Value) -> i64 {
        let mut input = json!({"domain": domain, "tls_mode": "auto", "target_group_id": 1});
        for (field, value) in more.as_object().unwrap() {
            input[field] = value.clone();
        }
        let id = self.call("hosts.create", input)["id"].as_i64().unwrap();
        self.call("security.update", json!({"host_id": id, "waf_enabled": false}));
        id
    }

    fn set(&self, settings: &[(&str, &str)]) {
        for (key, value) in settings {
            self.call("settings.set", json!({"key": key, "value": value}));
        }
    }

    fn address(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().h3_addresses()[0]
    }

    fn secure(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().secure_addresses()[0]
    }

    async fn client(&self) -> Client {
        Client::connect(endpoint(self.roots.clone()), self.address(), "a.test").await.unwrap()
    }

    async fn raw(&self) -> Raw {
        Raw::connect(endpoint(self.roots.clone()), self.address()).await
    }

    /// A TLS connection over TCP that speaks `protocol`.
    fn tls(&self, protocol: &[u8]) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        let builder = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(self.roots.clone()).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let session = rustls::ClientConnection::new(config.into(), "a.test".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(self.secure()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        rustls::StreamOwned::new(session, socket)
    }

    /// The answer to a request over HTTP/1.1 and TLS.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.tls(b"http/1.1");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // The end may come without notice.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops, and gives the rows of `source`, oldest first.
    fn rows(&mut self, source: &str) -> Vec<Value> {
        if let Some(serving) = self.serving.take() {
            serving.stop(PATIENCE);
        }
        let found = self.call("logs.search", json!({"source": source, "order": "asc", "limit": 500}));
        found["items"].as_array().unwrap().clone()
    }

    fn faults(&mut self) -> Vec<String> {
        self.rows("error").iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn many_requests_share_a_connection_and_each_has_its_row() {
    let upstream = Upstream::echo();
    let mut world = World::new(&upstream);
    run(async {
        let mut client = world.client().await;
        for i in 0..40 {
            let answer = client.get(&format!("https://a.test/{i}?q={i}")).await;
            assert_eq!(answer.head.status(), 200);
            assert_eq!(answer.head.headers()["x-served"], "yes");
            assert!(answer.head.headers().contains_key("x-request-id"));
            assert!(!answer.head.headers().contains_key("connection"));
            assert!(answer.text().starts_with(&format!("GET /{i}?q={i} HTTP/1.1\r\nHost: a.test\r\n")));
        }
    });
    let rows = world.rows("access");
    assert_eq!(rows.len(), 40);
    for row in rows {
        let raw: Value = serde_json::from_str(row["raw"].as_str().unwrap()).unwrap();
        let seen = [&row["http_version"], &row["status"], &row["host_domain"], &raw["tls"], &raw["sni"]];
        assert_eq!(seen, [&json!("HTTP/3.0"), &json!(200), &json!("a.test"), &json!("TLSv1.3"), &json!("a.test")]);
    }
}

#[test]
fn bodies_and_trailers_pass_both_ways() {
    let upstream = Upstream::run(|served| {
        let head = String::from_utf8(served.head().unwrap()).unwrap();
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"0\r\nx-sum: 7\r\n\r\n") {
            assert!(std::io::BufRead::read_until(&mut served.reader, b'\n', &mut bytes).unwrap() > 0);
        }
        served.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n");
        for _ in 0..3 {
            served.say("100000\r\n");
            served.say(vec![b'y'; 1 << 20]);
            served.say("\r\n");
        }
        served.say("0\r\nX-End: 1\r\n\r\n");
    });
    let mut world = World::new(&upstream);
    run(async {
        let mut client = world.client().await;
        let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
        let post = Request::post("https://a.test/p").body(()).unwrap();
        let answer = client.ask(post, &vec![b'x'; 3 << 20], Some(trailers)).await;
        assert_eq!((answer.head.status().as_u16(), answer.body), (200, vec![b'y'; 3 << 20]));
        assert_eq!(answer.trailers.unwrap()["x-end"], "1");
    });
    let rows = world.rows("access");
    assert_eq!((&rows[0]["bytes_in"], &rows[0]["size_bytes"]), (&json!(3 << 20), &json!(3 << 20)), "{rows:#?}");
}

#[test]
fn answers_of_every_kind_pass() {
    let upstream = Upstream::run(|served| {
        while let Some(head) = served.head() {
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap();
            match path {
                "/length" => served.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n{}", "l".repeat(200_000))),
                "/chunked" => served.say(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\nabc\r\n0\r\nX-End: 1\r\n\r\n",
                ),
                "/empty" => served.say("HTTP/1.1 204 No Content\r\n\r\n"),
                "/unchanged" => served.say("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
                "/nothing" => served.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                "/head" => served.say("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
                "/teapot" => served.say("HTTP/1.1 418 Teapot\r\nContent-Length: 1\r\nAlt-Svc: h3=\":9\"\r\n\r\nt"),
                _ => {
                    served.say("HTTP/1.1 200 OK\r\n\r\nto the end");
                    return;
                }
            }
        }
    });
    let world = World::new(&upstream);
    run(async {
        let mut client = world.client().await;
        assert_eq!(client.get("https://a.test/length").await.body.len(), 200_000);
        let chunked = client.get("https://a.test/chunked").await;
        assert_eq!((chunked.text().as_str(), &chunked.trailers.unwrap()["x-end"]), ("abc", &"1".parse().unwrap()));
        assert_eq!(client.get("https://a.test/empty").await.head.status(), 204);
        assert_eq!(client.get("https://a.test/unchanged").await.head.headers()["etag"], "\"a\"");
        assert_eq!(client.get("https://a.test/nothing").await.body, b"");
        let head = client.ask(Request::head("https://a.test/head").body(()).unwrap(), b"", None).await;
        assert_eq!((head.head.headers()["content-length"].as_bytes(), head.body.len()), (&b"7"[..], 0));
        let teapot = client.get("https://a.test/teapot").await;
        assert_eq!(teapot.head.status(), 418);
        let told = format!("h3=\":{}\"; ma=86400", world.address().port());
        assert_eq!(teapot.head.headers().get_all("alt-svc").iter().collect::<Vec<_>>(), [&told]);
        assert_eq!(client.get("https://a.test/close").await.text(), "to the end");
        // Of our own.
        assert_eq!(client.get("https://other.test/").await.head.status(), 421);
    });
}

#[test]
fn interim_answers_come_before_the_answer() {
    let upstream = Upstream::run(|served| {
        let head = String::from_utf8(served.head().unwrap()).unwrap();
        assert!(head.contains("Content-Length: 2\r\n") || head.contains("content-length: 2\r\n"), "{head}");
        served.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        let mut body = [0; 2];
        served.reader.read_exact(&mut body).unwrap();
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let world = World::new(&upstream);
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        let post = [(":method", "POST"), GET[1], GET[2], GET[3], ("content-length", "2"), ("expect", "100-continue")];
        let (mut send, mut recv) = raw.begin(&frame(quic::HEADERS, &section(&post))).await;
        let mut bytes = Vec::new();
        // Both indexed, and the answer after them.
        let go_on = [1, 4, 0, 0, 0xff, 0];
        let hints = [&[1, 13, 0, 0, 0xc0 | 24, 0x5b, 8][..], b"</a.css>"].concat();
        while bytes.len() < go_on.len() {
            bytes.extend_from_slice(&recv.read_chunk(1000, true).await.unwrap().unwrap().bytes);
        }
        assert!(bytes.starts_with(&go_on), "{bytes:x?}");
        send.write_all(&frame(quic::DATA, b"ab")).await.unwrap();
        send.finish().unwrap();
        while let Some(chunk) = recv.read_chunk(1000, true).await.unwrap() {
            bytes.extend_from_slice(&chunk.bytes);
        }
        assert!(bytes[go_on.len()..].starts_with(&hints), "{bytes:x?}");
        assert!(bytes.ends_with(b"\0\x02ok"), "{bytes:x?}");
    });
}

/// Every stage reads the same: what the upstream gets, what the log says, and what a rule sees of each part.
#[test]
fn a_request_is_the_same_over_every_version() {
    let upstream = Upstream::echo();
    let seen = |version: u8| {
        let mut world = World::new(&upstream);
        let rule = "SecRule REQUEST_METHOD|REQUEST_URI|REQUEST_URI_RAW|ARGS|ARGS_NAMES|REQUEST_HEADERS_NAMES|\
                    REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|REMOTE_ADDR|SERVER_NAME \"@rx .\" \
                    \"id:100001,phase:2,pass,log,msg:'seen',logdata:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\"";
        world.call("security.update", json!({"host_id": 1, "waf_enabled": true, "waf_mode": "detect"}));
        world.call("custom_rules.create", json!({"host_id": 1, "name": "see", "secrule": rule}));
        let fields = [
            ("user-agent", "probe"),
            ("accept", "*/*"),
            ("x-auth-user", "eve"),
            ("x_forwarded_for", "9.9.9.9"),
            ("x-forwarded-for", "8.8.8.8"),
            ("cookie", "a=1"),
            ("cookie", "argos_session=x"),
            ("cookie", "b=2"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "3"),
        ];
        let uri = "https://a.test/a/%2e%2e/b%2Fc?x=1&token=secret";
        let request = || {
            let builder = Request::post(uri);
            fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
        };
        let text = match version {
            1 => {
                let plain = fields.iter().filter(|(name, _)| *name != "cookie");
                let lines: String = plain.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let cookies = "cookie: a=1; argos_session=x; b=2\r\n";
                let answer = world.ask(&format!(
                    "POST /a/%2e%2e/b%2Fc?x=1&token=secret HTTP/1.1\r\nhost: a.test\r\n{lines}{cookies}\
                     connection: close\r\n\r\nq=1"
                ));
                answer.split_once("\r\n\r\n").unwrap().1.to_owned()
            }
            2 => run(async {
                let address = world.secure();
                let builder =
                    rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into());
                let builder = builder.with_safe_default_protocol_versions().unwrap();
                let mut config = builder.with_root_certificates(world.roots.clone()).with_no_client_auth();
                config.alpn_protocols = vec![b"h2".to_vec()];
                let socket = tokio::net::TcpStream::connect(address).await.unwrap();
                let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
                let stream = connector.connect("a.test".try_into().unwrap(), socket).await.unwrap();
                let (sender, connection) = h2::client::handshake(stream).await.unwrap();
                tokio::spawn(connection);
                let (response, mut send) = sender.ready().await.unwrap().send_request(request(), false).unwrap();
                send.send_data(Bytes::from_static(b"q=1"), true).unwrap();
                let mut recv = response.await.unwrap().into_body();
                let mut text = Vec::new();
                while let Some(data) = recv.data().await {
                    text.extend_from_slice(&data.unwrap());
                }
                String::from_utf8(text).unwrap()
            }),
            _ => run(async { world.client().await.ask(request(), b"q=1", None).await.text() }),
        };
        // What each request has of its own.
        let own = ["X-Request-Id: ", "traceparent: ", "X-Forwarded-Port: ", "\r\n"];
        let mut text: Vec<_> =
            text.lines().filter(|l| !own.iter().any(|o| l.starts_with(o))).map(str::to_owned).collect();
        // HTTP/1.1 and HTTP/2 keep the order of lines of different names to themselves.
        text.sort();
        let rows = world.rows("access");
        assert_eq!(rows.len(), 1);
        let columns = [
            "method",
            "path",
            "query",
            "host_domain",
            "status",
            "user_agent",
            "bytes_in",
            "action",
            "remote_ip",
            "waf_rule_id",
            "waf_anomaly_score",
            "waf_rule_message",
        ];
        let row: Vec<_> = columns.iter().map(|column| rows[0][*column].clone()).collect();
        let waf = world.rows("waf_audit");
        assert!(!waf.is_empty(), "a rule sees the request");
        let raw = |row: &Value| -> Value { serde_json::from_str(row["raw"].as_str().unwrap()).unwrap() };
        let mut matches: Vec<_> = waf.iter().map(|row| raw(row)["matches"].to_string()).collect();
        matches.sort();
        (text, row, matches)
    };
    let first = seen(1);
    assert_eq!(first, seen(2));
    assert_eq!(first, seen(3));
}

#[test]
fn what_is_no_message_ends_its_stream_and_nothing_else() {
    let upstream = Upstream::echo();
    let mut world = World::new(&upstream);
    const MESSAGE: u64 = 0x10e;
    let with = |more: &[(&'static str, &'static str)]| frame(quic::HEADERS, &section(&[&GET[..], more].concat()));
    let head = |fields: &[(&str, &str)]| frame(quic::HEADERS, &section(fields));
    let data = |bytes: &[u8]| frame(quic::DATA, bytes);
    let trailers = |fields: &[(&str, &str)]| [with(&[]), data(b"a"), head(fields)].concat();
    let cases: Vec<(&str, Vec<u8>, u64)> = vec![
        ("upper case", with(&[("X-A", "1")]), MESSAGE),
        ("no token", with(&[("x a", "1")]), MESSAGE),
        ("an empty name", with(&[("", "1")]), MESSAGE),
        ("an end of line in a value", with(&[("x-a", "1\r\nx-b: 2")]), MESSAGE),
        ("NUL in a value", with(&[("x-a", "\0")]), MESSAGE),
        ("Connection", with(&[("connection", "close")]), MESSAGE),
        ("Transfer-Encoding", with(&[("transfer-encoding", "chunked")]), MESSAGE),
        ("Upgrade", with(&[("upgrade", "h2c")]), MESSAGE),
        ("Keep-Alive", with(&[("keep-alive", "1")]), MESSAGE),
        ("Proxy-Connection", with(&[("proxy-connection", "close")]), MESSAGE),
        ("TE", with(&[("te", "gzip")]), MESSAGE),
        ("a pseudo-header field twice", with(&[(":path", "/b")]), MESSAGE),
        ("one after a field", head(&[GET[0], GET[1], GET[2], ("x-a", "1"), GET[3]]), MESSAGE),
        ("one that is not known", with(&[(":other", "1")]), MESSAGE),
        ("one of an answer", with(&[(":status", "200")]), MESSAGE),
        ("no method", head(&GET[1..]), MESSAGE),
        ("no scheme", head(&[GET[0], GET[2], GET[3]]), MESSAGE),
        ("no path", head(&GET[..3]), MESSAGE),
        ("an empty path", head(&[GET[0], GET[1], GET[2], (":path", "")]), MESSAGE),
        ("a blank in the path", head(&[GET[0], GET[1], GET[2], (":path", "/a b")]), MESSAGE),
        ("a line's end in the path", head(&[GET[0], GET[1], GET[2], (":path", "/ HTTP/1.1\r\nx: y")]), MESSAGE),
        ("a blank in the name", head(&[GET[0], GET[1], (":authority", "a.test b"), GET[3]]), MESSAGE),
        ("a method that is no token", head(&[(":method", "GET /"), GET[1], GET[2], GET[3]]), MESSAGE),
        ("CONNECT with a path", head(&[(":method", "CONNECT"), GET[1], GET[2], GET[3]]), MESSAGE),
        ("a protocol without CONNECT", with(&[(":protocol", "websocket")]), MESSAGE),
        ("less than Content-Length", [with(&[("content-length", "3")]), data(b"ab")].concat(), MESSAGE),
        ("nothing of Content-Length", with(&[("content-length", "3")]), MESSAGE),
        ("a pseudo-header field among trailers", trailers(&[(":path", "/")]), MESSAGE),
        ("trailers with an end of line", trailers(&[("x-a", "\r\n")]), MESSAGE),
        ("no head", Vec::new(), 0x10d),
    ];
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        for (name, bytes, code) in &cases {
            assert_eq!(raw.fate(bytes).await, Fate::Reset(*code), "{name}");
            // Others on the connection are not disturbed.
            assert_eq!(raw.fate(&with(&[])).await, Fate::Answered(200), "{name}");
        }
        for more in [data(b"abcd"), [data(b"abc"), data(b"d")].concat()] {
            let longer = [with(&[("content-length", "3")]), more].concat();
            assert_eq!(raw.fate(&longer).await, Fate::Reset(MESSAGE));
        }
    });
    assert!(!upstream.received().contains("x-a"), "nothing of it reaches an upstream");
    let faults = world.faults();
    assert!(faults.iter().filter(|f| f.starts_with("bad_request: ")).count() >= cases.len(), "{faults:#?}");
}

/// Why, the fields, the status.
type Refused<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);

#[test]
fn what_has_no_canonical_form_is_refused() {
    let upstream = Upstream::echo();
    let mut world = World::new(&upstream);
    world.set(&[("proxy.max_uri_bytes", "1024"), ("proxy.max_header_bytes", "4096"), ("proxy.max_body_bytes", "1000")]);
    let instead = |name: &str, value: &'static str| -> Vec<(&'static str, &'static str)> {
        GET.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
    };
    let with = |more: &[(&'static str, &'static str)]| [&GET[..], more].concat();
    let (uri, large, larger) = (format!("/{}", "a".repeat(1024)), "v".repeat(5000), "v".repeat(30_000));
    let cases: Vec<Refused<'_>> = vec![
        (":authority is not Host", with(&[("host", "b.test")]), 400),
        ("more than one Host", [&GET[..2], &GET[3..], &[("host", "a.test"), ("host", "b.test")]].concat(), 400),
        ("no Host", [&GET[..2], &GET[3..]].concat(), 400),
        ("Host is not a name or address with an optional port", instead(":authority", "a@a.test"), 400),
        ("the request target is neither a path nor an absolute URI", instead(":path", "*"), 400),
        ("%00 in the path", instead(":path", "/%00"), 400),
        ("an invalid % triplet in the path", instead(":path", "/%zz"), 400),
        ("the path does not begin with /", instead(":path", "a"), 400),
        ("blanks around the value of a field", with(&[("x-a", " b")]), 400),
        ("the scheme is neither http nor https", instead(":scheme", "ftp"), 400),
        ("CONNECT is not allowed", vec![(":method", "CONNECT"), (":authority", "a.test:443")], 405),
        (
            "this protocol is not spoken over CONNECT",
            [&instead(":method", "CONNECT")[..], &[(":protocol", "connect-udp")]].concat(),
            501,
        ),
        ("the request target is too long", [&GET[..3], &[(":path", uri.as_str())]].concat(), 414),
        ("the request head is too large", [&GET[..], &[("x-large", large.as_str())]].concat(), 431),
        ("the fields are too large", [&GET[..], &[("x-large", larger.as_str())]].concat(), 431),
    ];
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        for (name, fields, status) in &cases {
            assert_eq!(raw.fate(&frame(quic::HEADERS, &section(fields))).await, Fate::Answered(*status), "{name}");
            assert_eq!(raw.fate(&frame(quic::HEADERS, &section(&GET))).await, Fate::Answered(200), "{name}");
        }
        // A head that says it is larger than anything is not waited for.
        let mut endless = vec![1];
        quic::integer(&mut endless, 1 << 29);
        let (_send, mut recv) = raw.begin(&endless).await;
        assert_eq!(quic::answer(&mut recv).await, Fate::Answered(431));
        // What is larger than allowed, as it says or as it comes.
        let post = [(":method", "POST"), GET[1], GET[2], GET[3], ("content-length", "2000")];
        let (_send, mut recv) = raw.begin(&frame(quic::HEADERS, &section(&post))).await;
        assert_eq!(quic::answer(&mut recv).await, Fate::Answered(413));
        let grows = [frame(quic::HEADERS, &section(&post[..4])), frame(quic::DATA, &[0; 2000])].concat();
        let (_send, mut recv) = raw.begin(&grows).await;
        assert_eq!(quic::answer(&mut recv).await, Fate::Answered(413));
    });
    let faults = world.faults();
    for (text, ..) in &cases {
        assert!(faults.contains(&format!("bad_request: {text}")), "{text}: {faults:#?}");
    }
    assert!(!upstream.received().contains("x-a: "), "nothing ambiguous reaches an upstream");
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    const FRAME_UNEXPECTED: u64 = 0x105;
    const FRAME_ERROR: u64 = 0x106;
    const ID_ERROR: u64 = 0x108;
    let upstream = Upstream::echo();
    let mut world = World::new(&upstream);
    let head = frame(quic::HEADERS, &section(&GET));
    let settings = frame(quic::SETTINGS, &[]);
    let on_request: Vec<(&str, Vec<u8>, u64)> = vec![
        ("content before a head", frame(quic::DATA, b"a"), FRAME_UNEXPECTED),
        ("SETTINGS in a request", settings.clone(), FRAME_UNEXPECTED),
        ("GOAWAY in a request", frame(quic::GOAWAY, &[0]), FRAME_UNEXPECTED),
        ("PING of HTTP/2", frame(6, &[0; 8]), FRAME_UNEXPECTED),
        ("WINDOW_UPDATE of HTTP/2", frame(8, &[0; 4]), FRAME_UNEXPECTED),
        ("a frame cut off", head[..head.len() - 1].to_vec(), FRAME_ERROR),
        ("content cut off", [&head[..], &[0, 5, b'a']].concat(), FRAME_ERROR),
        ("an entry of the dynamic table", frame(quic::HEADERS, &[1, 0, 0x80]), 0x200),
        ("a string cut off", frame(quic::HEADERS, &[0, 0, 0x50, 9, b'a']), 0x200),
        (
            "content after trailers",
            [&head[..], &frame(quic::DATA, b"a"), &frame(quic::HEADERS, &section(&[("x", "y")])), &frame(0, b"b")]
                .concat(),
            FRAME_UNEXPECTED,
        ),
    ];
    let alone: Vec<(&str, Vec<u8>, u64)> = vec![
        ("no settings", [&[0][..], &frame(quic::GOAWAY, &[0])].concat(), 0x10a),
        ("settings twice", [&[0][..], &settings, &settings].concat(), FRAME_UNEXPECTED),
        ("a setting of HTTP/2", [&[0][..], &frame(quic::SETTINGS, &[2, 0])].concat(), 0x109),
        ("a setting twice", [&[0][..], &frame(quic::SETTINGS, &[6, 1, 6, 1])].concat(), 0x109),
        ("settings cut off", [&[0][..], &frame(quic::SETTINGS, &[6])].concat(), FRAME_ERROR),
        ("content on a control stream", [&[0][..], &settings, &frame(quic::DATA, b"a")].concat(), FRAME_UNEXPECTED),
        ("a head on a control stream", [&[0][..], &settings, &head].concat(), FRAME_UNEXPECTED),
        ("a push that was not promised", [&[0][..], &settings, &frame(quic::CANCEL_PUSH, &[0])].concat(), ID_ERROR),
        (
            "fewer pushes than before",
            [&[0][..], &settings, &frame(quic::MAX_PUSH_ID, &[5]), &frame(quic::MAX_PUSH_ID, &[4])].concat(),
            ID_ERROR,
        ),
        ("a GOAWAY of nothing", [&[0][..], &settings, &frame(quic::GOAWAY, &[])].concat(), FRAME_ERROR),
        ("a push stream", vec![1, 0], 0x103),
        ("an entry for the dynamic table", vec![2, 0x41, b'a', 0], 0x201),
        ("an acknowledgement of nothing", vec![3, 0x80], 0x202),
    ];
    run(async {
        for (name, bytes, code) in &on_request {
            let raw = world.raw().await;
            let _control = raw.control(&[]).await;
            assert_eq!(raw.fate(bytes).await, Fate::Closed(*code), "{name}");
        }
        for (name, bytes, code) in &alone {
            let raw = world.raw().await;
            let _stream = raw.alone(bytes).await;
            assert_eq!(raw.end().await, Fate::Closed(*code), "{name}");
        }
        for kind in [0, 2, 3] {
            let raw = world.raw().await;
            let begin = if kind == 0 { [&[0][..], &settings].concat() } else { vec![kind] };
            let _streams = (raw.alone(&begin).await, raw.alone(&begin).await);
            assert_eq!(raw.end().await, Fate::Closed(0x103), "two of kind {kind}");
            let raw = world.raw().await;
            let mut first = raw.alone(&begin).await;
            first.finish().unwrap();
            assert_eq!(raw.end().await, Fate::Closed(0x104), "an end of kind {kind}");
        }
        // What means nothing is passed over.
        let raw = world.raw().await;
        let grease = frame(0x21, b"whatever");
        let _control = raw.alone(&[&[0][..], &frame(quic::SETTINGS, &[0x21, 7]), &grease].concat()).await;
        let unknown = raw.alone(&[0x21, 1, 2, 3]).await;
        assert_eq!(unknown.stopped().await.unwrap().map(|code| code.into_inner()), Some(0x103));
        let _encoder = raw.alone(&[2, 0x20]).await;
        let _decoder = raw.alone(&[3, 0x44]).await;
        let around = [&grease[..], &head, &grease, &frame(quic::DATA, b""), &frame(quic::DATA, b"a"), &grease].concat();
        assert_eq!(raw.fate(&around).await, Fate::Answered(200));
    });
    let faults = world.faults();
    assert!(faults.len() >= on_request.len() + alone.len() + 6, "{faults:#?}");
    assert!(faults.iter().all(|fault| fault.starts_with("bad_request: HTTP/3: ")), "{faults:#?}");
}

#[test]
fn floods_end_the_connection() {
    const EXCESSIVE_LOAD: u64 = 0x107;
    let upstream = Upstream::run(|served| while served.head().is_some() {});
    let mut world = World::new(&upstream);
    let head = frame(quic::HEADERS, &section(&GET));
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        for _ in 0..400 {
            let Ok((mut send, mut recv)) = raw.quic.open_bi().await else { break };
            if send.write_all(&head).await.is_err() {
                break;
            }
            let _ = send.reset(0x10c_u32.into());
            let _ = recv.stop(0x10c_u32.into());
        }
        assert_eq!(raw.end().await, Fate::Closed(EXCESSIVE_LOAD), "resets");

        let empty: Vec<u8> = frame(quic::DATA, b"").repeat(40);
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        assert_eq!(raw.fate(&[&head[..], &empty].concat()).await, Fate::Closed(EXCESSIVE_LOAD), "empty DATA");

        let raw = world.raw().await;
        let pushes = frame(quic::MAX_PUSH_ID, &[1]).repeat(40);
        let _stream = raw.alone(&[&[0][..], &frame(quic::SETTINGS, &[]), &pushes].concat()).await;
        assert_eq!(raw.end().await, Fate::Closed(EXCESSIVE_LOAD), "control frames");

        let raw = world.raw().await;
        let grease = frame(0x21, b"").repeat(1100);
        let _stream = raw.alone(&[&[0][..], &frame(quic::SETTINGS, &[]), &grease].concat()).await;
        assert_eq!(raw.end().await, Fate::Closed(EXCESSIVE_LOAD), "unknown frames");

        let raw = world.raw().await;
        for _ in 0..1100 {
            let Ok(mut send) = raw.quic.open_uni().await else { break };
            let _ = send.write_all(&[0x21]).await;
        }
        assert_eq!(raw.end().await, Fate::Closed(EXCESSIVE_LOAD), "unknown streams");
    });
    let faults = world.faults();
    for text in [
        "too many streams were reset",
        "too many empty DATA frames",
        "too many frames about the connection",
        "too many frames of unknown kinds",
        "too many streams of unknown kinds",
    ] {
        assert!(faults.contains(&format!("bad_request: HTTP/3: {text}")), "{text}: {faults:#?}");
    }
}

#[test]
fn who_goes_no_further_is_not_waited_for() {
    let upstream = Upstream::echo();
    let mut world = World::new(&upstream);
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        world.set(&[("proxy.header_timeout_ms", "300"), ("proxy.keepalive_timeout_ms", "300")]);
        let head = frame(quic::HEADERS, &section(&GET));
        let (_send, mut recv) = raw.begin(&head[..5]).await;
        assert_eq!(quic::answer(&mut recv).await, Fate::Reset(0x10d), "a head that stays open");
        assert_eq!(raw.end().await, Fate::Closed(0x100), "a connection that is idle");
    });
    assert!(world.faults().contains(&"bad_request: the request did not arrive in time".to_owned()));
}

#[test]
fn a_first_request_may_take_longer_than_a_head() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        while served.head().is_some() {
            wait.lock().unwrap().recv().unwrap();
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let world = World::new(&upstream);
    let head = frame(quic::HEADERS, &section(&GET));
    run(async {
        // Whether the request is there before the connection waits for it is a matter of luck.
        for _ in 0..4 {
            world.set(&[("proxy.header_timeout_ms", "10000"), ("proxy.keepalive_timeout_ms", "300")]);
            let raw = world.raw().await;
            let (mut send, mut first) = raw.begin(&head).await;
            send.finish().unwrap();
            let _control = raw.control(&[]).await;
            world.set(&[("proxy.header_timeout_ms", "400")]);
            // A head that is not waited for any longer shows that more than that has passed.
            let (_send, mut recv) = raw.begin(&head[..5]).await;
            assert_eq!(quic::answer(&mut recv).await, Fate::Reset(0x10d));
            go.send(()).unwrap();
            assert_eq!(quic::answer(&mut first).await, Fate::Answered(200));
        }
    });
}

#[test]
fn at_the_stop_requests_in_flight_finish_and_no_more_begin() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (came, arrived) = std::sync::mpsc::channel();
    let upstream = Upstream::run(move |served| {
        while served.head().is_some() {
            came.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut world = World::new(&upstream);
    let head = frame(quic::HEADERS, &section(&GET));
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        let (mut send, mut recv) = raw.begin(&head).await;
        send.finish().unwrap();
        tokio::task::spawn_blocking(move || arrived.recv_timeout(PATIENCE).unwrap()).await.unwrap();
        let serving = world.serving.take().unwrap();
        let stopping = std::thread::spawn(move || serving.stop(PATIENCE));
        // The control stream says that it ends: first softly, then for good.
        let mut control = raw.quic.accept_uni().await.unwrap();
        let mut bytes = Vec::new();
        let gone = |bytes: &[u8]| bytes.windows(3).any(|w| w == [7, 1, 4]);
        while !gone(&bytes) {
            bytes.extend_from_slice(&control.read_chunk(1000, true).await.unwrap().unwrap().bytes);
        }
        assert!(bytes.windows(10).any(|w| w == [7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc]), "{bytes:x?}");
        assert_eq!(raw.fate(&head).await, Fate::Reset(0x10b), "a request that comes later is rejected");
        go.send(()).unwrap();
        assert_eq!(quic::answer(&mut recv).await, Fate::Answered(200));
        assert_eq!(raw.end().await, Fate::Closed(0x100));
        stopping.join().unwrap();
    });
}

#[test]
fn a_client_that_moves_is_still_served() {
    let upstream = Upstream::echo();
    // With several sockets its datagrams reach those of other cores.
    let mut world = World::with(&upstream, |options| ServeOptions { threads: 4, ..options });
    run(async {
        let mut client = world.client().await;
        for i in 0..12 {
            assert_eq!(client.get(&format!("https://a.test/{i}")).await.head.status(), 200, "{i}");
            quic::move_on(&client.endpoint, "127.0.0.1");
        }
        let stats = client.quic.stats();
        assert!(stats.path.lost_packets < 200, "{stats:?}");
        assert!(client.quic.close_reason().is_none());
        client.quic.close(quic::NO_ERROR, b"");
    });
    assert_eq!(world.rows("access").len(), 12);
}

/// Whoever can send by another's address must not be taken for the other.
#[test]
fn another_address_is_another_connection() {
    let upstream = Upstream::echo();
    let world = World::new(&upstream);
    run(async {
        let mut client = world.client().await;
        assert!(client.get("https://a.test/").await.text().contains("X-Forwarded-For: 127.0.0.1\r\n"));
        quic::move_on(&client.endpoint, "127.0.0.2");
        let answer = client.get("https://a.test/").await.text();
        assert!(answer.contains("X-Forwarded-For: 127.0.0.1\r\n"), "{answer}");
        // The connection ends, and the next one is of the new address.
        client.quic.closed().await;
        let mut again = Client::connect(client.endpoint, world.address(), "a.test").await.unwrap();
        let answer = again.get("https://a.test/").await.text();
        assert!(answer.contains("X-Forwarded-For: 127.0.0.2\r\n"), "{answer}");
    });
}

#[test]
fn an_answer_that_is_on_its_way_arrives_though_the_proxy_stops() {
    let upstream =
        Upstream::saying([&b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n"[..], &[b'x'; 400_000]].concat());
    let mut world = World::new(&upstream);
    run(async {
        let slow = Arc::new(AtomicBool::new(false));
        let way = quic::slow_way(world.address(), Duration::from_millis(800), Arc::clone(&slow));
        let mut client = Client::connect(endpoint(world.roots.clone()), way, "a.test").await.unwrap();
        assert_eq!(client.get("https://a.test/").await.body.len(), 400_000);
        slow.store(true, Ordering::Relaxed);
        let serving = world.serving.take().unwrap();
        let (asking, stopping) = tokio::join!(client.get("https://a.test/"), async {
            // The row is written once all of the answer lies in the proxy's buffers.
            let argos = world.argos.clone();
            tokio::task::spawn_blocking(move || {
                while argos.call("logs.search", Map::new()).unwrap().value["items"].as_array().unwrap().len() < 2 {
                    std::thread::yield_now();
                }
                serving.stop(PATIENCE);
            })
            .await
        });
        stopping.unwrap();
        assert_eq!(asking.body.len(), 400_000);
    });
}

#[test]
fn it_is_told_to_those_that_may_come() {
    let upstream = Upstream::echo();
    let world = World::new(&upstream);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let told = format!("\r\nAlt-Svc: h3=\":{}\"; ma=86400\r\n", world.address().port());
    assert!(world.ask(request).contains(&told));
    // Answers of our own too, but not those that say that nothing is there.
    assert!(world.ask(&request.replace("GET / ", "GET /%00 ")).contains(" 400 "));
    assert!(!world.ask(&request.replace("a.test", "b.test")).contains("Alt-Svc"));
    let ca = world.call("certificates.local_ca", json!({}));
    world.call("hosts.update", json!({"id": 1, "client_ca_pem": ca, "client_auth": "optional"}));
    assert!(!world.ask(request).contains("Alt-Svc"), "a host that asks for certificates");
    run(async {
        let error = match Client::connect(endpoint(world.roots.clone()), world.address(), "a.test").await {
            Ok(_) => panic!("the handshake can't ask for a certificate"),
            Err(e) => e,
        };
        assert!(matches!(error, quinn::ConnectionError::ConnectionClosed(_)), "{error}");
    });
    let mut world = world;
    let faults = world.faults();
    assert!(faults.iter().any(|fault| fault.contains("asks for a client's certificate")), "{faults:#?}");

    let off = World::with(&upstream, |options| ServeOptions { h3: Some(Vec::new()), ..options });
    assert!(off.serving.as_ref().unwrap().h3_addresses().is_empty());
    assert!(!off.ask(request).contains("Alt-Svc"));
}

#[test]
fn the_limits_of_connections_and_streams_are_those_of_the_settings() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        while served.head().is_some() {
            wait.lock().unwrap().recv().unwrap();
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut world = World::new(&upstream);
    world.set(&[("proxy.h2_max_streams", "2"), ("proxy.max_connections_per_ip", "1")]);
    let head = frame(quic::HEADERS, &section(&GET));
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        let (mut a, mut first) = raw.begin(&head).await;
        let (mut b, mut second) = raw.begin(&head).await;
        a.finish().unwrap();
        b.finish().unwrap();
        {
            let mut third = std::pin::pin!(raw.quic.open_bi());
            assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(third.as_mut().poll(cx))).await.is_pending());
            let other = endpoint(world.roots.clone());
            let error = other.connect(world.address(), "a.test").unwrap().await.err().unwrap();
            assert!(matches!(error, quinn::ConnectionError::ConnectionClosed(_)), "{error}");
            go.send(()).unwrap();
            go.send(()).unwrap();
            assert_eq!(quic::answer(&mut first).await, Fate::Answered(200));
            assert_eq!(quic::answer(&mut second).await, Fate::Answered(200));
            drop((a, b, first, second));
            assert!(third.await.is_ok(), "an answered stream makes room");
        }
    });
    assert!(world.faults().contains(&"bad_request: the address has too many connections".to_owned()));
}

#[test]
fn a_websocket_opens_over_an_extended_connect() {
    let upstream = Upstream::run(|served| {
        let head = String::from_utf8(served.head().unwrap()).unwrap();
        assert!(head.starts_with("GET /ws?a=1 HTTP/1.1\r\nHost: a.test\r\n"), "{head}");
        assert!(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        let key = head.lines().find_map(|l| l.strip_prefix("sec-websocket-key: ")).unwrap();
        served.say(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\nhello",
            support::accept(key)
        ));
        let mut bytes = [0; 4];
        served.reader.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"ping");
        served.say("pong");
        assert_eq!(served.reader.read(&mut bytes).unwrap(), 0, "the client's end comes through");
    });
    let mut world = World::new(&upstream);
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[8, 1]).await;
        // We allow it. Source: RFC 9220 §3.
        let mut settings = raw.quic.accept_uni().await.unwrap();
        let begin = settings.read_chunk(1000, true).await.unwrap().unwrap().bytes;
        assert!(begin.ends_with(&[8, 1]), "{begin:x?}");
        let connect = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            GET[1],
            GET[2],
            (":path", "/ws?a=1"),
            ("sec-websocket-version", "13"),
        ];
        let (mut send, mut recv) = raw.begin(&frame(quic::HEADERS, &section(&connect))).await;
        send.write_all(&frame(quic::DATA, b"ping")).await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"pong") {
            bytes.extend_from_slice(&recv.read_chunk(1000, true).await.unwrap().unwrap().bytes);
        }
        // Any success opens it: 200.
        assert_eq!((bytes[0], bytes[4]), (1, 0xc0 | 25), "{bytes:x?}");
        assert!(bytes.windows(7).any(|w| w == b"\0\x05hello"), "{bytes:x?}");
        send.finish().unwrap();
        assert!(recv.read_chunk(1000, true).await.unwrap().is_none());
    });
    let rows = world.rows("access");
    assert_eq!((&rows[0]["status"], &rows[0]["http_version"]), (&json!(101), &json!("HTTP/3.0")), "{rows:#?}");
}

#[test]
fn a_stream_that_the_client_gives_up_ends_at_the_upstream_too() {
    let (gone, told) = std::sync::mpsc::channel();
    let upstream = Upstream::run(move |served| {
        served.head().unwrap();
        gone.send(usize::MAX).unwrap();
        gone.send(served.reader.read(&mut [0; 1]).unwrap_or(0)).unwrap();
    });
    let mut world = World::new(&upstream);
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        let (mut send, mut recv) = raw.begin(&frame(quic::HEADERS, &section(&GET))).await;
        send.finish().unwrap();
        let next = |told: std::sync::mpsc::Receiver<usize>| async {
            tokio::task::spawn_blocking(move || (told.recv_timeout(PATIENCE), told)).await.unwrap()
        };
        let (begun, told) = next(told).await;
        assert_eq!(begun, Ok(usize::MAX));
        recv.stop(0x10c_u32.into()).unwrap();
        assert_eq!(next(told).await.0, Ok(0));
    });
    assert_eq!(world.rows("access")[0]["status"], 499);
}

#[test]
fn a_client_that_reads_nothing_loses_its_stream_alone() {
    let upstream = Upstream::run(|served| {
        while let Some(head) = served.head() {
            let n = if head.starts_with(b"GET /large ") { 8 << 20 } else { 2 };
            served.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n"));
            // The proxy may leave.
            let _ = served.socket.write_all(&vec![b'x'; n]);
        }
    });
    let world = World::new(&upstream);
    world.set(&[("proxy.body_idle_timeout_ms", "300")]);
    run(async {
        let raw = world.raw().await;
        let _control = raw.control(&[]).await;
        let large = [GET[0], GET[1], GET[2], (":path", "/large")];
        let (mut send, mut recv) = raw.begin(&frame(quic::HEADERS, &section(&large))).await;
        send.finish().unwrap();
        assert_eq!(recv.received_reset().await.unwrap().map(|code| code.into_inner()), Some(0x102));
        assert_eq!(raw.fate(&frame(quic::HEADERS, &section(&GET))).await, Fate::Answered(200));
    });
}
