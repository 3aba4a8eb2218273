//! Signing in by an identity provider, against one that lies, stalls and changes: who comes in, who does not, and what is
//! told to whom.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod provider;
mod support;

use std::collections::HashMap;
use std::time::Duration;

use argos_core::auth::oidc::{Answer, Client, Issuer, Limits, Purpose, Reach, RelyingParty};
use argos_core::clock::{Clock, Timestamp};
use argos_core::outbound::OwnListeners;
use argos_core::schema::{Actor, Cookie, CookieName, Cookies, SameSite};
use argos_core::secret::Secret;
use argos_core::store::Origin;
use argos_core::{Argos, ErrorKind, Options, Reply, Result};
use provider::{Idp, Mood, Signing};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use support::Folder;
use url::Url;

const NOW: i64 = 1_800_000_000_000;
const PASSWORD: &str = "four unlikely words together";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// An Argos with an admin and a provider.
struct World {
    argos: Argos,
    idp: Idp,
    clock: Clock,
    folder: Folder,
}

/// A browser: what it holds.
#[derive(Clone, Default)]
struct Browser {
    cookies: HashMap<&'static str, String>,
}

impl World {
    /// With what is said here beside what a provider needs.
    fn new(config: Value) -> Self {
        let world = Self::off();
        world
            .argos
            .call("settings.set", object(json!({"key": "panel.public_url", "value": "https://argos.test"})))
            .unwrap();
        let mut all = json!({"enabled": true, "issuer_url": world.idp.issuer(), "client_id": "argos"});
        all.as_object_mut().unwrap().extend(object(config));
        world.set(all).unwrap();
        world
    }

    fn off() -> Self {
        let (folder, clock) = (Folder::new(), Clock::manual(Timestamp(NOW)));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let admin = json!({"username": "root", "role": "admin", "password": PASSWORD});
        argos.call("users.create", object(admin)).unwrap();
        Self { argos, idp: Idp::start(&clock), clock, folder }
    }

    fn set(&self, config: Value) -> Result<Reply> {
        self.argos.call("auth.set_oidc_config", object(config))
    }

    fn setting(&self, key: &str, value: &str) {
        self.argos.call("settings.set", object(json!({ "key": key, "value": value }))).unwrap();
    }

    fn forward(&self, seconds: i64) {
        self.clock.set(Timestamp(self.clock.now().millis() + seconds * 1000));
    }

    fn db(&self) -> Connection {
        Connection::open(self.folder.path().join("argos.db")).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        self.argos.check_writer().unwrap();
        self.db().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn user(&self, name: &str) -> Value {
        let found = self.argos.call("users.list", object(json!({ "username": name }))).unwrap();
        found.value["items"][0].clone()
    }

    /// The last audit row of that kind: what the log has of it.
    fn audited(&self, action: &str) -> Value {
        self.argos.check_writer().unwrap();
        let sql = "SELECT raw FROM log_entries WHERE source = 'audit' AND action = ?1 ORDER BY id DESC LIMIT 1";
        let raw: String =
            self.db().query_row(sql, [action], |row| row.get(0)).unwrap_or_else(|e| panic!("{action}: {e}"));
        serde_json::from_str(&raw).unwrap()
    }

    /// A whole sign-in in `browser`: where it ends.
    fn sign_in(&self, browser: &mut Browser) -> String {
        let url = browser.begin(self, json!({}));
        let code = self.idp.sign_in(&url);
        browser.back(self, &url, json!({ "code": code })).unwrap()
    }

    /// As [`World::sign_in`] in a browser of its own: the error of the address where it ends.
    fn error(&self) -> String {
        let end = self.sign_in(&mut Browser::default());
        let end = Url::parse("https://argos.test").unwrap().join(&end).unwrap();
        assert_eq!(end.path(), "/login");
        end.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}

impl Browser {
    fn argos(&self, world: &World) -> Argos {
        let held = |name: &str| self.cookies.get(name).map(|value| Secret::new(value.clone()));
        let origin = Origin {
            source_ip: "192.0.2.7".into(),
            user_agent: "browser".into(),
            request_id: "request-1".into(),
            host: "argos.test".into(),
            secure: true,
            cookies: Cookies { challenges: held("argos_challenge").into_iter().collect(), oidc: held("argos_oidc") },
        };
        let session: Vec<Secret<String>> = held("argos_session").into_iter().collect();
        let signed_in = world.argos.with_session(&session, &origin).unwrap();
        signed_in.unwrap_or_else(|| world.argos.acting(Actor::Anonymous, origin))
    }

    fn call(&mut self, world: &World, name: &str, input: Value) -> Result<Value> {
        let reply = self.argos(world).call(name, object(input))?;
        for Cookie { name, value, .. } in &reply.cookies {
            match value {
                Some(value) => self.cookies.insert(name.as_str(), value.expose().clone()),
                None => self.cookies.remove(name.as_str()),
            };
        }
        Ok(reply.value)
    }

    /// Leaves for the provider.
    fn begin(&mut self, world: &World, input: Value) -> String {
        self.call(world, "auth.oidc_login", input).unwrap()["location"].as_str().unwrap().to_owned()
    }

    /// Comes back to the sign-in that `url` began.
    fn back(&mut self, world: &World, url: &str, answer: Value) -> Result<String> {
        let mut answer = object(answer);
        if !answer.contains_key("state") {
            answer.insert("state".into(), state(url).into());
        }
        let end = self.call(world, "auth.oidc_callback", Value::Object(answer))?;
        Ok(end["location"].as_str().unwrap().to_owned())
    }

    fn is_in(&self) -> bool {
        self.cookies.contains_key("argos_session")
    }
}

fn state(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
}

#[test]
fn a_new_identity_gets_in_and_opens_no_panel_route() {
    let world = World::new(json!({"auto_provision": true}));
    let mut browser = Browser::default();
    let url = browser.begin(&world, json!({"rd": "https://app.test/x?a=b&c", "st": "0".repeat(64)}));
    assert!(url.contains("redirect_uri=https%3A%2F%2Fargos.test%2Fapi%2Fv1%2Fauth%2Foidc%2Fcallback"), "{url}");
    assert!(url.contains("scope=openid+email+profile"), "{url}");
    let code = world.idp.sign_in(&url);
    // Providers add what nobody asked for.
    let end = browser.back(&world, &url, json!({"code": code, "session_state": "x", "scope": "openid"})).unwrap();
    assert_eq!(end, format!("/login?rd=https%3A%2F%2Fapp.test%2Fx%3Fa%3Db%26c&st={}", "0".repeat(64)));
    let me = browser.call(&world, "auth.me", json!({})).unwrap();
    let shown = ["username", "role", "provider", "email", "has_password"].map(|field| me[field].clone());
    assert_eq!(shown, [json!("ann"), json!("user"), json!("oidc"), json!("ann@shop.example"), json!(false)]);
    for name in ["hosts.list", "settings.list", "logs.search", "users.list", "auth.oidc_config"] {
        assert_eq!(browser.argos(&world).call(name, Map::new()).unwrap_err().kind(), ErrorKind::Forbidden, "{name}");
    }
    let row = world.audited("oidc_login_success");
    assert_eq!((&row["user_id"], &row["username"]), (&me["id"], &json!("ann")));
    assert_eq!((&row["source_ip"], &row["user_agent"]), (&json!("192.0.2.7"), &json!("browser")));
    assert_eq!(row["request_id"], "request-1");
    // The second time it is the same person.
    world.sign_in(&mut Browser::default());
    assert_eq!(world.count("users"), 2);
}

#[test]
fn the_cookie_that_binds_the_browser_goes_nowhere_else() {
    let world = World::new(json!({}));
    let reply = Browser::default().argos(&world).call("auth.oidc_login", Map::new()).unwrap();
    let [cookie] = &reply.cookies[..] else { panic!("{:?}", reply.cookies) };
    assert_eq!((cookie.name, cookie.path, cookie.same_site), (CookieName::Oidc, "/api/v1/auth/oidc", SameSite::Lax));
    assert_eq!((cookie.secure, cookie.expires), (true, Timestamp(NOW + 600_000)));
    assert_eq!(cookie.value.as_ref().unwrap().expose().len(), 43);
    assert!(!reply.value["location"].as_str().unwrap().contains(cookie.value.as_ref().unwrap().expose()));
}

#[test]
fn lies_in_a_token_let_nobody_in() {
    let world = World::new(json!({"auto_provision": true}));
    let now = NOW / 1000;
    let lies: [(&str, Value); 16] = [
        ("iss", json!("https://idp.example")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["argos", "other"])),
        ("azp", json!("other")),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("iat", json!(now + 61)),
        ("iat", Value::Null),
        ("nbf", json!(now + 61)),
        ("sub", json!("")),
        ("sub", Value::Null),
        ("sub", json!(7)),
        ("groups", json!({"admin": true})),
    ];
    for (name, value) in lies {
        let lie = value.clone();
        world.idp.claims(move |claims| claims[name] = lie.clone());
        assert_eq!(world.error(), "token_invalid", "{name} {value}");
        let row = world.audited("oidc_login_failed");
        assert_eq!(row["detail"]["stage"], "token", "{row}");
        assert!(row["detail"]["reason"].as_str().unwrap().contains(name), "{row}");
    }
    // A clock that is off by less than a minute does not matter.
    for (name, at) in [("exp", now - 59), ("iat", now + 60), ("nbf", now + 60)] {
        world.idp.claims(move |claims| claims[name] = json!(at));
        assert_eq!(world.error(), "", "{name}");
    }
    assert_eq!(world.count("users"), 2);
}

#[test]
fn tokens_that_the_provider_did_not_sign_let_nobody_in() {
    let world = World::new(json!({"auto_provision": true}));
    for signing in [Signing::None, Signing::Confused, Signing::Stranger] {
        world.idp.ways().signing = signing;
        assert_eq!(world.error(), "token_invalid", "{signing:?}");
    }
    // What says RS256, and is signed as by HS256.
    world.idp.ways().signing = Signing::Confused;
    world.idp.ways().head = std::sync::Arc::new(|head| head["alg"] = json!("RS256"));
    assert_eq!(world.error(), "token_invalid");
    assert_eq!((world.count("users"), world.count("sessions")), (1, 0));
}

#[test]
fn keys_that_change_are_fetched_once_a_minute() {
    let world = World::new(json!({"auto_provision": true}));
    assert_eq!(world.error(), "");
    // The provider was asked when it was switched on, and at the first token.
    let before = world.idp.count("/keys");
    world.idp.ways().key = "second".into();
    world.forward(59);
    assert_eq!(world.error(), "token_invalid");
    assert_eq!(world.idp.count("/keys"), before);
    world.forward(1);
    assert_eq!(world.error(), "");
    assert_eq!(world.idp.count("/keys"), before + 1);
    assert_eq!(world.idp.count("/.well-known/openid-configuration"), 2);
    world.forward(3600);
    assert_eq!(world.error(), "");
    assert_eq!(world.idp.count("/.well-known/openid-configuration"), 3);
}

#[test]
fn an_answer_is_good_once_and_in_the_browser_that_began() {
    let world = World::new(json!({"auto_provision": true}));
    let failed = "/login?error=state_mismatch";
    let (mut victim, mut attacker) = (Browser::default(), Browser::default());
    // The attacker signs in, and has the victim's browser open the last address: login CSRF.
    let url = attacker.begin(&world, json!({}));
    let answer = json!({"code": world.idp.sign_in(&url)});
    assert_eq!(victim.back(&world, &url, answer.clone()).unwrap(), failed);
    assert!(!victim.is_in());
    // With a sign-in of its own under way it fares no better.
    victim.begin(&world, json!({}));
    let url = attacker.begin(&world, json!({}));
    assert_eq!(victim.back(&world, &url, answer.clone()).unwrap(), failed);
    // Neither does the attacker, whose state was used up.
    assert_eq!(attacker.back(&world, &url, answer).unwrap(), failed);
    assert_eq!(world.count("sessions"), 0);

    let mut browser = Browser::default();
    let url = browser.begin(&world, json!({}));
    let answer = json!({"code": world.idp.sign_in(&url)});
    let mut before = browser.clone();
    assert_eq!(browser.back(&world, &url, answer.clone()).unwrap(), "/login");
    assert!(browser.is_in() && !browser.cookies.contains_key("argos_oidc"));
    assert_eq!(before.back(&world, &url, answer).unwrap(), failed);
    for state in [json!(""), json!("x"), json!("A".repeat(43))] {
        assert_eq!(before.back(&world, &url, json!({"state": state, "code": "x"})).unwrap(), failed);
    }
    assert_eq!(before.call(&world, "auth.oidc_callback", json!({})).unwrap()["location"], failed);
    // What anybody can provoke fills no log: one row a minute for each client.
    let rows = "log_entries WHERE action = 'oidc_login_failed'";
    assert_eq!(world.count(rows), 1);
    assert_eq!(world.audited("oidc_login_failed")["detail"]["stage"], "state");

    let url = browser.begin(&world, json!({}));
    let answer = json!({"code": world.idp.sign_in(&url)});
    world.forward(600);
    assert_eq!(browser.back(&world, &url, answer).unwrap(), failed);
}

#[test]
fn a_stolen_code_is_of_no_use_in_another_sign_in() {
    let world = World::new(json!({"auto_provision": true}));
    let (mut victim, mut thief) = (Browser::default(), Browser::default());
    let stolen = world.idp.sign_in(&victim.begin(&world, json!({})));
    let url = thief.begin(&world, json!({}));
    // The provider sees that the proof is another one.
    assert_eq!(thief.back(&world, &url, json!({ "code": stolen })).unwrap(), "/login?error=exchange_failed");
    let row = world.audited("oidc_login_failed");
    let reason = row["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("invalid_grant") && reason.contains("badcode"), "{reason}");
    // One that does not look, and takes a code twice, still tells for which sign-in it was.
    world.idp.ways().careful = false;
    let stolen = world.idp.sign_in(&victim.begin(&world, json!({})));
    let url = thief.begin(&world, json!({}));
    assert_eq!(thief.back(&world, &url, json!({ "code": stolen })).unwrap(), "/login?error=token_invalid");
    assert!(world.audited("oidc_login_failed")["detail"]["reason"].as_str().unwrap().contains("nonce"));
    assert_eq!(world.count("sessions"), 0);
}

#[test]
fn an_answer_of_another_provider_is_not_taken_for_this_ones() {
    let world = World::new(json!({"auto_provision": true}));
    let own = world.idp.issuer();
    let end = |iss: Option<&str>| {
        let mut browser = Browser::default();
        let url = browser.begin(&world, json!({}));
        let mut answer = json!({"code": world.idp.sign_in(&url)});
        if let Some(iss) = iss {
            answer["iss"] = json!(iss);
        }
        browser.back(&world, &url, answer).unwrap()
    };
    assert_eq!(end(None), "/login");
    assert_eq!(end(Some(&own)), "/login");
    let asked = world.idp.count("/token");
    for other in ["https://evil.example", "", &format!("{own}/")] {
        assert_eq!(end(Some(other)), "/login?error=state_mismatch", "{other}");
    }
    world.idp.document(|document| document["authorization_response_iss_parameter_supported"] = json!(true));
    world.forward(3600);
    assert_eq!(end(None), "/login?error=state_mismatch");
    assert_eq!(world.audited("oidc_login_failed")["detail"]["stage"], "issuer");
    // Its code was shown to nobody.
    assert_eq!(world.idp.count("/token"), asked);
    assert_eq!(end(Some(&own)), "/login");
}

#[test]
fn a_provider_may_say_no() {
    let world = World::new(json!({"auto_provision": true}));
    let mut browser = Browser::default();
    let url = browser.begin(&world, json!({"rd": "/hosts"}));
    let answer = json!({"error": "access_denied", "error_description": "not\r\ntoday"});
    assert_eq!(browser.back(&world, &url, answer).unwrap(), "/login?error=idp_error&rd=%2Fhosts");
    let row = world.audited("oidc_login_failed");
    assert_eq!(row["detail"]["reason"], r#"the provider answers "access_denied" "nottoday""#);
    let url = browser.begin(&world, json!({}));
    assert_eq!(browser.back(&world, &url, json!({})).unwrap(), "/login?error=idp_error");
    assert_eq!(world.idp.count("/token"), 0);
}

#[test]
fn answers_that_are_too_long_or_wrong_end_the_sign_in() {
    let world = World::new(json!({"auto_provision": true}));
    world.idp.ways().userinfo = Some(json!({"sub": "sub-of-ann", "email": "ann@shop.example", "email_verified": true}));
    world.idp.claims(|claims| drop(claims.as_object_mut().unwrap().remove("email")));
    world.forward(3600);
    assert_eq!(world.error(), "");
    for (path, stage, failure) in [
        ("/token", "exchange", "exchange_failed"),
        ("/me", "userinfo", "exchange_failed"),
        ("/keys", "keys", "idp_error"),
        ("/.well-known/openid-configuration", "discovery", "idp_error"),
    ] {
        for mood in [Mood::Endless, Mood::Huge, Mood::Redirect, Mood::Broken, Mood::Page] {
            // What is at hand is too old each time.
            world.forward(3600);
            world.idp.ways().moods = [(path, mood)].into();
            let mut browser = Browser::default();
            let url = browser.begin(&world, json!({}));
            let end = match url.starts_with("/login") {
                true => url,
                false => browser.back(&world, &url, json!({"code": world.idp.sign_in(&url)})).unwrap(),
            };
            assert_eq!(end, format!("/login?error={failure}"), "{path} {mood:?}");
            assert_eq!(world.audited("oidc_login_failed")["detail"]["stage"], stage, "{path} {mood:?}");
        }
    }
    world.idp.ways().moods.clear();
    world.forward(5);
    assert_eq!(world.error(), "");
}

#[test]
fn a_provider_that_says_nothing_is_not_waited_for() {
    let clock = Clock::manual(Timestamp(NOW));
    let idp = Idp::start(&clock);
    let limits = Limits { whole: Duration::from_millis(150), ..Limits::default() };
    let party = RelyingParty::new(clock.clone(), limits, OwnListeners::default());
    let client = Client {
        issuer: Issuer::parse(&idp.issuer()).unwrap(),
        id: "argos".into(),
        secret: None,
        scopes: "openid".into(),
        redirect_uri: Url::parse("https://argos.test/cb").unwrap(),
        groups_claim: "groups".into(),
    };
    let finish = || {
        let started = party.start(&client, Purpose::SignIn { return_to: String::new() })?;
        let code = Some(Secret::new(idp.sign_in(started.url.as_str())));
        let begun = party.take(&state(started.url.as_str()), Some(started.cookie.expose())).unwrap();
        party.finish(&client, &begun, &Answer { code, ..Answer::default() })
    };
    assert_eq!(finish().unwrap().sub, "sub-of-ann");
    for path in ["/token", "/keys", "/.well-known/openid-configuration"] {
        clock.set(Timestamp(clock.now().millis() + 3_600_000));
        idp.ways().moods = [(path, Mood::Silent)].into();
        let fault = finish().unwrap_err();
        assert!(fault.reason.ends_with(&format!("{path} does not answer within 0.15 s")), "{fault}");
    }
    // What failed is not asked again for each browser that comes.
    let asked = idp.count("/.well-known/openid-configuration");
    for _ in 0..20 {
        assert!(party.start(&client, Purpose::SignIn { return_to: String::new() }).is_err());
    }
    assert_eq!(idp.count("/.well-known/openid-configuration"), asked);
    idp.ways().moods.clear();
    clock.set(Timestamp(clock.now().millis() + 5_000));
    assert!(finish().is_ok());
}

#[test]
fn without_the_provider_people_sign_in_by_password() {
    let world = World::new(json!({}));
    world.idp.ways().moods = [("/.well-known/openid-configuration", Mood::Broken)].into();
    world.forward(3600);
    let mut browser = Browser::default();
    let end = browser.begin(&world, json!({"rd": "/hosts"}));
    assert_eq!(end, "/login?error=idp_error&rd=%2Fhosts");
    assert!(browser.cookies.is_empty());
    let row = world.audited("oidc_login_failed");
    let reason = row["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("/.well-known/openid-configuration answers 500"), "{reason}");
    let signed_in = browser.call(&world, "auth.login", json!({"username": "root", "password": PASSWORD})).unwrap();
    assert_eq!(signed_in["user"]["username"], "root");
    // The log is not filled by those who try meanwhile.
    Browser::default().begin(&world, json!({}));
    assert_eq!(world.count("log_entries WHERE action = 'oidc_login_failed'"), 1);
}

#[test]
fn the_gate_asks_in_order() {
    let world = World::new(json!({"allowed_domains": ["else.example"]}));
    world.setting("panel.oidc_allowed_groups", "staff");
    world.idp.claims(|claims| (claims["email"], claims["email_verified"]) = (Value::Null, json!(false)));
    assert_eq!(world.error(), "email_missing");
    world.idp.claims(|claims| claims["email_verified"] = json!(false));
    assert_eq!(world.error(), "email_unverified");
    let row = world.audited("oidc_login_failed");
    assert_eq!((&row["username"], &row["detail"]["subject"]), (&json!("ann"), &json!("sub-of-ann")));
    world.set(json!({"require_email_verified": false})).unwrap();
    assert_eq!(world.error(), "not_allowed");
    world.set(json!({"allowed_emails": ["ANN@shop.example"]})).unwrap();
    assert!(world.error() == "not_allowed");
    assert!(world.audited("oidc_login_failed")["detail"]["reason"].as_str().unwrap().contains("allowed_groups"));
    world.setting("panel.oidc_groups_claim", "realm_access.roles");
    world.idp.claims(|claims| claims["realm_access"] = json!({"roles": ["staff"]}));
    assert_eq!(world.error(), "no_account");
    world.set(json!({"auto_provision": true})).unwrap();
    assert_eq!(world.error(), "");
    assert_eq!(world.user("ann")["oidc_groups"], json!(["staff"]));
    let off = json!({"id": world.user("ann")["id"], "enabled": false});
    world.argos.call("users.update", object(off)).unwrap();
    assert_eq!(world.error(), "disabled");
    assert_eq!(world.count("sessions"), 0);
}

#[test]
fn groups_give_roles_and_take_them_away() {
    let world = World::new(json!({"auto_provision": true}));
    world.setting("panel.oidc_admin_groups", "root");
    world.setting("panel.oidc_operator_groups", "ops, both");
    world.setting("panel.oidc_viewer_groups", "both");
    let role = |groups: &[&str]| {
        let groups = json!(groups);
        world.idp.claims(move |claims| claims["groups"] = groups.clone());
        assert_eq!(world.error(), "");
        world.user("ann")["role"].as_str().unwrap().to_owned()
    };
    assert_eq!(role(&["both"]), "operator");
    assert_eq!(role(&["both", "root"]), "admin");
    let mut before = Browser::default();
    world.sign_in(&mut before);
    assert!(before.call(&world, "auth.me", json!({})).is_ok());
    // A group that is lost lowers the role, and ends what began under the old one.
    assert_eq!(role(&[]), "user");
    assert_eq!(before.call(&world, "auth.me", json!({})).unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(world.audited("user_updated")["detail"]["role"], "user");
    // Without any list the role is the account's own.
    for list in ["admin", "operator", "viewer"] {
        world.setting(&format!("panel.oidc_{list}_groups"), "");
    }
    let id = world.user("ann")["id"].clone();
    world.argos.call("users.update", object(json!({"id": id, "role": "viewer"}))).unwrap();
    assert_eq!(role(&["root"]), "viewer");
}

#[test]
fn what_the_provider_says_is_taken_over_and_names_are_made_unique() {
    let world = World::new(json!({"auto_provision": true, "require_email_verified": false}));
    let identity = |sub: &'static str, name: &'static str, email: &'static str| {
        world.idp.claims(move |claims| {
            (claims["sub"], claims["preferred_username"], claims["email"]) = (json!(sub), json!(name), json!(email));
            claims["name"] = json!(format!("Name of {sub}"));
        });
        assert_eq!(world.error(), "");
    };
    identity("1", "Root", "one@x.example");
    identity("2", "root", "two@x.example");
    identity("3", "\u{440}\u{43e}\u{43e}\u{442}", "ro-ot@x.example");
    for (name, email) in [("Root-2", "one@x.example"), ("root-3", "two@x.example"), ("ro-ot", "ro-ot@x.example")] {
        assert_eq!(world.user(name)["email"], email, "{name}");
    }
    // An identity is known by nothing but its name at the provider.
    identity("4", "root", "one@x.example");
    assert_eq!(world.user("root-4")["email"], "one@x.example");
    identity("1", "other", "new@x.example");
    let user = world.user("Root-2");
    assert_eq!((&user["email"], &user["display_name"]), (&json!("new@x.example"), &json!("Name of 1")));
    assert_eq!(world.user("root")["role"], "admin");
}

#[test]
fn the_answer_about_the_person_fills_what_the_token_leaves_out() {
    let world = World::new(json!({"auto_provision": true}));
    let more = json!({"sub": "sub-of-ann", "email": "ann@shop.example", "email_verified": true, "groups": ["a", "b"]});
    world.idp.ways().userinfo = Some(more.clone());
    world.forward(3600);
    assert_eq!(world.error(), "");
    assert_eq!(world.idp.count("/me"), 0);
    world.idp.claims(|claims| drop(claims.as_object_mut().unwrap().remove("groups")));
    assert_eq!(world.error(), "");
    assert_eq!((world.idp.count("/me"), &world.user("ann")["oidc_groups"]), (1, &json!(["a", "b"])));
    for sub in [json!("sub-of-bob"), json!(""), Value::Null] {
        let mut other = more.clone();
        other["sub"] = sub;
        world.idp.ways().userinfo = Some(other);
        assert_eq!(world.error(), "token_invalid");
        assert_eq!(world.audited("oidc_login_failed")["detail"]["stage"], "userinfo");
    }
}

#[test]
fn a_client_with_a_secret_shows_it_and_nobody_else_sees_it() {
    let world = World::new(json!({"auto_provision": true, "client_secret": "hidden:word"}));
    assert_eq!(world.error(), "");
    let asked = world.idp.ways().asked.iter().find(|(path, ..)| path == "/token").unwrap().clone();
    // The name and the word are encoded before they are joined. Source: RFC 6749 §2.3.1.
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "argos:hidden%3Aword");
    assert!(asked.1.contains(&format!("Basic {basic}")) && !asked.2.contains("hidden"), "{asked:?}");
    world.idp.document(|d| d["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]));
    world.forward(3600);
    assert_eq!(world.error(), "");
    let asked = world.idp.ways().asked.iter().rfind(|(path, ..)| path == "/token").unwrap().clone();
    assert!(asked.2.contains("client_secret=hidden%3Aword") && !asked.1.contains("Basic"), "{asked:?}");
    let shown = world.argos.call("auth.oidc_config", Map::new()).unwrap().value;
    assert_eq!(shown["client_secret_set"], true);
    world.argos.check_writer().unwrap();
    let mut all = shown.to_string();
    for sql in ["SELECT raw FROM log_entries", "SELECT value FROM settings"] {
        let db = world.db();
        let mut rows = db.prepare(sql).unwrap();
        all.extend(rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(std::result::Result::unwrap));
    }
    assert!(!all.contains("hidden"), "{all}");
}

#[test]
fn a_second_factor_here_is_asked_for_unless_the_provider_saw_one() {
    let world = World::new(json!({"auto_provision": true}));
    let mut browser = Browser::default();
    world.sign_in(&mut browser);
    let made = browser.call(&world, "auth.set_up_totp", json!({})).unwrap();
    world.argos.check_writer().unwrap();
    world.db().execute("UPDATE users SET totp_enabled = 1 WHERE username = 'ann'", []).unwrap();
    let mut browser = Browser::default();
    let end = world.sign_in(&mut browser);
    let id = end.strip_prefix("/login#challenge=").unwrap();
    assert!(!browser.is_in() && browser.cookies.contains_key("argos_challenge"));
    let code = made["recovery_codes"][0].clone();
    browser.call(&world, "auth.verify_recovery", json!({"challenge_id": id, "recovery_code": code})).unwrap();
    assert!(browser.is_in());
    world.idp.claims(|claims| claims["amr"] = json!(["pwd", "mfa"]));
    let mut browser = Browser::default();
    assert_eq!(world.sign_in(&mut browser), "/login");
    assert!(browser.is_in());
}

fn local(world: &World) -> Browser {
    let mut browser = Browser::default();
    browser.call(world, "auth.login", json!({"username": "root", "password": PASSWORD})).unwrap();
    browser
}

#[test]
fn an_identity_is_attached_to_who_asks_for_it_and_taken_off_again() {
    let world = World::new(json!({"auto_provision": true}));
    let mut browser = local(&world);
    let url = browser.call(&world, "auth.bind_oidc", json!({})).unwrap()["url"].as_str().unwrap().to_owned();
    let code = world.idp.sign_in(&url);
    // Somebody else's browser can't end it.
    let mut attacker = Browser::default();
    assert_eq!(attacker.back(&world, &url, json!({ "code": code })).unwrap(), "/login?error=state_mismatch");
    let bind = |browser: &mut Browser| {
        let url = browser.call(&world, "auth.bind_oidc", json!({}))?["url"].as_str().unwrap().to_owned();
        let code = world.idp.sign_in(&url);
        // The session's cookie does not come along from another site.
        let mut without = browser.clone();
        without.cookies.remove("argos_session");
        without.back(&world, &url, json!({ "code": code }))
    };
    assert_eq!(bind(&mut browser).unwrap(), "/login");
    assert_eq!(world.audited("oidc_bound")["detail"]["subject"], "sub-of-ann");
    assert_eq!(browser.call(&world, "auth.me", json!({})).unwrap()["provider"], "oidc");
    assert_eq!(bind(&mut browser).unwrap_err().code(), "oidc.bound");
    // From now on it signs in as that user, with the role it has.
    let mut other = Browser::default();
    world.sign_in(&mut other);
    let me = other.call(&world, "auth.me", json!({})).unwrap();
    assert_eq!((&me["username"], &me["role"]), (&json!("root"), &json!("admin")));
    other.call(&world, "auth.unbind_oidc", json!({})).unwrap();
    assert_eq!(world.audited("oidc_unbound")["user_id"], me["id"]);
    assert_eq!(other.call(&world, "auth.unbind_oidc", json!({})).unwrap_err().code(), "oidc.not_bound");
    // Now the identity is a new person's; two can't have it.
    assert_eq!(world.error(), "");
    let refused = bind(&mut browser).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "user.identity_taken"));
    assert_eq!(world.audited("oidc_login_failed")["username"], "root");
    let mut without_password = Browser::default();
    world.sign_in(&mut without_password);
    assert_eq!(without_password.call(&world, "auth.unbind_oidc", json!({})).unwrap_err().code(), "oidc.no_password");
}

#[test]
fn attaching_needs_proof_and_the_session_that_began() {
    let world = World::new(json!({}));
    let mut browser = local(&world);
    world.forward(301);
    assert_eq!(browser.call(&world, "auth.bind_oidc", json!({})).unwrap_err().code(), "reauth.needed");
    assert_eq!(browser.call(&world, "auth.unbind_oidc", json!({})).unwrap_err().code(), "reauth.needed");
    let wrong = browser.call(&world, "auth.bind_oidc", json!({"password": "not the right words"}));
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Unauthorized);
    let url = browser.call(&world, "auth.bind_oidc", json!({ "password": PASSWORD })).unwrap();
    let url = url["url"].as_str().unwrap();
    let code = world.idp.sign_in(url);
    browser.call(&world, "auth.logout", json!({})).unwrap();
    assert_eq!(browser.back(&world, url, json!({ "code": code })).unwrap(), "/login?error=state_mismatch");
    assert_eq!(world.user("root")["provider"], "local");
}

#[test]
fn the_only_admin_with_a_password_stays_one() {
    let world = World::new(json!({}));
    let mut browser = local(&world);
    let url = browser.call(&world, "auth.bind_oidc", json!({})).unwrap()["url"].as_str().unwrap().to_owned();
    browser.back(&world, &url, json!({"code": world.idp.sign_in(&url)})).unwrap();
    world.setting("panel.oidc_admin_groups", "root");
    assert_eq!(world.error(), "");
    assert_eq!(world.user("root")["role"], "admin");
    let second = json!({"username": "second", "role": "admin", "password": PASSWORD});
    world.argos.call("users.create", object(second)).unwrap();
    assert_eq!(world.error(), "");
    assert_eq!(world.user("root")["role"], "user");
}

#[test]
fn signing_out_leads_to_the_provider() {
    let world = World::new(json!({"auto_provision": true}));
    let mut browser = Browser::default();
    world.sign_in(&mut browser);
    let end = browser.call(&world, "auth.logout", json!({})).unwrap()["end_session_url"].as_str().unwrap().to_owned();
    let back = "post_logout_redirect_uri=https%3A%2F%2Fargos.test%2Flogin";
    assert_eq!(end, format!("{}/end?client_id=argos&{back}", world.idp.issuer()));
    assert!(!browser.is_in());
    // Whoever came by a password has nothing to do there.
    assert_eq!(local(&world).call(&world, "auth.logout", json!({})).unwrap(), Value::Null);
    // A provider that is away keeps nobody signed in.
    world.sign_in(&mut browser);
    world.idp.ways().moods = [("/.well-known/openid-configuration", Mood::Broken)].into();
    world.forward(3600);
    assert_eq!(browser.call(&world, "auth.logout", json!({})).unwrap(), Value::Null);
    assert_eq!(world.count("sessions"), 0);
}

#[test]
fn it_is_switched_on_when_it_can_work() {
    let world = World::off();
    let mut browser = Browser::default();
    let available = |world: &World| world.argos.call("auth.oidc_available", Map::new()).unwrap().value;
    assert_eq!(available(&world), json!({"enabled": false, "name": null}));
    for name in ["auth.oidc_login", "auth.oidc_callback"] {
        let e = browser.call(&world, name, json!({})).unwrap_err();
        assert_eq!((e.kind(), e.code()), (ErrorKind::NotFound, "oidc.off"), "{name}");
    }
    let refused = |input: Value| {
        let e = world.set(input).unwrap_err();
        assert_eq!((e.kind(), e.code()), (ErrorKind::Invalid, "oidc.config"));
        (e.fields()[0].field.clone(), e.message().to_owned())
    };
    let issuer = world.idp.issuer();
    assert_eq!(refused(json!({"enabled": true})).0, "issuer_url");
    assert_eq!(refused(json!({"enabled": true, "issuer_url": issuer})).0, "client_id");
    assert_eq!(refused(json!({"enabled": true, "issuer_url": issuer, "client_id": "argos"})).0, "panel.public_url");
    world.setting("panel.public_url", "https://argos.test");
    let all = json!({"enabled": true, "issuer_url": issuer, "client_id": "argos"});
    for (change, word) in [("issuer", "calls itself"), ("token_endpoint", "token_endpoint")] {
        world.idp.document(move |document| document[change] = json!("http://evil.example"));
        let (field, text) = refused(all.clone());
        assert!(field == "issuer_url" && text.contains(word), "{text}");
    }
    world.idp.document(|_| ());
    for mood in [Mood::Broken, Mood::Huge, Mood::Page, Mood::Redirect] {
        for path in ["/.well-known/openid-configuration", "/keys"] {
            world.idp.ways().moods = [(path, mood)].into();
            assert_eq!(refused(all.clone()).0, "issuer_url", "{path} {mood:?}");
        }
    }
    world.idp.ways().moods.clear();
    assert_eq!(world.argos.call("auth.oidc_config", Map::new()).unwrap().value["enabled"], false);
    let reply = world.set(all).unwrap();
    assert_eq!(reply.value["redirect_uri"], "https://argos.test/api/v1/auth/oidc/callback");
    assert!(reply.generation.is_some());
    assert_eq!(world.audited("oidc_config_changed")["actor"], "system");
    assert_eq!(available(&world), json!({"enabled": true, "name": "127.0.0.1"}));
    // Nothing changes by nothing, and other fields need no provider.
    let before = world.count("config_versions");
    assert_eq!(world.set(json!({})).unwrap().generation, None);
    assert_eq!(world.count("config_versions"), before);
    world.idp.ways().moods = [("/.well-known/openid-configuration", Mood::Broken)].into();
    assert_eq!(world.set(json!({"auto_provision": true})).unwrap().value["auto_provision"], true);
    // What it needs can't be taken away under it.
    let away = json!({"key": "panel.public_url", "value": ""});
    assert_eq!(world.argos.call("settings.set", object(away)).unwrap_err().code(), "oidc.config");
    world.db().execute("UPDATE settings SET value = '' WHERE key = 'oidc.client_id'", []).unwrap();
    let e = browser.call(&world, "auth.oidc_login", json!({})).unwrap_err();
    assert_eq!((e.kind(), e.code()), (ErrorKind::Unavailable, "oidc.incomplete"));
    assert_eq!(available(&world)["enabled"], false);
}

#[test]
fn fields_of_the_configuration_are_checked() {
    let world = World::new(json!({}));
    for (field, value) in [
        ("issuer_url", json!("http://idp.example")),
        ("issuer_url", json!("https://me:word@idp.example")),
        ("issuer_url", json!("")),
        ("client_id", json!("")),
        ("client_id", json!("a\nb")),
        ("client_id", json!("x".repeat(513))),
        ("client_secret", json!("a\nb")),
        ("client_secret", json!("x".repeat(4097))),
        ("scopes", json!("email profile")),
        ("scopes", json!("openid \"x")),
        ("scopes", json!("")),
        ("cookie_parent_domain", json!("else.test")),
        ("cookie_parent_domain", json!("test")),
        ("cookie_parent_domain", json!("*.argos.test")),
        ("cookie_parent_domain", json!("192.0.2.1")),
        ("allowed_emails[1]", json!(["a@b.example", "a@b,c@d.example"])),
        ("allowed_domains[0]", json!(["@example.org"])),
        ("allowed_domains", json!(vec!["a.example"; 1001])),
    ] {
        let name = field.split('[').next().unwrap();
        let e = world.set(json!({ name: value })).unwrap_err();
        assert_eq!((e.kind(), e.code(), &*e.fields()[0].field), (ErrorKind::Invalid, "oidc.config", field), "{value}");
    }
    let sealed = world.set(json!({"client_secret": "argos1:AAAA"})).unwrap_err();
    assert!(sealed.kind() == ErrorKind::Invalid && sealed.message().contains("secret_looks_encrypted"), "{sealed}");
    let set = |input: Value| world.set(input).unwrap().value;
    let shown = set(json!({"client_secret": "word", "allowed_domains": [" Bücher.example ", "x.example"],
        "cookie_parent_domain": "Argos.Test", "scopes": " openid  groups "}));
    assert_eq!(shown["allowed_domains"], json!(["xn--bcher-kva.example", "x.example"]));
    assert_eq!((&shown["scopes"], &shown["cookie_parent_domain"]), (&json!("openid groups"), &json!("argos.test")));
    assert_eq!(shown["client_secret_set"], true);
    assert_eq!(set(json!({"allowed_domains": []}))["client_secret_set"], true);
    for none in [Value::Null, json!("")] {
        assert_eq!(set(json!({"client_secret": "word"}))["client_secret_set"], true);
        assert_eq!(set(json!({ "client_secret": none }))["client_secret_set"], false);
    }
}

#[test]
fn a_provider_is_tried_where_it_may_be() {
    let world = World::new(json!({}));
    let test = |input: Value| world.argos.call("auth.test_oidc", object(input));
    let found = test(json!({})).unwrap().value;
    assert_eq!(found["endpoints"]["token"], format!("{}/token", world.idp.issuer()));
    assert_eq!(found["algorithms"], json!(["RS256"]));
    // The saved one may lie here; one that is only given may not.
    let other = Idp::start(&world.clock);
    let e = test(json!({"issuer_url": other.issuer()})).unwrap_err();
    assert_eq!((e.kind(), e.code()), (ErrorKind::Unavailable, "oidc.provider"));
    assert!(e.message().contains("not a public address"), "{e}");
    assert_eq!(other.ways().asked.len(), 0);
    for bad in ["https://169.254.169.254", "https://10.0.0.1", "https://[::ffff:127.0.0.1]"] {
        assert_eq!(test(json!({ "issuer_url": bad })).unwrap_err().code(), "oidc.provider", "{bad}");
    }
    assert_eq!(test(json!({"issuer_url": "ftp://x"})).unwrap_err().code(), "oidc.config");
    let party = RelyingParty::new(world.clock.clone(), Limits::default(), OwnListeners::default());
    let issuer = Issuer::parse(&world.idp.issuer()).unwrap();
    assert!(party.probe(&issuer, Reach::Public).is_err() && party.probe(&issuer, Reach::Saved).is_ok());
}
