//! HTTP/2 with upstreams: streams over one connection, trailers, refusals, resets, and what HTTP/1.1 alone carries.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argos_core::schema::{HeaderOp, HeaderRule, LogSource};
use argos_core::snapshot::{HeaderRules, Host};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use support::{Site, Upstream, dead_address, group, host, only, snapshot, target};

/// An upstream that speaks HTTP/2 by prior knowledge. Each request is given to `act` in a task of its own.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

type Asked = (Request<h2::RecvStream>, SendResponse<Bytes>);

impl Server {
    fn run<F: Future<Output = ()> + 'static>(act: impl Fn(Asked) -> F + Send + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let act = std::rc::Rc::new(act);
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    let act = std::rc::Rc::clone(&act);
                    tokio::task::spawn_local(async move {
                        let Ok(mut connection) = h2::server::handshake(socket).await else { return };
                        while let Some(Ok(asked)) = connection.accept().await {
                            tokio::task::spawn_local(act(asked));
                        }
                    });
                }
            });
        });
        Self { address, connections }
    }

    /// Says what it was asked: target, fields, size of the body, trailers.
    fn telling() -> Self {
        Self::run(|(request, mut respond)| async move {
            let (parts, mut recv) = request.into_parts();
            let mut size = 0;
            while let Some(Ok(data)) = recv.data().await {
                size += data.len();
                recv.flow_control().release_capacity(data.len()).unwrap();
            }
            let trailers = recv.trailers().await.unwrap();
            let text = format!("{} {} {:?} {size} {trailers:?}", parts.method, parts.uri, parts.headers);
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(Bytes::from(text), true).unwrap();
        })
    }
}

fn before(addresses: &[SocketAddr]) -> Site {
    let targets = addresses.iter().zip(1..).map(|(a, id)| target(id, *a, 1).known_to_speak_http2());
    Site::start(snapshot([host(1, "*", 1)], [group(1, targets)]))
}

#[test]
fn the_header_rules_of_the_host_hold() {
    let server = Server::telling();
    let op = |op, name: &str, value: Option<&str>| HeaderRule { op, name: name.into(), value: value.map(Into::into) };
    let request = [op(HeaderOp::Set, "X-Asked", Some("{path}")), op(HeaderOp::Remove, "X-Bad", None)];
    let reply = [op(HeaderOp::Add, "X-Told", Some("1"))];
    let headers = HeaderRules::compile(&request, &reply).unwrap();
    let host = Host { headers: Some(Arc::new(headers)), ..host(1, "*", 1) };
    let target = target(1, server.address, 1).known_to_speak_http2();
    let site = Site::start(snapshot([host], [group(1, [target])]));
    let answer = site.ask("GET /x HTTP/1.1\r\nHost: a\r\nX-Bad: 1\r\n\r\n");
    assert_eq!(answer.header("x-told"), Some("1"));
    assert!(answer.text().contains("\"x-asked\": \"/x\"") && !answer.text().contains("x-bad"), "{}", answer.text());
}

#[test]
fn requests_share_a_connection() {
    let server = Server::telling();
    let site = before(&[server.address]);
    std::thread::scope(|scope| {
        for i in 0..20 {
            let site = &site;
            scope.spawn(move || {
                let answer = site.get(&format!("/{i}?q"));
                assert_eq!(answer.status, 200);
                let text = answer.text();
                assert!(text.starts_with(&format!("GET http://a.example/{i}?q ")), "{text}");
                assert!(text.contains("\"x-forwarded-proto\": \"http\"") && !text.contains("\"connection\""), "{text}");
                assert!(!text.contains("\"host\""), "{text}");
            });
        }
    });
    assert!(server.connections.load(Ordering::SeqCst) <= 20);
    let before = server.connections.load(Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(site.get("/again").status, 200);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), before, "those that are open are used");
    assert!(site.rows().iter().all(|row| row.status == 200));
}

#[test]
fn bodies_and_trailers_pass() {
    let server = Server::telling();
    let site = before(&[server.address]);
    let large = vec![b'x'; 1_000_000];
    let head = format!("POST /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", large.len());
    let answer = site.ask([head.as_bytes(), &large].concat());
    assert!(answer.text().ends_with(" 1000000 None"), "{}", answer.text());
    let chunked = "POST /p HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n\
                   3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n";
    let text = site.ask(chunked).text();
    assert!(text.contains("\"te\": \"trailers\"") && text.ends_with(" 3 Some({\"x-sum\": \"7\"})"), "{text}");
    let empty = "POST /p HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(site.ask(empty).text().ends_with(" 0 None"));
}

#[test]
fn a_call_of_grpc_keeps_its_trailers_and_its_status() {
    let server = Server::run(|(request, mut respond)| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().unwrap());
        trailers.insert("grpc-message", "no such thing".parse().unwrap());
        if request.uri().path() == "/only-trailers" {
            let mut head = head;
            head.headers_mut().extend(trailers);
            respond.send_response(head, true).unwrap();
            return;
        }
        let mut send = respond.send_response(head, false).unwrap();
        send.send_data(Bytes::from_static(b"\0\0\0\0\x02hi"), false).unwrap();
        send.send_trailers(trailers).unwrap();
    });
    let site = before(&[server.address]);
    let call = |path: &str| {
        Request::post(format!("http://a.example{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(site.address).await.unwrap();
        let (mut sender, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        for (path, body) in [("/svc/Get", &b"\0\0\0\0\x02hi"[..]), ("/only-trailers", b"")] {
            let (response, mut send) = sender.send_request(call(path), false).unwrap();
            send.send_data(Bytes::from_static(b"\0\0\0\0\0"), true).unwrap();
            let response = response.await.unwrap();
            let of_head = response.headers().get("grpc-status").cloned();
            let mut recv = response.into_body();
            let mut got = Vec::new();
            while let Some(data) = recv.data().await {
                got.extend_from_slice(&data.unwrap());
            }
            let trailers = recv.trailers().await.unwrap();
            let status = of_head.or_else(|| trailers.unwrap().get("grpc-status").cloned()).unwrap();
            assert_eq!((got.as_slice(), status.to_str().unwrap()), (body, "5"), "{path}");
        }
        // What ends here is told in its own terms too.
        let mut refused = call("/svc/%00");
        *refused.method_mut() = http::Method::POST;
        let (response, _) = sender.send_request(refused, true).unwrap();
        let response = response.await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["grpc-status"]), (200, &"13".parse().unwrap()));
        assert_eq!(response.headers()["content-type"], "application/grpc");
    });
}

#[test]
fn what_was_refused_unseen_is_sent_elsewhere_and_what_was_seen_is_not() {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let refusing = Server::run(move |(request, mut respond)| {
        count.fetch_add(1, Ordering::SeqCst);
        let reason = if request.uri().path() == "/seen" { Reason::INTERNAL_ERROR } else { Reason::REFUSED_STREAM };
        async move { respond.send_reset(reason) }
    });
    let telling = Server::telling();
    let site = before(&[refusing.address, telling.address]);
    let post = |path: &str| site.ask(format!("POST {path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nab"));
    for _ in 0..4 {
        assert_eq!(post("/unseen").status, 200);
    }
    assert!(asked.load(Ordering::SeqCst) > 0);
    let statuses: Vec<u16> = (0..4).map(|_| post("/seen").status).collect();
    assert!(statuses.contains(&502) && statuses.contains(&200), "{statuses:?}");
}

#[test]
fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let server = Server::run(|(request, mut respond)| async move {
        let before_head = request.uri().path() == "/head";
        if before_head {
            return respond.send_reset(Reason::INTERNAL_ERROR);
        }
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        send.send_data(Bytes::from_static(b"part"), false).unwrap();
        tokio::task::yield_now().await;
        send.send_reset(Reason::INTERNAL_ERROR);
    });
    let site = before(&[server.address]);
    assert_eq!(site.ask("POST /head HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").status, 502);
    let mut client = site.connect();
    client.send("GET /body HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let whole = client.try_answer(false).is_some_and(|answer| answer.status == 200 && answer.whole);
    assert!(!whole);
    assert!(site.rows().iter().any(|row| row.source == LogSource::Error));
}

#[test]
fn an_upstream_that_speaks_http1_or_is_dead_gives_502() {
    let http1 = Upstream::echo();
    for address in [http1.address, dead_address()] {
        let site = before(&[address]);
        assert_eq!(site.get("/").status, 502);
        assert_eq!(only(&site.rows(), LogSource::Access).action, "upstream_error");
    }
}

#[test]
fn an_upstream_that_says_nothing_gives_504() {
    let server = Server::run(|asked| async move {
        std::future::pending::<()>().await;
        drop(asked);
    });
    let live = snapshot([host(1, "*", 1)], [group(1, [target(1, server.address, 1).known_to_speak_http2()])]);
    let site = Site::start(support::with_proxy(live, |p| p.response_timeout = Duration::from_millis(200)));
    assert_eq!(site.get("/").status, 504);
}

/// A group's `http_version` decides, and takes effect with its change.
#[test]
fn the_version_is_that_of_the_group() {
    let (http1, http2) = (Upstream::echo(), Server::telling());
    let folder = support::Folder::new();
    let argos = support::argos(&folder);
    let any = "127.0.0.1:0".parse().unwrap();
    let options = argos_core::ServeOptions { http: vec![any], threads: 1, ..argos_core::ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    let call =
        |name: &str, input: serde_json::Value| argos.call(name, input.as_object().unwrap().clone()).unwrap().value;
    for (id, address) in [(1, http1.address), (2, http2.address)] {
        let targets = serde_json::json!([{"host": "127.0.0.1", "port": address.port()}]);
        call("target_groups.create", serde_json::json!({"name": format!("g{id}"), "targets": targets}));
        let host = serde_json::json!({"domain": format!("g{id}.test"), "tls_mode": "none", "target_group_id": id});
        call("hosts.create", host);
    }
    let status = |id: i64, version: &str| {
        call("target_groups.update", serde_json::json!({"id": id, "http_version": version}));
        let mut socket = std::net::TcpStream::connect(serving.addresses()[0]).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: g{id}.test\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
        std::io::read_to_string(socket).unwrap()[9..12].to_owned()
    };
    assert_eq!((status(1, "auto"), status(1, "1.1"), status(1, "2")), ("200".into(), "200".into(), "502".into()));
    assert_eq!((status(2, "2"), status(2, "auto"), status(2, "2")), ("200".into(), "502".into(), "200".into()));
    drop(serving);
}

/// What of a body was passed on and not kept is gone: nobody else gets the rest for the whole.
#[test]
fn a_body_that_was_sent_in_part_is_not_sent_again() {
    let refusing = Server::run(|(request, mut respond)| async move {
        let mut recv = request.into_body();
        let mut size = 0;
        while size < 100_000 {
            let data = recv.data().await.unwrap().unwrap();
            size += data.len();
            recv.flow_control().release_capacity(data.len()).unwrap();
        }
        respond.send_reset(Reason::REFUSED_STREAM);
    });
    let site = before(&[refusing.address, Server::telling().address]);
    let body = vec![b'x'; 1_000_000];
    let head = format!("PUT /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), &body].concat();
    // One of two targets refuses.
    let answers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = site.connect();
            // It may be closed before all is written.
            let _ = std::io::Write::write_all(&mut client.socket, &request);
            client.try_answer(false).map(|answer| (answer.status, answer.text().ends_with(" 1000000 None")))
        })
        .collect();
    assert!(answers.contains(&Some((200, true))), "{answers:?}");
    assert!(answers.iter().all(|answer| *answer != Some((200, false))), "{answers:?}");
    assert!(answers.iter().any(|answer| *answer != Some((200, true))), "{answers:?}");
}

/// One connection is enough for many, however many want it at once.
#[test]
fn a_burst_waits_for_the_connection_that_is_made() {
    let server = Server::telling();
    let site = before(&[server.address]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(site.address).await.unwrap();
        let (mut sender, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        let get = |i: usize| Request::get(format!("http://a.example/{i}")).body(()).unwrap();
        let asked: Vec<_> = (0..90).map(|i| sender.send_request(get(i), true).unwrap().0).collect();
        for response in asked {
            assert_eq!(response.await.unwrap().status(), 200);
        }
    });
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

/// An upstream that says forever that it is about to answer.
#[test]
fn interim_answers_have_an_end() {
    let upstream = Upstream::run(|served| {
        let _ = served.request();
        while std::io::Write::write_all(&mut served.socket, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").is_ok() {
        }
    });
    let site = Site::start(support::simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    let statuses: Vec<u16> = std::iter::from_fn(|| client.try_answer(false).map(|answer| answer.status)).collect();
    assert_eq!((statuses.len(), statuses.last()), (65, Some(&502)));
    // The slow one has as long as an answer may take.
    let slow = Upstream::run(|served| {
        let _ = served.request();
        while std::io::Write::write_all(&mut served.socket, b"HTTP/1.1 102 Processing\r\n\r\n").is_ok() {
            // Not to send all of them before the time is over.
            std::thread::park_timeout(Duration::from_millis(50));
        }
    });
    let live = support::with_proxy(support::simple(slow.address), |p| p.response_timeout = Duration::from_millis(300));
    let site = Site::start(live);
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    let last = std::iter::from_fn(|| client.try_answer(false).map(|answer| answer.status)).last();
    assert_eq!(last, Some(504));
}

/// A connection on which an answer did not come in time may be dead without a word.
#[test]
fn a_connection_that_is_mute_is_used_no_more() {
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    let server = Server::run(move |asked| {
        let mute = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if mute {
                std::future::pending::<()>().await;
            }
            let (_, mut respond) = asked;
            respond.send_response(Response::new(()), true).unwrap();
        }
    });
    let live = snapshot([host(1, "*", 1)], [group(1, [target(1, server.address, 1).known_to_speak_http2()])]);
    let site = Site::start(support::with_proxy(live, |p| p.response_timeout = Duration::from_millis(200)));
    assert_eq!(site.get("/").status, 504);
    assert_eq!(site.get("/").status, 200);
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}
