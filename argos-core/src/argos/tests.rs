//! Queries and the connections that they share.

use std::cell::RefCell;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::api::{
    CheckRules, CreateUser, EvaluateRequest, ExplainRequest, ListHosts, ProposeExclusions, SignIn, UpdateUser,
};
use crate::api::{Look, Method, Operation, input};
use crate::schema::{Actor, Role};

thread_local! {
    static OPEN: RefCell<Option<Argos>> = const { RefCell::new(None) };
}

/// Asks for another of its kind where it works without a view.
#[derive(Deserialize, JsonSchema)]
struct Nested {
    deep: usize,
}

impl Operation for Nested {
    type Output = usize;
    const NAME: &'static str = "tests.nested";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/tests";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 200;
    const SUMMARY: &'static str = "A test.";
}

impl Query for Nested {
    fn run(self, view: &View<'_>) -> Result<usize> {
        self.look(view)?.finish()
    }

    fn look(self, _: &View<'_>) -> Result<Look<usize>> {
        Ok(Look::Rest(Box::new(move || match self.deep {
            0 => Ok(0),
            deep => {
                let argos = OPEN.with_borrow(Clone::clone).unwrap();
                Ok(1 + argos.query(Nested { deep: deep - 1 })?)
            }
        })))
    }
}

fn open() -> (tempfile::TempDir, Argos) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { crs: Some("baseline".into()), ..Options::new(folder.path()) };
    let argos = Argos::open(options).unwrap();
    (folder, argos)
}

#[test]
fn the_rest_of_a_query_holds_no_connection() {
    let (_folder, argos) = open();
    OPEN.set(Some(argos.clone()));
    // More at once than there are connections: with one held, this would wait for ever.
    assert_eq!(argos.query(Nested { deep: 2 * READERS }).unwrap(), 2 * READERS);
    OPEN.set(None);
}

#[test]
fn requests_and_rules_are_judged_without_a_connection() {
    let (_folder, argos) = open();
    let group = json!({"targets": [{"host": "127.0.0.1", "port": 1}]});
    let host = json!({"domain": "a.test", "tls_mode": "none", "target_group": group});
    argos.call("hosts.create", host.as_object().unwrap().clone()).unwrap();
    fn is_rest<Q: Query>(argos: &Argos, input: Value) -> Look<Q::Output> {
        let op: Q = input::into_operation(input.as_object().unwrap().clone()).unwrap();
        let look = argos.view(|view| op.look(view)).unwrap();
        assert!(matches!(look, Look::Rest(_)), "{}", Q::NAME);
        look
    }
    let asked = json!({"host_id": 1, "request": {"method": "GET", "uri": "/?q=1%27%20OR%20%271%27=%271"}});
    let curl = json!({"host_id": 1, "curl": "curl 'http://a.test/?q=1%27%20OR%20%271%27=%271'"});
    let rules = json!({"host_id": 1, "secrule": "SecAction \"id:100001,phase:1,pass\""});
    let evaluated: Vec<_> = (0..=READERS).map(|_| is_rest::<EvaluateRequest>(&argos, asked.clone())).collect();
    let explained = is_rest::<ExplainRequest>(&argos, curl.clone());
    let proposed = is_rest::<ProposeExclusions>(&argos, curl);
    let checked = is_rest::<CheckRules>(&argos, rules);
    // All of them are under way, and another query is answered.
    assert_eq!(argos.query(ListHosts::default()).unwrap().items.len(), 1);
    assert!(evaluated.into_iter().all(|look| look.finish().unwrap().score_in >= 10));
    assert!(explained.finish().unwrap().reason.contains("would stop"));
    assert_eq!(proposed.finish().unwrap().exclusions[0].path_pattern, "/");
    assert!(checked.finish().unwrap().ok);
}

#[test]
fn every_refused_password_costs_one_verification_and_a_ban_none() {
    let (_folder, argos) = open();
    let add = |name: &str, password| argos.users().create(CreateUser::new(name, Role::User, password)).unwrap();
    add("exists", Some("sturdy-lantern-47"));
    add("single", None);
    let off = add("off", Some("sturdy-lantern-47")).value.id;
    argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(off) }).unwrap();
    let hashes = |name: &str, ip: &str| {
        let before = argos.inner.cx.hashing.done();
        let origin = Origin { source_ip: ip.into(), ..Origin::default() };
        let refused =
            argos.acting(Actor::Anonymous, origin).auth().login(SignIn::new(name, "feeble-lantern-47".to_owned()));
        (refused.unwrap_err().code().to_owned(), argos.inner.cx.hashing.done() - before)
    };
    for name in ["nobody", "off", "single", "exists", "nobody-else"] {
        assert_eq!(hashes(name, "192.0.2.1"), ("login.failed".into(), 1), "{name}");
    }
    for name in ["nobody", "exists"] {
        assert_eq!(hashes(name, "192.0.2.1"), ("rate_limited".into(), 0), "{name}");
    }
}
