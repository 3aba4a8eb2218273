//! The gate before protected hosts, as browsers, programs and upstreams meet it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use argos_core::clock::{Clock, Timestamp};
use argos_core::schema::{Actor, Role, SessionId, Signed, UserId};
use argos_core::store::Origin;
use argos_core::{Argos, Error};
use rusqlite::named_params;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::versions::{Version, Whole, World, request};
use support::{Answer, Client, Upstream};

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// `a.test` behind the gate, whose panel is at `https://panel.test`, with the user `ada` (1).
struct Gated {
    world: World,
    upstream: Upstream,
    clock: Clock,
    /// Where the clock stands at first: certificates are good from then on.
    start: i64,
}

impl Gated {
    fn new() -> Self {
        let upstream = Upstream::echo();
        let start = Clock::system().now().0 / 1000 * 1000;
        let clock = Clock::manual(Timestamp(start));
        let world = World::at(upstream.address, 1, clock.clone());
        world.call("settings.set", json!({"key": "panel.public_url", "value": "https://panel.test"}));
        world.host(json!({"auth_required": true}));
        let gated = Self { world, upstream, clock, start };
        assert_eq!(gated.user("ada", "user"), 1);
        gated
    }

    fn user(&self, name: &str, role: &str) -> i64 {
        let db = self.world.db();
        let sql = "INSERT INTO users (username, role, email, display_name, oidc_groups)
            VALUES (:name, :role, :name || '@a.test', 'Zoë 100%', '[\"staff\", \"a,b\"]')";
        db.execute(sql, named_params! { ":name": name, ":role": role }).unwrap();
        db.last_insert_rowid()
    }

    /// A session of `user` at the panel, or at `host`: its number and its token.
    fn session(&self, user: i64, host: Option<i64>) -> (i64, String) {
        let db = self.world.db();
        let token =
            format!("{:043}", db.query_row("SELECT count(*) FROM sessions", [], |r| r.get::<_, i64>(0)).unwrap());
        let kind = if host.is_some() { "host" } else { "panel" };
        let now = self.clock.now().0;
        let sql = "INSERT INTO sessions (token, user_id, created_at, last_seen_at, expires_at, kind, host_id)
            VALUES (:token, :user, :now, :now, :now + 86400000, :kind, :host)";
        let params = named_params! {
            ":token": hash(&token), ":user": user, ":now": now, ":kind": kind, ":host": host,
        };
        db.execute(sql, params).unwrap();
        (db.last_insert_rowid(), token)
    }

    /// The token of a session of `user` at `a.test`.
    fn token(&self, user: i64) -> String {
        self.session(user, Some(1)).1
    }

    fn share_cookie_below(&self, domain: &str) {
        let sql = "INSERT INTO settings (key, value) VALUES ('oidc.cookie_parent_domain', ?1)
            ON CONFLICT (key) DO UPDATE SET value = ?1";
        self.world.db().execute(sql, [domain]).unwrap();
        // Any change of settings reads all of them; the panel lies there, too.
        let url = format!("https://panel.{domain}");
        self.world.call("settings.set", json!({"key": "panel.public_url", "value": url}));
    }

    /// Asks over TLS as a browser does that holds `token`.
    fn browse(&self, path: &str, token: &str) -> Whole {
        self.world.get(Version::One, path, &[HTML, ("cookie", &format!("argos_session={token}"))])
    }

    /// Asks over plain HTTP, byte by byte as given.
    fn raw(&self, head: &str) -> Answer {
        let mut client = Client::to(self.world.plain());
        client.send(format!("{head}\r\n"));
        client.answer()
    }

    fn as_user(&self, user: i64, session: i64) -> Argos {
        let session = Some(Signed { id: SessionId(session), at: self.clock.now() });
        let actor = Actor::User { id: UserId(user), username: "ada".into(), role: Role::User, session };
        self.world.argos.acting(actor, Origin::default())
    }

    fn ticket(&self, user: i64, session: i64, rd: &str, st: &str) -> Result<String, Error> {
        let input = json!({"rd": rd, "st": st});
        let made = self.as_user(user, session).call("auth.ticket", input.as_object().unwrap().clone())?;
        Ok(made.value["url"].as_str().unwrap().to_owned())
    }

    fn audit(&self, action: &str) -> Vec<Value> {
        self.world.argos.check_writer().unwrap();
        let found = self.world.call("logs.search", json!({"source": "audit", "action": action, "order": "asc"}));
        found["items"].as_array().unwrap().clone()
    }
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn date(millis: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs()))
}

/// A browser that was sent to sign in: what it holds, and what it was sent with.
fn sent(answer: &Whole) -> (String, String) {
    let location = answer.field("location").unwrap();
    let state = location.split_once("&st=").unwrap().1.to_owned();
    let cookie = answer.field("set-cookie").unwrap();
    let held = cookie.strip_prefix("argos_ticket=").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(hash(&held), state);
    (held, state)
}

/// The path of a URL at `a.test`.
fn path_of(url: &str) -> &str {
    url.strip_prefix("https://a.test").unwrap()
}

#[test]
fn people_are_sent_to_sign_in_and_programs_are_told_where() {
    let gated = Gated::new();
    for version in Version::ALL {
        let answer = gated.world.get(version, "/x?y=1&z=%20", &[HTML, ("sec-fetch-mode", "navigate")]);
        assert_eq!(answer.status, 302, "{version:?}");
        let location = answer.field("location").unwrap();
        let wanted = "https://panel.test/login?rd=https%3A%2F%2Fa.test%2Fx%3Fy%3D1%26z%3D%2520&st=";
        assert!(location.starts_with(wanted), "{location}");
        assert_eq!(answer.field("cache-control").unwrap(), "no-store");
        let cookie = answer.field("set-cookie").unwrap();
        let ends = date(gated.start + 600_000);
        assert!(
            cookie.ends_with(&format!("; Path=/.argos/; Expires={ends}; HttpOnly; Secure; SameSite=Lax")),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
        sent(&answer);
        for fields in [
            &[][..],
            &[("accept", "application/json")],
            &[("accept", "*/*")],
            &[HTML, ("sec-fetch-mode", "cors")],
            &[HTML, ("cookie", "argos_session=no")],
        ] {
            let answer = gated.world.get(version, "/x", fields);
            if fields.len() == 2 && fields[1].0 == "cookie" {
                assert_eq!(answer.status, 302, "{version:?}");
                continue;
            }
            assert_eq!(answer.status, 401, "{version:?} {fields:?}");
            assert_eq!(answer.field("content-type").unwrap(), "application/problem+json");
            assert_eq!(answer.field("www-authenticate").unwrap(), "Argos login_url=\"https://panel.test/login\"");
            assert_eq!(answer.field("set-cookie"), None);
            assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap()["status"], 401);
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = gated.world.ask(version, vec![request(method, "/x", &[HTML])]).remove(0);
            assert_eq!(answer.status, 401, "{version:?} {method}");
        }
        let head = gated.world.ask(version, vec![request("HEAD", "/x", &[HTML])]).remove(0);
        assert_eq!((head.status, head.body.len()), (302, 0), "{version:?}");
    }
    assert_eq!(gated.upstream.received(), "");
    let mut gated = gated;
    let rows = gated.world.rows();
    let count = |action: &str| rows.iter().filter(|row| row["action"] == action).count();
    assert_eq!((count("auth_redirect"), count("auth_denied"), rows.len()), (9, 24, 33));
}

#[test]
fn whoever_is_signed_in_comes_in_and_the_upstream_hears_who_it_is() {
    let gated = Gated::new();
    let token = gated.token(1);
    for version in Version::ALL {
        let cookie = format!("a=1; argos_session={token}; b=2");
        let spoofed = [("x-auth-user", "root"), ("x-auth-groups", "admins"), ("x-auth_user", "root"), HTML];
        let fields = [&spoofed[..], &[("cookie", cookie.as_str())]].concat();
        let answer = gated.world.get(version, "/x", &fields);
        assert_eq!(answer.status, 200, "{version:?}");
        let seen = answer.text();
        for line in [
            "X-Auth-User: ada\r\n",
            "X-Auth-Email: ada@a.test\r\n",
            "X-Auth-Name: Zo%C3%AB 100%25\r\n",
            "X-Auth-Provider: local\r\n",
            "X-Auth-Groups: staff,a%2Cb\r\n",
            "ookie: a=1; b=2\r\n",
        ] {
            assert!(seen.contains(line), "{version:?} {line} is not in {seen}");
        }
        assert!(!seen.contains("root") && !seen.contains("admins") && !seen.contains("argos_session"), "{seen}");
    }
}

#[test]
fn a_list_lets_in_whom_it_names_and_administrators() {
    let gated = Gated::new();
    let (bob, vic, root) = (gated.user("bob", "user"), gated.user("vic", "viewer"), gated.user("root", "admin"));
    let tokens: Vec<(i64, String)> = [1, bob, vic, root].iter().map(|user| (*user, gated.token(*user))).collect();
    let status = |answer: Whole| answer.status;
    for (users, roles, expected) in [
        (json!([]), json!([]), [200, 200, 200, 200]),
        (json!([1]), json!([]), [200, 403, 403, 200]),
        (json!([bob, 1]), json!([]), [200, 200, 403, 200]),
        (json!([]), json!(["viewer"]), [403, 403, 200, 200]),
        (json!([bob]), json!(["viewer"]), [403, 200, 200, 200]),
        (json!([]), json!(["admin"]), [403, 403, 403, 200]),
    ] {
        let given = json!({"host_id": 1, "users": users, "roles": roles});
        gated.world.call("access.replace", given);
        for ((user, token), expected) in tokens.iter().zip(expected) {
            assert_eq!(status(gated.browse("/x", token)), expected, "user {user} of {users} {roles}");
        }
    }
    let refused = gated.browse("/x", &tokens[0].1);
    assert!(refused.text().contains("this account may not open this page"), "{}", refused.text());
    assert_eq!(refused.field("cache-control").unwrap(), "no-store");
}

#[test]
fn whoever_is_turned_away_leaves_a_row_once_a_minute() {
    let gated = Gated::new();
    let (bob, root) = (gated.user("bob", "user"), gated.user("root", "admin"));
    gated.world.call("access.replace", json!({"host_id": 1, "users": [root], "roles": []}));
    let (ada, bob) = (gated.token(1), gated.token(bob));
    for _ in 0..3 {
        assert_eq!(gated.browse("/x", &ada).status, 403);
    }
    assert_eq!(gated.browse("/x", &bob).status, 403);
    assert_eq!(gated.audit("host_access_denied").len(), 2);
    gated.clock.set(Timestamp(gated.start + 59_999));
    assert_eq!(gated.browse("/x", &ada).status, 403);
    assert_eq!(gated.audit("host_access_denied").len(), 2);
    gated.clock.set(Timestamp(gated.start + 60_000));
    let agent = "x".repeat(300);
    let cookie = format!("argos_session={ada}");
    let fields = [HTML, ("cookie", cookie.as_str()), ("user-agent", agent.as_str())];
    assert_eq!(gated.world.get(Version::Two, "/x", &fields).status, 403);
    let rows = gated.audit("host_access_denied");
    assert_eq!(rows.len(), 3);
    let raw: Value = serde_json::from_str(rows[2]["raw"].as_str().unwrap()).unwrap();
    assert_eq!((&raw["user_id"], &raw["username"], &raw["source_ip"]), (&json!(1), &json!("ada"), &json!("127.0.0.1")));
    assert_eq!(raw["user_agent"].as_str().unwrap().len(), 256);
    assert!(raw["request_id"].as_str().unwrap().len() == 36 && raw["detail"]["host"] == "a.test", "{raw}");
}

#[test]
fn without_an_address_of_the_panel_nobody_can_sign_in() {
    let gated = Gated::new();
    let token = gated.token(1);
    gated.world.call("settings.reset", json!({"key": "panel.public_url"}));
    for fields in [&[HTML][..], &[]] {
        let answer = gated.world.get(Version::One, "/x", fields);
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("sign-in is not configured"), "{}", answer.text());
    }
    // Whoever is signed in still is.
    assert_eq!(gated.browse("/x", &token).status, 200);
}

#[test]
fn an_upgrade_is_refused_before_the_upstream_hears_of_it() {
    let gated = Gated::new();
    let upgrade = |cookie: &str, protocol: &str| {
        gated.raw(&format!(
            "GET /ws HTTP/1.1\r\nHost: a.test\r\nAccept: text/html\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{cookie}"
        ))
    };
    for protocol in ["websocket", "h2c", "other"] {
        let answer = upgrade("", protocol);
        assert_eq!(answer.status, 401, "{protocol}");
        assert!(answer.header("www-authenticate").is_some() && answer.header("upgrade").is_none());
    }
    // Over HTTP/2 it is an extended CONNECT, which may be asked for once the first answer is there.
    let mut connect = http::Request::builder().method("CONNECT").uri("https://a.test/ws").body(()).unwrap();
    connect.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let answers = gated.world.ask(Version::Two, vec![request("GET", "/x", &[]), connect]);
    assert_eq!([answers[0].status, answers[1].status], [401, 401]);
    assert_eq!(gated.upstream.received(), "");
    let token = gated.token(1);
    upgrade(&format!("Cookie: argos_session={token}\r\n"), "other");
    assert!(gated.upstream.received().starts_with("GET /ws HTTP/1.1\r\n"));
}

#[test]
fn no_upstream_gets_a_cookie_of_argos_or_a_name_that_a_client_made_up() {
    let gated = Gated::new();
    let token = gated.token(1);
    let spoofed = "X-Auth-User: spoof\r\nx-auth-email: spoof\r\nX-AUTH-NAME: spoof\r\nX_Auth_User: spoof\r\n\
        X-Auth_Groups: spoof\r\nX.Auth.Provider: spoof\r\nX-Auth.User: spoof\r\nX-Auth-Groups: spoof\r\n\
        X-Auth-Groups: spoof\r\nConnection: X-Auth-User, x-auth-email\r\n";
    let cookies = format!(
        "Cookie: a=1; argos_session={token}; c=\"x y\"\r\ncookie: ARGOS_SESSION=spoof; b=2;argos_session=spoof\r\n\
         Cookie: argos%5Fsession=spoof; argos.session=spoof, argos_session=spoof; d=4; \"argos_session\"=spoof\r\n\
         Cookie: argos_ticket=spoof; argos_challenge=spoof; argos_oidc=spoof\r\nCookie: e=argos_session\r\n"
    );
    for protected in [true, false] {
        gated.world.host(json!({"auth_required": protected}));
        let answer = gated.raw(&format!("GET /x HTTP/1.1\r\nHost: a.test\r\n{spoofed}{cookies}"));
        assert_eq!(answer.status, 200);
        let seen = answer.text();
        assert!(!seen.contains("spoof") && !seen.contains(&token), "{seen}");
        for line in ["Cookie: a=1; c=\"x y\"\r\n", "cookie: b=2\r\n", "Cookie: d=4\r\n", "Cookie: e=argos_session\r\n"]
        {
            assert!(seen.contains(line), "{line:?} is not in {seen}");
        }
        let told = seen.to_ascii_lowercase().matches("x-auth-").count();
        assert_eq!(told, if protected { 5 } else { 0 }, "{seen}");
    }
    // Names that a header listed in `Connection` would take away are there all the same.
    gated.world.host(json!({"auth_required": true}));
    let cookie = format!("Cookie: argos_session={token}\r\n");
    let answer = gated.raw(&format!("GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: X-Auth-User\r\n{cookie}"));
    assert!(answer.text().contains("X-Auth-User: ada\r\n"));
    for version in Version::ALL {
        let fields = [
            ("x-auth-user", "spoof"),
            ("x_auth_user", "spoof"),
            ("x.auth.user", "spoof"),
            ("cookie", "argos_session=spoof"),
        ];
        gated.world.host(json!({"auth_required": false}));
        let answer = gated.world.get(version, "/x", &fields);
        assert!(answer.status == 200 && !answer.text().contains("spoof"), "{version:?} {}", answer.text());
    }
    // Nor in trailers.
    let chunked = "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Auth-User: spoof\r\n";
    assert_eq!(gated.raw(chunked).status, 400);
}

#[test]
fn of_several_cookies_the_first_good_one_counts_and_four_are_tried() {
    let gated = Gated::new();
    let (good, other) = (gated.token(1), gated.session(1, None).1);
    let bob = gated.user("bob", "user");
    let second = gated.token(bob);
    let bad = |n: usize| format!("argos_session={:x>43}; ", n).repeat(1);
    let with = |cookies: String| gated.world.get(Version::One, "/x", &[HTML, ("cookie", &cookies)]);
    let name = |answer: Whole| answer.text().lines().find_map(|l| l.strip_prefix("X-Auth-User: ").map(str::to_owned));
    assert_eq!(name(with(format!("argos_session={good}; argos_session={second}"))).as_deref(), Some("ada"));
    assert_eq!(name(with(format!("argos_session={second}; argos_session={good}"))).as_deref(), Some("bob"));
    // One that does not count here stands in nobody's way, and what has not the form of one is not tried.
    assert_eq!(name(with(format!("argos_session={other}; argos_session={good}"))).as_deref(), Some("ada"));
    assert_eq!(
        name(with(format!("argos_session=x; argos_session; argos_session=; {}argos_session={good}", bad(1))))
            .as_deref(),
        Some("ada")
    );
    let three: String = (1..=3).map(bad).collect();
    assert_eq!(with(format!("{three}argos_session={good}")).status, 200);
    assert_eq!(with(format!("{three}{}argos_session={good}", bad(4))).status, 302);
    // Only the very name is read.
    for name in ["Argos_Session", "ARGOS_SESSION", "argos%5fsession", "\"argos_session\"", "argos.session"] {
        assert_eq!(with(format!("{name}={good}")).status, 302, "{name}");
    }
}

#[test]
fn a_session_counts_where_it_belongs_and_nowhere_else() {
    let gated = Gated::new();
    let targets = json!([{"host": "127.0.0.1", "port": gated.upstream.address.port()}]);
    let other =
        json!({"domain": "b.test", "tls_mode": "none", "auth_required": true, "target_group": {"targets": targets}});
    let other = gated.world.call("hosts.create", other)["id"].as_i64().unwrap();
    let (at_a, at_b, panel) = (gated.token(1), gated.session(1, Some(other)).1, gated.session(1, None).1);
    let ask = |host: &str, token: &str| {
        gated.raw(&format!("GET /x HTTP/1.1\r\nHost: {host}\r\nCookie: argos_session={token}\r\n")).status
    };
    assert_eq!([ask("a.test", &at_a), ask("b.test", &at_b)], [200, 200]);
    assert_eq!([ask("a.test", &at_b), ask("b.test", &at_a)], [401, 401]);
    assert_eq!([ask("a.test", &panel), ask("b.test", &panel)], [401, 401]);
    // The panel shares its cookie with names below its domain: with those, and with no others.
    gated.share_cookie_below("a.test");
    assert_eq!([ask("a.test", &panel), ask("b.test", &panel)], [200, 401]);
    assert_eq!([ask("a.test", &at_b), ask("b.test", &at_a)], [401, 401]);
    // There no ticket is needed.
    let answer = gated.world.get(Version::One, "/x", &[HTML]);
    assert_eq!(answer.field("location").unwrap(), "https://panel.a.test/login?rd=https%3A%2F%2Fa.test%2Fx");
    assert_eq!(answer.field("set-cookie"), None);
    gated.share_cookie_below("test");
    assert_eq!([ask("a.test", &panel), ask("b.test", &panel)], [200, 200]);
    gated.share_cookie_below("st");
    assert_eq!([ask("a.test", &panel), ask("b.test", &panel)], [401, 401]);
}

#[test]
fn a_ticket_lets_a_browser_in_that_came_from_there() {
    let gated = Gated::new();
    let (panel, _) = gated.session(1, None);
    for version in Version::ALL {
        let first = gated.world.get(version, "/x?y=1", &[HTML]);
        let (held, state) = sent(&first);
        let url = gated.ticket(1, panel, "https://a.test/x?y=1", &state).unwrap();
        let back = gated.world.get(version, path_of(&url), &[HTML, ("cookie", &format!("argos_ticket={held}"))]);
        assert_eq!(back.status, 302, "{version:?} {}", back.text());
        assert_eq!(back.field("location").unwrap(), "https://a.test/x?y=1");
        assert_eq!(back.field("cache-control").unwrap(), "no-store");
        assert_eq!(back.field("referrer-policy").unwrap(), "no-referrer");
        let cookies = back.field("set-cookie").unwrap();
        let (session, forgotten) = cookies.split_once(" | ").unwrap();
        let token = session.strip_prefix("argos_session=").unwrap().split(';').next().unwrap();
        assert_eq!(token.len(), 43);
        let ends = date(gated.start + 86_400_000);
        assert!(session.ends_with(&format!("; Path=/; Expires={ends}; HttpOnly; Secure; SameSite=Lax")), "{session}");
        assert!(forgotten.starts_with("argos_ticket=; Path=/.argos/; Expires=Thu, 01 Jan 1970"), "{forgotten}");
        assert!(gated.browse("/x?y=1", token).text().contains("X-Auth-User: ada\r\n"), "{version:?}");
    }
    let db = gated.world.db();
    let sql = "SELECT count(*) FROM sessions WHERE kind = 'host' AND host_id = 1 AND parent_id = ?1 AND expires_at = ?2
        AND remote_ip = '127.0.0.1'";
    let made: i64 = db.query_row(sql, [panel, gated.start + 86_400_000], |r| r.get(0)).unwrap();
    assert_eq!(made, 3);
    // The ticket's text is nowhere in the log.
    let mut gated = gated;
    let rows = gated.world.rows();
    let back: Vec<_> = rows.iter().filter(|row| row["action"] == "auth_callback").collect();
    assert!(back.len() == 3 && back.iter().all(|row| row["query"] == "" && row["path"] == "/.argos/auth/callback"));
}

#[test]
fn a_ticket_is_refused_to_all_others() {
    let gated = Gated::new();
    let targets = json!([{"host": "127.0.0.1", "port": gated.upstream.address.port()}]);
    let other =
        json!({"domain": "b.test", "tls_mode": "none", "auth_required": true, "target_group": {"targets": targets}});
    gated.world.call("hosts.create", other);
    let (panel, _) = gated.session(1, None);
    let (held, state) = sent(&gated.world.get(Version::One, "/x", &[HTML]));
    let fresh = || gated.ticket(1, panel, "https://a.test/x", &state).unwrap();
    let come = |url: &str, cookie: &str| gated.world.get(Version::One, path_of(url), &[HTML, ("cookie", cookie)]);
    let mine = format!("argos_ticket={held}");
    let refused = |answer: Whole, what: &str| {
        assert_eq!(answer.status, 403, "{what}");
        assert_eq!(answer.field("set-cookie"), None, "{what}");
        assert!(answer.text().contains("This sign-in has ended"), "{what}");
    };
    // Twice.
    let url = fresh();
    assert_eq!(come(&url, &mine).status, 302);
    refused(come(&url, &mine), "twice");
    // In another browser, and then in its own.
    for cookie in
        [String::new(), format!("argos_ticket={:x>43}", 1), format!("argos_ticket={state}"), "argos_ticket=".into()]
    {
        let url = fresh();
        refused(come(&url, &cookie), &cookie);
        refused(come(&url, &mine), "after it was tried elsewhere");
    }
    // On another host.
    let url = fresh();
    let head = format!("GET {} HTTP/1.1\r\nHost: b.test\r\nCookie: {mine}\r\n", path_of(&url));
    assert_eq!(gated.raw(&head).status, 403);
    refused(come(&url, &mine), "after another host");
    // Too late, and just in time.
    for (later, status) in [(31_000, 403), (30_000, 403), (29_999, 302)] {
        let url = fresh();
        gated.clock.set(Timestamp(gated.clock.now().0 + later));
        assert_eq!(come(&url, &mine).status, status, "{later} ms");
    }
    // Behind the end of the session at the panel.
    let url = fresh();
    gated.world.db().execute("DELETE FROM sessions WHERE id = ?1", [panel]).unwrap();
    refused(come(&url, &mine), "without a session");
    // Made up, twice in one address, or by a method that changes things.
    let (panel, _) = gated.session(1, None);
    let fresh = || gated.ticket(1, panel, "https://a.test/x", &state).unwrap();
    refused(come("https://a.test/.argos/auth/callback", &mine), "none");
    refused(come(&format!("https://a.test/.argos/auth/callback?ticket={:x>43}", 1), &mine), "made up");
    refused(come(&format!("{}&ticket={:x>43}", fresh(), 1), &mine), "two");
    let post = gated.world.ask(Version::One, vec![request("POST", path_of(&fresh()), &[("cookie", &mine)])]);
    assert_eq!(post[0].status, 404);
    assert_eq!(gated.upstream.received(), "");
}

#[test]
fn tickets_are_for_people_and_protected_hosts() {
    let gated = Gated::new();
    let (panel, _) = gated.session(1, None);
    let state = hash("x");
    let code = |rd: &str, st: &str| {
        gated.ticket(1, panel, rd, st).map_err(|e| (e.code().to_owned(), e.fields()[0].field.clone()))
    };
    assert!(code("https://a.test/", &state).is_ok());
    for rd in ["https://panel.test/", "/", "", "https://evil.example/", "http://a.test/", "//a.test/"] {
        assert_eq!(code(rd, &state), Err(("ticket.place".into(), "rd".into())), "{rd}");
    }
    for st in ["", "x", &"g".repeat(64), &state.to_uppercase(), &state[1..]] {
        assert_eq!(code("https://a.test/", st), Err(("ticket.state".into(), "st".into())), "{st}");
    }
    // A host that takes every name would make a place of each.
    let targets = json!([{"host": "127.0.0.1", "port": 1}]);
    let all = json!({"domain": "*", "auth_required": true, "target_group": {"targets": targets}});
    let made = gated.world.call("hosts.create", all);
    assert!(made["warnings"].to_string().contains("catch-all"), "{made}");
    assert!(code("https://evil.example/", &state).is_err());
    // Switched off or open, it needs none.
    for change in [json!({"enabled": false}), json!({"enabled": true, "auth_required": false})] {
        gated.world.host(change);
        assert!(code("https://a.test/", &state).is_err());
    }
    let input = json!({"rd": "https://a.test/", "st": state});
    let refused = gated.world.argos.call("auth.ticket", input.as_object().unwrap().clone()).unwrap_err();
    assert_eq!(refused.code(), "forbidden.session");
}

#[test]
fn links_lead_to_places_of_ours() {
    let gated = Gated::new();
    let nobody = gated.world.argos.acting(Actor::Anonymous, Origin::default());
    let read = |rd: &str| {
        let found = nobody.call("auth.return_url", json!({"rd": rd}).as_object().unwrap().clone()).unwrap().value;
        (found["url"].as_str().unwrap().to_owned(), found["ticket_needed"].as_bool().unwrap())
    };
    let place = |url: &str, ticket: bool| (url.to_owned(), ticket);
    assert_eq!(read("/hosts?x=1"), place("/hosts?x=1", false));
    assert_eq!(read("https://panel.test/a"), place("/a", false));
    assert_eq!(read("https://a.test/x"), place("https://a.test/x", true));
    let port = |address: SocketAddr| address.port();
    let https = port(gated.world.secure());
    assert_eq!(read(&format!("https://a.test:{https}/x")), place(&format!("https://a.test:{https}/x"), true));
    for rd in
        ["https://evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)", "http://a.test/"]
    {
        assert_eq!(read(rd), place("/", false), "{rd}");
    }
    assert_eq!(read(&format!("https://a.test:{}/x", port(gated.world.plain()))), place("/", false));
    gated.world.host(json!({"auth_required": false}));
    assert_eq!(read("https://a.test/x"), place("/", false));
    gated.share_cookie_below("a.test");
    assert_eq!(read("https://a.test/x"), place("https://a.test/x", false));
}

#[test]
fn places_of_argos_are_never_forwarded() {
    let gated = Gated::new();
    let token = gated.token(1);
    for path in [
        "/.argos",
        "/.argos/",
        "/.argos/x",
        "/.argos/auth",
        "/.argos/auth/callback/x",
        "/%2eargos/x",
        "/%2e%61rgos/x",
        "//.argos/x",
        "/./.argos/x",
        "/a/../.argos/x",
        "/.argos%2fx",
        "/.argos%5cx",
        "/.argos;a=1/x",
        "/.argos//auth/callback/..",
    ] {
        let answer = gated.browse(path, &token);
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(gated.upstream.received(), "");
    assert_eq!(gated.browse("/.argosx/y", &token).status, 200);
    assert_eq!(gated.browse("/a/.argos/y", &token).status, 200);
    gated.world.host(json!({"auth_required": false}));
    assert_eq!(gated.browse("/.argos/x", &token).status, 200);
}

#[test]
fn signing_out_ends_the_session_at_once() {
    let gated = Gated::new();
    let (token, other) = (gated.token(1), gated.token(1));
    assert_eq!([gated.browse("/x", &token).status, gated.browse("/x", &other).status], [200, 200]);
    let cookie = format!("argos_session={token}");
    let leave = |fields: &[(&str, &str)]| {
        let fields = [&[HTML, ("cookie", cookie.as_str())], fields].concat();
        gated.world.get(Version::Two, "/.argos/auth/logout", &fields)
    };
    for foreign in ["cross-site", "same-site"] {
        assert_eq!(leave(&[("sec-fetch-site", foreign)]).status, 403);
    }
    let head = request("HEAD", "/.argos/auth/logout", &[("cookie", &cookie)]);
    assert_eq!(gated.world.ask(Version::One, vec![head])[0].status, 404, "whoever only looks changes nothing");
    assert_eq!(gated.browse("/x", &token).status, 200);
    let left = leave(&[("sec-fetch-site", "same-origin")]);
    assert_eq!(left.status, 200);
    assert!(left.text().contains("You are signed out."), "{}", left.text());
    assert!(left.field("set-cookie").unwrap().starts_with("argos_session=; Path=/; Expires=Thu, 01 Jan 1970"));
    assert_eq!([gated.browse("/x", &token).status, gated.browse("/x", &other).status], [302, 200]);
    assert_eq!(gated.audit("logout").len(), 1);
    // Once more is as good.
    assert_eq!(leave(&[]).status, 200);
    let post = request("POST", "/.argos/auth/logout", &[("cookie", &format!("argos_session={other}"))]);
    assert_eq!(gated.world.ask(Version::One, vec![post])[0].status, 200);
    assert_eq!(gated.browse("/x", &other).status, 302);
    assert_eq!(gated.upstream.received().matches("GET /x").count(), 4);
}

#[test]
fn what_is_revoked_is_so_for_the_next_request() {
    let gated = Gated::new();
    let world = &gated.world;
    type Revoke = fn(&Gated, i64, i64);
    let ways: [(&str, Revoke); 6] = [
        ("deleted", |gated, user, _| drop(gated.world.call("users.delete", json!({"id": user})))),
        ("disabled", |gated, user, _| drop(gated.world.call("users.update", json!({"id": user, "enabled": false})))),
        ("another role", |gated, user, _| {
            drop(gated.world.call("users.update", json!({"id": user, "role": "viewer"})))
        }),
        ("signed out everywhere", |gated, user, _| drop(gated.world.call("users.end_sessions", json!({"id": user})))),
        ("the session at the panel ended", |gated, user, panel| {
            let argos = gated.as_user(user, panel);
            argos.call("auth.end_session", json!({"id": panel}).as_object().unwrap().clone()).unwrap();
        }),
        ("the list names others", |gated, _, _| {
            gated.world.call("access.replace", json!({"host_id": 1, "users": [], "roles": ["admin"]}));
        }),
    ];
    for (i, (how, revoke)) in ways.into_iter().enumerate() {
        let user = gated.user(&format!("user{i}"), "user");
        let (panel, _) = gated.session(user, None);
        let (session, token) = gated.session(user, Some(1));
        world.db().execute("UPDATE sessions SET parent_id = ?1 WHERE id = ?2", [panel, session]).unwrap();
        let cookie = format!("argos_session={token}");
        let ask = |fields: &[(&str, &str)]| {
            let fields = [fields, &[("cookie", cookie.as_str())]].concat();
            Version::ALL.map(|version| world.get(version, "/x", &fields).status)
        };
        assert_eq!((ask(&[HTML]), ask(&[])), ([200; 3], [200; 3]), "{how}");
        revoke(&gated, user, panel);
        let gone = if how == "the list names others" { ([403; 3], [403; 3]) } else { ([302; 3], [401; 3]) };
        assert_eq!((ask(&[HTML]), ask(&[])), gone, "{how}");
    }
}

#[test]
fn a_session_ends_in_time() {
    let gated = Gated::new();
    let token = gated.token(1);
    let hour = 3_600_000;
    let at = |hours: i64| {
        gated.clock.set(Timestamp(gated.start + hours * hour));
        gated.browse("/x", &token).status
    };
    // A day after its last use, and never behind its own end.
    assert_eq!([at(0), at(23), at(24)], [200, 200, 302]);
    let idle = gated.session(1, Some(1)).1;
    gated.world.call("settings.set", json!({"key": "session.idle_timeout_hours", "value": "1"}));
    assert_eq!(gated.browse("/x", &idle).status, 200);
    gated.clock.set(Timestamp(gated.clock.now().0 + hour));
    assert_eq!(gated.browse("/x", &idle).status, 200);
    gated.clock.set(Timestamp(gated.clock.now().0 + hour + 1));
    assert_eq!(gated.browse("/x", &idle).status, 302);
}

#[test]
fn what_an_upstream_says_of_sessions_is_not_passed_on() {
    let says = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: argos_session=x; Path=/\r\n\
        set-cookie: ARGOS_SESSION=x; Domain=test\r\nSet-Cookie: argos_ticket=x\r\nContent-Length: 2\r\n\r\nok";
    let upstream = Upstream::saying(says);
    let world = World::start(&upstream, 1);
    for version in Version::ALL {
        assert_eq!(world.get(version, "/", &[]).field("set-cookie").unwrap(), "a=1; Path=/", "{version:?}");
    }
}

#[test]
fn a_connection_for_another_name_does_not_reach_a_protected_host() {
    let gated = Gated::new();
    let targets = json!([{"host": "127.0.0.1", "port": gated.upstream.address.port()}]);
    let wild =
        json!({"domain": "*.b.test", "tls_mode": "auto", "auth_required": true, "target_group": {"targets": targets}});
    gated.world.call("hosts.create", wild);
    let token = gated.token(1);
    let other = http::Request::builder().uri("https://x.b.test/").header("cookie", format!("argos_session={token}"));
    let answer = gated.world.ask(Version::Two, vec![other.body(()).unwrap()]).remove(0);
    assert_eq!(answer.status, 421);
    assert_eq!(gated.upstream.received(), "");
}

#[test]
fn a_list_never_opens_a_host_by_losing_its_last_name() {
    let gated = Gated::new();
    let bob = gated.user("bob", "user");
    let list = |users: Value, roles: Value| {
        let given = json!({"host_id": 1, "users": users, "roles": roles});
        gated.world.argos.call("access.replace", given.as_object().unwrap().clone())
    };
    let shown = || gated.world.call("access.get", json!({"host_id": 1}));
    assert_eq!(shown(), json!({"users": [], "roles": []}));
    let made = list(json!([bob, 1, bob]), json!(["viewer", "viewer"])).unwrap();
    assert_eq!(made.value, json!({"users": [1, bob], "roles": ["viewer"]}));
    assert!(made.generation.is_some() && made.etag.is_some());
    assert_eq!(shown(), made.value);
    assert_eq!(list(json!([1, bob]), json!(["viewer"])).unwrap().generation, None);
    let refused = list(json!([1, 77, 78]), json!([])).unwrap_err();
    let fields: Vec<_> = refused.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!((refused.code(), fields), ("access.user_missing", vec!["users[1]", "users[2]"]));
    assert!(list(json!([]), json!(["root"])).is_err());
    let before = list(json!([bob]), json!([])).unwrap().generation.unwrap();
    list(json!([]), json!([])).unwrap();
    // The one who was on the list is deleted.
    list(json!([bob]), json!([])).unwrap();
    let carl = gated.user("carl", "user");
    list(json!([carl, bob]), json!([])).unwrap();
    let deleted = gated.world.argos.call("users.delete", json!({"id": carl}).as_object().unwrap().clone()).unwrap();
    assert!(deleted.generation.is_some());
    assert_eq!(shown(), json!({"users": [bob], "roles": []}));
    gated.world.call("users.delete", json!({"id": bob}));
    assert_eq!(shown(), json!({"users": [], "roles": ["admin"]}));
    list(json!([]), json!([])).unwrap();
    // The one who was on the list is gone when the list comes back.
    gated.world.call("config.rollback", json!({"n": before}));
    assert_eq!(shown(), json!({"users": [], "roles": ["admin"]}));
    let ada = gated.token(1);
    assert_eq!(gated.browse("/x", &ada).status, 403);
}

#[test]
fn that_a_host_is_locked_or_opened_stands_in_the_audit() {
    let gated = Gated::new();
    gated.world.host(json!({"auth_required": false, "access_log": false}));
    gated.world.host(json!({"access_log": true}));
    let rows = gated.audit("host_auth_required_changed");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["host_domain"] == "a.test" && row["raw"].to_string().contains("auth_required")));
    // Plain HTTP before a panel inside TLS: the browser would keep the cookie.
    let host = gated.world.call("hosts.get", json!({"id": 1}));
    assert_eq!(host["warnings"], json!([]));
    let plain = gated.world.call("hosts.update", json!({"id": 1, "tls_mode": "none", "auth_required": true}));
    assert!(plain["warnings"][0].as_str().unwrap().starts_with("auth_without_tls"), "{plain}");
}

#[test]
fn the_explanation_of_a_request_names_the_gate() {
    let gated = Gated::new();
    let token = gated.token(1);
    let explain =
        |fields: Value, url: &str| gated.world.call("requests.explain", json!({"url": url, "headers": fields}));
    let html = explain(json!([["Accept", "text/html"]]), "https://a.test/x");
    assert_eq!((&html["status"], &html["action"]), (&json!(302), &json!("auth_redirect")));
    assert_eq!(html["outcome"], "answered with 302: sent to sign in");
    assert_eq!((&html["auth_required"], &html["gate"]["passes"]), (&json!(true), &json!(false)));
    let program = explain(json!([]), "https://a.test/x");
    assert_eq!((&program["status"], &program["action"]), (&json!(401), &json!("auth_denied")));
    let signed = explain(json!([["Cookie", format!("argos_session={token}")]]), "https://a.test/x");
    assert_eq!((&signed["gate"]["user"], &signed["gate"]["passes"]), (&json!("ada"), &json!(true)));
    assert!(signed["outcome"].as_str().unwrap().starts_with("forwarded to"), "{signed}");
    assert_eq!(explain(json!([]), "https://a.test/.argos/x")["status"], 404);
    gated.world.host(json!({"auth_required": false}));
    let open = explain(json!([]), "https://a.test/x");
    assert_eq!((&open["auth_required"], &open["gate"]), (&json!(false), &Value::Null));
}

#[test]
fn the_panel_is_reached_by_its_name_at_the_proxy() {
    let upstream = Upstream::echo();
    let panel = Upstream::run(|served| {
        while let Some(request) = served.request() {
            let head = format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: argos_session=new\r\nContent-Length: {}\r\n\r\n",
                request.len()
            );
            served.say([head.as_bytes(), &request].concat());
        }
    });
    let world = World::beside(upstream.address, 1, Clock::system(), Some(panel.address));
    world.call("settings.set", json!({"key": "panel.proxy_host", "value": "panel.test"}));
    let asked = |fields: &[(&str, &str)]| {
        let builder = http::Request::builder().uri("https://panel.test/login?x=1");
        let request = fields.iter().fold(builder, |b, (name, value)| b.header(*name, *value));
        world.ask_of("panel.test", Version::Two, vec![request.body(()).unwrap()]).remove(0)
    };
    let fields = [("cookie", "argos_session=old; a=1"), ("x-argos-client", "x 203.0.113.9"), ("x-auth-user", "root")];
    let answer = asked(&fields);
    assert_eq!((answer.status, answer.field("set-cookie").as_deref()), (200, Some("argos_session=new")));
    let seen = answer.text();
    for line in [
        "GET /login?x=1 HTTP/1.1\r\nHost: panel.test\r\n",
        "ookie: argos_session=old; a=1\r\n",
        "X-Forwarded-Proto: https\r\n",
    ] {
        assert!(seen.contains(line), "{line:?} is not in {seen}");
    }
    assert!(!seen.contains("203.0.113.9") && !seen.contains("root"), "{seen}");
    let told = seen.lines().find_map(|line| line.strip_prefix("X-Argos-Client: ")).unwrap();
    assert_eq!(world.argos.client_by_proxy(told.as_bytes()), Some("127.0.0.1".parse().unwrap()));
    for made_up in
        ["127.0.0.1", " 127.0.0.1", "x 127.0.0.1", &told[1..], &format!("{}x", told.split_once(' ').unwrap().0)]
    {
        assert_eq!(world.argos.client_by_proxy(made_up.as_bytes()), None, "{made_up}");
    }
    // No other upstream is told that, and no other host's connection leads there.
    let other = world.get(Version::One, "/x", &[("x-argos-client", told), ("x_argos_client", told)]);
    assert!(other.status == 200 && !other.text().to_ascii_lowercase().contains("argos-client"), "{}", other.text());
    let strange = http::Request::builder().uri("https://panel.test/").body(()).unwrap();
    assert_eq!(world.ask(Version::Two, vec![strange]).remove(0).status, 421);
    // Plain HTTP is sent on, and the name is nobody else's.
    let mut client = Client::to(world.plain());
    client.send("GET /login HTTP/1.1\r\nHost: panel.test\r\n\r\n");
    assert_eq!(client.answer().status, 308);
    let call = |name: &str, input: Value| world.argos.call(name, input.as_object().unwrap().clone());
    let host = json!({"domain": "panel.test", "target_group_id": 1});
    assert_eq!(call("hosts.create", host.clone()).unwrap_err().code(), "host.domain_of_panel");
    assert_eq!(
        call("hosts.update", json!({"id": 1, "domain": "panel.test"})).unwrap_err().code(),
        "host.domain_of_panel"
    );
    let set = |value: &str| call("settings.set", json!({"key": "panel.proxy_host", "value": value}));
    assert_eq!(set("a.test").unwrap_err().code(), "host.domain_taken");
    for bad in ["*", "*.test", "Panel.test", "panel.test:1", "https://panel.test", "127.0.0.1", "a b"] {
        assert_eq!(set(bad).unwrap_err().code(), "setting.value", "{bad}");
    }
    // Other changes leave it where it is, and another name takes its place.
    world.host(json!({"access_log": false}));
    assert_eq!(asked(&[]).status, 200);
    set("other.test").unwrap();
    let answer = world.ask_of("other.test", Version::One, vec![http::Request::builder().uri("/x").body(()).unwrap()]);
    assert_eq!(answer[0].status, 200);
    set("").unwrap();
    assert!(world.argos.snapshot().hosts.get("other.test").is_none());
    call("hosts.create", host).unwrap();
}
