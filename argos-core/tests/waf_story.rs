//! How an administrator tunes the WAF for real applications: detect, look at what would be stopped, accept what is
//! proposed, block. The applications go on to work, and attacks on the same paths are stopped as before.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use argos_core::{Argos, Options, ServeOptions, Serving};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Answer, Client, Folder, Upstream};

/// Bytes of the large upload; they are made on the way.
const UPLOAD: usize = 1 << 30;

/// Paths of the applications that attacks are sent to, too.
const ATTACKED: [&str; 3] = ["/wp-admin/post.php", "/graphql", "/api/articles"];

/// A serving Argos with the tuned host `app.test` and the host `plain.test`, which nobody tunes.
struct World {
    argos: Argos,
    serving: Serving,
    address: SocketAddr,
    _upstream: Upstream,
    _folder: Folder,
}

impl World {
    fn new(crs: PathBuf) -> Self {
        let folder = Folder::new();
        let argos = Argos::open(Options { crs: Some(crs), ..Options::new(folder.path()) }).unwrap();
        let upstream = applications();
        let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..Default::default() };
        let serving = argos.start(&options).unwrap();
        let address = serving.addresses()[0];
        let world = Self { argos, serving, address, _upstream: upstream, _folder: folder };
        for domain in ["app.test", "plain.test"] {
            let target = json!({"host": "127.0.0.1", "port": world._upstream.address.port()});
            let group = json!({"targets": [target]});
            world.call(
                "hosts.create",
                json!({"domain": domain, "tls_mode": "none", "max_body_bytes": 0, "target_group": group}),
            );
        }
        world.call("security.update", json!({"host_id": 2, "waf_mode": "block"}));
        world
    }

    fn call(&self, name: &str, input: Value) -> Value {
        let input = input.as_object().unwrap().clone();
        self.argos.call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client { reader: BufReader::new(socket.try_clone().unwrap()), socket }
    }

    fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.answer()
    }

    /// Uploads a file whose content is made on the way.
    fn upload(&self) -> Answer {
        let mut client = self.connect();
        client.send(request(
            "PUT /remote.php/dav/files/ann/film.bin",
            &format!("Content-Type: application/octet-stream\r\nContent-Length: {UPLOAD}\r\n"),
        ));
        let piece: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
        for _ in 0..UPLOAD / piece.len() {
            client.socket.write_all(&piece).unwrap();
        }
        client.answer()
    }

    /// A session of socket.io: polling first, then a WebSocket that carries messages.
    fn session(&self) -> Vec<Answer> {
        let kind = "Content-Type: text/plain;charset=UTF-8\r\n";
        let message = r#"42["chat","<b>hello</b> & <img src=x onerror=alert(1)>"]"#;
        let polls = [
            request("GET /socket.io/?EIO=4&transport=polling&t=Oabc", ""),
            with_body("POST /socket.io/?EIO=4&transport=polling&t=Oabd&sid=s1", kind, "40"),
            with_body("POST /socket.io/?EIO=4&transport=polling&t=Oabe&sid=s1", kind, message),
        ];
        let mut answers: Vec<Answer> = polls.iter().map(|poll| self.ask(poll)).collect();
        let mut client = self.connect();
        client.send(request(
            "GET /socket.io/?EIO=4&transport=websocket&sid=s1",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ));
        let answer = client.answer();
        if answer.status == 101 {
            client.send(message);
            let mut back = vec![0; message.len()];
            client.reader.read_exact(&mut back).unwrap();
            assert_eq!(back, message.as_bytes());
        }
        answers.push(answer);
        answers
    }

    /// A day of all applications; each answer.
    fn day(&self) -> Vec<Answer> {
        let form = "Content-Type: application/x-www-form-urlencoded\r\nCookie: wordpress_logged_in_1=ann\r\n";
        let kind = "Content-Type: application/json\r\n";
        let post = "action=editpost&post_ID=7&post_title=On+SELECT+and+UNION&content=%3Cp%3ESee+%3Ca+href%3D%22https%3A%2F%2Fblog.test%22%3Ehere%3C%2Fa%3E%3C%2Fp%3E%3Cscript%3Edocument.write%28%22hi%22%29%3C%2Fscript%3E%3Ciframe+src%3D%22https%3A%2F%2Fvideo.test%2F1%22%3E%3C%2Fiframe%3E";
        let graphql = json!({"operationName": "Articles", "variables": {"first": 10, "where": "title <> '' OR 1=1"},
            "query": "query Articles($first: Int!) { articles(first: $first) { id title author { name } } }"});
        let article = json!({"title": "How to", "tags": ["html"], "html":
            "<div onclick=\"show()\"><script>var a = document.cookie;</script><p>it's; cat /etc/passwd</p></div>"});
        let mut answers = vec![
            self.ask(with_body("POST /wp-admin/post.php", form, post)),
            self.ask(with_body("POST /graphql", kind, &graphql.to_string())),
            self.ask(with_body("POST /api/articles", kind, &article.to_string())),
            self.upload(),
        ];
        answers.extend(self.session());
        answers
    }

    /// Waits for the rows of these requests, which are written when they have ended.
    fn settle(&self, answers: &[Answer]) {
        for answer in answers {
            // The answer to an upgrade has none.
            let Some(id) = answer.header("x-request-id") else { continue };
            let row = json!({"source": "access", "request_id": id, "limit": 1});
            while self.call("logs.search", row.clone())["items"] == json!([]) {
                std::thread::yield_now();
            }
        }
    }
}

/// A request as browsers send it to the tuned host.
fn request(line: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: app.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n{more}\r\n"
    )
}

fn with_body(line: &str, more: &str, body: &str) -> String {
    request(line, &format!("{more}Content-Length: {}\r\n", body.len())) + body
}

/// All applications in one: they read what they are sent, say yes, and speak WebSocket.
fn applications() -> Upstream {
    Upstream::run(|served| {
        while let Some(head) = served.head() {
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            if head.contains("upgrade: websocket") {
                served.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = served.reader.read(&mut buffer) {
                    served.say(&buffer[..n]);
                }
                return;
            }
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut left: u64 = length.map_or(0, |length| length.trim().parse().unwrap());
            let mut buffer = vec![0; 256 << 10];
            while left > 0 {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                let Ok(got @ 1..) = served.reader.read(&mut buffer[..most]) else { return };
                left -= got as u64;
            }
            served.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        }
    })
}

/// An attack of the corpus, sent to another path of `host`.
fn attack(line: &Value, path: &str, host: &str) -> Option<Vec<u8>> {
    let method = line["method"].as_str()?;
    let uri = line["uri"].as_str()?;
    if !matches!(method, "GET" | "POST") || !matches!(uri.split('?').next()?, "/get" | "/post") {
        return None;
    }
    let query = uri.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
    let body = STANDARD.decode(line["body"].as_str()?).ok()?;
    let mut text = format!("{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\n");
    for field in line["headers"].as_array()? {
        let (name, value) = (field[0].as_str()?, field[1].as_str()?);
        let own = ["host", "content-length", "transfer-encoding", "connection", "expect", "content-encoding"];
        if !own.contains(&name.to_ascii_lowercase().as_str()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    Some([text.as_bytes(), b"Connection: close\r\n\r\n", &body].concat())
}

#[test]
fn applications_are_tuned_from_what_they_send_and_attacks_stay_out() {
    let (Some(crs), Some(corpora)) = (support::shared("crs"), support::shared("tools/waf-bench/corpus")) else {
        return;
    };
    let world = World::new(crs);

    // Detect: all goes through, and what would be stopped is reported.
    let answers = world.day();
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 101), "{answer:?}");
    }
    world.settle(&answers);
    let report = world.call("waf.would_block", json!({"window": "1h"}));
    let paths: BTreeSet<&str> =
        report["rules"].as_array().unwrap().iter().map(|rule| rule["path"].as_str().unwrap()).collect();
    for path in ["/wp-admin/post.php", "/api/articles", "/remote.php/dav/files/ann/film.bin", "/socket.io/"] {
        assert!(paths.contains(path), "{path}: {paths:?}");
    }
    let overview = world.call("waf.overview", json!({}));
    let host = &overview["hosts"][0];
    assert_eq!((&host["domain"], &host["mode"], &host["blocked"]), (&json!("app.test"), &json!("detect"), &json!(0)));
    assert!(host["detected"].as_i64().unwrap() >= 4, "{overview}");

    // Each request that would be stopped is explained from memory, and exclusions for it are proposed and saved.
    let mut saved = 0;
    for answer in &answers {
        let Some(id) = answer.header("x-request-id") else { continue };
        let rows = world.call("logs.search", json!({"source": "waf_audit", "request_id": id, "limit": 1}));
        let Some(row) = rows["items"].get(0) else { continue };
        let explained = world.call("waf.explain", json!({"log_id": row["id"]}));
        // All but the large upload is there in whole.
        let whole = json!(row["method"] != "PUT");
        assert_eq!((&explained["source"], &explained["whole"]), (&json!("memory"), &whole), "{}", row["path"]);
        let proposal = world.call("waf.propose", json!({"log_id": row["id"]}));
        assert_eq!((&proposal["passes"], &proposal["whole"]), (&json!(true), &whole), "{proposal:#}");
        for exclusion in proposal["exclusions"].as_array().unwrap() {
            assert!(exclusion["path_pattern"] == row["path"] && exclusion["target"] != "", "{exclusion}");
            world.call("exclusions.create", exclusion.clone());
            saved += 1;
        }
    }
    assert!(saved >= 4, "{saved}");

    // Block: the same traffic passes.
    world.call("security.update", json!({"host_id": 1, "waf_mode": "block"}));
    for answer in world.day() {
        assert!(matches!(answer.status, 200 | 101), "{answer:?}");
    }

    // What the untuned host stops on these paths, the tuned one stops too.
    let corpus = std::fs::read_to_string(corpora.join("e_attack.jsonl")).unwrap();
    let attacks: Vec<Value> = corpus.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut stopped = 0;
    for path in ATTACKED {
        for line in attacks.iter().step_by(4) {
            let (Some(plain), Some(tuned)) = (attack(line, path, "plain.test"), attack(line, path, "app.test")) else {
                continue;
            };
            if world.ask(plain).status == 403 {
                assert_eq!(world.ask(tuned).status, 403, "{} on {path}", line["name"]);
                stopped += 1;
            }
        }
    }
    assert!(stopped > 200, "{stopped}");
    println!("{saved} exclusions saved, {stopped} attacks stopped on both hosts");
    world.serving.stop(Duration::from_secs(5));
}

#[test]
fn a_request_is_explained_from_memory_without_its_secrets_and_later_from_its_rows() {
    let world = World::new("baseline".into());
    let answer = world.ask(request(
        "GET /?q=1%27%20OR%20%271%27=%271&password=hush-hush",
        "Cookie: session=very-secret\r\nAuthorization: Bearer top-secret\r\n",
    ));
    assert_eq!(answer.status, 200);
    world.settle(std::slice::from_ref(&answer));
    let id = answer.header("x-request-id").unwrap().to_owned();
    let explained = world.call("waf.explain", json!({"request_id": id}));
    assert_eq!((&explained["source"], &explained["verdict"]), (&json!("memory"), &json!("detected")));
    let text = explained.to_string();
    for secret in ["hush-hush", "very-secret", "top-secret"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // What the host leaves out by now is told, too.
    let exclusion = json!({"host_id": 1, "crs_rule_id": 3001, "target": "ARGS:q", "path_pattern": "", "method": "GET"});
    world.call("exclusions.create", exclusion);
    let explained = world.call("waf.explain", json!({"request_id": id}));
    let steps = explained["steps"].as_array().unwrap();
    let left = |step: &&Value| step["rule_id"] == 3001 && step["variable"] == "ARGS:q";
    assert_eq!(steps.iter().find(left).unwrap()["excluded_by"], "exclusion");
    // Another process has its rows only.
    let rows = world.call("logs.search", json!({"source": "waf_audit", "request_id": id}));
    let World { argos, serving, _folder, .. } = world;
    serving.stop(Duration::from_secs(5));
    drop(argos);
    let argos = Argos::open(Options { crs: Some("baseline".into()), ..Options::new(_folder.path()) }).unwrap();
    for input in [json!({"request_id": id}), json!({"log_id": rows["items"][0]["id"]})] {
        let explained = argos.call("waf.explain", input.as_object().unwrap().clone()).unwrap().value;
        assert_eq!((&explained["source"], &explained["verdict"]), (&json!("row"), &json!("detected")));
        let matched = explained["result"]["matched"].as_array().unwrap();
        assert!(matched.iter().any(|rule| rule["id"] == 3001) && explained["steps"] == json!([]), "{explained}");
    }
    let refused = argos.call("waf.propose", json!({"request_id": id}).as_object().unwrap().clone()).unwrap_err();
    assert_eq!(refused.code(), "waf.request_not_kept");
}
