//! How the sign-in page is served. What it does in a browser: `clients/test_login.py`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use serde_json::json;
use support::{Folder, Server, ask};

const FILES: [(&str, &str); 5] = [
    ("/login", "text/html; charset=utf-8"),
    ("/login/login.js", "text/javascript; charset=utf-8"),
    ("/login/login.css", "text/css; charset=utf-8"),
    ("/login/mark.svg", "image/svg+xml"),
    ("/login/tail.svg", "image/svg+xml"),
];

#[test]
fn each_file_has_its_type_and_a_tag_and_is_asked_for_anew() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--create"]);
    for (path, kind) in FILES {
        let whole = ask(server.panel, "GET", path, &[], "");
        assert_eq!((whole.status, whole.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(whole.header("cache-control"), Some("no-cache"), "{path}");
        assert!(whole.header("x-request-id").is_some(), "{path}");
        let tag = whole.header("etag").unwrap();
        assert!(tag.starts_with('"') && tag.len() > 20, "{path}: {tag}");
        let head = ask(server.panel, "HEAD", path, &[], "");
        let length = whole.body.len().to_string();
        assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", Some(tag)), "{path}");
        assert_eq!(head.header("content-length"), Some(length.as_str()), "{path}");
        let again = ask(server.panel, "GET", path, &[("If-None-Match", tag)], "");
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(tag)), "{path}");
        let other = ask(server.panel, "GET", path, &[("If-None-Match", "\"other\"")], "");
        assert_eq!((other.status, other.body == whole.body), (200, true), "{path}");
        let sent = ask(server.panel, "POST", path, &[("Content-Type", "application/json")], "{}");
        assert_eq!(sent.status, 405, "{path}");
    }
    for path in ["/login/", "/login/index.html", "/login/../login", "/login/none.js", "/Login"] {
        assert_eq!(ask(server.panel, "GET", path, &[], "").status, 404, "{path}");
    }
    assert!(server.stop());
}

#[test]
fn the_first_view_is_of_set_up_until_there_is_an_administrator() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--create"]);
    let view_of = |target: &str, cookie: &str| {
        let page = ask(server.panel, "GET", target, &[("Cookie", cookie)], "");
        assert_eq!((page.status, page.header("vary")), (200, Some("Cookie")));
        let (_, rest) = page.body.split_once("<body data-view=\"").unwrap();
        // What stands in the address is the script's business.
        assert!(!page.body.contains("no_account"));
        (rest.split_once('"').unwrap().0.to_owned(), page.header("etag").unwrap().to_owned())
    };
    let view = |cookie: &str| view_of("/login", cookie);
    assert_eq!(view_of("/login?rd=%2Fx", "a=b").0, "setup");
    let (first, first_tag) = view("a=b");
    assert_eq!(first, "setup");
    let line = server.log.iter().find_map(|line| line.trim_end().split_once("setup token: ")).unwrap();
    let fields = json!({ "token": line.1, "username": "mira", "password": "an orange behind the moon" });
    let panel = format!("http://{}", server.panel);
    let host = server.panel.to_string();
    let headers = [("Content-Type", "application/json"), ("Host", host.as_str()), ("Origin", panel.as_str())];
    let made = ask(server.panel, "POST", "/api/v1/auth/setup", &headers, &fields.to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    let (second, second_tag) = view("a=b");
    assert_eq!(second, "signin");
    // A browser that has the first page must not keep it.
    assert_ne!(first_tag, second_tag);
    // Whoever may be signed in sees no form that goes away at once.
    assert_eq!(view("a=b; argos_session=old").0, "wait");
    assert_eq!(view_of("/login?rd=%2Fx", "a=b").0, "wait");
    assert_eq!(view_of("/login?rd=%2Fx&error=no_account", "a=b; argos_session=old").0, "signin");
    assert!(server.stop());
}
