//! Operations against the real file: what they store, what they refuse, what they leave behind.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::api::{
    CreateGroup, CreateHost, CreateRule, CreateToken, DeleteGroup, GetHealth, ListHosts, NewTarget, ReorderRules,
    SearchLogs, SetSetting, ToggleHost, UpdateHost, UpdateSecurity, UpdateSettings,
};
use argos_core::schema::{
    Action, Actor, BlockConfig, ForwardConfig, GroupId, GroupName, Host, HostId, Hostname, Matcher, PathConfig,
    PathRegexConfig, Role, RuleId, TargetHost, TlsMode, TokenRole, WafMode,
};
use argos_core::store::Origin;
use argos_core::{Argos, ErrorKind};
use serde_json::{Value, json};
use support::{Folder, argos};

fn target(port: u16) -> NewTarget {
    NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port, weight: None, enabled: None }
}

fn host(argos: &Argos, name: &str) -> Host {
    argos.hosts().create(CreateHost::with_targets(Hostname::parse(name).unwrap(), vec![target(9000)])).unwrap().value
}

fn block(host: HostId, priority: i64) -> CreateRule {
    let action = Action::Block(BlockConfig { status: 403, body: String::new(), content_type: "text/plain".into() });
    CreateRule { priority: Some(priority), ..CreateRule::new(host, action, vec![]) }
}

fn audit(argos: &Argos) -> Vec<Value> {
    let page = argos.logs().search(SearchLogs { source: Some("audit".into()), ..SearchLogs::default() }).unwrap();
    page.items.iter().map(|e| serde_json::from_str(&e.raw).unwrap()).collect()
}

#[test]
fn a_change_is_one_generation_and_one_audit_row_and_is_live() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let made = argos
        .hosts()
        .create(CreateHost::with_targets(Hostname::parse("A.Example.").unwrap(), vec![target(9000)]))
        .unwrap();
    assert_eq!((made.generation, made.value.domain.as_str()), (Some(1), "a.example"));
    assert!(argos.snapshot().host("a.example").is_some());
    let rows = audit(&argos);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["action"], &rows[0]["resource_type"], &rows[0]["generation"]),
        (&json!("create"), &json!("host"), &json!(1))
    );
    let tables: Vec<&str> = rows[0]["diff"].as_array().unwrap().iter().map(|d| d["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["target_groups", "targets", "hosts", "host_security"]);
    let health = argos.system().health(GetHealth {}).unwrap();
    assert_eq!((health.stored_generation, health.running_generation, health.hosts), (1, 1, 1));
}

#[test]
fn a_change_of_nothing_leaves_no_trace() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let host = host(&argos, "a.example");
    let same = argos.hosts().update(UpdateHost::new(host.id)).unwrap();
    assert_eq!((same.generation, &same.value), (None, &host));
    let off = argos.hosts().toggle(ToggleHost { id: host.id, enabled: true }).unwrap();
    assert_eq!(off.generation, None);
    assert_eq!(audit(&argos).len(), 1);
}

#[test]
fn refusals_name_the_fault_and_change_nothing() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let host = host(&argos, "a.example");
    let group = host.target_group_id;
    argos.rules(host.id).create(block(host.id, 10)).unwrap();
    let rules = argos.rules(host.id);
    let domain = || Hostname::parse("b.example").unwrap();
    let regex = Matcher::PathRegex(PathRegexConfig { pattern: "(".into(), negate: false });
    let forward = Action::Forward(ForwardConfig { target_group_id: GroupId(99) });
    let manual = CreateHost { tls_mode: Some(TlsMode::Manual), ..CreateHost::new(domain(), group) };
    let refused = [
        (argos.hosts().create(CreateHost::new(host.domain.clone(), group)).err(), "host.domain_taken", "domain"),
        (argos.hosts().create(CreateHost::new(domain(), GroupId(99))).err(), "target_group.missing", "target_group_id"),
        (argos.hosts().create(manual).err(), "host.tls_mode", "tls_mode"),
        (
            argos.hosts().create(CreateHost::with_targets(domain(), vec![])).err(),
            "target_group.targets",
            "target_group.targets",
        ),
        (
            argos.hosts().create(CreateHost::with_targets(domain(), vec![target(1), target(0)])).err(),
            "out_of_range",
            "target_group.targets[1].port",
        ),
        (argos.target_groups().delete(DeleteGroup { id: group }).err(), "target_group.in_use", "id"),
        (
            argos.target_groups().create(CreateGroup::new(GroupName::parse("a.example").unwrap(), vec![])).err(),
            "target_group.name_taken",
            "name",
        ),
        (rules.create(block(host.id, 10)).err(), "rule.priority_taken", "priority"),
        (rules.create(block(host.id, 0)).err(), "out_of_range", "priority"),
        (
            rules.create(CreateRule { matchers: vec![regex], ..block(host.id, 20) }).err(),
            "rule.does_not_compile",
            "matchers[0].config.pattern",
        ),
        (
            rules.create(CreateRule { action: forward, ..block(host.id, 20) }).err(),
            "rule.target_group_missing",
            "action.config.target_group_id",
        ),
        (
            rules.reorder(ReorderRules { host_id: host.id, rule_ids: vec![RuleId(7)] }).err(),
            "rule.order",
            "rule_ids[0]",
        ),
        (rules.reorder(ReorderRules { host_id: host.id, rule_ids: vec![] }).err(), "rule.order", "rule_ids"),
        (
            argos
                .security(host.id)
                .update(UpdateSecurity { waf_paranoia: Some(5), ..UpdateSecurity::new(host.id) })
                .err(),
            "out_of_range",
            "waf_paranoia",
        ),
        (
            argos
                .security(host.id)
                .update(UpdateSecurity { rate_limit_enabled: Some(true), ..UpdateSecurity::new(host.id) })
                .err(),
            "out_of_range",
            "rate_limit_requests",
        ),
        (
            argos.settings().set(SetSetting { key: "proxy.max_retries".into(), value: "9".into() }).err(),
            "setting.value",
            "proxy.max_retries",
        ),
        (
            argos.settings().set(SetSetting { key: "bans.status".into(), value: "404".into() }).err(),
            "setting.not_available_yet",
            "bans.status",
        ),
    ];
    for (i, (error, code, field)) in refused.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("case {i} was accepted"));
        assert_eq!((error.code(), error.fields()[0].field.as_str()), (code, field), "case {i}: {error}");
    }
    assert_eq!(argos.hosts().list(ListHosts::default()).unwrap().items.len(), 1);
    assert_eq!(argos.snapshot().generation, 2);
    assert_eq!(audit(&argos).len(), 2);
}

#[test]
fn reorder_gives_tens_in_the_given_order_also_for_many_rules() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let host = host(&argos, "a.example").id;
    let ids: Vec<RuleId> =
        (1..=200).map(|n| argos.rules(host).create(block(host, n)).unwrap().value.id).rev().collect();
    let before = argos.snapshot().generation;
    let done = argos.rules(host).reorder(ReorderRules { host_id: host, rule_ids: ids.clone() }).unwrap();
    assert_eq!(done.generation, Some(before + 1));
    let placed: Vec<(RuleId, i64)> = done.value.items.iter().map(|r| (r.id, r.priority)).collect();
    assert_eq!(placed, ids.iter().copied().zip((10..).step_by(10)).collect::<Vec<_>>());
    let live: Vec<RuleId> = argos.snapshot().host("a.example").unwrap().rules.iter().map(|r| r.id).collect();
    assert_eq!(live, ids);
}

#[test]
fn several_settings_are_one_generation_or_none() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let both = |retries: &str| UpdateSettings {
        values: [("proxy.max_retries", retries), ("proxy.send_forwarded", "true")]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
    };
    assert_eq!(argos.settings().update(both("7")).unwrap_err().code(), "setting.value");
    assert!(!argos.snapshot().proxy.send_forwarded);
    assert_eq!(argos.settings().update(both("3")).unwrap().generation, Some(1));
    let proxy = argos.snapshot().proxy.clone();
    assert_eq!((proxy.max_retries, proxy.send_forwarded), (3, true));
}

#[test]
fn roles_are_asked_before_anything_else() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let viewer = Actor::Token { id: argos_core::schema::TokenId(1), name: "v".into(), role: Role::Viewer };
    let viewer = argos.acting(viewer, Origin::default());
    assert!(viewer.hosts().list(ListHosts::default()).is_ok());
    let new = CreateHost::with_targets(Hostname::parse("a.example").unwrap(), vec![target(1)]);
    assert_eq!(viewer.hosts().create(new.clone()).unwrap_err().kind(), ErrorKind::Forbidden);
    let nobody = argos.acting(Actor::Anonymous, Origin::default());
    assert_eq!(nobody.hosts().create(new).unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[test]
fn a_token_is_shown_once_and_ends_when_revoked() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let make = |name: &str| CreateToken { name: name.into(), role: TokenRole::Operator, expires_at: None };
    let made = argos.tokens().create(make("ci")).unwrap().value;
    let text = made.token.show().clone();
    assert!(text.starts_with("argos_pat_") && text.len() == 53);
    assert_eq!(argos.token(&text).unwrap().unwrap().name, "ci");
    assert!(argos.token("argos_pat_wrong").unwrap().is_none());
    assert!(!audit(&argos)[0].to_string().contains(&text));
    assert_eq!(argos.tokens().create(make("ci")).unwrap_err().code(), "token.name_taken");
    argos.tokens().revoke(made.stored.id).unwrap();
    assert!(argos.token(&text).unwrap().is_none());
}

#[test]
fn deleting_a_host_takes_its_rules_and_keeps_its_log_rows() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let host = host(&argos, "a.example");
    let path = Matcher::Path(PathConfig { patterns: vec!["/x*".into()], negate: false });
    argos.rules(host.id).create(CreateRule { matchers: vec![path], ..block(host.id, 1) }).unwrap();
    argos.hosts().delete(host.id).unwrap();
    assert!(argos.snapshot().host("a.example").is_none());
    let rows = audit(&argos);
    let tables: Vec<&str> = rows[0]["diff"].as_array().unwrap().iter().map(|d| d["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["rules", "host_security", "hosts"]);
    let page = argos.logs().search(SearchLogs { source: Some("audit".into()), ..SearchLogs::default() }).unwrap();
    assert!(page.items.iter().all(|e| e.host_id.is_none() && e.host_domain == "a.example"));
    argos.target_groups().delete(host.target_group_id).unwrap();
}

#[test]
fn lists_come_in_pages_with_cursors_that_fit() {
    let folder = Folder::new();
    let argos = argos(&folder);
    for n in 0..5 {
        host(&argos, &format!("h{n}.example"));
    }
    let page = |cursor| ListHosts { limit: Some(2), cursor, ..ListHosts::default() };
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let next = argos.hosts().list(page(cursor)).unwrap();
        seen.extend(next.items.iter().map(|h| h.domain.to_string()));
        cursor = next.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["h0.example", "h1.example", "h2.example", "h3.example", "h4.example"]);
    let foreign = argos.logs().search(SearchLogs { limit: Some(1), ..SearchLogs::default() }).unwrap().next_cursor;
    assert_eq!(argos.hosts().list(page(foreign)).unwrap_err().fields()[0].field, "cursor");
    let too_many = ListHosts { limit: Some(501), ..ListHosts::default() };
    assert_eq!(argos.hosts().list(too_many).unwrap_err().fields()[0].field, "limit");
}

#[test]
fn what_is_stored_comes_back_after_a_restart() {
    let folder = Folder::new();
    let first = argos(&folder);
    let host = host(&first, "a.example");
    let mode = UpdateSecurity { waf_mode: Some(WafMode::Block), ..UpdateSecurity::new(host.id) };
    first.security(host.id).update(mode).unwrap();
    drop(first);
    let second = argos(&folder);
    assert_eq!(second.snapshot().generation, 2);
    let live = second.snapshot();
    assert_eq!(live.host("a.example").unwrap().waf.as_ref().unwrap().mode, WafMode::Block);
}
