//! Who may ask what, over HTTP on the real binary: every operation by everybody. An operation without a row fails.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use argos_core::api::input::fill_path;
use argos_core::api::{Described, Method, describe};
use serde_json::{Value, json};
use support::{Answer, Folder, Server, ask, ask_socket};

const PASSWORD: &str = "sturdy-lantern-47";

/// The rows of the specification: who is let in, and which operations stand in it.
const TABLE: &[(&[&str], &str)] = &[
    // Public.
    (
        &["nobody", "user", "viewer", "operator", "admin", "token viewer", "token operator", "token admin"],
        "auth.login auth.oidc_available auth.oidc_callback auth.oidc_login auth.return_url auth.verify_recovery
         auth.verify_totp setup.create",
    ),
    // How the interface looks like is known to whoever may use some of it.
    (&["user", "viewer", "operator", "admin", "token viewer", "token operator", "token admin"], "system.openapi"),
    // The own account and its sessions.
    (
        &["user", "viewer", "operator", "admin"],
        "auth.activate_totp auth.bind_oidc auth.change_password auth.disable_totp auth.end_other_sessions
         auth.end_session auth.logout auth.me auth.new_recovery_codes auth.sessions auth.set_up_totp auth.ticket auth.totp
         auth.unbind_oidc push.key push.list push.subscribe push.unsubscribe",
    ),
    // Reading configuration, logs and figures.
    (
        &["viewer", "operator", "admin", "token viewer", "token operator", "token admin"],
        "access.get acme_accounts.get acme_accounts.list certificates.chain certificates.get certificates.list
         certificates.local_ca certificates.status channels.get channels.list config.blame config.diff config.versions
         custom_rules.get custom_rules.list deliveries.get deliveries.list deliveries.recent_alerts exclusions.get exclusions.list hosts.get hosts.list logs.get logs.search logs.tail
         notification_rules.get notification_rules.list notifications.event_types notifications.presets rules.get
         rules.list rules.match_request security.get settings.get settings.list system.health system.version
         target_groups.get target_groups.list target_health.list targets.get targets.list waf.overview waf.rules
         waf.status waf.would_block",
    ),
    // Changing hosts, groups, rules, the WAF, certificates and notifications.
    (
        &["operator", "admin", "token operator", "token admin"],
        "access.replace certificates.check certificates.delete certificates.renew certificates.upload
         channels.create channels.delete channels.test channels.toggle channels.update
         custom_rules.create custom_rules.delete custom_rules.replace custom_rules.toggle custom_rules.update
         deliveries.retry
         exclusions.create exclusions.delete exclusions.replace exclusions.toggle exclusions.update hosts.create
         hosts.delete hosts.replace hosts.toggle hosts.update notification_rules.create
         notification_rules.delete notification_rules.replace notification_rules.toggle notification_rules.update
         notifications.render requests.explain rules.create rules.delete rules.reorder
         rules.replace rules.toggle rules.update security.replace security.update target_groups.create
         target_groups.delete target_groups.replace target_groups.update targets.create targets.delete targets.replace
         targets.toggle targets.update waf.check_rules waf.evaluate waf.explain waf.mode waf.propose",
    ),
    // Tokens, single sign-on, settings, DNS providers, going back.
    (
        &["admin", "token admin"],
        "acme_accounts.create acme_accounts.delete auth.oidc_config auth.set_oidc_config auth.test_oidc config.rollback
         dns_providers.create dns_providers.delete dns_providers.get dns_providers.list dns_providers.test
         dns_providers.update settings.reset settings.set settings.update tokens.create tokens.list tokens.revoke
         waf.install waf.reload",
    ),
    // People.
    (
        &["admin"],
        "users.create users.delete users.disable_2fa users.end_sessions users.get users.list users.sessions
         users.set_password users.update",
    ),
];

/// Everybody, with the headers that make them so.
fn everybody(folder: &Folder, server: &Server) -> Vec<(String, Vec<(String, String)>)> {
    let make = |path: &str, body: Value| {
        let made = ask_socket(folder, "POST", path, &body.to_string());
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()
    };
    let mut all = vec![("nobody".to_owned(), Vec::new())];
    for role in ["viewer", "operator", "admin"] {
        let token = make("/api/v1/tokens", json!({"name": role, "role": role}))["token"].as_str().unwrap().to_owned();
        all.push((format!("token {role}"), vec![("Authorization".to_owned(), format!("Bearer {token}"))]));
    }
    for role in ["user", "viewer", "operator", "admin"] {
        make("/api/v1/users", json!({"username": role, "role": role, "password": PASSWORD}));
        let body = json!({"username": role, "password": PASSWORD}).to_string();
        let signed_in = ask(server.panel, "POST", "/api/v1/auth/login", &[("Content-Type", "application/json")], &body);
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        // The name that `ask` asks for.
        let origin = ("Origin".to_owned(), "http://localhost".to_owned());
        all.push((role.to_owned(), vec![("Cookie".to_owned(), cookie), origin]));
    }
    all
}

/// Asks with a field that no operation has: whoever may ask is told of it, and nothing is done.
fn refused(server: &Server, op: &Described, headers: &[(String, String)]) -> Answer {
    let path = fill_path(op.path, |field| match field {
        "key" if op.name.starts_with("settings.") => Some(json!("proxy.max_retries")),
        "table" => Some(json!("hosts")),
        _ => Some(json!(1)),
    });
    let mut path = format!("/api/v1{}", path.unwrap());
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut body = String::new();
    if matches!(op.method, Method::Get | Method::Delete) {
        path.push_str("?no_such_field=1");
    } else {
        headers.push(("Content-Type", "application/json"));
        body = json!({"no_such_field": "1"}).to_string();
    }
    ask(server.panel, op.method.as_str(), &path, &headers, &body)
}

#[test]
fn every_operation_lets_in_whom_the_table_says_and_nobody_else() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let everybody = everybody(&folder, &server);
    let mut rows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (who, operations) in TABLE {
        for operation in operations.split_whitespace() {
            assert!(rows.insert(operation, who.iter().copied().collect()).is_none(), "{operation} stands in two rows");
        }
    }
    let mut faults = Vec::new();
    for op in describe() {
        let Some(row) = rows.remove(op.name) else {
            faults.push(format!("{}: who may ask it? Write it into the table", op.name));
            continue;
        };
        for (who, headers) in &everybody {
            let answer = refused(&server, &op, headers);
            let (status, code) = (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned());
            let expected = match (row.contains(who.as_str()), who.as_str()) {
                // A browser that comes back is told first that there is no single sign-on.
                (true, _) => ["unknown_field", "setting.not_found", "oidc.off"].contains(&code.as_str()),
                (false, "nobody") => status == 401 && code == "unauthorized",
                (false, _) => status == 403 && code.starts_with("forbidden"),
            };
            if !expected {
                faults.push(format!("{} by {who}: {status} {code}: {}", op.name, answer.body));
            }
        }
    }
    faults.extend(rows.keys().map(|name| format!("{name}: there is no such operation")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
