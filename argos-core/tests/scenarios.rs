//! The scenarios of `testdata/scenarios` through the library, and what they must cover.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod scenario;

use std::collections::HashMap;

use argos_core::api::{describe, input};
use argos_core::schema::{By, Role};
use argos_core::store::Origin;
use argos_core::{Argos, Error, Options};
use scenario::{Face, Outcome, ROLES, Refusal, Step, faults, files, run_all};
use serde_json::{Map, Value, json};

/// The library in this process.
struct Library {
    argos: Argos,
    tokens: HashMap<&'static str, String>,
    setup: String,
    _folder: tempfile::TempDir,
}

impl Face for Library {
    const NAME: &'static str = "rust";
    const ACTOR: &'static str = "system";
    const ROLES: bool = true;

    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let argos = Argos::open(Options::new(folder.path().join("data"))).unwrap();
        let setup = argos.issue_setup_token().unwrap().unwrap().show().clone();
        let make = |role: &&'static str| {
            let Value::Object(input) = json!({"name": role, "role": role}) else { unreachable!() };
            let made = argos.call("tokens.create", input).unwrap().value;
            (*role, made["token"].as_str().unwrap().to_owned())
        };
        let tokens = ROLES.iter().map(make).collect();
        Self { argos, tokens, setup, _folder: folder }
    }

    fn call(&mut self, step: &Step, given: Map<String, Value>, terms: Map<String, Value>) -> Outcome {
        let argos = match step.who.as_deref() {
            None => self.argos.clone(),
            Some(who) => self.argos.with_token(self.tokens.get(who).map(String::as_str), Origin::default()).unwrap(),
        };
        let argos = argos.on(input::into_operation(terms).unwrap());
        let input = step.text.as_ref().map_or(Ok(given), |text| input::parse_object(text.as_bytes()));
        match input.and_then(|input| argos.call(&step.call, input)) {
            Ok(done) => Outcome::Done(done.value, Some(done.generation), Some(done.etag)),
            Err(error) => Outcome::Refused(refusal(&error)),
        }
    }

    fn setup_token(&self) -> Option<String> {
        Some(self.setup.clone())
    }
}

fn refusal(error: &Error) -> Refusal {
    let fields = error.fields().iter().map(|f| f.field.clone()).collect();
    Refusal { kind: error.kind().name().to_owned(), code: error.code().to_owned(), fields, status: None }
}

#[test]
fn every_scenario_through_the_library() {
    run_all::<Library>();
}

#[test]
fn every_operation_is_asked_and_refused() {
    let (files, operations) = (files(), describe());
    let mut faults = faults(&files, &operations);
    let steps: Vec<&Step> = files.iter().flat_map(|f| &f.scenarios).flat_map(|s| &s.steps).collect();
    for op in &operations {
        let own: Vec<&&Step> = steps.iter().filter(|s| s.call == op.name).collect();
        let mut missing = |there: bool, what: String| {
            if !there {
                faults.push(format!("{}: no step {what}", op.name));
            }
        };
        let alone = op.by == By::Session || AFTER_OTHERS.contains(&op.name);
        missing(alone || own.iter().any(|s| !s.is_refused()), "where it succeeds".into());
        missing(own.iter().any(|s| s.is_refused()), "where it is refused".into());
        let Some(role) = op.role else { continue };
        let (weaker, code) = weaker(role);
        let refused = |s: &&&Step| s.who.as_deref() == Some(weaker) && s.error.as_ref().is_some_and(|e| e.code == code);
        missing(own.iter().any(refused), format!("where {weaker} is refused with {code}"));
        if op.by != By::Anyone {
            // No token is enough, however strong.
            let code = if op.by == By::Session { "forbidden.session" } else { "forbidden.token" };
            let refused =
                |s: &&&Step| s.who.as_deref() == Some("admin") && s.error.as_ref().is_some_and(|e| e.code == code);
            missing(own.iter().any(refused), format!("where admin, a token, is refused with {code}"));
            continue;
        }
        let enough = if role == Role::User { "viewer" } else { role.as_str() };
        let passes = |s: &&&Step| {
            s.who.as_deref() == Some(enough)
                && s.error.as_ref().is_none_or(|e| !matches!(e.kind.as_str(), "Forbidden" | "Unauthorized"))
        };
        missing(own.iter().any(passes), format!("where {enough} is not refused for its role"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Operations that need what a browser or an identity provider has, or that something was dispatched, beside those that
/// are asked through a session; `sign_in.rs`, `oidc.rs`, `gate.rs` and `notifier.rs` have them succeed.
const AFTER_OTHERS: &[&str] = &[
    "auth.verify_totp",
    "auth.verify_recovery",
    "auth.oidc_login",
    "auth.oidc_callback",
    "auth.test_oidc",
    "deliveries.get",
    "deliveries.retry",
];

/// The strongest actor below `role`, and the refusal it gets.
fn weaker(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::User | Role::Viewer => ("nobody", "unauthorized"),
        Role::Operator => ("viewer", "forbidden"),
        Role::Admin => ("operator", "forbidden"),
    }
}
