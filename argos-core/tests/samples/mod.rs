//! A small configuration, and for every operation a call that works on it. An operation without one fails the tests
//! that go through all operations.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use argos_core::api::{Described, Method};
use serde_json::{Map, Value, json};

fn host(domain: &str) -> Value {
    json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": [
        {"host": "127.0.0.1", "port": 9001}, {"host": "127.0.0.1", "port": 9002}]}})
}

fn block(name: &str) -> Value {
    json!({"host_id": 1, "name": name, "action": {"type": "block", "config": {}}})
}

fn own_rule(host: i64, id: u32) -> Value {
    let secrule = format!("SecRule ARGS:a \"@streq {id}\" \"id:{id},phase:2,deny\"");
    json!({"host_id": host, "name": "own", "secrule": secrule})
}

fn dns_provider(name: &str) -> Value {
    let config = json!({"server": "127.0.0.1:1", "tsig_name": "key", "tsig_secret": "bm90LWEtcmVhbC1rZXk="});
    json!({"name": name, "kind": "rfc2136", "config": config})
}

/// The upload of a certificate for a name, the same each time.
pub fn upload(host: i64, name: &str) -> Value {
    static MADE: Mutex<BTreeMap<String, (String, String)>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let (cert, key) = made.entry(name.to_owned()).or_insert_with(|| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    });
    json!({"id": host, "cert_pem": cert, "key_pem": key})
}

/// Calls that make the configuration: hosts 1 and 2 with groups 1 and 2 of two targets each, group 3 without a host,
/// rules 1 and 2 and exclusions 1 and 2 of host 1, exclusions 3 and 4 of host 2, own WAF rules 1 and 2 of host 1
/// and 3 and 4 of host 2, tokens 1 and 2, one setting; host 3 with certificate 2, which the local CA (certificate 1)
/// signed, host 4 with certificate 4, which was uploaded; DNS providers 1 and 2; users 1 and 2; channels 1 and 2 and
/// notification rules 1 and 2.
pub fn world() -> Vec<(&'static str, Value)> {
    vec![
        ("hosts.create", host("a.example")),
        ("hosts.create", host("b.example")),
        ("target_groups.create", json!({"name": "spare", "targets": []})),
        ("rules.create", block("one")),
        ("rules.create", block("two")),
        ("settings.set", json!({"key": "proxy.max_retries", "value": "4"})),
        ("tokens.create", json!({"name": "one", "role": "viewer"})),
        ("tokens.create", json!({"name": "two", "role": "viewer"})),
        ("exclusions.create", json!({"host_id": 1, "tag": "attack-sqli", "target": "ARGS:text"})),
        ("exclusions.create", json!({"host_id": 1, "crs_rule_id": 3001, "path_pattern": "/api"})),
        ("exclusions.create", json!({"host_id": 2, "crs_rule_id": 3001})),
        ("exclusions.create", json!({"host_id": 2, "crs_rule_id": 3002})),
        ("custom_rules.create", own_rule(1, 100_001)),
        ("custom_rules.create", own_rule(1, 100_002)),
        ("custom_rules.create", own_rule(2, 100_001)),
        ("custom_rules.create", own_rule(2, 100_002)),
        ("hosts.create", json!({"domain": "tls.example", "target_group_id": 1})),
        ("hosts.create", json!({"domain": "*.tls.example", "target_group_id": 1})),
        ("certificates.upload", upload(4, "*.tls.example")),
        ("dns_providers.create", dns_provider("dns")),
        ("dns_providers.create", dns_provider("spare")),
        ("acme_accounts.create", json!({"directory_url": "https://ca.example/dir", "email": "a@a.example"})),
        ("acme_accounts.create", json!({"directory_url": "https://ca.example/dir", "email": "b@a.example"})),
        ("users.create", json!({"username": "one", "email": "one@a.example", "display_name": "One"})),
        ("users.create", json!({"username": "two"})),
        ("channels.create", webhook("one")),
        ("channels.create", webhook("two")),
        ("notification_rules.create", json!({"channel_id": 1, "event_type": "login_failed"})),
        ("notification_rules.create", json!({"channel_id": 1, "event_type": "target_unhealthy"})),
    ]
}

/// The input of a call that works on [`world`] and changes something, if it changes anything at all. PUT is made from
/// what is stored by [`put`].
pub fn sample(name: &str) -> Value {
    match name {
        "hosts.list"
        | "target_groups.list"
        | "target_health.list"
        | "settings.list"
        | "config.versions"
        | "tokens.list"
        | "logs.search"
        | "acme_accounts.list"
        | "certificates.list"
        | "certificates.status"
        | "certificates.local_ca"
        | "logs.tail"
        | "system.version"
        | "system.health"
        | "system.openapi" => json!({}),
        "hosts.get" | "target_groups.get" | "logs.get" => json!({"id": 1}),
        "certificates.get" | "certificates.chain" => json!({"id": 2}),
        "certificates.upload" => upload(1, "a.example"),
        "certificates.renew" => json!({"id": 3}),
        "certificates.check" => json!({"id": 3}),
        "acme_accounts.get" | "acme_accounts.delete" => json!({"id": 1}),
        "acme_accounts.create" => json!({"directory_url": "https://ca.example/dir", "email": "c@a.example"}),
        "certificates.delete" => json!({"id": 4}),
        "hosts.create" => host("c.example"),
        "hosts.update" => json!({"id": 1, "access_log": false}),
        "hosts.replace" => json!({"id": 1, "enabled": false}),
        "hosts.delete" => json!({"id": 1}),
        "hosts.toggle" => json!({"id": 1, "enabled": false}),
        "target_groups.create" => json!({"name": "new", "targets": [{"host": "::1", "port": 1}]}),
        "target_groups.update" => json!({"id": 1, "max_retries": 1}),
        "target_groups.replace" => json!({"id": 1, "preserve_host": false}),
        "target_groups.delete" => json!({"id": 3}),
        "targets.list" => json!({"target_group_id": 1}),
        "targets.get" | "targets.delete" => json!({"target_group_id": 1, "id": 1}),
        "targets.create" => json!({"target_group_id": 1, "host": "::1", "port": 9}),
        "targets.update" => json!({"target_group_id": 1, "id": 1, "weight": 7}),
        "targets.replace" => json!({"target_group_id": 1, "id": 1, "port": 7}),
        "targets.toggle" => json!({"target_group_id": 1, "id": 1, "enabled": false}),
        "rules.list" => json!({"host_id": 1}),
        "rules.match_request" => json!({"host_id": 1, "uri": "/x"}),
        "requests.explain" => json!({"url": "http://a.example/x"}),
        "rules.get" | "rules.delete" => json!({"host_id": 1, "id": 1}),
        "rules.create" => block("three"),
        "rules.update" => json!({"host_id": 1, "id": 1, "name": "uno"}),
        "rules.replace" => {
            json!({"host_id": 1, "id": 1, "matchers": [{"type": "path", "config": {"patterns": ["/x"]}}]})
        }
        "rules.toggle" => json!({"host_id": 1, "id": 1, "enabled": false}),
        "rules.reorder" => json!({"host_id": 1, "rule_ids": [2, 1]}),
        "exclusions.list" => json!({"host_id": 1}),
        "exclusions.create" => json!({"host_id": 1, "crs_rule_id": 2001, "method": "GET"}),
        "exclusions.update" => json!({"host_id": 1, "id": 1, "reason": "an editor"}),
        "exclusions.replace" => json!({"host_id": 1, "id": 1, "path_pattern": "/x"}),
        "custom_rules.list" => json!({"host_id": 1}),
        "custom_rules.create" => own_rule(1, 100_003),
        "custom_rules.update" => json!({"host_id": 1, "id": 1, "name": "mine"}),
        "custom_rules.replace" => json!({"host_id": 1, "id": 1, "secrule": "SecRuleRemoveById 3001"}),
        "waf.check_rules" => json!({"host_id": 1, "secrule": "SecRuleRemoveById 3001"}),
        "waf.rules" => json!({"tag": "attack-sqli"}),
        "waf.mode" => json!({"mode": "detect"}),
        "access.replace" => json!({"host_id": 1, "roles": ["viewer"]}),
        "users.list" => json!({}),
        "users.create" => json!({"username": "new", "password": "sturdy-lantern-47", "role": "viewer"}),
        "users.update" => json!({"id": 1, "display_name": "The first"}),
        "users.delete" => json!({"id": 2}),
        "users.set_password" => json!({"id": 1, "new": "sturdy-lantern-48"}),
        // Whoever is signed in asks these; what is refused before a session is looked at is refused here, too.
        "auth.login" => json!({"username": "one", "password": "sturdy-lantern-47"}),
        "auth.verify_totp" => json!({"challenge_id": "x", "code": "123456"}),
        "auth.verify_recovery" => json!({"challenge_id": "x", "recovery_code": "aaaa-2222"}),
        "auth.change_password" => json!({"current": "sturdy-lantern-47", "new": "sturdy-lantern-48"}),
        "auth.activate_totp" | "auth.disable_totp" => json!({"code": "123456"}),
        "auth.set_oidc_config" => json!({"client_id": "argos"}),
        "auth.oidc_callback" => json!({"state": "x", "code": "x"}),
        "auth.return_url" => json!({"rd": "/hosts"}),
        // It is made for a session, which nobody has here.
        "auth.ticket" => json!({"rd": "https://a.example/", "st": "0".repeat(64)}),
        "security.get" => json!({"host_id": 1}),
        "security.update" => json!({"host_id": 1, "waf_inbound_threshold": 9}),
        "security.replace" => json!({"host_id": 1, "waf_mode": "block"}),
        "settings.get" => json!({"key": "proxy.max_retries"}),
        "settings.set" => json!({"key": "proxy.max_retries", "value": "3"}),
        "settings.reset" => json!({"key": "proxy.max_retries"}),
        "settings.update" => json!({"proxy.max_retries": "3"}),
        "config.diff" => json!({"a": 1, "b": 3}),
        "config.rollback" => json!({"n": 1}),
        "config.blame" => json!({"table": "hosts", "key": 1}),
        "waf.overview" | "waf.would_block" => json!({}),
        "waf.evaluate" | "waf.explain" | "waf.propose" => {
            json!({"host_id": 1, "request": {"method": "GET", "uri": "/"}})
        }
        "waf.install" => {
            // One rule, `set/rules/a.conf`, in a gzipped tar.
            let archive = "H4sIAAAAAAACA+3UsU7DMBSFYc99iiis0NhVaSQ21LJ1Cy9gwiWNlNpRbCMeHzcLUhcWyNL/W47lO9zp3CCxaqfwECSmcd16\
                97GWL3seB1F/Rme77XbO7Dq1Npuf9+XfbOrHWhVaLSCFaKe8Xt2mu8L5eOpdt1K4Qbn31ZQGCZWd2/8fO37rvzH1Vf91vdP0\
                fwmNtHt/Hr0TF5u+czamSYqyeXmtTLnK0+c29t4VZf/+ZO7Hkw1ySRvCPD3IW+qOvjvKpwyF5ogAAAAAAAAAAAAAAAAs7RujXAd6ACgAAA==";
            let sha256 = "17edb37550862eacd5b3d00eadeb02fd4fc5ce205724f32b17fb8087cd399fab";
            json!({"archive": archive, "sha256": sha256})
        }
        "channels.list" | "notification_rules.list" | "deliveries.list" | "deliveries.recent_alerts" => json!({}),
        "channels.create" => webhook("three"),
        "channels.update" => json!({"id": 1, "rate_limit_per_minute": 5}),
        "channels.delete" => json!({"id": 2}),
        // Its address is not public: the try says so, and that is its result.
        "channels.test" => json!({"id": 1}),
        "notification_rules.create" => json!({"channel_id": 1, "event_type": "config_change"}),
        "notification_rules.update" => json!({"id": 1, "throttle_window_seconds": 60}),
        "notification_rules.replace" => json!({"id": 1, "filter_severities": ["warning"]}),
        "notifications.event_types" | "notifications.presets" => json!({}),
        "notifications.render" => json!({"type": "webhook", "template": "", "event_type": "login_failed"}),
        "push.key" | "push.list" => json!({}),
        "push.subscribe" => {
            json!({"endpoint": "https://push.example/x", "keys": {"p256dh": "x", "auth": "x"}, "expirationTime": null})
        }
        "dns_providers.list" => json!({}),
        "dns_providers.create" => dns_provider("third"),
        "dns_providers.update" => json!({"id": 1, "name": "other"}),
        // Nobody is there: the try says so, and that is its result.
        "dns_providers.test" => json!({"id": 1, "domain": "a.example", "seconds": 0}),
        "tokens.create" => json!({"name": "three", "role": "viewer"}),
        "tokens.revoke" => json!({"id": 1}),
        // Its token is random: it can't be made to work here, and has tests of its own.
        "setup.create" => json!({"token": "x", "username": "root", "password": "x"}),
        _ => guess(name),
    }
}

/// A channel of a name that nobody resolves.
fn webhook(name: &str) -> Value {
    json!({"name": name, "type": "webhook", "config": {"url": "https://hooks.invalid/x"}})
}

/// What a plain operation needs: the first row, and no.
fn guess(name: &str) -> Value {
    let op = argos_core::api::describe().into_iter().find(|op| op.name == name).expect("an operation of the registry");
    let required: Vec<&str> = op.input["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = required.into_iter().map(|field| {
        let types = argos_core::api::input::types_of(&op.input["properties"][field]);
        let value = match types.as_slice() {
            ["integer"] => json!(1),
            ["boolean"] => json!(false),
            _ => panic!("{name} has no sample: write one, so that the conventions are tried on it"),
        };
        (field.to_owned(), value)
    });
    Value::Object(fields.collect())
}

/// Whether the sample can be carried out.
pub fn works(name: &str) -> bool {
    // A check asks an authority and a DNS server.
    if name.starts_with("push.") {
        return false;
    }
    if let Some(rest) = name.strip_prefix("auth.") {
        // The rest is asked by a person through a session, or needs one to be begun: they have tests of their own.
        return ["oidc_available", "oidc_config", "set_oidc_config", "return_url"].contains(&rest);
    }
    name != "setup.create" && name != "certificates.check"
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// The fields of an operation's input.
pub fn properties(op: &Described) -> impl Iterator<Item = (&String, &Value)> {
    op.input["properties"].as_object().into_iter().flatten()
}

/// Fields of an operation's input that do not stand in its path.
pub fn body_fields(op: &Described) -> Vec<&str> {
    let in_path: Vec<&str> = op.path_fields().collect();
    properties(op).map(|(name, _)| name.as_str()).filter(|name| !in_path.contains(name)).collect()
}

/// Whether a schema takes null.
pub fn takes_null(schema: &Value) -> bool {
    argos_core::api::input::types_of(schema).contains(&"null")
}

/// Every field of a PUT as it is stored, by what GET showed. Secrets, of which it only says that they are set, stay.
pub fn put(op: &Described, stored: &Value) -> Map<String, Value> {
    assert_eq!(op.method, Method::Put);
    let mut input = object(sample(op.name));
    input.retain(|name, _| op.path_fields().any(|field| field == name));
    for field in body_fields(op).into_iter().filter(|field| stored.get(format!("{field}_set")).is_none()) {
        let value = stored.get(field).unwrap_or_else(|| panic!("{}: GET does not show {field}", op.name));
        input.insert(field.to_owned(), value.clone());
    }
    input
}

/// The sample of an operation; that of a PUT is completed by what GET showed.
pub fn whole(op: &Described, stored: impl FnOnce() -> Value) -> Map<String, Value> {
    let given = object(sample(op.name));
    match op.method {
        Method::Put => {
            let mut input = put(op, &stored());
            input.extend(given);
            input
        }
        _ => given,
    }
}
