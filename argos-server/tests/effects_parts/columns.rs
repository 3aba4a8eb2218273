//! Every column of every table, with what shows that it has an effect, or why it has none yet.

use argos_core::clock::{Clock, Timestamp};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::Proof::{self, Effect, Filled, ShownBy, Unwritten};
use super::settings::{ATTACK, dead_first, leaking};
use super::world::{Site, World, dead, echo, first_line, full, merged, resolver, saying, silent, target};
use crate::support::{ask, ask_socket};

/// Tables that no operation writes in this version: whatever was done, they are empty.
pub const UNWRITTEN: &[&str] = &["backups", "bans", "jobs", "log_rollups_minute", "security_whitelist"];

pub fn all() -> Vec<(&'static str, Vec<(&'static str, Proof)>)> {
    vec![
        ("hosts", hosts()),
        ("target_groups", target_groups()),
        ("targets", targets()),
        ("rules", rules()),
        ("host_security", host_security()),
        ("host_access", host_access()),
        ("waf_exclusions", waf_exclusions()),
        ("waf_custom_rules", waf_custom_rules()),
        ("certificates", certificates()),
        ("cert_status", cert_status()),
        ("dns_providers", dns_providers()),
        ("notification_channels", notification_channels()),
        ("notification_rules", notification_rules()),
        ("notification_deliveries", notification_deliveries()),
        ("push_subscriptions", push_subscriptions()),
        ("acme_accounts", acme_accounts()),
        ("acme_orders", acme_orders()),
        ("acme_pauses", ["directory_url", "until"].map(|c| (c, paused())).into()),
        ("api_tokens", api_tokens()),
        ("users", users()),
        ("sessions", sessions()),
        (
            "login_attempts",
            ["id", "remote_ip", "username", "success", "timestamp"]
                .map(|c| (c, signs_in("failures_count_for_five_minutes_and_a_success_forgives_none")))
                .into(),
        ),
        (
            "totp_attempts",
            ["id", "user_id", "ip", "success", "attempted_at"]
                .map(|c| (c, signs_in("five_wrong_codes_ban_the_person_from_that_address_for_the_true_time")))
                .into(),
        ),
        (
            "auth_bans",
            ["id", "scope", "key", "banned_until", "created_at"]
                .map(|c| (c, signs_in("five_failures_ban_an_address_for_its_true_time_across_a_restart")))
                .into(),
        ),
        ("settings", settings()),
        ("config_versions", config_versions()),
        ("log_entries", log_entries()),
        ("schema_migrations", ["version", "applied_at", "checksum"].map(|c| (c, Filled)).into()),
    ]
}

/// That the answer of `get` shows a value that a change of the row moves, such as its times.
fn times(w: &World, get: &str, key: Value, mut change: impl FnMut(u32)) {
    let read = || w.call(get, key.clone());
    let before = read();
    assert!(Timestamp::parse(before["created_at"].as_str().unwrap()).is_some_and(|at| at.0 > 0));
    // Two changes may fall into one millisecond, a thousand can't.
    let moved = (0..1000).any(|n| {
        change(n);
        read()["updated_at"] != before["updated_at"]
    });
    assert!(moved, "updated_at stands still");
    assert_eq!(read()["created_at"], before["created_at"]);
}

fn hosts() -> Vec<(&'static str, Proof)> {
    let dates = |w: &World| {
        let site = w.site(echo());
        let id = json!({"id": site.host});
        times(w, "hosts.get", id.clone(), |n| {
            drop(w.call("hosts.toggle", merged(id.clone(), json!({"enabled": n % 2 == 1}))))
        });
    };
    vec![
        (
            "id",
            Effect(|w| {
                let site = w.site(echo());
                assert_eq!(w.call("hosts.get", json!({"id": site.host}))["domain"], json!(site.domain));
                assert_eq!(w.ask("hosts.get", json!({"id": site.host + 1000})).0, 404);
            }),
        ),
        (
            "domain",
            Effect(|w| {
                let mut site = w.site(echo());
                assert_eq!(w.get(&site, "/").status, 200);
                let new = w.name();
                w.call("hosts.update", json!({"id": site.host, "domain": new}));
                assert_eq!(w.get(&site, "/").status, 404);
                site.domain = new;
                assert_eq!(w.get(&site, "/").status, 200);
            }),
        ),
        (
            "target_group_id",
            Effect(|w| {
                let site = w.site(saying("first"));
                assert_eq!(w.get(&site, "/").body, "first");
                w.call("hosts.update", json!({"id": site.host, "target_group_id": w.group(saying("second"))}));
                assert_eq!(w.get(&site, "/").body, "second");
            }),
        ),
        (
            "tls_mode",
            Effect(|w| {
                let site = w.site(echo());
                assert_eq!(w.get(&site, "/").status, 200);
                w.call("hosts.update", json!({"id": site.host, "tls_mode": "auto"}));
                assert_eq!(w.get(&site, "/").status, 308);
            }),
        ),
        ("tls_email", ordered("an_account_serves_all_hosts_and_the_next_process")),
        (
            "enabled",
            Effect(|w| {
                let site = w.site(echo());
                assert_eq!(w.get(&site, "/").status, 200);
                w.call("hosts.update", json!({"id": site.host, "enabled": false}));
                assert_eq!(w.get(&site, "/").status, 404);
            }),
        ),
        (
            "auth_required",
            Effect(|w| {
                let site = w.site(echo());
                assert_eq!(w.get(&site, "/").status, 200);
                w.call("hosts.update", json!({"id": site.host, "auth_required": true}));
                assert!([401, 503].contains(&w.get(&site, "/").status));
            }),
        ),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
        ("tls_challenge", ordered("the_second_way_is_tried_where_the_first_fails")),
        (
            "tls_directory_url",
            ShownBy(
                "argos-core/src/argos/orders/tests.rs",
                "a_host_is_ordered_where_an_authority_signs_its_name_and_nowhere_else",
            ),
        ),
        ("dns_provider_id", ordered("a_wildcard_is_proven_over_dns")),
        (
            "https_redirect",
            Effect(|w| {
                let site = w.site(echo());
                w.call("hosts.update", json!({"id": site.host, "tls_mode": "auto", "https_redirect": false}));
                assert_eq!(w.get(&site, "/").status, 200);
                w.call("hosts.update", json!({"id": site.host, "https_redirect": true}));
                assert_eq!(w.get(&site, "/").status, 308);
            }),
        ),
        (
            "hsts_max_age_seconds",
            Effect(|w| {
                let site = w.site(echo());
                w.set("proxy.trusted_proxies", "127.0.0.0/8");
                let said = || {
                    let answer = w.request(&site, "GET", "/", &[("X-Forwarded-Proto", "https")], "");
                    answer.header("strict-transport-security").map(str::to_owned)
                };
                assert_eq!(said(), None);
                w.call("hosts.update", json!({"id": site.host, "hsts_max_age_seconds": 60}));
                assert_eq!(said().as_deref(), Some("max-age=60"));
            }),
        ),
        (
            "request_headers",
            Effect(|w| {
                let site = w.site(echo());
                assert!(!w.get(&site, "/").body.contains("X-Asked:"));
                let rules = json!([{"op": "set", "name": "X-Asked", "value": "{path}"}]);
                w.call("hosts.update", json!({"id": site.host, "request_headers": rules}));
                assert!(w.get(&site, "/for").body.contains("X-Asked: /for\r\n"));
            }),
        ),
        (
            "response_headers",
            Effect(|w| {
                let site = w.site(echo());
                assert_eq!(w.get(&site, "/").header("x-told"), None);
                let rules = json!([{"op": "add", "name": "X-Told", "value": "by {host}"}]);
                w.call("hosts.update", json!({"id": site.host, "response_headers": rules}));
                assert_eq!(w.get(&site, "/").header("x-told").unwrap(), format!("by {}", site.domain));
            }),
        ),
        (
            "compression",
            Effect(|w| {
                let site = w.site(super::world::upstream(|asked| {
                    let body = if asked.starts_with("HEAD") { String::new() } else { "text ".repeat(1000) };
                    Some(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n{body}"))
                }));
                let coding = || {
                    let answer = w.request(&site, "HEAD", "/", &[("Accept-Encoding", "gzip")], "");
                    answer.header("content-encoding").map(str::to_owned)
                };
                assert_eq!(coding(), None);
                w.call("hosts.update", json!({"id": site.host, "compression": true}));
                assert_eq!(coding().as_deref(), Some("gzip"));
                // Whoever asks for no coding gets none.
                assert_eq!(w.get(&site, "/").body.len(), 5000);
            }),
        ),
        ("client_auth", clients("whoever_shows_none_is_refused_in_words_where_one_is_required")),
        ("client_ca_pem", clients("a_certificate_that_is_not_trusted_ends_the_handshake_and_the_log_says_why")),
        (
            "max_body_bytes",
            Effect(|w| {
                let site = w.site(echo());
                let post = || w.request(&site, "POST", "/", &[], "12345").status;
                assert_eq!(post(), 200);
                w.call("hosts.update", json!({"id": site.host, "max_body_bytes": 3}));
                assert_eq!(post(), 413);
            }),
        ),
        (
            "access_log",
            Effect(|w| {
                let site = w.site(echo());
                w.get(&site, "/seen");
                w.call("hosts.update", json!({"id": site.host, "access_log": false}));
                w.get(&site, "/unseen");
                w.expect_rows(&site.domain, "path = '/seen'", 1);
                w.expect_rows(&site.domain, "path = '/unseen'", 0);
            }),
        ),
    ]
}

/// Shown over TLS, with a client that looks at what it gets.
fn over_tls(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/tls.rs", test)
}

/// Shown with clients that have certificates.
fn clients(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/client_certificates.rs", test)
}

/// Shown with an upstream that speaks TLS.
fn upstream(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/upstream_tls.rs", test)
}

/// Shown with a real authority.
fn ordered(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/acme.rs", test)
}

/// Shown in virtual time.
fn scheduled(test: &'static str) -> Proof {
    ShownBy("argos-core/src/argos/orders/tests.rs", test)
}

fn paused() -> Proof {
    scheduled("orders_that_begin_while_an_authority_is_left_alone_wait_too")
}

fn acme_accounts() -> Vec<(&'static str, Proof)> {
    let reused = ["id", "directory_url", "email", "account_url", "key_encrypted", "created_at"];
    let reused = reused.map(|column| (column, ordered("an_account_serves_all_hosts_and_the_next_process")));
    reused.into_iter().chain([("eab_kid", ordered("an_account_is_bound_to_an_external_one"))]).collect()
}

fn acme_orders() -> Vec<(&'static str, Proof)> {
    let killed = || {
        ShownBy(
            "argos-core/tests/acme_faults.rs",
            "a_kill_at_any_step_of_an_order_loses_no_key_and_signs_nothing_twice",
        )
    };
    let told = || ordered("what_fails_is_told_and_tried_again_after_a_while");
    vec![
        ("host_id", killed()),
        ("domain", ordered("a_host_that_is_renamed_or_deleted_while_it_is_ordered_leaves_nothing")),
        ("directory_url", ordered("an_authority_that_changes_signs_anew")),
        ("email", ordered("an_account_serves_all_hosts_and_the_next_process")),
        ("next_attempt_at", told()),
        ("order_url", killed()),
        ("challenge", killed()),
        ("key_encrypted", killed()),
        ("dns_record", ShownBy("argos-core/tests/acme_faults.rs", "a_record_that_a_killed_process_left_is_taken_out")),
        ("revokes", ordered("a_certificate_is_revoked_once_it_is_replaced")),
        ("failures", told()),
        ("last_error", told()),
        ("reported_at", told()),
        ("ari_next_at", ordered("a_certificate_is_renewed_when_its_authority_wants")),
        ("hurried", scheduled("a_wish_while_an_attempt_goes_on_does_not_wait_until_the_next_when_it_fails")),
    ]
}

fn certificates() -> Vec<(&'static str, Proof)> {
    let served = || over_tls("a_host_is_served_with_a_certificate_of_the_local_ca");
    let follows = || over_tls("certificates_follow_what_becomes_of_their_host");
    let renewed = || over_tls("certificates_of_the_local_ca_are_renewed_in_time_without_a_word_to_open_connections");
    vec![
        ("id", Filled),
        ("host_id", follows()),
        ("names", follows()),
        ("kind", Filled),
        ("cert_pem", served()),
        ("chain_pem", ShownBy("argos-core/tests/tls.rs", "an_uploaded_certificate_is_served_with_its_chain")),
        ("key_encrypted", served()),
        ("issuer", Filled),
        ("fingerprint_sha256", Filled),
        ("not_before", Filled),
        ("not_after", renewed()),
        ("ari_window_start", ordered("a_certificate_is_renewed_when_its_authority_wants")),
        ("ari_window_end", ordered("a_certificate_is_renewed_when_its_authority_wants")),
        ("active", follows()),
        ("uploaded_by", Unwritten),
        ("created_at", Filled),
        ("directory_url", scheduled("a_host_that_gets_its_old_name_back_has_its_old_certificate_and_orders_none")),
    ]
}

fn cert_status() -> Vec<(&'static str, Proof)> {
    ["domain", "issuer", "not_after", "last_checked_at", "source", "state"]
        .map(|column| (column, Filled))
        .into_iter()
        .chain([("last_error", over_tls("a_name_for_everybody_waits_for_a_public_authority_behind_the_local_ca"))])
        .collect()
}

fn target_groups() -> Vec<(&'static str, Proof)> {
    let checked = |test| ShownBy("argos-core/tests/health_checks.rs", test);
    let columns = || checked("the_columns_of_a_group_say_how_it_is_checked");
    let sticky =
        || ShownBy("argos-core/tests/upstreams.rs", "a_browser_stays_with_its_target_for_as_long_as_the_group_says");
    let dates = |w: &World| {
        let id = json!({"id": w.group(echo())});
        times(w, "target_groups.get", id.clone(), |n| {
            drop(w.call("target_groups.update", merged(id.clone(), json!({"max_retries": n % 2}))));
        });
    };
    vec![
        (
            "id",
            Effect(|w| {
                let id = w.group(echo());
                assert_eq!(w.call("target_groups.get", json!({"id": id}))["id"], json!(id));
            }),
        ),
        (
            "name",
            Effect(|w| {
                let (one, other) = (w.group(echo()), w.group(echo()));
                let name = w.name();
                w.call("target_groups.update", json!({"id": one, "name": name}));
                assert_eq!(w.call("target_groups.get", json!({"id": one}))["name"], json!(name));
                assert_eq!(w.ask("target_groups.update", json!({"id": other, "name": name})).0, 409);
            }),
        ),
        ("protocol", upstream("an_upstream_that_an_authority_of_the_bundle_vouches_for_is_asked")),
        ("verify_tls", upstream("whom_nobody_vouches_for_is_refused_in_words_unless_nothing_is_checked")),
        ("algorithm", ShownBy("argos-core/tests/upstreams.rs", "a_group_chooses_as_its_column_says")),
        ("health_check_enabled", columns()),
        ("health_check_path", columns()),
        ("health_check_method", columns()),
        ("health_check_expect_status", columns()),
        ("health_check_interval_seconds", columns()),
        ("health_check_timeout_seconds", checked("a_check_that_gets_no_answer_in_time_fails")),
        ("health_check_fails_to_unhealthy", checked("so_many_in_a_row_take_a_target_out_and_bring_it_back")),
        ("health_check_passes_to_healthy", checked("so_many_in_a_row_take_a_target_out_and_bring_it_back")),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
        ("http_version", ShownBy("argos-core/tests/http2_upstream.rs", "the_version_is_that_of_the_group")),
        (
            "preserve_host",
            Effect(|w| {
                let upstream = echo();
                let site = w.site(upstream);
                let sees =
                    |name: &str| w.get(&site, "/").body.to_ascii_lowercase().contains(&format!("host: {name}\r\n"));
                assert!(sees(&site.domain));
                w.call("target_groups.update", json!({"id": site.group, "preserve_host": false}));
                assert!(sees(&upstream.to_string()));
            }),
        ),
        ("tls_server_name", upstream("the_name_can_be_another_than_the_targets")),
        ("ca_bundle_pem", upstream("an_upstream_that_an_authority_of_the_bundle_vouches_for_is_asked")),
        ("client_cert_pem", upstream("an_upstream_is_shown_the_certificate_it_asks_for")),
        ("client_key_encrypted", upstream("an_upstream_is_shown_the_certificate_it_asks_for")),
        ("slow_start_seconds", columns()),
        ("sticky_cookie", sticky()),
        ("sticky_ttl_seconds", sticky()),
        (
            "connect_timeout_ms",
            Effect(|w| {
                let site = w.site(full());
                w.call("target_groups.update", json!({"id": site.group, "connect_timeout_ms": 100, "max_retries": 0}));
                answered(w, &site.domain, "HTTP/1.1 50");
            }),
        ),
        (
            "response_timeout_ms",
            Effect(|w| {
                let site = w.site(silent());
                w.call("target_groups.update", json!({"id": site.group, "response_timeout_ms": 100}));
                answered(w, &site.domain, "HTTP/1.1 504");
            }),
        ),
        (
            "max_retries",
            Effect(|w| {
                let (one, other) = (w.site_with(dead_first()), w.site_with(dead_first()));
                assert_eq!(w.get(&one, "/").status, 200);
                w.call("target_groups.update", json!({"id": other.group, "max_retries": 0}));
                assert_eq!(w.get(&other, "/").status, 502);
            }),
        ),
    ]
}

/// That an answer comes while we are patient.
fn answered(w: &World, domain: &str, expected: &str) {
    let line = first_line(&mut w.send(&format!("GET / HTTP/1.1\r\nHost: {domain}\r\n\r\n")));
    assert!(line.starts_with(expected), "{line:?}");
}

fn targets() -> Vec<(&'static str, Proof)> {
    /// A host, and its target's key.
    fn one(w: &World, upstream: std::net::SocketAddr) -> (super::world::Site, Value) {
        let site = w.site(upstream);
        let items = w.call("targets.list", json!({"target_group_id": site.group}));
        let key = json!({"target_group_id": site.group, "id": items["items"][0]["id"]});
        (site, key)
    }
    let dates = |w: &World| {
        let (_, key) = one(w, echo());
        times(w, "targets.get", key.clone(), |n| {
            drop(w.call("targets.toggle", merged(key.clone(), json!({"enabled": n % 2 == 1}))));
        });
    };
    vec![
        (
            "id",
            Effect(|w| {
                let (_, key) = one(w, echo());
                assert_eq!(w.call("targets.get", key.clone())["id"], key["id"]);
            }),
        ),
        (
            "target_group_id",
            Effect(|w| {
                let (first, second) = (w.site(dead()), w.site(dead()));
                let new = merged(target(saying("here")), json!({"target_group_id": second.group}));
                w.call("targets.create", new);
                assert_eq!((w.get(&first, "/").status, w.get(&second, "/").body.as_str()), (502, "here"));
            }),
        ),
        (
            "host",
            Effect(|w| {
                let (site, key) = one(w, echo());
                w.call("target_groups.update", json!({"id": site.group, "preserve_host": false}));
                let sees = || w.get(&site, "/").body.to_ascii_lowercase().contains("host: localhost:");
                assert!(!sees());
                w.call("targets.update", merged(key, json!({"host": "localhost"})));
                assert!(sees());
            }),
        ),
        (
            "port",
            Effect(|w| {
                let (site, key) = one(w, saying("first"));
                assert_eq!(w.get(&site, "/").body, "first");
                w.call("targets.update", merged(key, json!({"port": saying("second").port()})));
                assert_eq!(w.get(&site, "/").body, "second");
            }),
        ),
        (
            "weight",
            Effect(|w| {
                let (site, key) = one(w, saying("first"));
                w.call("targets.create", merged(target(saying("second")), json!({"target_group_id": site.group})));
                let firsts = || (0..12).filter(|_| w.get(&site, "/").body == "first").count();
                assert_eq!(firsts(), 6);
                w.call("targets.update", merged(key, json!({"weight": 3})));
                assert_eq!(firsts(), 9);
            }),
        ),
        (
            "enabled",
            Effect(|w| {
                let (site, key) = one(w, echo());
                assert_eq!(w.get(&site, "/").status, 200);
                w.call("targets.update", merged(key, json!({"enabled": false})));
                assert_eq!(w.get(&site, "/").status, 503);
            }),
        ),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

/// A rule of a host that answers with its own text.
fn rule(w: &World, host: i64, text: &str) -> Value {
    let action = json!({"type": "fixed_response", "config": {"status_code": 200, "body": text}});
    w.call("rules.create", json!({"host_id": host, "action": action}))["id"].clone()
}

fn rules() -> Vec<(&'static str, Proof)> {
    let dates = |w: &World| {
        let site = w.site(echo());
        let key = json!({"host_id": site.host, "id": rule(w, site.host, "x")});
        times(w, "rules.get", key.clone(), |n| {
            drop(w.call("rules.toggle", merged(key.clone(), json!({"enabled": n % 2 == 1}))));
        });
    };
    vec![
        (
            "id",
            Effect(|w| {
                let site = w.site(echo());
                let id = rule(w, site.host, "ruled").as_i64().unwrap();
                assert_eq!(w.get(&site, "/").body, "ruled");
                let domain = site.domain;
                w.later(move |db| {
                    let sql = "SELECT rule_id FROM log_entries WHERE host_domain = ?1 AND source = 'caddy_access'";
                    assert_eq!(db.query_row(sql, [&domain], |r| r.get::<_, i64>(0)).unwrap(), id);
                });
            }),
        ),
        (
            "host_id",
            Effect(|w| {
                let (one, other) = (w.site(saying("up")), w.site(saying("up")));
                rule(w, other.host, "ruled");
                assert_eq!((w.get(&one, "/").body.as_str(), w.get(&other, "/").body.as_str()), ("up", "ruled"));
            }),
        ),
        (
            "priority",
            Effect(|w| {
                let site = w.site(echo());
                let first = rule(w, site.host, "first");
                let second = rule(w, site.host, "second");
                assert_eq!(w.get(&site, "/").body, "first");
                w.call("rules.update", json!({"host_id": site.host, "id": first, "priority": 500}));
                assert_eq!(w.get(&site, "/").body, "second");
                w.call("rules.reorder", json!({"host_id": site.host, "rule_ids": [first, second]}));
                assert_eq!(w.get(&site, "/").body, "first");
            }),
        ),
        (
            "action_type",
            Effect(|w| {
                let site = w.site(echo());
                let id = rule(w, site.host, "ruled");
                assert_eq!(w.get(&site, "/").status, 200);
                let block = json!({"type": "block", "config": {}});
                w.call("rules.update", json!({"host_id": site.host, "id": id, "action": block}));
                assert_eq!(w.get(&site, "/").status, 403);
            }),
        ),
        // Each field of it has a row of its own in `rules.rs`, but this one.
        (
            "action_config",
            Effect(|w| {
                let site = w.site(saying("default"));
                let forward = |group: i64| json!({"type": "forward", "config": {"target_group_id": group}});
                let first = forward(w.group(saying("first")));
                let made = w.call("rules.create", json!({"host_id": site.host, "action": first}));
                assert_eq!(w.get(&site, "/").body, "first");
                let second = forward(w.group(saying("second")));
                w.call("rules.update", json!({"host_id": site.host, "id": made["id"], "action": second}));
                assert_eq!(w.get(&site, "/").body, "second");
            }),
        ),
        (
            "matchers_config",
            Effect(|w| {
                let site = w.site(saying("up"));
                let id = rule(w, site.host, "ruled");
                assert_eq!(w.get(&site, "/").body, "ruled");
                let matchers = json!([{"type": "path", "config": {"patterns": ["/only"]}}]);
                w.call("rules.update", json!({"host_id": site.host, "id": id, "matchers": matchers}));
                assert_eq!((w.get(&site, "/").body.as_str(), w.get(&site, "/only").body.as_str()), ("up", "ruled"));
                w.call("rules.delete", json!({"host_id": site.host, "id": id}));
                assert_eq!(w.get(&site, "/only").body, "up");
            }),
        ),
        (
            "enabled",
            Effect(|w| {
                let site = w.site(saying("up"));
                let id = rule(w, site.host, "ruled");
                assert_eq!(w.get(&site, "/").body, "ruled");
                w.call("rules.update", json!({"host_id": site.host, "id": id, "enabled": false}));
                assert_eq!(w.get(&site, "/").body, "up");
            }),
        ),
        (
            "name",
            Effect(|w| {
                let site = w.site(echo());
                let key = json!({"host_id": site.host, "id": rule(w, site.host, "x")});
                w.call("rules.update", merged(key.clone(), json!({"name": "for people"})));
                assert_eq!(w.call("rules.get", key)["name"], "for people");
            }),
        ),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

/// A host with one request a minute, with that changed.
fn limited(w: &World, change: Value) -> Site {
    let site = w.site(echo());
    let limit = json!({"rate_limit_enabled": true, "rate_limit_requests": 1, "rate_limit_window_seconds": 60});
    w.security(&site, merged(limit, change));
    site
}

fn host_access() -> Vec<(&'static str, Proof)> {
    let gate = |test| ShownBy("argos-core/tests/gate.rs", test);
    vec![
        ("id", Filled),
        ("host_id", gate("a_list_lets_in_whom_it_names_and_administrators")),
        ("user_id", gate("a_list_lets_in_whom_it_names_and_administrators")),
        (
            "role",
            Effect(|w| {
                let site = w.site(echo());
                let list = json!({"host_id": site.host, "users": [], "roles": ["viewer"]});
                w.call("access.replace", list);
                assert_eq!(w.call("access.get", json!({"host_id": site.host}))["roles"], json!(["viewer"]));
            }),
        ),
        ("created_at", Filled),
    ]
}

fn host_security() -> Vec<(&'static str, Proof)> {
    /// A form that only rules of the second level find.
    const SECOND_LEVEL: &str = "/?u=https%3A%2F%2Fother.example%2F";
    vec![
        (
            "host_id",
            Effect(|w| {
                let (one, other) = (w.site(echo()), w.guarded(echo()));
                assert_eq!((w.get(&one, ATTACK).status, w.get(&other, ATTACK).status), (200, 403));
            }),
        ),
        (
            "waf_enabled",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_eq!(w.get(&site, ATTACK).status, 403);
                w.security(&site, json!({"waf_enabled": false}));
                assert_eq!(w.get(&site, ATTACK).status, 200);
            }),
        ),
        (
            "waf_mode",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_eq!(w.get(&site, ATTACK).status, 403);
                w.security(&site, json!({"waf_mode": "detect"}));
                assert_eq!(w.get(&site, ATTACK).status, 200);
            }),
        ),
        (
            "waf_paranoia",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_eq!(w.get(&site, SECOND_LEVEL).status, 200);
                w.security(&site, json!({"waf_paranoia": 2}));
                assert_eq!(w.get(&site, SECOND_LEVEL).status, 403);
            }),
        ),
        (
            "waf_block_status",
            Effect(|w| {
                let site = w.guarded(echo());
                w.security(&site, json!({"waf_block_status": 418}));
                assert_eq!(w.get(&site, ATTACK).status, 418);
            }),
        ),
        (
            "waf_block_body",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_ne!(w.get(&site, ATTACK).body, "go away");
                w.security(&site, json!({"waf_block_body": "go away"}));
                assert_eq!(w.get(&site, ATTACK).body, "go away");
            }),
        ),
        (
            "rate_limit_enabled",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_enabled": false}));
                assert_eq!([w.get(&site, "/").status, w.get(&site, "/").status], [200, 200]);
                w.security(&site, json!({"rate_limit_enabled": true}));
                assert_eq!([w.get(&site, "/").status, w.get(&site, "/").status], [200, 429]);
                w.expect_rows(&site.domain, "action = 'rate_limited'", 1);
            }),
        ),
        (
            "rate_limit_requests",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_requests": 2}));
                assert_eq!([w.get(&site, "/").status, w.get(&site, "/").status], [200, 200]);
                assert_eq!(w.get(&site, "/").status, 429);
            }),
        ),
        (
            "rate_limit_window_seconds",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_window_seconds": 70}));
                assert_eq!(w.get(&site, "/").header("ratelimit-policy").unwrap(), "\"host\";q=1;w=70");
            }),
        ),
        (
            "rate_limit_key",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_key": "header", "rate_limit_header_name": "X-A"}));
                let ask = |value| w.request(&site, "GET", "/", &[("X-A", value)], "").status;
                assert_eq!([ask("one"), ask("one"), ask("two")], [200, 429, 200]);
                w.security(&site, json!({"rate_limit_key": "global"}));
                assert_eq!([ask("three"), ask("four")], [200, 429]);
            }),
        ),
        (
            "rate_limit_header_name",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_key": "header", "rate_limit_header_name": "X-A"}));
                let ask = |name| w.request(&site, "GET", "/", &[(name, "value")], "").status;
                // Without the header the address counts.
                assert_eq!([ask("X-A"), ask("X-B"), ask("X-B")], [200, 200, 429]);
            }),
        ),
        (
            "rate_limit_status",
            Effect(|w| {
                let site = limited(w, json!({"rate_limit_status": 503}));
                assert_eq!([w.get(&site, "/").status, w.get(&site, "/").status], [200, 503]);
            }),
        ),
        (
            "updated_at",
            Effect(|w| {
                let site = w.site(echo());
                let read = || w.call("security.get", json!({"host_id": site.host}))["updated_at"].clone();
                let before = read();
                let moved = (0..1000).any(|n| {
                    w.security(&site, json!({"waf_block_status": 400 + n % 2}));
                    read() != before
                });
                assert!(moved, "updated_at stands still");
            }),
        ),
        (
            "waf_detection_paranoia",
            Effect(|w| {
                let site = w.guarded(echo());
                w.get(&site, &format!("{SECOND_LEVEL}&n=1"));
                w.security(&site, json!({"waf_detection_paranoia": 2}));
                assert_eq!(w.get(&site, &format!("{SECOND_LEVEL}&n=2")).status, 200);
                w.expect_rows(&site.domain, "source = 'waf_audit' AND query LIKE '%n=1'", 0);
                w.expect_rows(&site.domain, "source = 'waf_audit' AND query LIKE '%n=2' AND waf_rule_id = 5005", 1);
            }),
        ),
        (
            "waf_inbound_threshold",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_eq!(w.get(&site, ATTACK).status, 403);
                w.security(&site, json!({"waf_inbound_threshold": 1000}));
                assert_eq!(w.get(&site, ATTACK).status, 200);
            }),
        ),
        (
            "waf_outbound_threshold",
            Effect(|w| {
                let site = w.guarded(leaking(0));
                assert_eq!(w.get(&site, "/").status, 403);
                w.security(&site, json!({"waf_outbound_threshold": 1000}));
                assert_eq!(w.get(&site, "/").status, 200);
            }),
        ),
        (
            "waf_response_body",
            Effect(|w| {
                let site = w.guarded(leaking(0));
                assert_eq!(w.get(&site, "/").status, 403);
                w.security(&site, json!({"waf_response_body": false}));
                assert_eq!(w.get(&site, "/").status, 200);
            }),
        ),
    ]
}

/// Leaves out the rules of the built-in set that find [`ATTACK`].
fn leave_out(w: &World, site: &Site, more: Value) -> Vec<Value> {
    let exclusion = |rule: i64| merged(json!({"host_id": site.host, "crs_rule_id": rule}), more.clone());
    [2001, 2002, 2004].map(|rule| w.call("exclusions.create", exclusion(rule))["id"].clone()).into()
}

/// That an exclusion with one field lets [`ATTACK`] pass exactly where it should.
fn excluded(field: &'static str, value: Value, (method, other): (&'static str, &'static str)) -> impl Fn(&World) {
    move |w| {
        let site = w.guarded(echo());
        let status = |method: &str| w.request(&site, method, ATTACK, &[], "").status;
        assert_eq!((status(method), status(other)), (403, 403));
        leave_out(w, &site, json!({field: value}));
        assert_eq!((status(method), status(other)), (200, 403), "{field}");
    }
}

fn waf_exclusions() -> Vec<(&'static str, Proof)> {
    fn key(w: &World) -> (Site, Value) {
        let site = w.guarded(echo());
        let id = leave_out(w, &site, json!({}))[0].clone();
        let key = json!({"host_id": site.host, "id": id});
        (site, key)
    }
    vec![
        (
            "id",
            Effect(|w| {
                let (_, key) = key(w);
                assert_eq!(w.call("exclusions.get", key.clone())["id"], key["id"]);
            }),
        ),
        (
            "host_id",
            Effect(|w| {
                let (one, other) = (w.guarded(echo()), w.guarded(echo()));
                leave_out(w, &one, json!({}));
                assert_eq!((w.get(&one, ATTACK).status, w.get(&other, ATTACK).status), (200, 403));
            }),
        ),
        (
            "crs_rule_id",
            Effect(|w| {
                let (site, key) = key(w);
                assert_eq!(w.get(&site, ATTACK).status, 200);
                w.replace("exclusions", key, "crs_rule_id", json!(3001));
                assert_eq!(w.get(&site, ATTACK).status, 403);
            }),
        ),
        (
            "path_pattern",
            Effect(|w| {
                let site = w.guarded(echo());
                let status = |path: &str| w.get(&site, &format!("{path}{}", &ATTACK[1..])).status;
                leave_out(w, &site, json!({"path_pattern": "/free"}));
                assert_eq!((status("/free"), status("/free/x"), status("/freed"), status("/")), (200, 200, 403, 403));
            }),
        ),
        (
            "reason",
            Effect(|w| {
                let (_, key) = key(w);
                w.call("exclusions.update", merged(key.clone(), json!({"reason": "an editor"})));
                assert_eq!(w.call("exclusions.get", key)["reason"], "an editor");
            }),
        ),
        (
            "enabled",
            Effect(|w| {
                let (site, key) = key(w);
                w.call("exclusions.toggle", merged(key.clone(), json!({"enabled": false})));
                assert_eq!(w.get(&site, ATTACK).status, 403);
                w.call("exclusions.toggle", merged(key.clone(), json!({"enabled": true})));
                assert_eq!(w.get(&site, ATTACK).status, 200);
                w.call("exclusions.delete", key);
                assert_eq!(w.get(&site, ATTACK).status, 403);
            }),
        ),
        (
            "created_at",
            Effect(|w| {
                let (site, one) = key(w);
                let read = |key: &Value| w.call("exclusions.get", key.clone())["created_at"].clone();
                let moved = (0..1000).any(|n| {
                    let new = json!({"host_id": site.host, "crs_rule_id": 3001, "path_pattern": format!("/{n}")});
                    let made = w.call("exclusions.create", new)["id"].clone();
                    read(&json!({"host_id": site.host, "id": made})) != read(&one)
                });
                assert!(moved, "created_at stands still");
            }),
        ),
        (
            "updated_at",
            Effect(|w| {
                let (_, key) = key(w);
                times(w, "exclusions.get", key.clone(), |n| {
                    w.call("exclusions.update", merged(key.clone(), json!({"reason": format!("{n}")})));
                });
            }),
        ),
        (
            "tag",
            Effect(|w| {
                let site = w.guarded(echo());
                assert_eq!(w.get(&site, ATTACK).status, 403);
                w.call("exclusions.create", json!({"host_id": site.host, "tag": "attack-xss"}));
                assert_eq!(w.get(&site, ATTACK).status, 200);
            }),
        ),
        (
            "target",
            Effect(|w| {
                let site = w.guarded(echo());
                let other = ATTACK.replace("q=", "r=");
                leave_out(w, &site, json!({"target": "ARGS:q"}));
                assert_eq!((w.get(&site, ATTACK).status, w.get(&site, &other).status), (200, 403));
            }),
        ),
        ("method", Effect(|w| excluded("method", json!("GET,PUT"), ("PUT", "DELETE"))(w))),
    ]
}

/// A rule of a host's own that refuses `?own=yes`.
const OWN_RULE: &str = "SecRule ARGS:own \"@streq yes\" \"id:100001,phase:2,deny,status:409,log,msg:'own'\"";

fn dns_providers() -> Vec<(&'static str, Proof)> {
    fn key(w: &World) -> Value {
        let config = json!({"server": "127.0.0.1:1", "tsig_name": "key", "tsig_secret": "bm90LWEtcmVhbC1rZXk="});
        let made = w.call("dns_providers.create", json!({"name": w.name(), "kind": "rfc2136", "config": config}));
        json!({"id": made["id"]})
    }
    fn tried(w: &World, key: &Value) -> Value {
        w.call("dns_providers.test", merged(key.clone(), json!({"domain": "a.test", "seconds": 0})))["steps"][0].clone()
    }
    let dates = |w: &World| {
        let key = key(w);
        times(w, "dns_providers.get", key.clone(), |n| {
            w.call("dns_providers.update", merged(key.clone(), json!({"name": format!("{}-{n}", w.name())})));
        });
    };
    vec![
        ("id", Filled),
        (
            "name",
            Effect(|w| {
                let (key, name) = (key(w), w.name());
                w.call("dns_providers.update", merged(key.clone(), json!({"name": name})));
                assert_eq!(w.call("dns_providers.get", key.clone())["name"], name);
                w.call("dns_providers.delete", key.clone());
                assert_eq!(w.ask("dns_providers.get", key).0, 404);
            }),
        ),
        (
            "kind",
            Effect(|w| {
                // A command is run, where a name server is asked.
                let (resolver, _asked) = resolver();
                w.set("acme.dns_resolvers", &resolver.to_string());
                let input = json!({"name": w.name(), "kind": "exec", "config": {"command": "/bin/true"}});
                let command = w.call("dns_providers.create", input);
                assert_eq!(tried(w, &json!({"id": command["id"]}))["ok"], true);
                assert_eq!(tried(w, &key(w))["ok"], false);
            }),
        ),
        (
            "config_encrypted",
            Effect(|w| {
                let key = key(w);
                let says = |part: &str| tried(w, &key)["error"].as_str().unwrap().contains(part);
                assert!(says("127.0.0.1:1 "));
                let (server, _asked) = resolver();
                w.set("acme.dns_resolvers", &server.to_string());
                let config = json!({"server": server.to_string()});
                w.call("dns_providers.update", merged(key.clone(), json!({"config": config})));
                assert!(says(&server.to_string()));
            }),
        ),
        (
            "enabled",
            Effect(|w| {
                let key = key(w);
                w.call("dns_providers.update", merged(key.clone(), json!({"enabled": false})));
                let (status, told) = w.ask("dns_providers.test", merged(key, json!({"domain": "a.test"})));
                assert_eq!((status, &told["code"]), (409, &json!("dns_provider.disabled")));
            }),
        ),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

/// Shown with a real receiver.
fn dispatched(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/notifier.rs", test)
}

fn notification_channels() -> Vec<(&'static str, Proof)> {
    let says_why = || dispatched("what_is_not_sent_leaves_a_row_that_says_why");
    let dates = |w: &World| {
        let made = w.call("channels.create", json!({"name": w.name(), "type": "browser_push"}));
        let key = json!({"id": made["id"]});
        times(w, "channels.get", key.clone(), |n| {
            w.call("channels.update", merged(key.clone(), json!({"rate_limit_per_minute": n})));
        });
        w.call("channels.delete", key);
    };
    vec![
        ("id", dispatched("a_deleted_channel_gives_up_what_waits_and_keeps_the_rows")),
        (
            "name",
            Effect(|w| {
                let name = w.name();
                let made = w.call("channels.create", json!({"name": name, "type": "browser_push"}));
                let (status, told) = w.ask("channels.create", json!({"name": name, "type": "browser_push"}));
                assert_eq!((status, &told["code"]), (409, &json!("channel.name_taken")));
                w.call("channels.delete", json!({"id": made["id"]}));
            }),
        ),
        ("type", ShownBy("argos-core/tests/notification_channels.rs", "each_kind_reaches_its_receiver")),
        ("enabled", says_why()),
        ("config", dispatched("an_event_reaches_those_who_want_it_and_leaves_a_row")),
        ("template", dispatched("a_template_of_its_own_is_what_is_sent")),
        ("rate_limit_per_minute", says_why()),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

fn notification_rules() -> Vec<(&'static str, Proof)> {
    let filters = || dispatched("a_filter_of_hosts_or_severities_lets_only_those_through");
    let reaches = || dispatched("an_event_reaches_those_who_want_it_and_leaves_a_row");
    let dates = |w: &World| {
        let channel = w.call("channels.create", json!({"name": w.name(), "type": "browser_push"}))["id"].clone();
        let made = w.call("notification_rules.create", json!({"channel_id": channel, "event_type": "login_failed"}));
        let key = json!({"id": made["id"]});
        times(w, "notification_rules.get", key.clone(), |n| {
            w.call("notification_rules.update", merged(key.clone(), json!({"throttle_window_seconds": n})));
        });
        w.call("channels.delete", json!({"id": channel}));
    };
    vec![
        ("id", filters()),
        (
            "name",
            Effect(|w| {
                let channel =
                    w.call("channels.create", json!({"name": w.name(), "type": "browser_push"}))["id"].clone();
                let rule = json!({"channel_id": channel, "event_type": "login_failed", "name": "who fails"});
                let made = w.call("notification_rules.create", rule);
                assert_eq!(w.call("notification_rules.get", json!({"id": made["id"]}))["name"], "who fails");
                w.call("channels.delete", json!({"id": channel}));
            }),
        ),
        ("channel_id", reaches()),
        ("event_type", reaches()),
        ("filter_host_ids", filters()),
        ("filter_severities", filters()),
        ("throttle_window_seconds", dispatched("what_is_not_sent_leaves_a_row_that_says_why")),
        ("enabled", dispatched("a_rule_that_is_off_wants_nothing")),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

fn notification_deliveries() -> Vec<(&'static str, Proof)> {
    let reaches = || dispatched("an_event_reaches_those_who_want_it_and_leaves_a_row");
    let again = || dispatched("a_failed_attempt_is_made_again_with_the_same_key");
    vec![
        ("id", reaches()),
        ("rule_id", dispatched("a_filter_of_hosts_or_severities_lets_only_those_through")),
        ("channel_id", dispatched("a_deleted_channel_gives_up_what_waits_and_keeps_the_rows")),
        ("event_type", reaches()),
        ("event_payload", reaches()),
        ("rendered_payload", reaches()),
        ("status", again()),
        ("error_message", dispatched("what_is_not_sent_leaves_a_row_that_says_why")),
        ("attempts", again()),
        ("created_at", dispatched("old_rows_go_and_those_beyond_the_most_but_none_that_waits")),
        ("sent_at", reaches()),
        ("idempotency_key", again()),
        ("next_attempt_at", again()),
    ]
}

fn push_subscriptions() -> Vec<(&'static str, Proof)> {
    let subscribed = |test| ShownBy("argos-core/tests/push_subscriptions.rs", test);
    let seen = || subscribed("a_browser_subscribes_as_it_is_and_each_person_sees_their_own");
    let told = || subscribed("only_people_who_may_look_are_told_and_what_is_gone_is_deleted");
    let moves = || subscribed("new_keys_replace_the_old_ones_and_a_browser_of_another_person_moves");
    vec![
        ("id", told()),
        ("user_id", moves()),
        ("endpoint", seen()),
        ("p256dh_key", moves()),
        ("auth_key", moves()),
        ("user_agent", seen()),
        ("created_at", seen()),
    ]
}

fn waf_custom_rules() -> Vec<(&'static str, Proof)> {
    fn key(w: &World) -> (Site, Value) {
        let site = w.guarded(echo());
        let made = w.call("custom_rules.create", json!({"host_id": site.host, "name": "own", "secrule": OWN_RULE}));
        let key = json!({"host_id": site.host, "id": made["id"]});
        (site, key)
    }
    fn status(w: &World, site: &Site) -> u16 {
        w.get(site, "/?own=yes").status
    }
    let dates = |w: &World| {
        let (_, key) = key(w);
        times(w, "custom_rules.get", key.clone(), |n| {
            w.call("custom_rules.update", merged(key.clone(), json!({"name": format!("{n}")})));
        });
    };
    vec![
        (
            "id",
            Effect(|w| {
                // Own rules run in this order: the first one decides.
                let (site, first) = key(w);
                let second = OWN_RULE.replace("100001", "100002").replace("409", "410");
                w.call("custom_rules.create", json!({"host_id": site.host, "secrule": second}));
                assert_eq!(status(w, &site), 409);
                w.call("custom_rules.delete", first);
                assert_eq!(status(w, &site), 410);
            }),
        ),
        (
            "host_id",
            Effect(|w| {
                let (site, _) = key(w);
                assert_eq!((status(w, &site), status(w, &w.guarded(echo()))), (409, 200));
            }),
        ),
        (
            "name",
            Effect(|w| {
                let (_, key) = key(w);
                w.replace("custom_rules", key.clone(), "name", json!("mine"));
                assert_eq!(w.call("custom_rules.get", key)["name"], "mine");
            }),
        ),
        (
            "secrule",
            Effect(|w| {
                let (site, key) = key(w);
                let other = OWN_RULE.replace("409", "418");
                w.call("custom_rules.update", merged(key, json!({"secrule": other})));
                assert_eq!(status(w, &site), 418);
            }),
        ),
        (
            "enabled",
            Effect(|w| {
                let (site, key) = key(w);
                assert_eq!(status(w, &site), 409);
                w.call("custom_rules.toggle", merged(key, json!({"enabled": false})));
                assert_eq!(status(w, &site), 200);
            }),
        ),
        ("created_at", Effect(dates)),
        ("updated_at", Effect(dates)),
    ]
}

/// What the panel answers to a question with this token.
fn status(w: &World, token: &Value, method: &str, path: &str, body: &str) -> u16 {
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    ask(w.server.panel, method, &format!("/api/v1{path}"), &headers, body).status
}

fn new_token(w: &World, role: &str) -> Value {
    w.call("tokens.create", json!({"name": w.name(), "role": role}))
}

fn listed(w: &World, token: &Value) -> Value {
    let mut cursor = Value::Null;
    loop {
        let input = if cursor.is_null() { json!({"limit": 500}) } else { json!({"limit": 500, "cursor": cursor}) };
        let page = w.call("tokens.list", input);
        if let Some(found) = page["items"].as_array().unwrap().iter().find(|t| t["id"] == token["id"]) {
            return found.clone();
        }
        cursor = page["next_cursor"].clone();
        assert!(!cursor.is_null(), "token {} is not listed", token["id"]);
    }
}

fn api_tokens() -> Vec<(&'static str, Proof)> {
    vec![
        (
            "id",
            Effect(|w| {
                let (one, other) = (new_token(w, "viewer"), new_token(w, "viewer"));
                w.call("tokens.revoke", json!({"id": one["id"]}));
                assert_eq!((status(w, &one, "GET", "/hosts", ""), status(w, &other, "GET", "/hosts", "")), (401, 200));
            }),
        ),
        (
            "name",
            Effect(|w| {
                let token = new_token(w, "viewer");
                assert_eq!(listed(w, &token)["name"], token["name"]);
                assert_eq!(w.ask("tokens.create", json!({"name": token["name"], "role": "viewer"})).0, 409);
            }),
        ),
        (
            "token_hash",
            Effect(|w| {
                let token = new_token(w, "viewer");
                assert_eq!(status(w, &token, "GET", "/hosts", ""), 200);
                assert_eq!(status(w, &json!({"token": "argos_pat_of-somebody-else"}), "GET", "/hosts", ""), 401);
            }),
        ),
        (
            "role",
            Effect(|w| {
                let group = || json!({"name": w.name()}).to_string();
                assert_eq!(status(w, &new_token(w, "viewer"), "POST", "/target-groups", &group()), 403);
                assert_eq!(status(w, &new_token(w, "operator"), "POST", "/target-groups", &group()), 201);
            }),
        ),
        // Filled by people who are signed in, which nobody can be yet.
        ("created_by", Unwritten),
        (
            "created_at",
            Effect(|w| {
                let token = new_token(w, "viewer");
                assert!(Timestamp::parse(listed(w, &token)["created_at"].as_str().unwrap()).is_some_and(|at| at.0 > 0));
            }),
        ),
        (
            "expires_at",
            Effect(|w| {
                let soon = Timestamp(Clock::system().now().0 + 1500);
                let token = w.call("tokens.create", json!({"name": w.name(), "role": "viewer", "expires_at": soon}));
                assert_eq!(status(w, &token, "GET", "/hosts", ""), 200);
                // Asked again and again until its time has come: bounded by the calls, each of which takes its time.
                let ended = (0..100_000).any(|_| status(w, &token, "GET", "/hosts", "") == 401);
                assert!(ended && Clock::system().now() >= soon, "the token does not end");
            }),
        ),
        (
            "last_used_at",
            Effect(|w| {
                let token = new_token(w, "viewer");
                assert_eq!(listed(w, &token)["last_used_at"], Value::Null);
                assert_eq!(status(w, &token, "GET", "/hosts", ""), 200);
                // The writer has done it when it has answered the next change.
                w.group(echo());
                assert_ne!(listed(w, &token)["last_used_at"], Value::Null);
            }),
        ),
        (
            "revoked_at",
            Effect(|w| {
                let token = new_token(w, "viewer");
                assert_eq!(status(w, &token, "GET", "/hosts", ""), 200);
                w.call("tokens.revoke", json!({"id": token["id"]}));
                assert_ne!(listed(w, &token)["revoked_at"], Value::Null);
                assert_eq!(status(w, &token, "GET", "/hosts", ""), 401);
            }),
        ),
    ]
}

/// Shown by the tests of signing in, where the clock is moved.
fn signs_in(test: &'static str) -> Proof {
    ShownBy("argos-core/tests/sign_in.rs", test)
}

fn sessions() -> Vec<(&'static str, Proof)> {
    let kept = ["id", "token", "user_id", "remote_ip", "user_agent", "expires_at", "created_at"];
    let kept = kept.map(|c| (c, signs_in("a_good_password_begins_a_session_and_leaves_its_hash_only")));
    let of_hosts = |test| ShownBy("argos-core/tests/gate.rs", test);
    kept.into_iter()
        .chain([
            ("last_seen_at", signs_in("the_use_of_a_session_is_noted_once_a_minute")),
            ("kind", of_hosts("a_session_counts_where_it_belongs_and_nowhere_else")),
            ("host_id", of_hosts("a_session_counts_where_it_belongs_and_nowhere_else")),
            ("parent_id", of_hosts("signing_out_ends_the_session_at_once")),
        ])
        .collect()
}

/// What is said of a person is shown again, and when they signed in.
fn profile(w: &World) {
    let ask = |method: &str, path: &str, body: Value| {
        let answer = ask_socket(&w.folder, method, path, &body.to_string());
        assert!((200..300).contains(&answer.status), "{}", answer.body);
        answer.json()
    };
    // Both rows that try it make a person of their own.
    let found = ask_socket(&w.folder, "GET", "/api/v1/users", "").json();
    let name = format!("person-{}", found["items"].as_array().unwrap().len());
    let about =
        json!({"username": name, "password": "sturdy-lantern-47", "email": "a@a.example", "display_name": "A B"});
    let made = ask("POST", "/api/v1/users", about);
    assert_eq!((&made["email"], &made["display_name"]), (&json!("a@a.example"), &json!("A B")));
    assert_eq!(made["last_login"], Value::Null);
    ask("POST", "/api/v1/auth/login", json!({"username": name, "password": "sturdy-lantern-47"}));
    let path = format!("/api/v1/users/{}", made["id"]);
    let shown = ask_socket(&w.folder, "GET", &path, "").json();
    assert!(shown["last_login"].is_string(), "{shown}");
}

fn users() -> Vec<(&'static str, Proof)> {
    let first = |w: &World| {
        let line = w.server.log.iter().find_map(|line| line.split_once("setup token: ")).unwrap();
        let person = json!({"token": line.1.trim(), "username": "person", "password": "long enough for this"});
        let (status, made) = w.ask("setup.create", person.clone());
        // Both rows that try it are right, whichever comes first: there is one first administrator.
        if status == 201 {
            assert_eq!((&made["username"], &made["role"]), (&json!("person"), &json!("admin")));
        }
        assert_eq!(w.ask("setup.create", person).0, 404);
    };
    let mut columns: Vec<(&'static str, Proof)> = vec![("username", Effect(first)), ("role", Effect(first))];
    columns.extend(["id", "created_at", "updated_at"].map(|column| (column, Filled)));
    // How a password is stored is shown by the settings of it.
    columns.push(("password_hash", Filled));
    let oidc = |test| ShownBy("argos-core/tests/oidc.rs", test);
    columns.extend([
        ("email", Effect(profile)),
        ("display_name", Effect(profile)),
        ("enabled", signs_in("whoever_is_disabled_demoted_or_deleted_is_out_at_once_and_so_are_their_tokens")),
        ("last_login", Effect(profile)),
        ("password_changed_at", signs_in("a_reset_ends_all_sessions_at_once")),
        ("totp_secret_encrypted", signs_in("a_code_is_asked_for_and_good_once")),
        ("totp_recovery_codes_encrypted", signs_in("of_fifty_tries_with_one_recovery_code_one_wins")),
        ("totp_enabled", signs_in("a_code_is_asked_for_and_good_once")),
        (
            "totp_enabled_at",
            signs_in("a_second_factor_is_set_up_switched_off_and_its_codes_renewed_by_whoever_proves_it"),
        ),
        ("totp_last_step", signs_in("a_code_is_asked_for_and_good_once")),
        ("external_provider", oidc("a_new_identity_gets_in_and_opens_no_panel_route")),
        ("external_id", oidc("a_new_identity_gets_in_and_opens_no_panel_route")),
        ("created_via", oidc("a_new_identity_gets_in_and_opens_no_panel_route")),
        ("oidc_groups", oidc("groups_give_roles_and_take_them_away")),
    ]);
    columns
}

fn settings() -> Vec<(&'static str, Proof)> {
    let shown = |w: &World| {
        let read = || w.call("settings.get", json!({"key": "proxy.max_headers"}));
        let before = read();
        w.set("proxy.max_headers", "100");
        let after = read();
        assert_eq!((&before["value"], &after["value"]), (&json!("128"), &json!("100")));
        assert_ne!(after["updated_at"], Value::Null);
        w.call("settings.update", json!({"proxy.max_headers": "101"}));
        assert_eq!(read()["value"], "101");
    };
    vec![("key", Effect(shown)), ("value", Effect(shown)), ("updated_at", Effect(shown))]
}

fn config_versions() -> Vec<(&'static str, Proof)> {
    let newest = |w: &World| {
        let site = w.site(echo());
        let newest = || w.call("config.versions", json!({"limit": 1}))["items"][0].clone();
        let before = newest();
        w.call("hosts.update", json!({"id": site.host, "max_body_bytes": 77}));
        let after = newest();
        let (from, to) = (before["generation"].as_u64().unwrap(), after["generation"].as_u64().unwrap());
        assert_eq!(to, from + 1);
        assert_eq!(after["summary"], json!(format!("update host {}", site.host)));
        assert_eq!(after["actor"], "cli");
        assert!(Timestamp::parse(after["created_at"].as_str().unwrap()).is_some_and(|at| at.0 > 0));
        let diff = w.call("config.diff", json!({"a": from, "b": to}));
        assert_eq!((&diff["items"][0]["field"], &diff["items"][0]["new"]), (&json!("max_body_bytes"), &json!(77)));
        w.call("config.rollback", json!({"n": from, "table": "hosts", "key": site.host}));
        assert_eq!(w.call("hosts.get", json!({"id": site.host}))["max_body_bytes"], Value::Null);
    };
    let mut columns: Vec<(&'static str, Proof)> =
        ["generation", "created_at", "actor", "summary", "changes"].map(|column| (column, Effect(newest))).into();
    // Filled by people who are signed in, which nobody can be yet.
    columns.push(("user_id", Unwritten));
    columns.push(("checkpoint", ShownBy("argos-core/tests/versions.rs", "a_full_copy_is_the_state_of_its_generation")));
    columns.push(("sha256", ShownBy("argos-core/tests/versions.rs", "a_change_that_was_tampered_with_is_not_used")));
    columns
}

fn log_entries() -> Vec<(&'static str, Proof)> {
    // One request, as the log shows it.
    let request = |w: &World| {
        let site = w.guarded(echo());
        let headers = [("User-Agent", "program/1"), ("Content-Type", "text/plain")];
        assert_eq!(w.request(&site, "POST", "/found?q=1", &headers, "12345").status, 200);
        let (domain, host) = (site.domain, site.host);
        w.later(move |db| {
            let sql = "SELECT source, host_id, level, remote_ip, method, user_agent, query, status, bytes_in,
                http_version, action, size_bytes > 5, upstream LIKE '127.0.0.1:%', message <> '', raw <> '',
                request_id <> '' FROM log_entries WHERE host_domain = ?1 AND path = '/found'";
            let row: Vec<String> =
                db.query_row(sql, [&domain], |r| (0..16).map(|i| Ok(text(r.get_ref(i)?))).collect()).unwrap();
            let expected = [
                "caddy_access",
                &host.to_string(),
                "info",
                "127.0.0.1",
                "POST",
                "program/1",
                "q=1",
                "200",
                "5",
                "HTTP/1.1",
                "proxied",
                "1",
                "1",
                "1",
                "1",
                "1",
            ];
            assert_eq!(row, expected);
        });
    };
    let by_request = [
        "source",
        "host_id",
        "level",
        "host_domain",
        "remote_ip",
        "method",
        "path",
        "user_agent",
        "upstream",
        "message",
        "raw",
        "status",
        "size_bytes",
        "request_id",
        "query",
        "action",
        "http_version",
        "bytes_in",
    ];
    let mut columns: Vec<(&'static str, Proof)> = by_request.map(|column| (column, Effect(request))).into();
    let by_others = [
        "id",
        "timestamp",
        "rule_id",
        "waf_rule_message",
        "waf_severity",
        "waf_rule_id",
        "waf_anomaly_score",
        // A request that waits for its upstream takes at least a millisecond.
        "duration_ms",
    ];
    columns.extend(by_others.map(|column| (column, Filled)));
    columns.push(("country", Unwritten));
    columns
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(n) => n.to_string(),
        rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
        other => format!("{other:?}"),
    }
}

/// Whether some row holds another value than the column's default; a column without one is compared with NULL.
pub fn is_filled(db: &Connection, table: &str, column: &str) -> bool {
    let sql = "SELECT dflt_value FROM pragma_table_info(?1) WHERE name = ?2";
    let default: Option<String> = db.query_row(sql, [table, column], |r| r.get(0)).unwrap();
    let default = default.unwrap_or_else(|| "NULL".into());
    let sql = format!("SELECT count(*) FROM {table} WHERE {column} IS NOT ({default})");
    db.query_row(&sql, [], |r| r.get::<_, i64>(0)).unwrap() > 0
}
