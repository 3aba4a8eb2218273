//! The HTTP API of the real binary: who may ask, what is refused and how, and that a change is live at once.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use serde_json::{Value, json};
use support::{Folder, Server, api, ask, ask_socket, token};

fn new_host(domain: &str, port: u16) -> String {
    let targets = json!([{"host": "127.0.0.1", "port": port}]);
    json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": targets}}).to_string()
}

#[test]
fn a_host_made_by_one_call_takes_traffic_at_once() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = token(&folder, "admin");
    assert_eq!(ask(server.http, "GET", "/healthz", &[("Host", "b.test")], "").status, 404);
    // The panel listener serves as the upstream; it answers for names of IP literals and localhost only.
    let made = api(&server, &admin, "POST", "/hosts", &new_host("localhost", server.panel.port()));
    assert_eq!((made.status, made.header("x-argos-generation")), (201, Some("1")), "{}", made.body);
    assert_eq!(made.header("location"), Some("/api/v1/hosts/1"));
    let served = ask(server.http, "GET", "/healthz", &[("Host", "localhost")], "");
    assert_eq!((served.status, served.body.as_str()), (200, "ok"));
    assert!(served.header("x-request-id").is_some());
    let gone = api(&server, &admin, "DELETE", "/hosts/1", "");
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(ask(server.http, "GET", "/healthz", &[("Host", "localhost")], "").status, 404);
}

/// Where the proxy listens, and where the panel does, under whatever name.
#[test]
fn no_webhook_reaches_argos_itself() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = token(&folder, "admin");
    let trial = |url: String| {
        let channel = json!({"name": url, "type": "webhook", "config": {"url": url}}).to_string();
        let made = api(&server, &admin, "POST", "/notifications/channels", &channel);
        if made.status == 422 {
            // An address is judged at once, a name when it is looked up.
            return made.json()["detail"].as_str().unwrap().to_owned();
        }
        assert_eq!(made.status, 201, "{url}: {}", made.body);
        let id = made.json()["id"].as_i64().unwrap();
        let tried = api(&server, &admin, "POST", &format!("/notifications/channels/{id}/test"), "");
        assert_eq!(tried.status, 200, "{}", tried.body);
        let tried = tried.json();
        assert_eq!(tried["success"], false, "{url}: {tried}");
        tried["error"].as_str().unwrap().to_owned()
    };
    let (http, panel) = (server.http.port(), server.panel.port());
    let before = trial("http://localhost:9/x".into());
    assert!(before.contains("notifications.allow_private_targets"), "{before}");
    let allowed = json!({"value": "true"}).to_string();
    assert_eq!(api(&server, &admin, "PUT", "/settings/notifications.allow_private_targets", &allowed).status, 200);
    for port in [http, panel] {
        for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
            let error = trial(format!("http://{host}:{port}/hidden"));
            assert!(error.contains("where Argos itself listens") && !error.contains("hidden"), "{error}");
        }
    }
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = token(&folder, "admin");
    assert_eq!(api(&server, &admin, "POST", "/hosts", &new_host("a.test", 9)).status, 201);
    let rule = |action: Value, matchers: Value| json!({"action": action, "matchers": matchers}).to_string();
    let block = json!({"type": "block", "config": {}});
    assert_eq!(api(&server, &admin, "POST", "/hosts/1/rules", &rule(block.clone(), json!([]))).status, 201);
    let cases = [
        ("POST", "/hosts", "{".to_owned(), 400, "json.syntax", ""),
        ("POST", "/hosts", "[]".into(), 422, "json.not_an_object", ""),
        ("POST", "/hosts", r#"{"domain":"x.test","domain":"y.test"}"#.into(), 422, "json.duplicate_key", "domain"),
        ("POST", "/hosts", r#"{"domain":"x.test","color":1}"#.into(), 422, "unknown_field", "color"),
        ("POST", "/hosts", r#"{"domain":7}"#.into(), 422, "wrong_value", "domain"),
        ("POST", "/hosts", r#"{"domain":"-x"}"#.into(), 422, "wrong_value", "domain"),
        ("POST", "/hosts", "{}".into(), 422, "missing_field", "domain"),
        ("POST", "/hosts", new_host("a.test", 9), 409, "host.domain_taken", "domain"),
        ("POST", "/hosts", new_host("x.test", 0), 422, "out_of_range", "target_group.targets[0].port"),
        ("PATCH", "/hosts/1", r#"{"id":2}"#.into(), 422, "unknown_field", "id"),
        ("PATCH", "/hosts/1", r#"{"max_body_bytes":-1}"#.into(), 422, "out_of_range", "max_body_bytes"),
        ("PATCH", "/hosts/x", "{}".into(), 422, "wrong_value", "id"),
        ("PATCH", "/hosts/0", "{}".into(), 422, "wrong_value", "id"),
        ("GET", "/hosts?limit=0", String::new(), 422, "out_of_range", "limit"),
        ("GET", "/hosts?limit=x", String::new(), 422, "wrong_value", "limit"),
        ("GET", "/hosts?colour=1", String::new(), 422, "unknown_field", "colour"),
        ("GET", "/hosts?cursor=AAAA", String::new(), 422, "cursor", "cursor"),
        ("GET", "/hosts/99", String::new(), 404, "host.not_found", ""),
        ("GET", "/nothing", String::new(), 404, "route.not_found", ""),
        ("DELETE", "/target-groups/1", String::new(), 409, "target_group.in_use", "id"),
        (
            "POST",
            "/hosts/1/rules",
            rule(block.clone(), json!([{"type": "path_regex", "config": {"pattern": "("}}])),
            422,
            "rule.does_not_compile",
            "matchers[0].config.pattern",
        ),
        (
            "POST",
            "/hosts/1/rules",
            rule(block.clone(), json!([{"type": "country", "config": {"codes": ["DE"]}}])),
            422,
            "rule.does_not_compile",
            "matchers[0].config",
        ),
        (
            "POST",
            "/hosts/1/rules",
            rule(json!({"type": "redirect", "config": {"status_code": "x", "target": "/"}}), json!([])),
            422,
            "wrong_value",
            "action.config.status_code",
        ),
        ("POST", "/hosts/1/rules/reorder", r#"{"rule_ids":[1,1]}"#.into(), 422, "rule.order", "rule_ids[1]"),
        ("POST", "/hosts/1/rules/reorder", r#"{"rule_ids":[]}"#.into(), 422, "rule.order", "rule_ids"),
        ("PUT", "/settings/proxy.max_retries", r#"{"value":"6"}"#.into(), 422, "setting.value", "proxy.max_retries"),
        ("PUT", "/settings/no.such", r#"{"value":"6"}"#.into(), 404, "setting.not_found", ""),
        ("PATCH", "/hosts/1/security", r#"{"waf_mode":"maybe"}"#.into(), 422, "wrong_value", "waf_mode"),
    ];
    let before = api(&server, &admin, "GET", "/system/health", "").json();
    for (method, path, body, status, code, field) in cases {
        let answer = api(&server, &admin, method, path, &body);
        let problem = answer.json();
        assert_eq!(
            (answer.status, problem["code"].as_str().unwrap()),
            (status, code),
            "{method} {path} {body}: {problem}"
        );
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert_eq!(named, field, "{method} {path} {body}: {problem}");
    }
    assert_eq!(
        api(&server, &admin, "GET", "/system/health", "").json()["stored_generation"],
        before["stored_generation"]
    );
}

/// A form with these parts: name, file name, content.
fn form(parts: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for (name, file, content) in parts {
        let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
        let kind = if file.is_empty() { "" } else { "Content-Type: application/x-pem-file\r\n" };
        let head = format!("Content-Disposition: form-data; name=\"{name}\"{file}\r\n{kind}");
        text.push_str(&format!("--edge\r\n{head}\r\n{content}\r\n"));
    }
    text + "--edge--\r\n"
}

#[test]
fn a_certificate_comes_as_a_form_of_files_too() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = token(&folder, "admin");
    assert_eq!(api(&server, &admin, "POST", "/hosts", &new_host("shop.test", 9)).status, 201);
    let pair = rcgen::generate_simple_self_signed(["shop.test".to_owned()]).unwrap();
    let (cert, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let bearer = format!("Bearer {admin}");
    let send = |kind: &str, body: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        ask(server.panel, "POST", "/api/v1/hosts/1/certificate", &headers, body)
    };
    let kind = "multipart/form-data; boundary=edge";
    let large = "x".repeat((64 << 10) + 1);
    let all = "x".repeat(1 << 20);
    let whole = form(&[("cert_pem", "", &cert), ("key_pem", "", &key)]);
    for (kind, body, code, field) in [
        (kind, form(&[("cert_pem", "", &cert)]), "missing_field", "key_pem"),
        (kind, form(&[("cert", "", &cert), ("key_pem", "", &key)]), "unknown_field", "cert"),
        (kind, form(&[("id", "", "1"), ("cert_pem", "", &cert)]), "unknown_field", "id"),
        (kind, form(&[("key_pem", "", &key), ("key_pem", "a.pem", &key)]), "duplicate_field", "key_pem"),
        (kind, form(&[("cert_pem", "c.pem", &large), ("key_pem", "", &key)]), "certificate.too_large", "cert_pem"),
        (kind, form(&[("cert_pem", "", &cert), ("key_pem", "", "no key")]), "certificate.key", "key_pem"),
        (kind, form(&[("cert_pem", "", &all)]), "body.too_large", ""),
        (kind, whole.replace("--edge--", ""), "body.form", "key_pem"),
        (kind, whole.replace("form-data; name=\"key_pem\"", "form-data"), "body.form", ""),
        ("multipart/form-data", whole.clone(), "body.form", ""),
        ("text/plain", whole.clone(), "body.media_type", ""),
    ] {
        let refused = send(kind, &body);
        let problem = refused.json();
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        let status = match code {
            "body.form" => 400,
            "body.too_large" => 413,
            "body.media_type" => 415,
            _ => 422,
        };
        assert_eq!((refused.status, problem["code"].as_str().unwrap(), named), (status, code, field), "{problem}");
        assert!(!refused.body.contains("PRIVATE KEY"), "{problem}");
    }
    // Other routes take none.
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
    let refused = ask(server.panel, "POST", "/api/v1/hosts", &headers, &form(&[("domain", "", "b.test")]));
    assert_eq!(refused.json()["code"], "body.media_type");

    let stored = send(kind, &form(&[("cert_pem", "fullchain.pem", &cert), ("key_pem", "key.pem", &key)]));
    assert_eq!((stored.status, &stored.json()["names"]), (200, &json!(["shop.test"])), "{}", stored.body);
    let host = api(&server, &admin, "GET", "/hosts/1", "").json();
    assert_eq!((&host["tls_mode"], &host["certificate"]["kind"]), (&json!("manual"), &json!("manual")));
}

#[test]
fn what_is_proposed_can_be_posted_as_it_is() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--crs", "baseline"]);
    let admin = token(&folder, "admin");
    for domain in ["a.test", "b.test"] {
        assert_eq!(api(&server, &admin, "POST", "/hosts", &new_host(domain, 9)).status, 201);
    }
    let asked = json!({"host_id": 2, "curl": "curl -A x 'http://b.test/find?q=1%27%20OR%20%271%27=%271'"}).to_string();
    let proposal = api(&server, &admin, "POST", "/waf/propose", &asked).json();
    let exclusions = proposal["exclusions"].as_array().unwrap();
    assert!(!exclusions.is_empty(), "{proposal}");
    for exclusion in exclusions {
        let elsewhere = api(&server, &admin, "POST", "/hosts/1/waf-exclusions", &exclusion.to_string());
        assert_eq!((elsewhere.status, &elsewhere.json()["code"]), (422, &json!("unknown_field")), "{exclusion}");
        let made = api(&server, &admin, "POST", "/hosts/2/waf-exclusions", &exclusion.to_string());
        assert_eq!((made.status, &made.json()["warnings"]), (201, &json!([])), "{}", made.body);
    }
    let again = api(&server, &admin, "POST", "/waf/propose", &asked).json();
    assert_eq!((&again["passes"], &again["exclusions"]), (&json!(true), &json!([])), "{again}");
}

#[test]
fn media_size_and_method_are_refused_by_status() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = format!("Bearer {}", token(&folder, "admin"));
    let auth = ("Authorization", admin.as_str());
    let text = ask(server.panel, "POST", "/api/v1/hosts", &[auth, ("Content-Type", "text/plain")], "{}");
    assert_eq!(text.status, 415);
    let json = ("Content-Type", "application/json");
    let long = format!(r#"{{"domain":"{}"}}"#, "a".repeat(1 << 20));
    assert_eq!(ask(server.panel, "POST", "/api/v1/hosts", &[auth, json], &long).status, 413);
    let method = ask(server.panel, "PUT", "/api/v1/hosts", &[auth], "");
    assert_eq!(method.status, 405);
    assert!(method.header("allow").unwrap().contains("POST"));
    let rebound = ask(server.panel, "GET", "/api/v1/hosts", &[auth, ("Host", "evil.example")], "");
    assert_eq!(rebound.status, 421);
}

#[test]
fn a_token_may_what_its_role_says_and_nothing_when_revoked() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (viewer, operator, admin) = (token(&folder, "viewer"), token(&folder, "operator"), token(&folder, "admin"));
    assert_eq!(ask(server.panel, "GET", "/api/v1/hosts", &[], "").status, 401);
    assert_eq!(api(&server, "argos_pat_wrong", "GET", "/hosts", "").status, 401);
    assert_eq!(api(&server, &viewer, "GET", "/hosts", "").status, 200);
    assert_eq!(api(&server, &viewer, "POST", "/hosts", &new_host("a.test", 9)).status, 403);
    assert_eq!(api(&server, &operator, "POST", "/hosts", &new_host("a.test", 9)).status, 201);
    assert_eq!(api(&server, &operator, "GET", "/tokens", "").status, 403);
    let tokens = api(&server, &admin, "GET", "/tokens", "");
    assert!(!tokens.body.contains("argos_pat_") && !tokens.body.contains("token_hash"), "{}", tokens.body);
    assert_eq!(api(&server, &admin, "DELETE", "/tokens/1", "").status, 204);
    assert_eq!(api(&server, &viewer, "GET", "/hosts", "").status, 401);
}

#[test]
fn the_setup_token_makes_one_administrator() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let line = server.log.iter().find(|l| l.contains("setup token: ")).unwrap();
    let printed = line.rsplit(' ').next().unwrap().trim().to_owned();
    let admin = |token: &str, password: &str| {
        let body = json!({"token": token, "username": "root", "password": password}).to_string();
        ask(server.panel, "POST", "/api/v1/auth/setup", &[("Content-Type", "application/json")], &body)
    };
    assert_eq!(admin("wrong", "pattern of a password").status, 401);
    assert_eq!(admin(&printed, "short").json()["errors"][0]["field"], "password");
    let made = admin(&printed, "pattern of a password");
    assert_eq!((made.status, &made.json()["role"]), (201, &json!("admin")), "{}", made.body);
    assert_eq!(admin(&printed, "pattern of a password").status, 404);
    assert!(server.stop());
    let again = Server::start(&folder, &[]);
    assert!(!again.log.iter().any(|l| l.contains("setup token: ")));
}

#[test]
fn the_socket_is_the_command_line_of_this_machine() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(ask_socket(&folder, "POST", "/api/v1/hosts", &new_host("a.test", 9)).status, 201);
    let listed = folder.json(&["host", "list"]);
    assert_eq!(listed["items"][0]["domain"], "a.test");
    let audit = folder.json(&["logs", "search", "--source", "audit"]);
    let raw: Value = serde_json::from_str(audit["items"][0]["raw"].as_str().unwrap()).unwrap();
    assert_eq!((&raw["actor"], &audit["items"][0]["remote_ip"]), (&json!("cli"), &json!("cli")));
    assert!(server.stop());
    assert!(!folder.data().join("argos.sock").exists());
    // Without a process the same command opens the folder itself.
    assert_eq!(folder.json(&["host", "list"])["items"][0]["domain"], "a.test");
}

#[test]
fn browsers_are_told_what_answers_may_do() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let policy = |path: &str| {
        let answer = ask(server.panel, "GET", path, &[], "");
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")]
        {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let denied = answer.header("permissions-policy").unwrap();
        assert_eq!(denied.matches("=()").count(), 8, "{denied}");
        // Without TLS a browser would have to forget it anyway. Source: RFC 6797 §7.2.
        assert_eq!(answer.header("strict-transport-security"), None);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'; base-uri 'none'; form-action 'self'"), "{policy}");
        (policy.contains("'unsafe-inline'"), answer.header("cross-origin-resource-policy").is_some())
    };
    for path in ["/login", "/api/v1/hosts", "/healthz", "/nothing/here"] {
        assert_eq!(policy(path), (false, true), "{path}");
    }
    let body = "{\"value\":\"false\"}";
    let set = ask_socket(&folder, "PUT", "/api/v1/settings/panel.security_headers_strict", body);
    assert_eq!(set.status, 200, "{}", set.body);
    for path in ["/login", "/api/v1/hosts"] {
        assert_eq!(policy(path), (true, false), "{path}");
    }
}

#[test]
fn a_token_in_an_address_signs_nobody_in() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let token = token(&folder, "admin");
    for name in ["access_token", "token", "bearer", "argos_session"] {
        let answer = ask(server.panel, "GET", &format!("/api/v1/hosts?{name}={token}"), &[], "");
        assert_eq!((answer.status, &answer.json()["code"]), (401, &json!("unauthorized")), "{name}");
        assert!(!answer.body.contains(&token), "{name}");
    }
    // Nor does it do any harm beside a right one: it is refused by its name, and not repeated.
    let answer = api(&server, &token, "GET", &format!("/hosts?access_token={token}"), "");
    assert_eq!(answer.json()["code"], "unknown_field");
    assert!(!answer.body.contains(&token), "{}", answer.body);
    assert!(server.log.iter().all(|line| !line.contains(&token)));
}
