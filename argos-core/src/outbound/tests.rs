use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::*;

/// A world in which 127.0.0.1 is public and nothing else of this machine.
#[derive(Default)]
struct Small {
    /// What a name means the first time, the second time and so on.
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl World for Small {
    fn look_up(&self, _: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let found = self.answers[n.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(found) })
    }

    fn is_public(&self, ip: IpAddr) -> bool {
        ip == HERE || crate::schema::is_public(ip)
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Of this machine, and private even in the small world.
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const PATIENT: Limits = Limits { whole: Duration::from_secs(20), most: 1000 };

/// A server that answers each request with what `respond` makes of it, and tells what it was asked. Its threads end with
/// the process.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(ip: IpAddr, respond: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        Self::on(listener, respond)
    }

    fn on(listener: TcpListener, respond: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let (asked, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let this =
            Self { address: listener.local_addr().unwrap(), asked: asked.clone(), connections: connections.clone() };
        let respond = Arc::new(respond);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::Relaxed);
                let (respond, asked) = (respond.clone(), asked.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(request) = request(&mut reader) {
                        asked.lock().unwrap().push(request.clone());
                        respond(&request, &mut reader.get_ref().try_clone().unwrap());
                    }
                });
            }
        });
        this
    }

    /// One that answers the same always.
    fn saying(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::start(HERE, move |_, stream| drop(stream.write_all(answer.as_bytes())))
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The next request, head and body; none where the client has gone.
fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        head += &line;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn small(answers: Vec<Vec<IpAddr>>) -> (Outbound, Arc<Small>) {
    let world = Arc::new(Small { answers, asked: AtomicUsize::new(0) });
    let out = Outbound { world: world.clone(), ..Outbound::new(Reach::default(), PATIENT) };
    (out, world)
}

fn private(own: &[SocketAddr]) -> Outbound {
    let reach = Reach { private: true, own: OwnListeners::default() };
    reach.own.add(own.iter().copied());
    Outbound::new(reach, PATIENT)
}

fn get(url: &Url) -> Call<'_> {
    Call {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        https_only: false,
        redirects: 3,
        by_head: false,
    }
}

fn post(url: &Url) -> Call<'_> {
    Call { method: Method::POST, body: "the body".into(), ..get(url) }
}

fn check(out: &Outbound, url: &str) -> Result<(), Fault> {
    out.check(&Url::parse(url).unwrap(), false)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn sends_to(status: u16, url: impl fmt::Display) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn only_public_addresses_in_whatever_form() {
    let out = Outbound::new(Reach::default(), PATIENT);
    for host in ["8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "134744072", "0x08080808", "shop.example"] {
        assert_eq!(check(&out, &format!("http://{host}/")), Ok(()), "{host}");
    }
    let refused = "127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0x7f.1 127.0.0.1. 10.0.0.1 10.1 172.16.0.1 192.168.0.1 \
                   169.254.1.1 100.64.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 240.0.0.1 [::1] [::ffff:127.0.0.1] \
                   [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::10.0.0.1] [2002:7f00:1::1] [2002:a00:1::] \
                   [2001:0:808:808:0:0:80ff:fffe] [fc00::1] [fd12::1] [fe80::1] [fec0::1] [2001:db8::1]";
    for host in refused.split_whitespace() {
        let fault = check(&out, &format!("http://{host}/")).unwrap_err();
        assert!(fault.cause == Cause::NotPublic && !fault.may_pass(), "{host}: {fault}");
        assert!(fault.why.contains("not a public address"), "{host}: {fault}");
    }
    for host in refused.split_whitespace() {
        assert_eq!(check(&private(&[]), &format!("http://{host}/")), Ok(()), "{host}");
    }
}

#[test]
fn nothing_reaches_the_secrets_of_clouds_nor_what_is_no_server() {
    let metadata = "169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] \
                    [::169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::1] [2001:0:a9fe:a9fe::1] \
                    [2001:0:808:808:0:0:5601:5601] [64:ff9b:1::a9fe:a9fe] [64:ff9b:1:a9fe:a9:fe00::] \
                    [fd00:ec2::254]";
    for out in [Outbound::new(Reach::default(), PATIENT), private(&[])] {
        for host in metadata.split_whitespace() {
            let fault = check(&out, &format!("http://{host}/latest")).unwrap_err();
            assert!(fault.cause == Cause::Refused && fault.why.contains("clouds"), "{host}: {fault}");
        }
        for host in ["0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]", "224.0.0.1", "255.255.255.255", "[ff02::1]"] {
            let fault = check(&out, &format!("http://{host}/")).unwrap_err();
            assert!(fault.cause == Cause::Refused && fault.why.contains("no address of a server"), "{host}: {fault}");
        }
    }
    assert!(
        check(&private(&[]), "http://169.254.169.253/").is_ok()
            && check(&private(&[]), "http://[fd00:ec2::253]/").is_ok()
    );
}

#[test]
fn nothing_reaches_where_argos_listens() {
    let refused = |out: &Outbound, url: &str| check(out, url).is_err_and(|fault| fault.why.contains("Argos itself"));
    let one = private(&["127.0.0.1:9180".parse().unwrap()]);
    for host in ["127.0.0.1", "127.1", "[::ffff:127.0.0.1]"] {
        assert!(refused(&one, &format!("http://{host}:9180/")), "{host}");
    }
    assert!(!refused(&one, "http://127.0.0.1:9181/") && !refused(&one, "http://127.0.0.2:9180/"));
    // At every address of this machine.
    for own in ["0.0.0.0:443", "[::]:443"] {
        let all = private(&[own.parse().unwrap()]);
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"] {
            assert!(refused(&all, &format!("https://{host}/")), "{own} {host}");
        }
        assert!(!refused(&all, "http://127.0.0.1/") && !refused(&all, "https://192.0.2.1/"), "{own}");
    }
    // An address that a connection of this machine goes out from, if there is any.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        let ip = socket.local_addr().unwrap().ip();
        assert!(refused(&private(&["0.0.0.0:443".parse().unwrap()]), &format!("https://{ip}/")), "{ip}");
    }
    let own: SocketAddr = "127.0.0.1:9180".parse().unwrap();
    one.reach.own.remove([own]);
    assert!(!refused(&one, "http://127.0.0.1:9180/"));
}

#[test]
fn urls_hold_no_credentials_and_plain_http_only_where_it_may_be() {
    let fault = |out: &Outbound, url: &str| out.check(&Url::parse(url).unwrap(), true).unwrap_err();
    let public = Outbound::new(Reach::default(), PATIENT);
    for url in ["https://me:hidden@shop.example/", "https://hidden@shop.example/", "https://:hidden@shop.example/"] {
        let fault = fault(&public, url);
        assert!(fault.why.contains("a name or a password") && !fault.to_string().contains("hidden"), "{fault}");
    }
    for url in ["ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example:70/_x", "ws://shop.example"] {
        assert!(fault(&public, url).why.contains("only http"), "{url}");
    }
    assert!(fault(&public, "http://shop.example/").why.contains("only https is allowed"));
    assert!(public.check(&Url::parse("https://shop.example/").unwrap(), true).is_ok());
    let near = private(&[]);
    assert!(fault(&near, "http://10.0.0.1/").why.contains("to this machine only"));
    assert!(near.check(&Url::parse("http://127.0.0.1/").unwrap(), true).is_ok());
    assert!(near.check(&Url::parse("http://[::1]/").unwrap(), true).is_ok());
}

#[test]
fn a_name_is_judged_by_every_address_it_has() {
    let server = Server::saying(ok("hi"));
    let url = Url::parse(&format!("http://shop.example:{}/", server.address.port())).unwrap();
    let call = |answers: &[&str]| {
        let (out, _) = small(vec![answers.iter().map(|ip| ip.parse().unwrap()).collect()]);
        run(out.call(get(&url)))
    };
    assert_eq!(call(&["127.0.0.1"]).unwrap().body, b"hi");
    for mixed in [&["127.0.0.1", "127.0.0.2"][..], &["10.0.0.1", "127.0.0.1"], &["127.0.0.1", "::ffff:10.0.0.1"]] {
        let fault = call(mixed).unwrap_err();
        assert!(fault.cause == Cause::NotPublic && fault.at.starts_with("http://shop.example:"), "{mixed:?}: {fault}");
    }
    assert_eq!(call(&["127.0.0.1", "169.254.169.254"]).unwrap_err().cause, Cause::Refused);
    assert!(call(&[]).unwrap_err().may_pass());
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_was_checked_is_what_is_connected_to() {
    let good = Server::saying(ok("good"));
    let port = good.address.port();
    // At the same port of an address that may not be reached.
    let bad = Server::on(TcpListener::bind((THERE, port)).unwrap(), |_, _| ());
    let url = Url::parse(&format!("http://shop.example:{port}/")).unwrap();
    let (out, world) = small(vec![vec![HERE], vec![THERE]]);
    run(async {
        assert_eq!(out.call(get(&url)).await.unwrap().body, b"good");
        assert_eq!(world.asked.load(Ordering::Relaxed), 1, "looked up once for the check and the connection");
        // The same connection once more.
        assert_eq!(out.call(get(&url)).await.unwrap().body, b"good");
        assert_eq!((world.asked.load(Ordering::Relaxed), good.connections.load(Ordering::Relaxed)), (1, 1));
    });
    let (out, world) = small(vec![vec![HERE], vec![THERE]]);
    let out = out.without_keeping();
    run(async {
        assert_eq!(out.call(get(&url)).await.unwrap().body, b"good");
        assert_eq!(out.call(get(&url)).await.unwrap_err().cause, Cause::NotPublic);
        assert_eq!(world.asked.load(Ordering::Relaxed), 2);
    });
    assert_eq!(bad.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn an_own_listener_is_refused_behind_a_name_too() {
    let own = Server::saying(ok("panel"));
    let out = private(&[own.address]);
    let fault = run(out.call(get(&Url::parse(&format!("http://localhost:{}/", own.address.port())).unwrap())));
    assert!(fault.unwrap_err().why.contains("Argos itself"));
    assert_eq!(own.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn redirects_keep_method_and_body_and_leave_secrets_where_they_belong() {
    let last = Server::saying(ok("done"));
    let to = last.url("/last?x=1");
    let first = Server::start(HERE, move |request, stream| {
        let answer = match request.split(' ').nth(1) {
            Some("/start") => sends_to(308, "next"),
            _ => sends_to(307, &to),
        };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let mut secret = HeaderValue::from_static("hidden");
    secret.set_sensitive(true);
    let headers =
        HeaderMap::from_iter([(AUTHORIZATION, secret), (CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let (out, _) = small(Vec::new());
    let answer = run(out.call(Call { headers, ..post(&first.url("/start")) })).unwrap();
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"done"[..]));
    assert_eq!(answer.at, format!("the server that http://{} redirects to", first.address));
    let (at_first, at_last) = (first.asked(), last.asked());
    assert!(at_first[0].starts_with("POST /start ") && at_first[1].starts_with("POST /next "), "{at_first:?}");
    assert!(at_first.iter().all(|request| request.contains("authorization: hidden")), "{at_first:?}");
    assert!(at_last[0].starts_with("POST /last?x=1 ") && at_last[0].ends_with("\r\n\r\nthe body"), "{at_last:?}");
    assert!(!at_last[0].contains("hidden") && at_last[0].contains("content-type: text/plain"), "{at_last:?}");
    assert!(at_last[0].contains(concat!("user-agent: argos/", env!("CARGO_PKG_VERSION"))), "{at_last:?}");
}

#[test]
fn a_redirect_leads_only_where_the_call_itself_might_go() {
    let there = Server::start(THERE, |_, _| ());
    let port = there.address.port();
    let cases = [
        (format!("http://127.0.0.2:{port}/"), Cause::NotPublic, "not public"),
        (format!("http://2130706434:{port}/"), Cause::NotPublic, "not public"),
        ("http://169.254.169.254/latest/meta-data".into(), Cause::Refused, "clouds"),
        ("http://me:word@127.0.0.1/".into(), Cause::Refused, "a name or a password"),
        ("ftp://127.0.0.1/".into(), Cause::Refused, "only http and https"),
        ("file:///etc/passwd".into(), Cause::Refused, "only http and https"),
        ("http://[bad".into(), Cause::Refused, "no URL"),
    ];
    for (to, cause, why) in cases {
        let server = Server::saying(sends_to(307, &to));
        let fault = run(small(Vec::new()).0.call(post(&server.url("/")))).unwrap_err();
        assert!(fault.cause == cause && fault.why.contains(why), "{to}: {fault}");
    }
    // A name of the redirect is judged as one of the call is.
    let server = Server::saying(sends_to(307, format!("http://shop.example:{port}/")));
    let fault = run(small(vec![vec![THERE]]).0.call(post(&server.url("/")))).unwrap_err();
    assert!(fault.cause == Cause::NotPublic && fault.at.contains("redirects to"), "{fault}");
    assert_eq!(there.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn nothing_of_where_a_redirect_leads_is_told() {
    let rude = Server::saying("no HTTP at all\r\n\r\n");
    let port = rude.address.port();
    let busy = Server::saying("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    // Whoever redirects has seen what came with the call, here hidden and 2130706433.
    let cases = [
        format!("http://hidden.example:{port}/"),
        format!("http://2130706433:{port}/"),
        "http://hidden.example/hidden".into(),
        "https://hidden.example:1/".into(),
        "http://2130706434/".into(),
        "hidden://hidden/".into(),
        "http://hidden:hidden@hidden.example/".into(),
        "http://hidden.example:0/".into(),
        format!("http://hidden.example:{}/", busy.address.port()),
    ];
    for to in cases {
        for answers in [vec![HERE], vec![THERE], Vec::new()] {
            let server = Server::saying(sends_to(307, &to));
            let told = match run(small(vec![answers]).0.call(post(&server.url("/")))) {
                Ok(answer) => format!("{answer:?}"),
                Err(fault) => format!("{fault} {fault:?}"),
            };
            assert!(told.contains(&format!("the server that http://{} redirects to", server.address)), "{told}");
            assert!(!["hidden", "127.0.0.2", "213070", "shop"].iter().any(|word| told.contains(word)), "{to}: {told}");
        }
    }
}

#[test]
fn answers_that_only_announce_another_one_come_to_an_end() {
    let few = Server::saying(format!("{}{}", "HTTP/1.1 103 Early\r\n\r\n".repeat(INTERIM), ok("done")));
    let (out, _) = small(Vec::new());
    run(async {
        for _ in 0..2 {
            assert_eq!(out.call(get(&few.url("/"))).await.unwrap().body, b"done");
        }
    });
    assert_eq!(few.connections.load(Ordering::Relaxed), 1);
    let filled = format!("HTTP/1.1 103 E\r\nX: {}\r\n\r\n", "x".repeat(60_000));
    for piece in ["HTTP/1.1 103 E\r\n\r\n".repeat(1000), filled, "HTTP/1.1 200 OK\r\nX: y".into(), "x: y\r\n".into()] {
        let (said, ended) = std::sync::mpsc::channel();
        let start = piece.starts_with('x');
        let endless = Server::start(HERE, move |_, stream| {
            let _ = stream.write_all(if start { b"HTTP/1.1 200 OK\r\n" } else { b"" });
            while stream.write_all(piece.as_bytes()).is_ok() {}
            said.send(()).unwrap();
        });
        run(async {
            let fault = private(&[]).call(post(&endless.url("/"))).await.unwrap_err();
            assert_ne!(fault.why, "does not answer within 20 s");
            // The connection has an end too, while nobody waits for its answer any more.
            tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_secs(20)).unwrap()).await.unwrap();
        });
    }
}

#[test]
fn a_success_that_its_head_tells_does_not_wait_for_its_body() {
    let slow = Server::start(HERE, |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    });
    let patient = Limits { whole: Duration::from_secs(3600), most: 1000 };
    let out = Outbound { limits: patient, ..private(&[]) };
    run(async {
        for n in 1..=2 {
            let url = slow.url("/");
            let answer = out.call(Call { by_head: true, ..post(&url) }).await.unwrap();
            assert_eq!((answer.status, &*answer.body, answer.cut.is_some()), (StatusCode::OK, &b"abc"[..], true));
            assert_eq!(slow.connections.load(Ordering::Relaxed), n, "what is behind is no answer to another call");
        }
    });
}

#[test]
fn redirects_end_and_those_that_change_the_method_are_not_followed() {
    let server = Server::saying(sends_to(307, "/again"));
    let fault = run(small(Vec::new()).0.call(post(&server.url("/")))).unwrap_err();
    assert!(fault.cause == Cause::Refused && fault.why.contains("more than 3 redirects"), "{fault}");
    assert_eq!(server.asked().len(), 4);
    let server = Server::saying(sends_to(307, "/again"));
    let answer = run(small(Vec::new()).0.call(Call { redirects: 0, ..post(&server.url("/")) })).unwrap();
    assert_eq!((answer.status.as_u16(), server.asked().len()), (307, 1));
    for status in [301, 302, 303] {
        let server = Server::start(HERE, move |request, stream| {
            let answer = if request.contains(" /start ") { sends_to(status, "/end") } else { ok("end") };
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let answer = run(small(Vec::new()).0.call(post(&server.url("/start")))).unwrap();
        assert_eq!((answer.status.as_u16(), server.asked().len()), (status, 1));
        assert_eq!(run(small(Vec::new()).0.call(get(&server.url("/start")))).unwrap().body, b"end");
    }
    // Another one that names no place is an answer as any other.
    let server = Server::saying("HTTP/1.1 307 Nowhere\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(run(small(Vec::new()).0.call(post(&server.url("/")))).unwrap().status.as_u16(), 307);
}

#[test]
fn a_call_is_bounded_in_time_and_bytes() {
    let short = Limits { whole: Duration::from_millis(300), most: 1000 };
    let out = Outbound { limits: short, ..private(&[]) };
    let silent = Server::start(HERE, |_, _| ());
    let fault = run(out.call(get(&silent.url("/hidden")))).unwrap_err();
    assert!(fault.may_pass() && fault.why == "does not answer within 0.3 s", "{fault}");
    // A head that comes in time says how it went; the rest may be missing.
    let slow = Server::start(HERE, |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    });
    let answer = run(out.call(get(&slow.url("/")))).unwrap();
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"abc"[..]));
    assert!(answer.cut.as_ref().is_some_and(Fault::may_pass) && answer.whole().is_err());
    // Sends until nobody listens any more.
    let (said, sent) = std::sync::mpsc::channel();
    let endless = Server::start(HERE, move |_, stream| {
        // It ends with the connection, so that nobody knows how long it is.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let mut bytes = 0_u64;
        while stream.write_all(&[b'a'; 65_536]).is_ok() {
            bytes += 65_536;
        }
        said.send(bytes).unwrap();
    });
    let answer = run(private(&[]).call(get(&endless.url("/")))).unwrap();
    assert_eq!((answer.body.len(), answer.status), (1000, StatusCode::OK));
    let fault = answer.whole().unwrap_err();
    assert!(fault.cause == Cause::Refused && fault.why == "answers more than 1000 bytes", "{fault}");
    let bytes = sent.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(bytes < 64 << 20, "{bytes} bytes were taken by the system and the client");
    // What announces too much is not even begun.
    let announced = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nabc");
    let answer = run(private(&[]).call(get(&announced.url("/")))).unwrap();
    assert!(answer.body.is_empty() && answer.cut.is_some_and(|fault| fault.cause == Cause::Refused));
    let whole = Server::saying(ok(&"a".repeat(1000)));
    assert_eq!(run(private(&[]).call(get(&whole.url("/")))).unwrap().whole().unwrap().body.len(), 1000);
}

#[test]
fn faults_name_the_server_and_nothing_that_stands_behind_it() {
    let nobody = TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap();
    let rude = Server::saying("no HTTP at all\r\n\r\n");
    for address in [nobody, rude.address] {
        let url = Url::parse(&format!("http://{address}/hidden/path?hidden=1#hidden")).unwrap();
        let fault = run(private(&[]).call(post(&url))).unwrap_err();
        assert!(fault.may_pass() && fault.at == format!("http://{address}"), "{fault:?}");
        assert!(!format!("{fault:?} {fault} {:?}", post(&url)).contains("hidden"), "{fault:?}");
    }
    let url = Url::parse(&format!("https://{}/hidden", rude.address)).unwrap();
    let fault = run(private(&[]).call(post(&url))).unwrap_err();
    assert!(fault.may_pass() && !format!("{fault:?}").contains("hidden"), "{fault:?}");
}

#[test]
fn how_long_to_wait_is_read_in_seconds_and_as_a_moment() {
    let (now, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT");
    assert_eq!(wait("30", ""), Some(Duration::from_secs(30)));
    assert_eq!(wait(" 0 ", ""), Some(Duration::ZERO));
    assert_eq!(wait(later, now), Some(Duration::from_secs(30)));
    assert_eq!(wait(now, later), Some(Duration::ZERO));
    assert_eq!(wait(&"9".repeat(40), ""), Some(Duration::from_secs(u64::MAX)));
    for bad in ["", "-1", "1.5", "soon", later] {
        assert_eq!(wait(bad, ""), None, "{bad:?}");
    }
    let server = Server::saying("HTTP/1.1 429 Wait\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(run(private(&[]).call(get(&server.url("/")))).unwrap().retry_after, Some(Duration::from_secs(7)));
}
