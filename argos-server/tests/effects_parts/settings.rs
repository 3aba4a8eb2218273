//! Every setting that can be written, with what shows that it is read.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::Proof::{self, Effect, ShownBy};
use super::world::{
    BASELINE, PATIENCE, World, dead, echo, first_line, full, is_closed, merged, ok, resolver, saying, silent, target,
    upstream, upstream_with,
};
use crate::support::{Folder, Server, ask, ask_socket, token};

/// An attack that the built-in rules give five points.
pub const ATTACK: &str = "/?q=%3Cscript%3Ealert(1)%3C/script%3E";

/// Shown with a real authority.
fn ordered(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/acme.rs", test)
}

pub fn all() -> Vec<(&'static str, Proof)> {
    vec![
        ("acme.dns_resolvers", Effect(dns_resolvers)),
        ("acme.ca_bundle", ordered("an_authority_that_changes_signs_anew")),
        ("acme.directory_url", ordered("an_authority_that_changes_signs_anew")),
        ("acme.eab_hmac_key", ordered("an_account_is_bound_to_an_external_one")),
        ("acme.eab_kid", ordered("an_account_is_bound_to_an_external_one")),
        ("acme.email", ordered("an_account_serves_all_hosts_and_the_next_process")),
        ("appsec.audit_min_severity", Effect(audit_min_severity)),
        (
            "appsec.fail_open",
            ShownBy(
                "argos-core/src/proxy/stage/inspect/tests.rs",
                "an_engine_that_panics_refuses_or_passes_by_setting",
            ),
        ),
        ("appsec.inbound_threshold", Effect(inbound_threshold)),
        ("appsec.outbound_threshold", Effect(outbound_threshold)),
        ("appsec.request_body_limit", Effect(request_body_limit)),
        ("appsec.request_body_limit_action", Effect(request_body_limit_action)),
        ("appsec.response_body_limit", Effect(response_body_limit)),
        ("auth.argon2_iterations", Effect(|_| hashed("auth.argon2_iterations", "3", "m=19456,t=3,p=1"))),
        ("auth.argon2_memory_kib", Effect(|_| hashed("auth.argon2_memory_kib", "19457", "m=19457,t=2,p=1"))),
        ("auth.argon2_parallelism", Effect(|_| hashed("auth.argon2_parallelism", "2", "m=19456,t=2,p=2"))),
        ("auth.password_min_length", Effect(password_min_length)),
        ("config.history_max", Effect(history_max)),
        ("crs.path", Effect(crs_path)),
        ("logs.mask_params", Effect(mask_params)),
        ("notifications.allow_private_targets", Effect(allow_private_targets)),
        (
            "notifications.max_entries",
            ShownBy("argos-core/tests/notifier.rs", "old_rows_go_and_those_beyond_the_most_but_none_that_waits"),
        ),
        (
            "notifications.retention_days",
            ShownBy("argos-core/tests/notifier.rs", "old_rows_go_and_those_beyond_the_most_but_none_that_waits"),
        ),
        (
            "notifications.vapid_contact_email",
            ShownBy(
                "argos-core/tests/push_subscriptions.rs",
                "the_pair_of_keys_is_made_once_and_its_contact_is_read_each_time",
            ),
        ),
        ("panel.allowed_hosts", Effect(allowed_hosts)),
        ("panel.oidc_admin_groups", ShownBy("argos-core/tests/oidc.rs", "groups_give_roles_and_take_them_away")),
        ("panel.oidc_allowed_groups", ShownBy("argos-core/tests/oidc.rs", "the_gate_asks_in_order")),
        ("panel.oidc_groups_claim", ShownBy("argos-core/tests/oidc.rs", "the_gate_asks_in_order")),
        ("panel.oidc_operator_groups", ShownBy("argos-core/tests/oidc.rs", "groups_give_roles_and_take_them_away")),
        ("panel.oidc_viewer_groups", ShownBy("argos-core/tests/oidc.rs", "groups_give_roles_and_take_them_away")),
        ("panel.proxy_host", ShownBy("argos-core/tests/gate.rs", "the_panel_is_reached_by_its_name_at_the_proxy")),
        ("panel.public_url", ShownBy("argos-server/src/http/guard.rs", "changes_come_from_pages_of_the_panel_only")),
        (
            "panel.security_headers_strict",
            ShownBy("argos-server/tests/api.rs", "browsers_are_told_what_answers_may_do"),
        ),
        ("proxy.body_idle_timeout_ms", Effect(body_idle_timeout)),
        ("proxy.connect_timeout_ms", Effect(connect_timeout)),
        ("proxy.disabled_host_status", Effect(disabled_host_status)),
        ("proxy.header_timeout_ms", Effect(header_timeout)),
        ("proxy.keepalive_timeout_ms", Effect(keepalive_timeout)),
        ("proxy.max_body_bytes", Effect(max_body_bytes)),
        ("proxy.max_connections", Effect(max_connections)),
        ("proxy.max_header_bytes", Effect(|w| refused_over(w, "proxy.max_header_bytes", "1024", 431))),
        ("proxy.h2_max_streams", ShownBy("argos-core/tests/http2.rs", "the_most_streams_are_those_of_the_setting")),
        (
            "proxy.max_connections_per_ip",
            ShownBy("argos-core/tests/listeners.rs", "an_address_has_its_most_connections"),
        ),
        ("proxy.min_body_rate_bytes", ShownBy("argos-core/src/proxy/pace.rs", "the_rate_is_that_of_ten_seconds")),
        ("proxy.max_headers", Effect(|w| refused_over(w, "proxy.max_headers", "2", 431))),
        ("proxy.max_retries", Effect(max_retries)),
        ("proxy.max_uri_bytes", Effect(max_uri_bytes)),
        ("proxy.response_timeout_ms", Effect(response_timeout)),
        ("proxy.retry_budget_percent", ShownBy("argos-core/tests/upstreams.rs", "further_tries_end_with_the_budget")),
        ("proxy.send_forwarded", Effect(send_forwarded)),
        ("proxy.trusted_proxies", Effect(trusted_proxies)),
        ("proxy.tunnel_idle_timeout_ms", Effect(tunnel_idle_timeout)),
        ("proxy.upstream_idle_timeout_ms", Effect(upstream_idle_timeout)),
        (
            "session.absolute_timeout_hours",
            ShownBy(
                "argos-core/tests/sign_in.rs",
                "sessions_end_by_age_and_by_idleness_and_a_shorter_setting_shortens_them",
            ),
        ),
        (
            "session.idle_timeout_hours",
            ShownBy(
                "argos-core/tests/sign_in.rs",
                "sessions_end_by_age_and_by_idleness_and_a_shorter_setting_shortens_them",
            ),
        ),
        (
            "storage.mutation_synchronous",
            ShownBy("argos-core/src/argos/change.rs", "full_waits_for_the_disk_at_each_change"),
        ),
        ("tls.min_version", ShownBy("argos-core/tests/tls.rs", "only_versions_that_the_host_allows_are_spoken")),
    ]
}

fn dns_resolvers(w: &World) {
    let input = json!({"name": w.name(), "kind": "exec", "config": {"command": "/bin/true"}});
    let provider = w.call("dns_providers.create", input);
    let (resolver, asked) = resolver();
    w.set("acme.dns_resolvers", &resolver.to_string());
    w.call("dns_providers.test", json!({"id": provider["id"], "domain": "a.test", "seconds": 0}));
    assert!(asked.try_iter().any(|question| question.windows(11).any(|part| part == b"_argos-test")));
}

fn allow_private_targets(w: &World) {
    let config = json!({"url": format!("http://{}/", saying("taken"))});
    let channel = json!({"name": w.name(), "type": "webhook", "config": config});
    let (status, told) = w.ask("channels.create", channel.clone());
    assert_eq!((status, &told["code"]), (422, &json!("channel.config")));
    w.set("notifications.allow_private_targets", "true");
    let made = w.call("channels.create", channel);
    let tried = w.call("channels.test", json!({"id": made["id"]}));
    assert_eq!(tried["success"], true, "{tried}");
    w.call("channels.delete", json!({"id": made["id"]}));
}

fn audit_min_severity(w: &World) {
    let (quiet, loud) = (w.guarded(echo()), w.guarded(echo()));
    assert_eq!(w.get(&loud, ATTACK).status, 403);
    w.set("appsec.audit_min_severity", "EMERGENCY");
    assert_eq!(w.get(&quiet, ATTACK).status, 403);
    w.expect_rows(&quiet.domain, "source = 'waf_audit'", 0);
    let domain = loud.domain;
    w.later(move |db| {
        let sql = "SELECT count(*) > 0 FROM log_entries WHERE host_domain = ?1 AND source = 'waf_audit'";
        assert!(db.query_row(sql, [&domain], |r| r.get::<_, bool>(0)).unwrap());
    });
}

fn inbound_threshold(w: &World) {
    let site = w.guarded(echo());
    assert_eq!(w.get(&site, ATTACK).status, 403);
    w.set("appsec.inbound_threshold", "1000");
    assert_eq!(w.get(&site, ATTACK).status, 200);
}

/// An upstream whose answers hold an error of a database after `before` bytes.
pub fn leaking(before: usize) -> SocketAddr {
    let body = "x".repeat(before) + " You have an error in your SQL syntax; check the manual";
    upstream(move |_| Some(ok("text/html", &body)))
}

fn outbound_threshold(w: &World) {
    let site = w.guarded(leaking(0));
    assert_eq!(w.get(&site, "/").status, 403);
    w.set("appsec.outbound_threshold", "1000");
    assert_eq!(w.get(&site, "/").status, 200);
}

const FORM: &[(&str, &str)] = &[("Content-Type", "application/x-www-form-urlencoded")];

/// A form with an attack behind so many bytes.
fn form(before: usize) -> String {
    format!("a={}&q=%3Cscript%3Ealert(1)%3C/script%3E", "x".repeat(before))
}

fn request_body_limit(w: &World) {
    let site = w.guarded(echo());
    let post = || w.request(&site, "POST", "/", FORM, &form(2000)).status;
    assert_eq!(post(), 403);
    w.set("appsec.request_body_limit", "1024");
    assert_eq!(post(), 200);
}

fn request_body_limit_action(w: &World) {
    let site = w.guarded(echo());
    w.set("appsec.request_body_limit", "1024");
    let post = || w.request(&site, "POST", "/", FORM, &form(2000)).status;
    assert_eq!(post(), 200);
    w.set("appsec.request_body_limit_action", "reject");
    assert_eq!(post(), 413);
}

fn response_body_limit(w: &World) {
    let site = w.guarded(leaking(2000));
    assert_eq!(w.get(&site, "/").status, 403);
    w.set("appsec.response_body_limit", "1024");
    assert_eq!(w.get(&site, "/").status, 200);
}

/// A server of its own with one setting, and the answer to making the first administrator there.
fn first_admin(key: &str, value: &str, password: &str) -> (Folder, u16) {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let body = json!({"value": value}).to_string();
    assert_eq!(ask_socket(&folder, "PUT", &format!("/api/v1/settings/{key}"), &body).status, 200);
    let line = server.log.iter().find_map(|line| line.split_once("setup token: ")).unwrap();
    let admin = json!({"token": line.1.trim(), "username": "person", "password": password}).to_string();
    let made = ask_socket(&folder, "POST", "/api/v1/auth/setup", &admin);
    assert!(server.stop());
    (folder, made.status)
}

fn hashed(key: &str, value: &str, expected: &str) {
    let (folder, status) = first_admin(key, value, "long enough for this");
    assert_eq!(status, 201);
    let db = rusqlite::Connection::open(folder.data().join("argos.db")).unwrap();
    let hash: String = db.query_row("SELECT password_hash FROM users", [], |r| r.get(0)).unwrap();
    assert!(hash.contains(expected), "{hash}");
}

fn password_min_length(_: &World) {
    assert_eq!(first_admin("auth.password_min_length", "20", "fifteen letters").1, 422);
    assert_eq!(first_admin("auth.password_min_length", "15", "fifteen letters").1, 201);
}

fn history_max(w: &World) {
    let kept = || w.call("config.versions", json!({"limit": 500}))["items"].as_array().unwrap().len();
    assert!(kept() > 10);
    w.set("config.history_max", "10");
    assert_eq!(kept(), 10);
}

fn crs_path(w: &World) {
    let set = w.folder.path("set");
    std::fs::create_dir_all(set.join("rules")).unwrap();
    std::fs::write(set.join("crs-setup.conf"), "").unwrap();
    let rule = "SecRule ARGS:q \"@streq own\" \"id:101,phase:1,deny,status:403,msg:'own',severity:CRITICAL\"\n";
    std::fs::write(set.join("rules/REQUEST-910-A.conf"), rule).unwrap();
    let site = w.guarded(echo());
    let statuses = || (w.get(&site, ATTACK).status, w.get(&site, "/?q=own").status);
    assert_eq!(statuses(), (403, 200));
    let change = |path: &str| w.call("settings.set", json!({"key": "crs.path", "value": path}));
    change(set.to_str().unwrap());
    assert_eq!(statuses(), (200, 403));
    std::fs::write(set.join("rules/REQUEST-910-A.conf"), rule.replace("own", "other")).unwrap();
    assert_eq!(statuses(), (200, 403));
    w.call("waf.reload", json!({}));
    assert_eq!(statuses(), (200, 200));
    change(BASELINE);
    assert_eq!(statuses(), (403, 200));
}

fn mask_params(w: &World) {
    let site = w.site(echo());
    w.get(&site, "/a?colour=red");
    w.set("logs.mask_params", "colour");
    w.get(&site, "/b?colour=red");
    w.expect_rows(&site.domain, "path = '/a' AND query = 'colour=red'", 1);
    // Both rows may be written together: each is masked by what was set when its request came.
    w.expect_rows(&site.domain, "path = '/b' AND query = 'colour=***'", 1);
}

fn allowed_hosts(w: &World) {
    let bearer = format!("Bearer {}", token(&w.folder, "viewer"));
    let status = || {
        let headers = [("Host", "gate.example"), ("Authorization", bearer.as_str())];
        ask(w.server.panel, "GET", "/api/v1/hosts", &headers, "").status
    };
    assert_eq!(status(), 421);
    w.set("panel.allowed_hosts", "gate.example");
    assert_eq!(status(), 200);
}

fn body_idle_timeout(w: &World) {
    let site = w.site(echo());
    w.set("proxy.body_idle_timeout_ms", "100");
    let head = format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nhalf", site.domain);
    let mut client = w.send(&head);
    let line = first_line(&mut client);
    assert!(line.starts_with("HTTP/1.1 408"), "{line:?}");
}

fn connect_timeout(w: &World) {
    let site = w.site(full());
    w.set("proxy.connect_timeout_ms", "100");
    w.set("proxy.max_retries", "0");
    let mut client = w.send(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", site.domain));
    // The default is longer than our patience.
    let line = first_line(&mut client);
    assert!(line.starts_with("HTTP/1.1 50"), "{line:?}");
}

fn disabled_host_status(w: &World) {
    let site = w.site(echo());
    w.call("hosts.toggle", json!({"id": site.host, "enabled": false}));
    assert_eq!(w.get(&site, "/").status, 404);
    w.set("proxy.disabled_host_status", "503");
    assert_eq!(w.get(&site, "/").status, 503);
}

fn header_timeout(w: &World) {
    w.set("proxy.header_timeout_ms", "100");
    let mut client = w.send("GET / HTTP/1.1\r\nHost: half");
    let mut all = Vec::new();
    let ended = std::io::Read::read_to_end(&mut client, &mut all);
    assert!(ended.is_ok(), "the connection stays open: {ended:?}");
}

fn keepalive_timeout(w: &World) {
    let site = w.site(echo());
    w.set("proxy.keepalive_timeout_ms", "100");
    let mut client = w.send(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", site.domain));
    let mut all = Vec::new();
    let ended = std::io::Read::read_to_end(&mut client, &mut all);
    assert!(ended.is_ok() && all.starts_with(b"HTTP/1.1 200"), "the connection stays open: {ended:?}");
}

fn max_body_bytes(w: &World) {
    let site = w.site(echo());
    assert_eq!(w.request(&site, "POST", "/", FORM, "a=12345").status, 200);
    w.set("proxy.max_body_bytes", "3");
    assert_eq!(w.request(&site, "POST", "/", FORM, "a=12345").status, 413);
}

fn max_connections(w: &World) {
    let site = w.site(echo());
    let ask = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", site.domain);
    let mut first = w.send(&ask);
    assert_eq!(first_line(&mut first), "HTTP/1.1 200 OK");
    let mut second = w.send(&ask);
    assert_eq!(first_line(&mut second), "HTTP/1.1 200 OK");
    drop(second);
    w.set("proxy.max_connections", "1");
    // The one that is open is the one that may be.
    let mut third = w.send(&ask);
    assert_eq!(first_line(&mut third), "");
    drop(first);
}

/// A request of a few lines and 2,000 bytes passes until the setting has this value.
fn refused_over(w: &World, key: &str, value: &str, status: u16) {
    let site = w.site(echo());
    let long = "x".repeat(2000);
    let headers = [("X-One", "1"), ("X-Two", "2"), ("X-Long", long.as_str())];
    assert_eq!(w.request(&site, "GET", "/", &headers, "").status, 200);
    w.set(key, value);
    assert_eq!(w.request(&site, "GET", "/", &headers, "").status, status);
}

/// Targets of which the first that is asked is dead.
pub fn dead_first() -> Value {
    json!([merged(target(dead()), json!({"weight": 256})), target(saying("alive"))])
}

fn max_retries(w: &World) {
    let (one, other) = (w.site_with(dead_first()), w.site_with(dead_first()));
    assert_eq!(w.get(&one, "/").status, 200);
    w.set("proxy.max_retries", "0");
    assert_eq!(w.get(&other, "/").status, 502);
}

fn max_uri_bytes(w: &World) {
    let site = w.site(echo());
    let long = format!("/{}", "x".repeat(2000));
    assert_eq!(w.get(&site, &long).status, 200);
    w.set("proxy.max_uri_bytes", "1024");
    assert_eq!(w.get(&site, &long).status, 414);
}

fn response_timeout(w: &World) {
    let site = w.site(silent());
    w.set("proxy.response_timeout_ms", "100");
    let mut client = w.send(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", site.domain));
    let line = first_line(&mut client);
    assert!(line.starts_with("HTTP/1.1 504"), "{line:?}");
}

fn send_forwarded(w: &World) {
    let site = w.site(echo());
    let has = || w.get(&site, "/").body.to_ascii_lowercase().contains("\r\nforwarded:");
    assert!(!has());
    w.set("proxy.send_forwarded", "true");
    assert!(has());
}

fn trusted_proxies(w: &World) {
    let site = w.site(echo());
    let seen = || w.request(&site, "GET", "/", &[("X-Forwarded-For", "192.0.2.7")], "").body.contains("192.0.2.7");
    assert!(!seen());
    w.set("proxy.trusted_proxies", "127.0.0.0/8");
    assert!(seen());
}

fn tunnel_idle_timeout(w: &World) {
    let site = w.site(upstream(|_| {
        Some("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".into())
    }));
    w.set("proxy.tunnel_idle_timeout_ms", "100");
    let ask = format!("GET / HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", site.domain);
    let mut client = w.send(&ask);
    let line = first_line(&mut client);
    assert!(line.starts_with("HTTP/1.1 101"), "{line:?}");
    while !first_line(&mut client).is_empty() {}
    assert!(is_closed(&mut client), "the tunnel stays open");
}

fn upstream_idle_timeout(w: &World) {
    let (address, ended) = upstream_with(|text| Some(ok("text/plain", text)));
    let site = w.site(address);
    w.set("proxy.upstream_idle_timeout_ms", "100");
    assert_eq!(w.get(&site, "/").status, 200);
    assert!(ended.recv_timeout(PATIENCE + Duration::from_secs(6)).is_ok(), "the idle connection stays open");
}
