//! Answers that are kept while their configuration runs: always what a look into the database gives, for those only
//! who may ask, and gone with the next change.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod any_change;
mod support;

use any_change::{Dice, operation};
use argos_core::Argos;
use argos_core::api::{GetSetting, ListGroups, ListHosts, ListSettings};
use argos_core::form::{Rows, Tables};
use argos_core::schema::{Actor, GroupId, HostId};
use argos_core::store::Origin;
use serde::Serialize;
use serde_json::{Map, Value, json};
use support::{Folder, argos};

fn input(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// That asking by name, which is kept, gives what the typed call reads, and gives it again.
fn same(argos: &Argos, name: &str, given: &Value, read: argos_core::Result<impl Serialize>, shown: &str) {
    for turn in 0..2 {
        let kept = argos.call(name, input(given));
        match (&kept, &read) {
            (Ok(kept), Ok(read)) => assert_eq!(kept.value, json!(read), "{shown}: {name}, turn {turn}"),
            (Err(kept), Err(read)) => assert_eq!(kept.code(), read.code(), "{shown}: {name}"),
            (kept, _) => panic!("{shown}: {name}: {kept:?}"),
        }
        assert_eq!(argos.at_hand(name, &input(given), &Rows).unwrap().is_some(), kept.is_ok(), "{shown}: {name}");
    }
}

#[test]
fn a_kept_answer_is_what_the_database_gives() {
    for seed in 0..3 {
        let folder = Folder::new();
        let argos = argos(&folder);
        let mut dice = Dice(seed);
        for step in 0..60 {
            let (name, given) = operation(&argos, &mut dice);
            let shown = format!("seed {seed}, step {step}: {name} {given}");
            // Refused or not: what is kept must be right.
            let _ = argos.call(name, input(&given));
            same(&argos, "hosts.list", &json!({}), argos.hosts().list(ListHosts::default()), &shown);
            same(&argos, "target_groups.list", &json!({}), argos.target_groups().list(ListGroups::default()), &shown);
            same(&argos, "settings.list", &json!({}), argos.settings().list(ListSettings::default()), &shown);
            let key = GetSetting { key: "proxy.max_retries".into() };
            same(&argos, "settings.get", &json!({"key": key.key}), argos.settings().get(key), &shown);
            for id in 1..4 {
                let (host, group) = (HostId(id), GroupId(id));
                let (of_host, of_group) = (json!({"host_id": id}), json!({"target_group_id": id}));
                same(&argos, "hosts.get", &json!({"id": id}), argos.hosts().get(host), &shown);
                same(&argos, "security.get", &of_host, argos.security(host).get(host), &shown);
                same(&argos, "rules.list", &of_host, argos.rules(host).list(host), &shown);
                same(&argos, "target_groups.get", &json!({"id": id}), argos.target_groups().get(group), &shown);
                same(&argos, "targets.list", &of_group, argos.targets(group).list(group), &shown);
            }
        }
    }
}

#[test]
fn a_kept_answer_is_for_those_who_may_ask_and_ends_with_the_next_change() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let nobody = argos.acting(Actor::Anonymous, Origin::default());
    let none = Map::new();
    assert!(argos.at_hand("hosts.list", &none, &Rows).unwrap().is_none());
    let first = argos.call_as("hosts.list", none.clone(), &Tables).unwrap().value;
    let again = argos.call_as("hosts.list", none.clone(), &Tables).unwrap().value;
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    assert_eq!(nobody.call("hosts.list", none.clone()).unwrap_err().code(), "unauthorized");
    assert_eq!(nobody.at_hand("hosts.list", &none, &Rows).unwrap_err().code(), "unauthorized");
    // What is only tried changes nothing, what is no configuration neither.
    let group = json!({"name": "pool"});
    let tried = argos.on(argos_core::api::Terms { dry_run: true, ..Default::default() });
    tried.call("target_groups.create", input(&group)).unwrap();
    argos.call("tokens.create", input(&json!({"name": "t", "role": "viewer"}))).unwrap();
    assert!(argos.at_hand("hosts.list", &none, &Rows).unwrap().is_some());
    argos.call("target_groups.create", input(&group)).unwrap();
    assert!(argos.at_hand("hosts.list", &none, &Rows).unwrap().is_none());
    // What reads more than configuration is never kept.
    argos.call("tokens.list", none.clone()).unwrap();
    assert!(argos.at_hand("tokens.list", &none, &Rows).unwrap().is_none());
}
