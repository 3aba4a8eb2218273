//! What the built-in rules cost for one request, and what compiling them costs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

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

fn engine(c: &mut Criterion) {
    c.bench_function("compile the built-in rules", |b| b.iter(|| Inspector::compile(baseline()).unwrap()));
    let inspector = Inspector::compile(baseline()).unwrap();
    for (name, uri) in [
        ("inspect a plain GET", "/products/list?page=2&sort=price&q=blue+shoes"),
        ("inspect an SQL injection", "/?q=1%27%20OR%20%271%27=%271"),
    ] {
        let line = get(uri);
        c.bench_function(name, |b| b.iter(|| inspector.inspect(black_box(&line))));
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
