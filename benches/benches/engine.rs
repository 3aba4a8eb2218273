//! What the built-in rules and the core rule set cost for one request, and what compiling them costs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use argos_core::waf::inspect::{Inspector, InspectorOptions, RequestLine};
use criterion::{Criterion, criterion_group, criterion_main};

fn baseline() -> InspectorOptions {
    InspectorOptions { baseline: true, ..InspectorOptions::default() }
}

fn get(uri: &str) -> RequestLine {
    let header = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    RequestLine {
        id: None,
        method: "GET".into(),
        uri: uri.into(),
        version: "HTTP/1.1".into(),
        headers: vec![
            header("Host", "shop.example"),
            header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            header("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            header("Accept-Language", "en-GB,en;q=0.5"),
            header("Cookie", "session=3f2c9a; theme=dark"),
        ],
        body: Vec::new(),
        remote_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        response: None,
    }
}

/// A request with a body of the given type.
fn post(kind: &str, body: &str) -> RequestLine {
    let mut line = get("/orders?lang=en");
    line.method = "POST".into();
    line.headers.push(("Content-Type".into(), kind.into()));
    line.headers.push(("Content-Length".into(), body.len().to_string()));
    line.body = body.as_bytes().to_vec();
    line
}

fn form() -> RequestLine {
    let fields = (0..20).map(|n| format!("field_{n}=the+value+of+field+{n}%2C+with+some+words"));
    post("application/x-www-form-urlencoded", &fields.collect::<Vec<_>>().join("&"))
}

fn json() -> RequestLine {
    let item =
        |n| format!("{{\"id\":{n},\"name\":\"blue shoes, size {n}\",\"tags\":[\"new\",\"sale\"],\"price\":19.90}}");
    post("application/json", &format!("{{\"items\":[{}]}}", (0..20).map(item).collect::<Vec<_>>().join(",")))
}

/// The core rule set as users load it; none without `SHARED_DIR`.
fn core_rule_set() -> Option<InspectorOptions> {
    let Ok(shared) = std::env::var("SHARED_DIR") else {
        eprintln!("core rule set: not run: SHARED_DIR missing");
        return None;
    };
    Some(InspectorOptions { crs: Some(Path::new(&shared).join("crs")), ..InspectorOptions::default() })
}

fn engine(c: &mut Criterion) {
    let requests = [
        ("a plain GET", get("/products/list?page=2&sort=price&q=blue+shoes")),
        ("an SQL injection", get("/?q=1%27%20OR%20%271%27=%271")),
        ("a form of 1 KB", form()),
        ("JSON of 1.5 KB", json()),
    ];
    for (rules, options) in [("the built-in rules", Some(baseline())), ("the core rule set", core_rule_set())] {
        let Some(options) = options else { continue };
        let mut group = c.benchmark_group(rules);
        group.bench_function("compile", |b| b.iter(|| Inspector::compile(options.clone()).unwrap()));
        let inspector = Inspector::compile(options).unwrap();
        for (name, line) in &requests {
            assert_eq!(inspector.inspect(line).interrupted, *name == "an SQL injection", "{rules}: {name}");
            group.bench_function(format!("inspect {name}"), |b| b.iter(|| inspector.inspect(black_box(line))));
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = engine }
criterion_main!(benches);
