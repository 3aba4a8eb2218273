//! Browsers that people get notifications with: the pair of keys of an Argos, and subscriptions, each their own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::api::{DeleteUser, SetSetting, UpdateUser};
use argos_core::clock::Timestamp;
use argos_core::error::Error;
use argos_core::notify::web_push::{Pair, ensure_pair, to_base64url, vapid};
use argos_core::schema::{Actor, PushSubscriptionId, Role, UserId};
use argos_core::secret::{MasterKey, Secret};
use argos_core::store::push_subscriptions::{delete_gone, of_listeners};
use argos_core::store::{Read, Tx};
use argos_core::{Argos, ErrorKind, Options};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use support::Folder;
use support::people::{People, raw};

/// What `PushSubscription.toJSON()` of a browser gives.
fn browser(endpoint: &str) -> Map<String, Value> {
    let auth = to_base64url(&[7; 16]);
    let keys = json!({"p256dh": Pair::generate().unwrap().public, "auth": auth});
    object(json!({"endpoint": endpoint, "expirationTime": null, "keys": keys}))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn subscribe(argos: &Argos, browser: &Map<String, Value>) -> Result<Value, Error> {
    argos.call("push.subscribe", browser.clone()).map(|reply| reply.value)
}

fn listed(argos: &Argos) -> Vec<Value> {
    argos.call("push.list", Map::new()).unwrap().value["items"].as_array().unwrap().clone()
}

fn database(people: &People) -> Connection {
    Connection::open(people.folder.path().join("argos.db")).unwrap()
}

fn key_of(folder: &Folder) -> MasterKey {
    MasterKey::parse_file(&std::fs::read(folder.path().join("master.key")).unwrap()).unwrap()
}

fn endpoints(db: &Connection) -> Vec<String> {
    let listeners = of_listeners(&Read::new(db, Timestamp(0))).unwrap();
    listeners.into_iter().map(|listener| listener.endpoint).collect()
}

#[test]
fn a_browser_subscribes_as_it_is_and_each_person_sees_their_own() {
    let people = People::new();
    people.add("vera", Role::Viewer);
    let ada = people.with(&people.login("ada")).unwrap();
    let vera = people.with(&people.login("vera")).unwrap();
    let browser = browser("https://push.example/a?b=c");
    let made = subscribe(&ada, &browser).unwrap();
    let shown = json!({"id": 1, "endpoint": "https://push.example/a?b=c", "user_agent": "a browser",
        "created_at": "2027-01-15T08:00:00.000Z"});
    assert_eq!(made, shown);
    assert_eq!((listed(&ada), listed(&vera)), (vec![shown], vec![]));
    // The same once more changes nothing.
    assert_eq!(subscribe(&ada, &browser).unwrap(), made);
    let rows = people.audit("create");
    let row = rows.iter().map(raw).find(|raw| raw["resource_type"] == "push_subscription").unwrap();
    assert_eq!((&row["resource_id"], &row["actor"], &row["generation"]), (&json!("1"), &json!("ada"), &Value::Null));
    assert_eq!(rows.iter().filter(|row| raw(row)["resource_type"] == "push_subscription").count(), 1);

    let id = object(json!({"id": 1}));
    let error = vera.call("push.unsubscribe", id.clone()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "push_subscription.not_found"));
    ada.call("push.unsubscribe", id).unwrap();
    assert!(listed(&ada).is_empty());
    assert_eq!(people.audit("delete").len(), 1);
}

#[test]
fn new_keys_replace_the_old_ones_and_a_browser_of_another_person_moves() {
    let people = People::new();
    people.add("vera", Role::Viewer);
    let ada = people.with(&people.login("ada")).unwrap();
    let vera = people.with(&people.login("vera")).unwrap();
    let first = subscribe(&ada, &browser("https://push.example/a")).unwrap();
    let renewed = browser("https://push.example/a");
    assert_eq!(subscribe(&ada, &renewed).unwrap()["id"], first["id"]);
    let db = database(&people);
    let listeners = of_listeners(&Read::new(&db, Timestamp(0))).unwrap();
    assert_eq!(listeners.len(), 1);
    assert_eq!(listeners[0].p256dh, renewed["keys"]["p256dh"].as_str().unwrap());
    assert_eq!(listeners[0].auth, Secret::new(to_base64url(&[7; 16])));
    assert!(!format!("{listeners:?}").contains(listeners[0].auth.expose()));

    subscribe(&vera, &renewed).unwrap();
    assert_eq!((listed(&ada).len(), listed(&vera).len()), (0, 1));
}

#[test]
fn what_is_no_subscription_is_refused_by_its_field() {
    let people = People::new();
    let ada = people.with(&people.login("ada")).unwrap();
    let with = |path: &str, value: Value| {
        let mut input = Value::Object(browser("https://push.example/a"));
        *input.pointer_mut(path).unwrap() = value;
        let error = subscribe(&ada, &object(input)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{path}");
        (error.code().to_owned(), error.fields()[0].field.clone())
    };
    let long = format!("https://push.example/{}", "a".repeat(2028));
    for bad in [
        "",
        "http://push.example/a",
        "https://127.0.0.1/a",
        "https://push.example:0/a",
        "https://[::ffff:10.0.0.1]/a",
        &long,
    ] {
        assert_eq!(with("/endpoint", bad.into()), ("push_subscription.endpoint".into(), "endpoint".into()), "{bad}");
    }
    let mut beside = vec![4; 65];
    beside[1] = 5;
    for bad in ["", "!", &to_base64url(&[4; 64]), &to_base64url(&beside)] {
        assert_eq!(with("/keys/p256dh", bad.into()), ("push_subscription.keys".into(), "keys.p256dh".into()), "{bad}");
    }
    for bad in ["", "a b", &to_base64url(&[0; 15]), &to_base64url(&[0; 17])] {
        assert_eq!(with("/keys/auth", bad.into()), ("push_subscription.keys".into(), "keys.auth".into()), "{bad}");
    }
    assert_eq!(with("/keys", json!({"p256dh": "a", "auth": "b", "more": 1})).1, "keys.more");
    assert_eq!(with("/expirationTime", json!("soon")).1, "expirationTime");
    assert!(listed(&ada).is_empty());
    // Browsers may say when they end a subscription, in parts of milliseconds.
    let mut ending = browser("https://push.example/a");
    ending.insert("expirationTime".into(), json!(1_800_000_000_000.5));
    subscribe(&ada, &ending).unwrap();
}

#[test]
fn nobody_has_more_than_twenty() {
    let people = People::new();
    let ada = people.with(&people.login("ada")).unwrap();
    let at = |n: usize| browser(&format!("https://push.example/{n}"));
    for n in 0..20 {
        subscribe(&ada, &at(n)).unwrap();
    }
    let error = subscribe(&ada, &at(20)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "push_subscription.too_many"));
    assert!(error.to_string().contains("20"), "{error}");
    // One that is there already is none more.
    subscribe(&ada, &at(7)).unwrap();
    ada.call("push.unsubscribe", object(json!({"id": 3}))).unwrap();
    subscribe(&ada, &at(20)).unwrap();
    assert_eq!(listed(&ada).len(), 20);
}

#[test]
fn only_people_who_may_look_are_told_and_what_is_gone_is_deleted() {
    let people = People::new();
    for (name, role) in [("uma", Role::User), ("vera", Role::Viewer), ("otto", Role::Operator)] {
        people.add(name, role);
    }
    for name in ["ada", "uma", "vera", "otto"] {
        let session = people.with(&people.login(name)).unwrap();
        subscribe(&session, &browser(&format!("https://push.example/{name}"))).unwrap();
    }
    let db = database(&people);
    let of = |names: &[&str]| names.iter().map(|name| format!("https://push.example/{name}")).collect::<Vec<_>>();
    assert_eq!(endpoints(&db), of(&["ada", "vera", "otto"]));
    people.argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(UserId(3)) }).unwrap();
    assert_eq!(endpoints(&db), of(&["ada", "otto"]));
    delete_gone(&Tx::new(&db, Timestamp(0), Actor::System), &[PushSubscriptionId(1), PushSubscriptionId(99)]).unwrap();
    assert_eq!(endpoints(&db), of(&["otto"]));
    people.argos.users().delete(DeleteUser { id: UserId(4) }).unwrap();
    assert!(endpoints(&db).is_empty());
}

#[test]
fn only_a_session_may_ask() {
    let people = People::new();
    for name in ["push.key", "push.list"] {
        let error = people.argos.call(name, Map::new()).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "forbidden.session"), "{name}");
        let error = people.from("192.0.2.1").call(name, Map::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{name}");
    }
}

#[test]
fn the_pair_of_keys_is_made_once_and_its_contact_is_read_each_time() {
    let people = People::new();
    let ada = people.with(&people.login("ada")).unwrap();
    let shown = ada.call("push.key", Map::new()).unwrap().value;
    let read = |people: &People| {
        let db = database(people);
        vapid(&Read::new(&db, Timestamp(0)), &key_of(&people.folder)).unwrap().unwrap()
    };
    let first = read(&people);
    assert_eq!(shown, json!({"public_key": first.public}));
    assert_eq!(first.contact, "admin@example.com");
    let contact = |value: &str| SetSetting { key: "notifications.vapid_contact_email".into(), value: value.into() };
    assert_eq!(people.argos.settings().set(contact("ops")).unwrap_err().code(), "setting.value");
    people.argos.settings().set(contact("ops@example.org")).unwrap();
    drop(ada);
    let people = people.reopened();
    let again = read(&people);
    assert_eq!((&again.public, &again.private), (&first.public, &first.private));
    assert_eq!(again.contact, "ops@example.org");
}

#[test]
fn a_pair_that_cannot_be_opened_stays_and_is_reported() {
    let people = People::new();
    let private = "SELECT value FROM settings WHERE key = 'notifications.vapid_private_key'";
    let db = database(&people);
    let stored: String = db.query_row(private, [], |r| r.get(0)).unwrap();
    let damaged = format!("argos1:{}{}", if &stored[7..8] == "A" { "B" } else { "A" }, &stored[8..]);
    let sql = "UPDATE settings SET value = ?1 WHERE key = 'notifications.vapid_private_key'";
    db.execute(sql, [&damaged]).unwrap();
    let people = people.reopened();
    assert_eq!(db.query_row(private, [], |r| r.get::<_, String>(0)).unwrap(), damaged);
    let error = vapid(&Read::new(&db, Timestamp(0)), &key_of(&people.folder)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "secret_tampered"));

    // One that is not there is made, both halves of it.
    db.execute(sql, [""]).unwrap();
    let tx = Tx::new(&db, Timestamp(0), Actor::System);
    assert!(vapid(&tx, &key_of(&people.folder)).unwrap().is_none());
    ensure_pair(&tx, &key_of(&people.folder)).unwrap();
    let made = vapid(&tx, &key_of(&people.folder)).unwrap().unwrap();
    made.authorization("https://push.example", Timestamp(0)).unwrap();
}

#[test]
fn without_a_pair_nothing_can_be_subscribed_with() {
    let people = People::new();
    let ada = people.with(&people.login("ada")).unwrap();
    database(&people).execute("UPDATE settings SET value = '' WHERE key LIKE 'notifications.vapid_p%'", []).unwrap();
    let error = ada.call("push.key", Map::new()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "push.no_key"));
    let folder = Folder::new();
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    drop(argos);
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    assert!(vapid(&Read::new(&db, Timestamp(0)), &key_of(&folder)).unwrap().is_some());
}
