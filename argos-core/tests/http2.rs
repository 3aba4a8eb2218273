//! HTTP/2 with clients: requests, answers, refusals, floods, waits, over real sockets.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use argos_core::schema::{LogEntry, LogSource};
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request, Response};
use support::frames::{self, Fate, Raw, block, frame};
use support::{Site, Upstream, only, simple, with_proxy};

/// An answer as it was read.
#[derive(Debug)]
struct Whole {
    head: Response<()>,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Whole {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), work).await.expect("it takes too long") })
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a.example{path}")).body(()).unwrap()
}

/// Reads all of an answer.
async fn whole(response: h2::client::ResponseFuture) -> Result<Whole, h2::Error> {
    let (head, mut recv) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = recv.data().await {
        let data = data?;
        recv.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok(Whole { head: Response::from_parts(head, ()), body, trailers: recv.trailers().await? })
}

async fn ask(sender: &mut SendRequest<Bytes>, request: Request<()>, body: Option<&[u8]>) -> Whole {
    let (response, mut send) = sender.send_request(request, body.is_none()).unwrap();
    if let Some(body) = body {
        send.send_data(Bytes::copy_from_slice(body), true).unwrap();
    }
    whole(response).await.unwrap()
}

fn raw(site: &Site) -> Raw {
    Raw::begin(site.connect().socket)
}

fn refusals(rows: &[LogEntry]) -> Vec<&str> {
    let errors = rows.iter().filter(|r| r.source == LogSource::Error);
    errors.map(|r| r.message.strip_prefix("bad_request: ").unwrap_or(&r.message)).collect()
}

#[test]
fn many_requests_share_a_connection_and_each_has_its_row() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        let asked: Vec<_> =
            (0..50).map(|i| sender.send_request(get(&format!("/{i}?q={i}")), true).unwrap().0).collect();
        for (i, response) in asked.into_iter().enumerate() {
            let answer = whole(response).await.unwrap();
            assert_eq!(answer.head.status(), 200);
            assert_eq!(answer.head.headers()["x-served"], "yes");
            assert!(answer.head.headers().contains_key("x-request-id"));
            assert!(!answer.head.headers().contains_key("connection"));
            assert!(answer.text().starts_with(&format!("GET /{i}?q={i} HTTP/1.1\r\nHost: a.example\r\n")));
        }
    });
    let rows = site.rows();
    assert_eq!(rows.len(), 50);
    assert!(
        rows.iter().all(|row| row.http_version == "HTTP/2.0" && row.status == 200 && row.host_domain == "a.example")
    );
}

#[test]
fn bodies_pass_both_ways_with_and_without_a_length_and_with_trailers() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        let large = vec![b'x'; 3 << 20];
        let post = |length: Option<usize>| {
            let builder = Request::post("http://a.example/p");
            let builder = length.iter().fold(builder, |b, n| b.header("content-length", *n));
            builder.body(()).unwrap()
        };
        for length in [None, Some(large.len())] {
            let (response, mut send) = sender.send_request(post(length), false).unwrap();
            let sending = async {
                let mut rest = Bytes::from(large.clone());
                while !rest.is_empty() {
                    send.reserve_capacity(rest.len());
                    let n = std::future::poll_fn(|cx| send.poll_capacity(cx)).await.unwrap().unwrap();
                    send.send_data(rest.split_to(n), rest.is_empty()).unwrap();
                }
            };
            let (answer, ()) = tokio::join!(whole(response), sending);
            let answer = answer.unwrap();
            let (head, body) = answer.body.split_at(answer.text().find("\r\n\r\n").unwrap() + 4);
            let head = String::from_utf8_lossy(head);
            assert_eq!(head.contains("Transfer-Encoding: chunked\r\n"), length.is_none(), "{head}");
            assert_eq!(head.contains("content-length: 3145728\r\n"), length.is_some(), "{head}");
            assert_eq!(body.iter().filter(|b| **b == b'x').count(), large.len());
        }
    });
}

#[test]
fn trailers_of_a_request_go_on_as_those_of_the_chunked_coding() {
    let upstream = Upstream::run(|served| {
        let mut bytes = served.head().unwrap();
        while !bytes.ends_with(b"0\r\nx-sum: 7\r\n\r\n") {
            assert!(std::io::BufRead::read_until(&mut served.reader, b'\n', &mut bytes).unwrap() > 0);
        }
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        let post = Request::post("http://a.example/p").body(()).unwrap();
        let (response, mut send) = sender.send_request(post, false).unwrap();
        send.send_data(Bytes::from_static(b"abc"), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        // It would change how the content is read.
        trailers.insert("content-type", "text/html".parse().unwrap());
        send.send_trailers(trailers).unwrap();
        assert_eq!(whole(response).await.unwrap().text(), "ok");
    });
}

#[test]
fn answers_of_every_kind_pass() {
    let upstream = Upstream::run(|served| {
        while let Some(request) = served.request() {
            let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap().to_owned();
            served.say(match path.as_str() {
                "/none" => "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
                "/trailers" => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n"
                }
                "/hints" => {
                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                }
                "/hop" => {
                    "HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: 1\r\nKeep-Alive: a\r\nContent-Length: 2\r\n\r\nok"
                }
                "/short" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
                _ => "HTTP/1.1 200 OK\r\n\r\nuntil the end",
            });
            if path == "/short" || path == "/close" {
                return;
            }
        }
    });
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        let none = ask(&mut sender, get("/none"), None).await;
        assert_eq!((none.head.status().as_u16(), none.body.len()), (204, 0));
        let trailers = ask(&mut sender, get("/trailers"), None).await;
        assert_eq!((trailers.text(), trailers.trailers.unwrap()["x-sum"].to_str().unwrap()), ("hi".into(), "7"));
        let (mut response, _) = sender.send_request(get("/hints"), true).unwrap();
        let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!((interim.status().as_u16(), &interim.headers()["link"]), (103, &"</a>".parse().unwrap()));
        assert_eq!(whole(response).await.unwrap().text(), "ok");
        let hop = ask(&mut sender, get("/hop"), None).await;
        assert!(!hop.head.headers().contains_key("x-a") && !hop.head.headers().contains_key("keep-alive"));
        assert_eq!(ask(&mut sender, get("/close"), None).await.text(), "until the end");
        let head = Request::head("http://a.example/hop").body(()).unwrap();
        let (response, _) = sender.send_request(head, true).unwrap();
        assert_eq!(response.await.unwrap().headers()["content-length"], "2");
        // What is cut short is never taken for whole.
        let (response, _) = sender.send_request(get("/short"), true).unwrap();
        assert!(whole(response).await.is_err());
    });
    assert!(refusals(&site.rows()).iter().any(|text| text.contains("cut short")));
}

/// An answer that comes before the request is whole keeps its trailers.
#[test]
fn trailers_come_with_an_early_answer_too() {
    let upstream = Upstream::run(|served| {
        let _ = served.head();
        served.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n");
        // The connection stays until the other side ends it.
        let _ = served.head();
    });
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        let post = Request::post("http://a.example/p").body(()).unwrap();
        let (response, _unfinished) = sender.send_request(post, false).unwrap();
        let answer = whole(response).await.unwrap();
        assert_eq!((answer.text(), answer.trailers.unwrap()["x-sum"].to_str().unwrap()), ("hi".into(), "7"));
    });
}

/// Text, fields, status.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);

/// What is refused with an answer, as over HTTP/1.
#[test]
fn what_has_no_canonical_form_is_refused_and_has_its_row() {
    let upstream = Upstream::echo();
    let live = with_proxy(simple(upstream.address), |p| {
        (p.max_body_bytes, p.max_uri_bytes, p.max_header_bytes) = (1000, 1024, 4096);
    });
    let long = |n: usize| format!("/{}", "a".repeat(n));
    let (uri, large) = (long(1024), "v".repeat(5000));
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    let instead = |name: &str, value: &'static str| -> Vec<(&'static str, &'static str)> {
        good.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
    };
    let cases: Vec<Case<'_>> = vec![
        (":authority is not Host", with(&[("host", "b.example")]), 400),
        ("more than one Host", [&good[..2], &good[3..], &[("host", "a.example"), ("host", "b.example")]].concat(), 400),
        ("no Host", [&good[..2], &good[3..]].concat(), 400),
        ("Host is not a name or address with an optional port", instead(":authority", "a@a.example"), 400),
        ("the request target is neither a path nor an absolute URI", instead(":path", "*"), 400),
        ("%00 in the path", instead(":path", "/%00"), 400),
        ("an invalid % triplet in the path", instead(":path", "/%zz"), 400),
        ("blanks around the value of a field", with(&[("x-a", " b")]), 400),
        ("blanks around the value of a field", with(&[("x-a", "b\t")]), 400),
        ("the scheme is neither http nor https", instead(":scheme", "ftp"), 400),
        ("CONNECT is not allowed", vec![(":method", "CONNECT"), (":authority", "a.example:443")], 405),
        (
            "this protocol is not spoken over CONNECT",
            [&[(":protocol", "connect-udp")], &instead(":method", "CONNECT")[..]].concat(),
            501,
        ),
        ("the request target is too long", [&good[..3], &[(":path", uri.as_str())]].concat(), 414),
        ("the request head is too large", [&good[..], &[("x-large", large.as_str())]].concat(), 431),
    ];
    let site = Site::start(live);
    for (text, fields, status) in &cases {
        let mut client = raw(&site);
        client.send(frame(frames::HEADERS, frames::END_STREAM | frames::END_HEADERS, 1, &block(fields)));
        assert_eq!(client.fate(1), Fate::Answered(*status), "{text}");
        // Others on the connection are not disturbed.
        client.send(frames::get(3, "/ok"));
        assert_eq!(client.fate(3), Fate::Answered(200), "{text}");
    }
    run(async {
        let mut sender = connect(site.address).await;
        let post = Request::post("http://a.example/large").header("content-length", 2000).body(()).unwrap();
        let (response, _send) = sender.send_request(post, false).unwrap();
        assert_eq!(response.await.unwrap().status(), 413);
        let post = Request::post("http://a.example/grows").body(()).unwrap();
        let (response, mut send) = sender.send_request(post, false).unwrap();
        send.send_data(Bytes::from(vec![0; 2000]), false).unwrap();
        assert_eq!(response.await.unwrap().status(), 413);
        assert_eq!(ask(&mut sender, get("/ok"), None).await.head.status(), 200);
    });
    let rows = site.rows();
    let texts = refusals(&rows);
    for (text, ..) in &cases {
        assert!(texts.contains(text), "{text}: {texts:?}");
    }
    assert!(!upstream.received().contains("x-a: "), "nothing ambiguous reaches an upstream");
}

/// What is no message ends its stream and nothing else. Source: RFC 9113 §8.1.1.
#[test]
fn malformed_messages_are_stream_errors() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];
    let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
    for (text, fields) in [
        ("an upper-case name", with(&[("X-A", "1")])),
        ("Connection", with(&[("connection", "close")])),
        ("Keep-Alive", with(&[("keep-alive", "1")])),
        ("Proxy-Connection", with(&[("proxy-connection", "close")])),
        ("Transfer-Encoding", with(&[("transfer-encoding", "chunked")])),
        ("Upgrade", with(&[("upgrade", "websocket")])),
        ("te: gzip", with(&[("te", "gzip")])),
        ("no :method", good[1..].to_vec()),
        ("no :scheme", [&good[..1], &good[2..]].concat()),
        ("a path without a slash", [&good[..3], &[(":path", "x")]].concat()),
        ("an empty :path", [&good[..3], &[(":path", "")]].concat()),
        (":status", with(&[(":status", "200")])),
        ("a pseudo-header twice", [&good[..], &good[3..]].concat()),
        ("a pseudo-header behind a field", [&good[..3], &[("x-a", "1")], &good[3..]].concat()),
        ("an unknown pseudo-header", [&[(":x", "1")], &good[..]].concat()),
        ("LF in a value", with(&[("x-a", "1\n2")])),
        ("CR in a value", with(&[("x-a", "1\r2")])),
        ("NUL in a value", with(&[("x-a", "1\x002")])),
        ("a blank in a name", with(&[("x a", "1")])),
        ("a length and no body", with(&[("content-length", "5")])),
    ] {
        let mut client = raw(&site);
        client.send(frame(frames::HEADERS, frames::END_STREAM | frames::END_HEADERS, 1, &block(&fields)));
        let fate = client.fate(1);
        assert!(
            matches!(fate, Fate::Reset(frames::PROTOCOL_ERROR) | Fate::GoAway(frames::PROTOCOL_ERROR)),
            "{text}: {fate:?}"
        );
    }
    // A body that is not as long as was said.
    for (length, body) in [("5", "abc"), ("2", "abc")] {
        let mut client = raw(&site);
        let fields = [&[(":method", "POST")], &good[1..], &[("content-length", length)]].concat();
        client.send(frame(frames::HEADERS, frames::END_HEADERS, 1, &block(&fields)));
        client.send(frame(frames::DATA, frames::END_STREAM, 1, body.as_bytes()));
        assert_eq!(client.fate(1), Fate::Reset(frames::PROTOCOL_ERROR), "{length}");
    }
    drop(site.rows());
    let received = upstream.received();
    assert!(!received.contains("x-a") && !received.contains("GET "), "{received}");
}

/// Frames that cost the sender little. Source: RFC 9113 §10.5.
#[test]
fn floods_end_the_connection() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let head = block(&[(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")]);
    let odd = |i: usize| u32::try_from(2 * i + 1).unwrap();
    let rapid: Vec<u8> = (0..400)
        .flat_map(|i| {
            let opened = frame(frames::HEADERS, frames::END_HEADERS, odd(i), &head);
            [opened, frame(frames::RST_STREAM, 0, odd(i), &8u32.to_be_bytes())].concat()
        })
        .collect();
    // The server is made to reset: a window is opened too far.
    let made: Vec<u8> = (0..600)
        .flat_map(|i| {
            let opened = frame(frames::HEADERS, frames::END_HEADERS, odd(i), &head);
            [opened, frame(frames::WINDOW_UPDATE, 0, odd(i), &0x7fff_ffffu32.to_be_bytes())].concat()
        })
        .collect();
    let opened = || frame(frames::HEADERS, frames::END_HEADERS, 1, &head);
    for (text, bytes) in [
        ("rapid reset", rapid),
        ("made to reset", made),
        ("PING", frame(frames::PING, 0, 0, &[0; 8]).repeat(100)),
        ("SETTINGS", frame(frames::SETTINGS, 0, 0, &[]).repeat(100)),
        ("empty DATA", [opened(), frame(frames::DATA, 0, 1, &[]).repeat(1000)].concat()),
        (
            "CONTINUATION",
            [frame(frames::HEADERS, 0, 1, &head), frame(frames::CONTINUATION, 0, 1, b"").repeat(100)].concat(),
        ),
        ("PRIORITY", frame(frames::PRIORITY, 0, 1, &[0, 0, 0, 0, 1]).repeat(3000)),
    ] {
        let mut client = raw(&site);
        client.flood(bytes);
        // Streams may be answered or reset before the end comes.
        let fate = loop {
            match client.next() {
                Some((frames::GOAWAY, _, _, payload)) => {
                    break Fate::GoAway(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
                }
                Some(_) => {}
                None => break Fate::Closed,
            }
        };
        assert_eq!(fate, Fate::GoAway(frames::ENHANCE_YOUR_CALM), "{text}");
    }
    // A head in as many frames as it may have.
    let get = frames::get(1, "/");
    let (head, last) = (frame(frames::HEADERS, frames::END_STREAM, 1, &get[9..]), frames::END_HEADERS);
    let more = [frame(frames::CONTINUATION, 0, 1, b"").repeat(15), frame(frames::CONTINUATION, last, 1, b"")].concat();
    let mut client = raw(&site);
    client.send([head, more].concat());
    assert_eq!(client.fate(1), Fate::Answered(200));
    let rows = site.rows();
    assert!(refusals(&rows).contains(&"too many SETTINGS or PING frames"), "{rows:#?}");
}

#[test]
fn who_begins_and_goes_no_further_is_closed() {
    let upstream = Upstream::echo();
    let site = Site::start(with_proxy(simple(upstream.address), |p| {
        (p.header_timeout, p.keepalive_timeout) = (Duration::from_millis(300), Duration::from_millis(300));
    }));
    // Nothing behind the preface; half a preface.
    let mut client = raw(&site);
    assert_eq!(client.fate(1), Fate::GoAway(frames::NO_ERROR));
    let mut half = site.connect();
    half.send(&frames::PREFACE[..20]);
    assert!(half.answer().status == 505 && half.is_closed());
    // A head that does not end.
    let mut client = raw(&site);
    client.send(frame(frames::HEADERS, 0, 1, &block(&[(":method", "GET")])));
    assert_eq!(client.fate(1), Fate::GoAway(frames::ENHANCE_YOUR_CALM));
    // A next request that does not come.
    let mut client = raw(&site);
    client.send(frames::get(1, "/"));
    assert_eq!(client.fate(1), Fate::Answered(200));
    assert_eq!(client.fate(3), Fate::GoAway(frames::NO_ERROR));
    assert!(refusals(&site.rows()).contains(&"the request did not arrive in time"));
}

#[test]
fn a_client_that_reads_nothing_loses_its_stream_alone() {
    let large = [b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n".to_vec(), vec![b'x'; 4_000_000]].concat();
    let upstream = Upstream::saying(large);
    let live = with_proxy(simple(upstream.address), |p| p.body_idle_timeout = Duration::from_millis(300));
    let site = Site::start(live);
    let mut client = raw(&site);
    client.send(frames::get(1, "/"));
    let mut reset = None;
    while reset.is_none() {
        match client.next() {
            Some((frames::RST_STREAM, _, 1, payload)) => reset = Some(payload),
            Some(_) => {}
            None => panic!("the connection ended"),
        }
    }
    let rows = site.rows();
    assert_eq!(only(&rows, LogSource::Access).action, "client_closed");
}

#[test]
fn a_stream_that_the_client_gives_up_ends_at_the_upstream_too() {
    let (told, gone) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let upstream = Upstream::run(move |served| {
        let _ = served.head();
        // No answer: the other side ends it.
        let _ = served.request();
        told.lock().unwrap().send(()).unwrap();
    });
    let site = Site::start(simple(upstream.address));
    let mut client = raw(&site);
    client.send(frames::get(1, "/"));
    while !upstream.received().ends_with("\r\n\r\n") {
        std::thread::yield_now();
    }
    client.send(frame(frames::RST_STREAM, 0, 1, &8u32.to_be_bytes()));
    gone.recv_timeout(Duration::from_secs(20)).unwrap();
    let rows = site.rows();
    assert_eq!(only(&rows, LogSource::Access).action, "client_closed");
}

#[test]
fn at_the_stop_requests_in_flight_finish_and_no_more_begin() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        let _ = served.request();
        wait.lock().unwrap().recv().unwrap();
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    });
    let mut site = Site::start(simple(upstream.address));
    let mut client = raw(&site);
    client.send(frames::get(1, "/"));
    while !upstream.received().ends_with("\r\n\r\n") {
        std::thread::yield_now();
    }
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| site.proxy.stop(Duration::from_secs(20)));
        assert_eq!(client.fate(3), Fate::GoAway(frames::NO_ERROR));
        go.send(()).unwrap();
        assert_eq!(client.fate(1), Fate::Answered(200));
        stopping.join().unwrap();
    });
    assert_eq!(only(&site.rows(), LogSource::Access).status, 200);
}

/// The same request over either version is the same to the upstream and in the log.
#[test]
fn a_request_is_the_same_over_every_version() {
    let upstream = Upstream::echo();
    let seen = |over_h2: bool| {
        let site = Site::start(simple(upstream.address));
        let text = if over_h2 {
            run(async {
                let mut sender = connect(site.address).await;
                let request = Request::builder()
                    .method(Method::POST)
                    .uri("http://a.example:80/a/%2e%2e/b%2Fc?x=1&token=secret")
                    .header("user-agent", "probe")
                    .header("accept", "*/*")
                    .header("x-auth-user", "eve")
                    .header("x_forwarded_for", "9.9.9.9")
                    .header("x-forwarded-for", "8.8.8.8")
                    .header("cookie", "a=1")
                    .header("cookie", "argos_session=x")
                    .header("cookie", "b=2")
                    .header("content-length", "3")
                    .body(())
                    .unwrap();
                ask(&mut sender, request, Some(b"abc")).await.text()
            })
        } else {
            site.ask(
                "POST /a/%2e%2e/b%2Fc?x=1&token=secret HTTP/1.1\r\nhost: a.example:80\r\nuser-agent: probe\r\n\
                 accept: */*\r\nx-auth-user: eve\r\nx_forwarded_for: 9.9.9.9\r\nx-forwarded-for: 8.8.8.8\r\n\
                 cookie: a=1; argos_session=x; b=2\r\ncontent-length: 3\r\n\r\nabc",
            )
            .text()
        };
        let rows = site.rows();
        let row = only(&rows, LogSource::Access);
        // What each request has of its own.
        let own = ["X-Request-Id: ", "traceparent: ", "X-Forwarded-Port: "];
        let text: Vec<_> = text.lines().filter(|l| !own.iter().any(|o| l.starts_with(o))).map(str::to_owned).collect();
        let row = format!(
            "{} {} {} {} {} {} {} {}",
            row.method, row.path, row.query, row.host_domain, row.status, row.user_agent, row.bytes_in, row.action
        );
        (text, row)
    };
    assert_eq!(seen(false), seen(true));
}

#[test]
fn a_websocket_opens_over_an_extended_connect() {
    let upstream = Upstream::run(|served| {
        let mut head = String::from_utf8(served.head().unwrap()).unwrap();
        if head.starts_with("OPTIONS ") {
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            head = String::from_utf8(served.head().unwrap()).unwrap();
        }
        assert!(head.starts_with("GET /ws?a=1 HTTP/1.1\r\nHost: a.example\r\n"), "{head}");
        assert!(head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        let key = head.lines().find_map(|l| l.strip_prefix("sec-websocket-key: ")).unwrap();
        assert_eq!(key.len(), 24);
        served.say(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello",
            support::accept(key)
        ));
        let mut bytes = [0; 4];
        std::io::Read::read_exact(&mut served.reader, &mut bytes).unwrap();
        assert_eq!(&bytes, b"ping");
        served.say("pong");
        // The client's end comes through.
        assert_eq!(std::io::Read::read(&mut served.reader, &mut bytes).unwrap(), 0);
    });
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        // What the server allows arrives with its settings.
        assert_eq!(
            ask(&mut sender, Request::options("http://none.example/").body(()).unwrap(), None).await.head.status(),
            200
        );
        assert!(sender.is_extended_connect_protocol_enabled());
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("http://a.example/ws?a=1")
            .extension(h2::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        let (response, mut send) = sender.send_request(request, false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        assert!(!response.headers().contains_key("sec-websocket-accept"));
        let mut recv = response.into_body();
        let mut text = Vec::new();
        send.send_data(Bytes::from_static(b"ping"), false).unwrap();
        while text != b"hellopong" {
            text.extend_from_slice(&recv.data().await.unwrap().unwrap());
        }
        send.send_data(Bytes::new(), true).unwrap();
        while let Some(data) = recv.data().await {
            assert!(data.unwrap().is_empty());
        }
    });
    let rows = site.rows();
    assert!(rows.iter().any(|r| r.status == 101 && r.message == "tunnel closed"), "{rows:#?}");
}

/// Any success would open it.
#[test]
fn a_page_opens_no_websocket() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
    let site = Site::start(simple(upstream.address));
    run(async {
        let mut sender = connect(site.address).await;
        assert_eq!(ask(&mut sender, get("/"), None).await.text(), "page");
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("http://a.example/ws")
            .extension(h2::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        let (response, _send) = sender.send_request(request, false).unwrap();
        assert_eq!(response.await.unwrap().status(), 502);
    });
}

#[test]
fn the_most_streams_are_those_of_the_setting() {
    let folder = support::Folder::new();
    let argos = support::argos(&folder);
    let any = "127.0.0.1:0".parse().unwrap();
    let options = argos_core::ServeOptions { http: vec![any], threads: 1, ..argos_core::ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    let set = |value: &str| {
        let input = serde_json::json!({"key": "proxy.h2_max_streams", "value": value});
        argos.call("settings.set", input.as_object().unwrap().clone()).map(drop)
    };
    // The first frame is SETTINGS; 3 is MAX_CONCURRENT_STREAMS. Source: RFC 9113 §6.5.2.
    let told = || {
        let mut client = Raw::begin(std::net::TcpStream::connect(serving.addresses()[0]).unwrap());
        let (kind, _, _, payload) = client.next().unwrap();
        assert_eq!(kind, frames::SETTINGS);
        let found = payload.chunks(6).find(|item| item[..2] == [0, 3]).unwrap();
        u32::from_be_bytes(found[2..].try_into().unwrap())
    };
    assert_eq!(told(), 128);
    set("7").unwrap();
    assert_eq!(told(), 7);
    assert!(set("0").is_err());
    drop(serving);
}
