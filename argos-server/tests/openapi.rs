//! The served OpenAPI document: it is the committed one, and the routes are those it lists.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use serde_json::Value;
use support::{Folder, Server, api, ask, token};

/// What a path item may hold.
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

fn committed() -> Value {
    serde_json::from_str(include_str!("../../docs/reference/openapi.json")).unwrap()
}

#[test]
fn the_served_document_is_the_committed_one() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let viewer = token(&folder, "viewer");
    let served = api(&server, &viewer, "GET", "/openapi.json", "");
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
    assert!(served.json() == committed(), "the served document differs");
    assert_eq!(ask(server.panel, "GET", "/api/v1/openapi.json", &[], "").status, 401);
}

#[test]
fn every_route_takes_the_methods_it_lists_and_no_other() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let document = committed();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        // Nobody is signed in: a route that exists refuses the caller or, when public, the empty input.
        let target = path.replace(['{', '}'], "");
        for method in METHODS {
            let answer = ask(server.panel, &method.to_uppercase(), &format!("/api/v1{target}"), &[], "");
            let expected = match item.get(method) {
                // Whether there is single sign-on is told to everybody; there is none here.
                Some(_) if path == "/auth/oidc/available" => 200,
                Some(_) if matches!(path.as_str(), "/auth/oidc/login" | "/auth/oidc/callback") => 404,
                Some(op) if op["x-role"] == "public" => 422,
                Some(_) => 401,
                None => 405,
            };
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
            seen += usize::from(item.get(method).is_some());
        }
    }
    assert_eq!(seen, argos_core::api::describe().len());
}

#[test]
fn references_lead_to_components() {
    fn check(value: &Value, document: &Value) {
        if let Some(to) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(to.strip_prefix('#').unwrap()).is_some(), "{to}");
        }
        value.as_object().into_iter().flat_map(|o| o.values()).for_each(|v| check(v, document));
        value.as_array().into_iter().flatten().for_each(|v| check(v, document));
    }
    let document = committed();
    check(&document, &document);
}
