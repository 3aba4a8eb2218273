//! Signing in: passwords, second factors, limits, sessions, and what the audit log says of them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::BTreeSet;

use argos_core::api::{
    ActivateTotp, ChangePassword, CreateToken, DisableTotp, EndOtherSessions, EndOwnSession, ListOwnSessions,
    ListUserSessions, NewRecoveryCodes, SetSetting, SetUpTotp, SetUserPassword, SignOut, UpdateUser, VerifyRecovery,
};
use argos_core::clock::Timestamp;
use argos_core::error::Error;
use argos_core::schema::{Actor, Role, TokenRole, UserId};
use argos_core::store::Origin;
use argos_core::{Argos, ErrorKind};
use rusqlite::Connection;
use support::people::{HOUR, MINUTE, NOW, PASSWORD, People, SECOND, origin, raw, token, verify};

const WRONG: &str = "feeble-lantern-47";

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, String) {
    let e = result.unwrap_err();
    (e.kind(), e.code().to_owned())
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    refusal(result).1
}

/// Fails until the address is banned; another name each time, so that no pause comes between.
fn ban(people: &People, ip: &str) {
    for n in 0..5 {
        assert_eq!(code(people.try_login(&format!("nobody{n}"), WRONG, ip)), "login.failed");
    }
}

fn set(argos: &Argos, key: &str, value: &str) {
    argos.settings().set(SetSetting { key: key.into(), value: value.into() }).unwrap();
}

#[test]
fn a_good_password_begins_a_session_and_leaves_its_hash_only() {
    let people = People::new();
    let applied = people.try_login("Ada", PASSWORD, "192.0.2.1").unwrap();
    let token = token(&applied);
    let me = applied.value.user.unwrap();
    assert_eq!((me.username.as_str(), me.role, me.recovery_codes_remaining), ("ada", Role::Admin, None));
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    let row = "SELECT token, remote_ip, user_agent, expires_at - created_at FROM sessions";
    let stored: (String, String, String, i64) =
        db.query_row(row, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).unwrap();
    let hash = argos_core::secret::token_hash(&token);
    assert_eq!(stored, (hash, "192.0.2.1".into(), "a browser".into(), 168 * HOUR));
    let asked = people.with(&token).unwrap();
    assert_eq!(asked.auth().me(argos_core::api::GetMe {}).unwrap(), me);
    assert!(people.with(&"A".repeat(43)).is_none() && people.with("x").is_none() && people.with("").is_none());
}

#[test]
fn every_way_to_fail_says_the_same_and_the_row_says_why() {
    let people = People::new();
    let off = people.add("off", Role::Viewer);
    people.argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(off) }).unwrap();
    let without = argos_core::api::CreateUser::new("without", Role::Viewer, None);
    people.argos.users().create(without).unwrap();
    let mut texts = BTreeSet::new();
    for (n, (name, password)) in
        [("nobody", PASSWORD), ("ada", WRONG), ("off", PASSWORD), ("off", WRONG), ("without", PASSWORD)]
            .iter()
            .enumerate()
    {
        let e = people.try_login(name, password, &format!("192.0.2.{n}")).unwrap_err();
        assert_eq!((e.kind(), e.code(), e.fields().len()), (ErrorKind::Unauthorized, "login.failed", 0));
        texts.insert(e.message().to_owned());
    }
    assert_eq!(texts.len(), 1);
    let reasons: Vec<_> = people.audit("failed_login").iter().map(|r| raw(r)["detail"]["reason"].clone()).collect();
    let expected =
        ["the user has no password", "the user is disabled", "the user is disabled", "wrong password", "no such user"];
    assert_eq!(reasons, expected);
    assert_eq!(people.count("login"), 0);
}

#[test]
fn bad_fields_are_named_and_count_for_nothing() {
    let people = People::new();
    let long = "x".repeat(1025);
    let look_alike = "\u{430}da";
    for (name, password, field) in [
        ("", PASSWORD, "username"),
        (look_alike, PASSWORD, "username"),
        ("ada\0", PASSWORD, "username"),
        ("ada", "", "password"),
        ("ada", "a\0b", "password"),
        ("ada", long.as_str(), "password"),
    ] {
        for _ in 0..6 {
            let e = people.try_login(name, password, "192.0.2.1").unwrap_err();
            assert_eq!((e.kind(), e.fields()[0].field.as_str()), (ErrorKind::Invalid, field), "{name:?}");
        }
    }
    people.login("ada");
}

#[test]
fn five_failures_ban_an_address_for_its_true_time_across_a_restart() {
    let people = People::new();
    ban(&people, "192.0.2.9");
    let e = people.try_login("ada", PASSWORD, "192.0.2.9").unwrap_err();
    assert_eq!((e.kind(), e.code(), e.retry_after()), (ErrorKind::RateLimited, "rate_limited", Some(1800)));
    people.try_login("ada", PASSWORD, "192.0.2.10").unwrap();
    people.pass(10 * MINUTE);
    let people = people.reopened();
    assert_eq!(people.try_login("ada", PASSWORD, "192.0.2.9").unwrap_err().retry_after(), Some(1200));
    people.pass(20 * MINUTE - SECOND);
    assert_eq!(people.try_login("ada", PASSWORD, "192.0.2.9").unwrap_err().retry_after(), Some(1));
    people.pass(2 * SECOND);
    people.try_login("ada", PASSWORD, "192.0.2.9").unwrap();
}

#[test]
fn failures_count_for_five_minutes_and_a_success_forgives_none() {
    let people = People::new();
    for n in 0..4 {
        people.try_login(&format!("nobody{n}"), WRONG, "192.0.2.9").unwrap_err();
    }
    people.try_login("ada", PASSWORD, "192.0.2.9").unwrap();
    people.pass(5 * MINUTE + 1);
    for n in 0..4 {
        people.try_login(&format!("other{n}"), WRONG, "192.0.2.9").unwrap_err();
    }
    people.try_login("ada", PASSWORD, "192.0.2.9").unwrap();
    people.try_login("other4", WRONG, "192.0.2.9").unwrap_err();
    assert_eq!(code(people.try_login("ada", PASSWORD, "192.0.2.9")), "rate_limited");
}

#[test]
fn a_customer_of_ipv6_can_not_spray_over_their_addresses() {
    let people = People::new();
    for n in 0..5 {
        people.try_login(&format!("nobody{n}"), WRONG, &format!("2001:db8:1:2::{n:x}")).unwrap_err();
    }
    assert_eq!(code(people.try_login("ada", PASSWORD, "2001:db8:1:2:ffff::1")), "rate_limited");
    people.try_login("ada", PASSWORD, "2001:db8:1:3::1").unwrap();
}

#[test]
fn a_name_waits_longer_from_address_to_address_and_is_never_locked() {
    let people = People::new();
    for (n, pause) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (6, 8), (7, 16), (8, 32), (9, 60), (10, 60)] {
        assert_eq!(code(people.try_login("ada", WRONG, &format!("198.51.100.{n}"))), "login.failed", "{n}");
        if pause > 0 {
            let e = people.try_login("ADA", PASSWORD, &format!("203.0.113.{n}")).unwrap_err();
            assert_eq!((e.code(), e.retry_after()), ("rate_limited", Some(pause)), "{n}");
            // Whoever waits adds nothing to the count.
            people.pass(i64::from(pause) * SECOND);
        }
    }
    people.try_login("ada", PASSWORD, "203.0.113.99").unwrap();
    assert_eq!(code(people.try_login("ada", WRONG, "203.0.113.99")), "login.failed");
    people.try_login("ada", PASSWORD, "203.0.113.99").unwrap();
}

#[test]
fn a_ban_is_told_once_and_then_once_a_minute() {
    let people = People::new();
    ban(&people, "192.0.2.9");
    assert_eq!(people.count("rate_limited_login"), 1);
    for _ in 0..3 {
        people.try_login("ada", PASSWORD, "192.0.2.9").unwrap_err();
    }
    assert_eq!(people.count("rate_limited_login"), 1);
    people.pass(MINUTE);
    for _ in 0..3 {
        people.try_login("ada", PASSWORD, "192.0.2.9").unwrap_err();
    }
    assert_eq!(people.count("rate_limited_login"), 2);
}

#[test]
fn tries_side_by_side_are_counted_one_by_one() {
    let people = People::new();
    let codes: Vec<String> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..20)
            .map(|n| {
                let argos = people.from("192.0.2.9");
                scope.spawn(move || {
                    let sign_in = argos_core::api::SignIn::new(format!("nobody{n}"), WRONG.to_owned());
                    code(argos.auth().login(sign_in))
                })
            })
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| *code == "login.failed").count(), 5, "{codes:?}");
    assert!(codes.iter().all(|code| code == "login.failed" || code == "rate_limited"));
}

#[test]
fn an_old_hash_is_stored_anew_at_the_next_sign_in() {
    let people = People::new();
    let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();
    let stored = || -> (String, i64) {
        let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
        db.query_row("SELECT password_hash, password_changed_at FROM users", [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
    };
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    db.execute("UPDATE users SET password_hash = ?1", [&bcrypt]).unwrap();
    people.try_login("ada", WRONG, "192.0.2.2").unwrap_err();
    assert_eq!(stored().0, bcrypt);
    people.pass(HOUR);
    people.login("ada");
    assert!(stored().0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored().0);
    assert_eq!(stored().1, NOW, "it is the same password");
    set(&people.argos, "auth.argon2_memory_kib", "20480");
    people.login("ada");
    assert!(stored().0.contains("m=20480,"));
}

#[test]
fn who_has_no_password_is_checked_against_another_ones_and_not_let_in_by_it() {
    let people = People::new();
    let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    db.execute("UPDATE users SET password_hash = ?1", [&bcrypt]).unwrap();
    people.argos.users().create(argos_core::api::CreateUser::new("single", Role::Admin, None)).unwrap();
    for (name, ip) in [("nobody", "192.0.2.5"), ("single", "192.0.2.6")] {
        assert_eq!(code(people.try_login(name, PASSWORD, ip)), "login.failed", "{name}");
    }
    let stored: String =
        db.query_row("SELECT password_hash FROM users WHERE username = 'ada'", [], |r| r.get(0)).unwrap();
    assert_eq!(stored, bcrypt, "and it is not stored anew for their sake");
}

#[test]
fn what_ends_all_sessions_ends_sign_ins_that_are_under_way() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    people.argos.users().end_sessions(UserId(1)).unwrap();
    assert_eq!(code(verify(&browser, &id, &people.code(&secret))), "challenge.unknown");
    people.add("bob", Role::Admin);
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    for enabled in [false, true] {
        let change = UpdateUser { enabled: Some(enabled), ..UpdateUser::new(UserId(1)) };
        people.argos.users().update(change).unwrap();
    }
    assert_eq!(code(verify(&browser, &id, &people.code(&secret))), "challenge.unknown");
}

#[test]
fn a_planted_cookie_of_a_challenge_does_not_keep_the_right_one_from_counting() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let applied = people.try_login("ada", PASSWORD, "192.0.2.1").unwrap();
    let good = support::people::cookie(&applied, argos_core::schema::CookieName::Challenge).unwrap();
    let id = applied.value.challenge_id.unwrap().show().clone();
    let mut browser = origin("192.0.2.1");
    browser.cookies.challenges = vec!["junk".to_owned().into(), good];
    let browser = people.argos.acting(Actor::Anonymous, browser);
    verify(&browser, &id, &people.code(&secret)).unwrap();
}

#[test]
fn changing_the_password_ends_the_other_sessions() {
    let people = People::new();
    let (here, there) = (people.login("ada"), people.login("ada"));
    let change =
        |argos: &Argos, current: &str, new: &str| argos.auth().change_password(ChangePassword::new(current, new));
    let argos = people.with(&here).unwrap();
    assert_eq!(refusal(change(&argos, WRONG, "sturdy-lantern-48")), (ErrorKind::Unauthorized, "reauth.failed".into()));
    assert_eq!(people.count("reauth_failed"), 1);
    assert_eq!(code(change(&argos, PASSWORD, "short")), "password.too_short");
    assert_eq!(code(change(&argos, PASSWORD, "ada123456789")), "password.weak");
    assert_eq!(code(change(&argos, PASSWORD, PASSWORD)), "password.same");
    change(&argos, PASSWORD, "sturdy-lantern-48").unwrap();
    assert!(people.with(&here).is_some() && people.with(&there).is_none());
    people.try_login("ada", PASSWORD, "192.0.2.3").unwrap_err();
    people.try_login("ada", "sturdy-lantern-48", "192.0.2.3").unwrap();
    // Failed proofs are limited as sign-ins are.
    for _ in 0..2 {
        assert_eq!(code(change(&argos, WRONG, "sturdy-lantern-49")), "reauth.failed");
    }
    assert_eq!(code(change(&argos, WRONG, "sturdy-lantern-49")), "reauth.failed");
    assert_eq!(code(change(&argos, "sturdy-lantern-48", "sturdy-lantern-49")), "rate_limited");
}

#[test]
fn a_reset_ends_all_sessions_at_once() {
    let people = People::new();
    let bob = people.add("bob", Role::Viewer);
    let session = people.login("bob");
    assert!(people.with(&session).is_some());
    people.pass(SECOND);
    people.argos.users().set_password(SetUserPassword::new(bob, "another-lantern-48")).unwrap();
    assert!(people.with(&session).is_none());
    let user = people.argos.users().get(bob).unwrap();
    assert_eq!((user.updated_at, user.password_changed_at), (Timestamp(NOW + SECOND), Some(Timestamp(NOW + SECOND))));
    people.try_login("bob", "another-lantern-48", "192.0.2.3").unwrap();
}

#[test]
fn sessions_end_by_age_and_by_idleness_and_a_shorter_setting_shortens_them() {
    let people = People::new();
    let session = people.login("ada");
    for _ in 0..7 {
        people.pass(23 * HOUR);
        assert!(people.with(&session).is_some(), "used within a day");
    }
    people.pass(7 * HOUR);
    assert!(people.with(&session).is_none(), "a week is the most");
    let idle = people.login("ada");
    people.pass(24 * HOUR + 1);
    assert!(people.with(&idle).is_none());
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    people.argos.check_writer().unwrap();
    let left: i64 = db.query_row("SELECT COUNT(*) FROM sessions", [], |r| r.get(0)).unwrap();
    assert_eq!(left, 0, "what has ended is deleted when it is shown");
    let session = people.login("ada");
    people.pass(2 * HOUR);
    assert!(people.with(&session).is_some());
    set(&people.argos, "session.idle_timeout_hours", "1");
    set(&people.argos, "session.absolute_timeout_hours", "2");
    assert!(people.with(&session).is_none());
    let e = people.argos.settings().set(SetSetting { key: "session.idle_timeout_hours".into(), value: "3".into() });
    assert_eq!(e.unwrap_err().fields()[0].field, "session.idle_timeout_hours");
}

#[test]
fn the_use_of_a_session_is_noted_once_a_minute() {
    let people = People::new();
    let session = people.login("ada");
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    let seen = || {
        people.argos.check_writer().unwrap();
        db.query_row("SELECT last_seen_at FROM sessions", [], |r| r.get::<_, i64>(0)).unwrap() - NOW
    };
    for (at, noted) in [(1, 0), (59, 0), (60, 60), (100, 60), (121, 121)] {
        people.clock.set(Timestamp(NOW + at * SECOND));
        assert!(people.with(&session).is_some());
        assert_eq!(seen(), noted * SECOND, "{at}");
    }
}

#[test]
fn own_sessions_are_listed_and_ended() {
    let people = People::new();
    people.add("bob", Role::User);
    let (first, second, third) = (people.login("ada"), people.login("ada"), people.login("ada"));
    let bobs = people.login("bob");
    let argos = people.with(&first).unwrap();
    let listed = argos.auth().sessions(ListOwnSessions::first()).unwrap().items;
    assert_eq!(listed.iter().map(|s| s.current).collect::<Vec<_>>(), [true, false, false]);
    assert!(listed.iter().all(|s| s.remote_ip == "192.0.2.1" && s.user_agent == "a browser"));
    argos.auth().end_session(EndOwnSession { id: listed[1].id }).unwrap();
    assert!(people.with(&second).is_none() && people.with(&third).is_some());
    let bob = people.with(&bobs).unwrap();
    let own = bob.auth().sessions(ListOwnSessions::first()).unwrap().items;
    assert_eq!(own.len(), 1);
    assert_eq!(code(bob.auth().end_session(EndOwnSession { id: listed[0].id })), "session.not_found");
    assert_eq!(argos.auth().end_other_sessions(EndOtherSessions {}).unwrap().value.revoked, 1);
    assert!(people.with(&third).is_none() && people.with(&first).is_some() && people.with(&bobs).is_some());
    argos.auth().logout(SignOut::default()).unwrap();
    assert!(people.with(&first).is_none());
    // A handle that was made before tells nothing more: it is the session that counts, at each call.
    assert_eq!(code(argos.auth().end_session(EndOwnSession { id: listed[0].id })), "session.not_found");
}

#[test]
fn a_new_sign_in_never_takes_over_a_session_that_is_shown() {
    let people = People::new();
    let before = people.login("ada");
    let argos = people.with(&before).unwrap();
    let applied = argos.auth().login(argos_core::api::SignIn::new("ada", PASSWORD.to_owned())).unwrap();
    assert_ne!(token(&applied), before);
    assert!(people.with(&before).is_none() && people.with(&token(&applied)).is_some());
}

#[test]
fn whoever_is_disabled_demoted_or_deleted_is_out_at_once_and_so_are_their_tokens() {
    let people = People::new();
    let make = |argos: &Argos, name: &str, role| {
        let op = CreateToken { name: name.into(), role, expires_at: None };
        argos.tokens().create(op).unwrap().value.token.show().clone()
    };
    let bob = people.add("bob", Role::Admin);
    let session = people.login("bob");
    let argos = people.with(&session).unwrap();
    let (strong, weak) = (make(&argos, "strong", TokenRole::Admin), make(&argos, "weak", TokenRole::Viewer));
    let live = |text: &str| people.argos.token(text).unwrap().is_some();
    assert!(live(&strong) && live(&weak));
    people.argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(bob) }).unwrap();
    assert!(people.with(&session).is_none() && !live(&strong) && !live(&weak));
    people.try_login("bob", PASSWORD, "192.0.2.3").unwrap_err();
    people.argos.users().update(UpdateUser { enabled: Some(true), ..UpdateUser::new(bob) }).unwrap();
    assert!(people.with(&session).is_none() && live(&strong) && live(&weak));
    let session = people.login("bob");
    people.argos.users().update(UpdateUser { role: Some(Role::Viewer), ..UpdateUser::new(bob) }).unwrap();
    assert!(people.with(&session).is_none() && !live(&strong) && live(&weak));
    let session = people.login("bob");
    people.argos.users().delete(bob).unwrap();
    assert!(people.with(&session).is_none() && !live(&weak));
}

#[test]
fn the_last_administrator_with_a_password_stays() {
    let people = People::new();
    let ada = UserId(1);
    let refused = |people: &People| {
        let users = people.argos.users();
        let demoted = users.update(UpdateUser { role: Some(Role::Operator), ..UpdateUser::new(ada) });
        let disabled = users.update(UpdateUser { enabled: Some(false), ..UpdateUser::new(ada) });
        for result in [demoted.map(drop), disabled.map(drop), users.delete(ada).map(drop)] {
            assert_eq!(refusal(result), (ErrorKind::Conflict, "user.last_admin".into()));
        }
    };
    refused(&people);
    // Neither one without a password nor a disabled one could take over.
    people.argos.users().create(argos_core::api::CreateUser::new("single", Role::Admin, None)).unwrap();
    let off = people.add("off", Role::Admin);
    people.argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(off) }).unwrap();
    refused(&people);
    people.argos.users().update(UpdateUser { enabled: Some(true), ..UpdateUser::new(off) }).unwrap();
    people.argos.users().delete(ada).unwrap();
}

#[test]
fn a_code_is_asked_for_and_good_once() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    assert_eq!(people.count("login_totp_challenge"), 1);
    let code_now = people.code(&secret);
    let applied = verify(&browser, &id, &format!(" {} {} ", &code_now[..3], &code_now[3..])).unwrap();
    assert_eq!(applied.value.recovery_codes_remaining, Some(10));
    assert!(people.with(&token(&applied)).is_some());
    assert_eq!(code(verify(&browser, &id, &code_now)), "challenge.unknown", "a challenge is good once");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    assert_eq!(refusal(verify(&browser, &id, &code_now)), (ErrorKind::Unauthorized, "totp.wrong".into()));
    people.pass(30 * SECOND);
    verify(&browser, &id, &people.code(&secret)).unwrap();
    let left: Vec<_> = ["totp_login_success", "totp_login_failed"].map(|a| people.count(a)).into();
    assert_eq!(left, [2, 1]);
}

#[test]
fn of_parallel_tries_with_one_code_one_wins() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let challenges: Vec<_> = (0..4).map(|_| people.challenge("ada", "192.0.2.1")).collect();
    let code_now = people.code(&secret);
    let won = std::thread::scope(|scope| {
        let tries: Vec<_> =
            challenges.iter().map(|(id, browser)| scope.spawn(|| verify(browser, id, &code_now).is_ok())).collect();
        tries.into_iter().filter(|_| true).map(|t| t.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}

#[test]
fn of_fifty_tries_with_one_recovery_code_one_wins() {
    let people = People::new();
    let (_, codes) = people.add_totp("ada");
    // From an address each, so that no limit ends the race.
    let challenges: Vec<_> = (0..50).map(|n| people.challenge("ada", &format!("203.0.113.{n}"))).collect();
    let won = std::thread::scope(|scope| {
        let tries: Vec<_> = challenges
            .iter()
            .map(|(id, browser)| {
                let op = VerifyRecovery { challenge_id: id.clone(), recovery_code: codes[0].clone() };
                scope.spawn(move || browser.auth().verify_recovery(op).is_ok())
            })
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    let spelled = codes[1].to_uppercase().replace('-', " ");
    let op = VerifyRecovery { challenge_id: id, recovery_code: spelled };
    assert_eq!(browser.auth().verify_recovery(op).unwrap().value.recovery_codes_remaining, Some(8));
    assert_eq!(raw(&people.audit("totp_recovery_used")[0])["detail"]["remaining"], 8);
}

#[test]
fn a_challenge_belongs_to_one_address_and_one_browser_for_five_minutes() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    let code_now = people.code(&secret);
    let elsewhere = people.argos.acting(Actor::Anonymous, origin("192.0.2.1"));
    assert_eq!(code(verify(&elsewhere, &id, &code_now)), "challenge.unknown", "without the cookie");
    let (_, other) = people.challenge("ada", "192.0.2.1");
    assert_eq!(code(verify(&other, &id, &code_now)), "challenge.unknown", "with another one's cookie");
    assert_eq!(code(verify(&browser, "x", &code_now)), "challenge.unknown");
    people.pass(5 * MINUTE);
    assert_eq!(code(verify(&browser, &id, &people.code(&secret))), "challenge.unknown", "after five minutes");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    people.argos.users().set_password(SetUserPassword::new(UserId(1), "another-lantern-48")).unwrap();
    assert_eq!(code(verify(&browser, &id, &people.code(&secret))), "challenge.unknown", "with another password");
}

#[test]
fn five_wrong_codes_ban_the_person_from_that_address_for_the_true_time() {
    let people = People::new();
    let (secret, codes) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    let wrong = |n: u32| if people.code(&secret) == format!("{n:06}") { "999999".into() } else { format!("{n:06}") };
    for n in 0..5 {
        assert_eq!(code(verify(&browser, &id, &wrong(n))), "totp.wrong");
    }
    let e = verify(&browser, &id, &people.code(&secret)).unwrap_err();
    assert_eq!((e.code(), e.retry_after()), ("rate_limited", Some(1800)));
    let recovery = VerifyRecovery { challenge_id: id, recovery_code: codes[0].clone() };
    assert_eq!(code(browser.auth().verify_recovery(recovery)), "rate_limited");
    assert_eq!(people.count("totp_rate_limit_hit"), 1);
    drop(browser);
    let (id, browser) = people.challenge("ada", "192.0.2.2");
    verify(&browser, &id, &people.code(&secret)).unwrap();
    drop(browser);
    people.pass(30 * MINUTE - SECOND);
    let people = people.reopened();
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    assert_eq!(verify(&browser, &id, &people.code(&secret)).unwrap_err().retry_after(), Some(1));
    people.pass(2 * SECOND);
    verify(&browser, &id, &people.code(&secret)).unwrap();
}

#[test]
fn a_challenge_has_ten_tries_at_most() {
    let people = People::new();
    let (secret, _) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    for _ in 0..4 {
        verify(&browser, &id, "x").unwrap_err();
    }
    // What is tried while a limit holds uses the challenge up as well.
    for _ in 0..6 {
        verify(&browser, &id, "x").unwrap_err();
    }
    people.pass(MINUTE);
    assert_eq!(code(verify(&browser, &id, &people.code(&secret))), "challenge.unknown");
}

#[test]
fn a_second_factor_is_set_up_switched_off_and_its_codes_renewed_by_whoever_proves_it() {
    let people = People::new();
    let here = people.login("ada");
    let there = people.login("ada");
    let argos = people.with(&here).unwrap();
    let set_up = |argos: &Argos, password: Option<&str>| argos.auth().set_up_totp(SetUpTotp::proven_by(password));
    set_up(&argos, None).unwrap();
    let state = |argos: &Argos| argos.auth().totp(argos_core::api::GetTotp {}).unwrap();
    assert!(state(&argos).setup_pending && !state(&argos).enabled);
    people.pass(5 * MINUTE + 1);
    assert_eq!(refusal(set_up(&argos, None)), (ErrorKind::Forbidden, "reauth.needed".into()));
    assert_eq!(code(set_up(&argos, Some(WRONG))), "reauth.failed");
    let proof = Some(PASSWORD);
    let secret = set_up(&argos, proof).unwrap().value.secret.show().clone();
    let activate = |code: &str| argos.auth().activate_totp(ActivateTotp::proven_by(proof, code.to_owned()));
    assert_eq!(code(activate("x")), "totp.wrong");
    activate(&people.code(&secret)).unwrap();
    assert!(people.with(&here).is_some() && people.with(&there).is_none(), "other sessions end");
    assert_eq!(refusal(set_up(&argos, proof)), (ErrorKind::Conflict, "totp.enabled".into()));
    let without = argos.auth().new_recovery_codes(NewRecoveryCodes::proven_by(None));
    assert_eq!(code(without), "reauth.needed");
    let renew = argos.auth().new_recovery_codes(NewRecoveryCodes::proven_by(proof)).unwrap();
    let codes = renew.value.codes.show().clone();
    assert_eq!((codes.len(), state(&argos).recovery_codes_remaining), (10, Some(10)));
    let disable = |password, code: &str| argos.auth().disable_totp(DisableTotp::proven_by(password, code.to_owned()));
    assert_eq!(code(disable(None, "123456")), "reauth.needed");
    assert_eq!(code(disable(proof, "aaaa-2222")), "totp.wrong");
    disable(proof, &codes[4]).unwrap();
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    let sql = "SELECT totp_secret_encrypted IS NULL AND totp_recovery_codes_encrypted IS NULL AND totp_enabled = 0
        AND totp_enabled_at IS NULL AND totp_last_step = 0 FROM users";
    assert!(db.query_row(sql, [], |r| r.get::<_, bool>(0)).unwrap());
    assert_eq!(code(argos.auth().new_recovery_codes(NewRecoveryCodes::proven_by(proof))), "totp.disabled");
    people.try_login("ada", PASSWORD, "192.0.2.7").unwrap();
}

#[test]
fn break_glass_switches_a_second_factor_off_and_ends_the_sessions() {
    let people = People::new();
    people.add_totp("ada");
    let listed = people.argos.users().sessions(ListUserSessions::first(UserId(1))).unwrap().items;
    assert_eq!(listed.len(), 1);
    people.argos.acting(Actor::Cli, Origin::default()).users().disable_2fa(UserId(1)).unwrap();
    assert!(people.argos.users().sessions(ListUserSessions::first(UserId(1))).unwrap().items.is_empty());
    assert!(people.try_login("ada", PASSWORD, "192.0.2.7").unwrap().value.user.is_some());
}

#[test]
fn what_has_outlived_its_lifetime_goes_once_an_hour() {
    let people = People::new();
    people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    verify(&browser, &id, "x").unwrap_err();
    ban(&people, "192.0.2.9");
    let db = Connection::open(people.folder.path().join("argos.db")).unwrap();
    let left = || {
        people.argos.tend().unwrap();
        ["login_attempts", "totp_attempts", "auth_bans", "sessions"].map(|table| {
            db.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |r| r.get::<_, i64>(0)).unwrap() > 0
        })
    };
    assert_eq!(left(), [true; 4]);
    people.pass(HOUR);
    assert_eq!(left(), [true, true, false, true], "the ban has ended");
    people.pass(24 * HOUR);
    assert_eq!(left(), [false; 4]);
}

#[test]
fn every_event_says_who_from_where_with_what() {
    let people = People::new();
    let (secret, codes) = people.add_totp("ada");
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    verify(&browser, &id, "x").unwrap_err();
    browser
        .auth()
        .verify_recovery(VerifyRecovery { challenge_id: id.clone(), recovery_code: "aaaa-2222".into() })
        .unwrap_err();
    browser.auth().verify_recovery(VerifyRecovery { challenge_id: id, recovery_code: codes[0].clone() }).unwrap();
    let (id, browser) = people.challenge("ada", "192.0.2.1");
    let argos = people.with(&token(&verify(&browser, &id, &people.code(&secret)).unwrap())).unwrap();
    let bob =
        argos.users().create(argos_core::api::CreateUser::new("bob", Role::User, Some(PASSWORD))).unwrap().value.id;
    argos.users().update(UpdateUser { role: Some(Role::Viewer), ..UpdateUser::new(bob) }).unwrap();
    argos.users().set_password(SetUserPassword::new(bob, "another-lantern-48")).unwrap();
    argos.users().end_sessions(bob).unwrap();
    argos.users().delete(bob).unwrap();
    let made =
        argos.tokens().create(CreateToken { name: "t".into(), role: TokenRole::Viewer, expires_at: None }).unwrap();
    argos.tokens().revoke(made.value.stored.id).unwrap();
    argos.auth().new_recovery_codes(NewRecoveryCodes::proven_by(Some(PASSWORD))).unwrap();
    people.pass(30 * SECOND);
    argos.auth().disable_totp(DisableTotp::proven_by(Some(PASSWORD), people.code(&secret))).unwrap();
    argos.auth().set_up_totp(SetUpTotp::proven_by(None)).unwrap();
    argos.auth().activate_totp(ActivateTotp::proven_by(None, "x".into())).unwrap_err();
    argos.auth().change_password(ChangePassword::new(WRONG, "sturdy-lantern-49")).unwrap_err();
    argos.auth().change_password(ChangePassword::new(PASSWORD, "sturdy-lantern-49")).unwrap();
    argos.auth().logout(SignOut::default()).unwrap();
    // The wrong proof no longer counts.
    people.pass(5 * MINUTE);
    ban(&people, "192.0.2.1");
    let expected = [
        "failed_login",
        "login",
        "login_totp_challenge",
        "logout",
        "password_changed",
        "password_reset",
        "rate_limited_login",
        "reauth_failed",
        "recovery_codes_regenerated",
        "session_revoked",
        "token_created",
        "token_revoked",
        "totp_activate_failed",
        "totp_disabled",
        "totp_enabled",
        "totp_login_failed",
        "totp_login_success",
        "totp_recovery_failed",
        "totp_recovery_used",
        "totp_setup_started",
        "user_created",
        "user_deleted",
        "user_updated",
    ];
    let mut seen = BTreeSet::new();
    for row in people.audit(&expected.join(",")) {
        let raw = raw(&row);
        if raw["actor"] == "system" {
            continue;
        }
        seen.insert(row.action.clone());
        assert!(raw["user_id"].is_i64() && raw["source_ip"] == "192.0.2.1", "{raw}");
        assert!(raw["user_agent"] == "a browser" && raw["request_id"] == "r-1", "{raw}");
        assert_eq!(
            (row.remote_ip.as_str(), row.user_agent.as_str(), row.request_id.as_str()),
            ("192.0.2.1", "a browser", "r-1")
        );
        let who = raw.get("username").unwrap_or(&raw["actor"]).as_str().unwrap();
        assert!(!who.is_empty(), "{raw}");
        let known = raw["user_id"] != 0;
        assert_eq!(known, !matches!(row.action.as_str(), "failed_login" | "rate_limited_login"), "{raw}");
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
