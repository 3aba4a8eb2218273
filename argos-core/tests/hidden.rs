//! What must not be read back: after every changing operation, no row and no byte of the file shows a secret.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod samples;
mod support;

use std::collections::BTreeSet;
use std::io::Read as _;

use argos_core::Argos;
use argos_core::api::{CreateFirstAdmin, describe};
use argos_core::secret::MasterKey;
use argos_core::store::{CONFIG_TABLES, Change, audit};
use flate2::read::GzDecoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Folder, argos};

const PASSWORD: &str = "pattern-of-a-password";
const USER_PASSWORD: &str = "pattern-of-another-password";
const OIDC_SECRET: &str = "pattern-of-a-client-secret";
const EAB_KEY: &str = "cGF0dGVybi1vZi1hbi1lYWIta2V5";
const HOOK: &str = "https://hooks.invalid/pattern-of-a-path";
const HOOK_SECRET: &str = "pattern-of-a-signing-secret";
const HOOK_TOKEN: &str = "pattern-of-a-header";
const MAIL_PASSWORD: &str = "pattern-of-a-mail-password";
const BOT_TOKEN: &str = "1:pattern-of-a-bot-token";

/// Every changing operation that needs no secret of a start, in an order in which each succeeds.
fn calls() -> Vec<(&'static str, Value)> {
    let target = json!({"host": "127.0.0.1", "port": 9000});
    let block = json!({"type": "block", "config": {}});
    vec![
        ("target_groups.create", json!({"name": "pool", "targets": [target]})),
        ("target_groups.update", client_pair()),
        ("targets.create", json!({"target_group_id": 1, "host": "::1", "port": 9001})),
        ("targets.update", json!({"target_group_id": 1, "id": 2, "weight": 7})),
        ("targets.toggle", json!({"target_group_id": 1, "id": 2, "enabled": false})),
        ("targets.delete", json!({"target_group_id": 1, "id": 2})),
        ("hosts.create", json!({"domain": "a.example", "target_group_id": 1, "tls_mode": "none"})),
        ("hosts.update", json!({"id": 1, "domain": "b.example"})),
        ("hosts.toggle", json!({"id": 1, "enabled": false})),
        ("security.update", json!({"host_id": 1, "waf_mode": "block"})),
        ("rules.create", json!({"host_id": 1, "action": block})),
        ("rules.create", json!({"host_id": 1, "action": block, "name": "second"})),
        ("rules.update", json!({"host_id": 1, "id": 1, "name": "first"})),
        ("rules.toggle", json!({"host_id": 1, "id": 1, "enabled": false})),
        ("rules.reorder", json!({"host_id": 1, "rule_ids": [2, 1]})),
        ("rules.delete", json!({"host_id": 1, "id": 1})),
        ("settings.set", json!({"key": "proxy.max_retries", "value": "3"})),
        ("settings.update", json!({"proxy.max_retries": "4", "proxy.send_forwarded": "true"})),
        ("settings.reset", json!({"key": "proxy.max_retries"})),
        ("tokens.create", json!({"name": "ci", "role": "viewer"})),
        ("tokens.revoke", json!({"id": 1})),
        (
            "hosts.replace",
            json!({"id": 1, "domain": "c.example", "target_group_id": 1, "tls_mode": "none", "enabled": true,
                "access_log": true, "max_body_bytes": null, "dns_provider_id": null, "auth_required": false,
                "tls_email": "", "tls_challenge": "auto", "tls_directory_url": "", "https_redirect": true,
                "client_auth": "none", "client_ca_pem": "", "hsts_max_age_seconds": 0,
                "request_headers": [], "response_headers": [], "compression": false}),
        ),
        (
            "target_groups.replace",
            json!({"id": 1, "name": "pool", "preserve_host": false, "connect_timeout_ms": null,
                "response_timeout_ms": null, "max_retries": null, "protocol": "http", "verify_tls": true,
                "algorithm": "round_robin", "health_check_enabled": false, "health_check_path": "/",
                "health_check_method": "GET", "health_check_expect_status": "200",
                "health_check_interval_seconds": 30, "health_check_timeout_seconds": 5,
                "health_check_fails_to_unhealthy": 2, "health_check_passes_to_healthy": 2, "http_version": "auto",
                "tls_server_name": "", "ca_bundle_pem": "", "client_cert_pem": "", "client_key_pem": null,
                "slow_start_seconds": 0, "sticky_cookie": "", "sticky_ttl_seconds": 0}),
        ),
        (
            "targets.replace",
            json!({"target_group_id": 1, "id": 1, "host": "::1", "port": 9003, "weight": 1, "enabled": true}),
        ),
        (
            "rules.replace",
            json!({"host_id": 1, "id": 2, "priority": 5, "name": "", "enabled": true, "action": block, "matchers": []}),
        ),
        (
            "security.replace",
            json!({"host_id": 1, "waf_enabled": true, "waf_mode": "detect", "waf_paranoia": 1,
                "waf_block_status": 403, "waf_block_body": "", "waf_response_body": true,
                "waf_detection_paranoia": null, "waf_inbound_threshold": null, "waf_outbound_threshold": null,
                "rate_limit_enabled": false, "rate_limit_requests": 0, "rate_limit_window_seconds": 0,
                "rate_limit_key": "ip", "rate_limit_header_name": "", "rate_limit_status": 429}),
        ),
        ("access.replace", json!({"host_id": 1, "users": [], "roles": ["viewer"]})),
        ("config.rollback", json!({"n": 1})),
        ("config.rollback", json!({"n": 12, "table": "hosts", "key": 1})),
        ("exclusions.create", json!({"host_id": 1, "crs_rule_id": 2001, "target": "ARGS:text"})),
        ("exclusions.update", json!({"host_id": 1, "id": 1, "reason": "an editor"})),
        (
            "exclusions.replace",
            json!({"host_id": 1, "id": 1, "crs_rule_id": 2002, "tag": "", "path_pattern": "/x", "method": "", "target": "",
                "reason": "", "enabled": true}),
        ),
        ("exclusions.toggle", json!({"host_id": 1, "id": 1, "enabled": false})),
        ("exclusions.delete", json!({"host_id": 1, "id": 1})),
        ("custom_rules.create", json!({"host_id": 1, "name": "one", "secrule": "SecRuleRemoveById 3001"})),
        ("custom_rules.update", json!({"host_id": 1, "id": 1, "name": "uno"})),
        (
            "custom_rules.replace",
            json!({"host_id": 1, "id": 1, "name": "one", "secrule": "SecRuleRemoveById 3002", "enabled": true}),
        ),
        ("custom_rules.toggle", json!({"host_id": 1, "id": 1, "enabled": false})),
        ("custom_rules.delete", json!({"host_id": 1, "id": 1})),
        ("waf.mode", json!({"mode": "detect"})),
        ("hosts.update", json!({"id": 1, "domain": "cert.example"})),
        ("certificates.upload", samples::upload(1, "cert.example")),
        ("certificates.delete", json!({"id": 1})),
        ("certificates.renew", json!({"id": 1})),
        (
            "acme_accounts.create",
            json!({"directory_url": "staging", "key_pem": samples::upload(1, "a.example")["key_pem"]}),
        ),
        ("acme_accounts.delete", json!({"id": 1})),
        ("settings.set", json!({"key": "acme.eab_hmac_key", "value": EAB_KEY})),
        ("hosts.delete", json!({"id": 1})),
        ("target_groups.delete", json!({"id": 1})),
        ("dns_providers.create", dns_provider("cGF0dGVybi1vZi1hLWtleQ==")),
        ("dns_providers.update", json!({"id": 1, "config": {"tsig_secret": "cGF0dGVybi1vZi1hbm90aGVyLWtleQ=="}})),
        ("dns_providers.test", json!({"id": 1, "domain": "a.example", "seconds": 0})),
        ("dns_providers.delete", json!({"id": 1})),
        ("users.create", json!({"username": "eve", "password": USER_PASSWORD, "role": "viewer"})),
        ("users.update", json!({"id": 2, "display_name": "Eve"})),
        ("users.set_password", json!({"id": 2, "new": USER_PASSWORD})),
        ("users.disable_2fa", json!({"id": 2})),
        ("users.end_sessions", json!({"id": 2})),
        ("users.delete", json!({"id": 2})),
        ("auth.set_oidc_config", json!({"client_id": "argos", "client_secret": OIDC_SECRET})),
        ("waf.install", samples::sample("waf.install")),
        ("waf.reload", json!({})),
        (
            "channels.create",
            json!({"name": "hook", "type": "webhook", "config": {"url": HOOK, "secret": HOOK_SECRET,
                "headers": {"X-Token": HOOK_TOKEN}}}),
        ),
        ("channels.update", json!({"id": 1, "config": {"secret": HOOK_SECRET, "method": "PUT"}})),
        ("channels.test", json!({"id": 1})),
        (
            "channels.create",
            json!({"name": "mail", "type": "email", "config": {"smtp_host": "mail.invalid", "from": "a@b.example",
                "to": ["c@d.example"], "smtp_username": "argos", "smtp_password": MAIL_PASSWORD}}),
        ),
        (
            "channels.create",
            json!({"name": "chat", "type": "telegram", "config": {"bot_token": BOT_TOKEN, "chat_id": "-1001"}}),
        ),
        ("channels.toggle", json!({"id": 1, "enabled": false})),
        ("notification_rules.create", json!({"channel_id": 2, "event_type": "login_failed"})),
        ("notification_rules.update", json!({"id": 1, "name": "who fails"})),
        (
            "notification_rules.replace",
            json!({"id": 1, "name": "", "channel_id": 3, "event_type": "login_failed", "filter_host_ids": [],
                "filter_severities": ["warning"], "throttle_window_seconds": 60, "enabled": true}),
        ),
        ("notification_rules.toggle", json!({"id": 1, "enabled": false})),
        ("notification_rules.delete", json!({"id": 1})),
        ("channels.delete", json!({"id": 1})),
    ]
}

/// A certificate to show to upstreams.
fn client_pair() -> Value {
    let pair = samples::upload(1, "client.example");
    json!({"id": 1, "client_cert_pem": pair["cert_pem"], "client_key_pem": pair["key_pem"]})
}

fn dns_provider(secret: &str) -> Value {
    let config = json!({"server": "127.0.0.1:1", "tsig_name": "key", "tsig_secret": secret});
    json!({"name": "dns", "kind": "rfc2136", "config": config})
}

/// Runs them all; the secrets that were made on the way.
fn change_everything(argos: &Argos) -> Vec<String> {
    let mut secrets = [
        PASSWORD,
        EAB_KEY,
        USER_PASSWORD,
        OIDC_SECRET,
        "pattern-of-a-path",
        HOOK_SECRET,
        HOOK_TOKEN,
        MAIL_PASSWORD,
        BOT_TOKEN,
    ]
    .map(str::to_owned)
    .to_vec();
    // A ticket is made for a session, and writes nothing. Of deliveries there are none, since nothing is dispatched.
    let mut done = BTreeSet::from(["setup.create", "auth.ticket", "deliveries.retry"]);
    // What people do through a session is tried by `sign_in.rs`, `oidc.rs` and `push_subscriptions.rs`, and looked at by the test below.
    done.extend(
        describe()
            .iter()
            .filter(|op| op.name.starts_with("auth.") || op.name.starts_with("push."))
            .filter(|op| op.name != "auth.set_oidc_config")
            .filter(|op| op.mutates)
            .map(|op| op.name),
    );
    let setup = argos.issue_setup_token().unwrap().unwrap().show().clone();
    let admin = CreateFirstAdmin::new(setup.clone(), "person".into(), PASSWORD.into());
    assert!(!format!("{admin:?}").contains(PASSWORD) && !format!("{admin:?}").contains(&setup));
    argos.setup().create(admin).unwrap();
    secrets.push(setup);
    for (name, input) in calls() {
        if let Some(key) = input["key_pem"].as_str().or_else(|| input["client_key_pem"].as_str()) {
            secrets.push(key.lines().nth(1).unwrap().to_owned());
        }
        if let Some(secret) = input["config"]["tsig_secret"].as_str() {
            secrets.push(secret.to_owned());
        }
        let applied = argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        done.insert(name);
        if let Some(token) = applied.value.get("token") {
            secrets.push(token.as_str().unwrap().to_owned());
        }
    }
    let changing: BTreeSet<&str> = describe().iter().filter(|op| op.mutates).map(|op| op.name).collect();
    assert_eq!(done, changing, "an operation that changes something is not tried here");
    assert_eq!(secrets.len(), 16);
    secrets
}

#[test]
fn no_row_and_no_byte_shows_a_secret_after_every_changing_operation() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let secrets = change_everything(&argos);
    argos.check_writer().unwrap();
    drop(argos);
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    let mut statement = db.prepare("SELECT * FROM log_entries WHERE source = 'audit'").unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |r| (0..columns).map(|i| Ok(format!("{:?}", r.get_ref(i)?))).collect());
    let rows: Vec<Vec<String>> = rows.unwrap().collect::<rusqlite::Result<_>>().unwrap();
    assert_eq!(rows.len(), calls().len() + 1, "one audit row for each change");
    let hash: String = db.query_row("SELECT password_hash FROM users", [], |r| r.get(0)).unwrap();
    let token_hash: String = db.query_row("SELECT token_hash FROM api_tokens", [], |r| r.get(0)).unwrap();
    let stored = ["argos1:", "$argon2", hash.as_str(), token_hash.as_str()];
    // `Debug` shows texts as bytes: the audit rows are searched as text and as bytes.
    let raw: String = db.query_row("SELECT group_concat(raw || message) FROM log_entries", [], |r| r.get(0)).unwrap();
    let debug: String = rows.into_iter().flatten().collect();
    for hidden in secrets.iter().map(String::as_str).chain(stored) {
        let bytes = format!("{:?}", hidden.as_bytes());
        assert!(!raw.contains(hidden), "an audit row shows {hidden}");
        assert!(!debug.contains(bytes.trim_matches(['[', ']'])), "an audit row shows {hidden}");
    }
    let file = std::fs::read(folder.path().join("argos.db")).unwrap();
    for secret in &secrets {
        let found = memchr::memmem::find(&file, secret.as_bytes());
        assert_eq!(found, None, "the file holds {secret}");
    }
    let mut statement = db.prepare("SELECT changes FROM config_versions").unwrap();
    for packed in statement.query_map([], |r| r.get::<_, Vec<u8>>(0)).unwrap() {
        let mut text = String::new();
        GzDecoder::new(&packed.unwrap()[..]).read_to_string(&mut text).unwrap();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "a generation shows a secret: {text}");
    }
}

/// No operation writes these columns yet; their audit rows are hidden all the same.
#[test]
fn columns_of_secrets_are_starred_in_the_diff() {
    let sealed = MasterKey::from_bytes([7; 32]).encrypt("pattern");
    for (table, column, shown) in [
        ("dns_providers", "config_encrypted", sealed.clone()),
        ("certificates", "key_encrypted", sealed.clone()),
        ("target_groups", "client_key_encrypted", sealed.clone()),
        ("notification_channels", "config", json!({"smtp_password": sealed}).to_string()),
        ("notification_channels", "config", json!({"url": "https://pattern.example"}).to_string()),
        ("settings", "value", sealed.clone()),
    ] {
        let table = *CONFIG_TABLES.iter().find(|t| t.name == table).unwrap();
        let row = |value: &str| {
            let row = json!({table.key: 1, column: value, "plain": format!("{}!", value.len())});
            Some(row.as_object().unwrap().clone())
        };
        let changes = [
            Change { table, key: json!(1), old: None, new: row(&shown) },
            Change { table, key: json!(2), old: row(&shown), new: row("") },
            Change { table, key: json!(3), old: row(""), new: row(&shown) },
            Change { table, key: json!(4), old: row(&shown), new: None },
        ];
        let diff = audit::diff(&changes).to_string();
        assert!(!diff.contains("argos1:") && !diff.contains("pattern"), "{}: {diff}", table.name);
        assert_eq!(diff.matches("***").count(), 4, "{}: {diff}", table.name);
    }
}
