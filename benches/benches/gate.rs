//! What the gate of a protected host costs a request: finding out who is signed in.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::time::Instant;

use argos_core::auth::{Found, SessionTerms, Sessions};
use argos_core::clock::Clock;
use argos_core::schema::{HostAccess, Role, UserId};
use argos_core::secret::{MasterKeySource, token_hash};
use argos_core::snapshot::Access;
use argos_core::store::{OpenOptions, Store};
use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::{Connection, params};

const SESSIONS: usize = 80_000;
const TERMS: SessionTerms = SessionTerms { absolute_ms: 86_400_000, idle_ms: 86_400_000 };

fn token(n: usize) -> String {
    format!("{n:043}")
}

fn look_ups(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let (key, clock) = (MasterKeySource::in_folder(&data_dir), Clock::system());
    let now = clock.now().0;
    let options = OpenOptions { data_dir: data_dir.clone(), key, clock: clock.clone(), create: false, readers: 4 };
    let (store, _) = Store::open(&options).unwrap();
    let mut db = Connection::open(data_dir.join("argos.db")).unwrap();
    let rows = db.transaction().unwrap();
    rows.execute("INSERT INTO users (username) VALUES ('ada')", []).unwrap();
    let sql = "INSERT INTO sessions (token, user_id, created_at, last_seen_at, expires_at, kind)
        VALUES (?1, 1, ?2, ?2, ?2 + 86400000, 'panel')";
    for n in 0..SESSIONS {
        rows.execute(sql, params![token_hash(&token(n)), now]).unwrap();
    }
    rows.commit().unwrap();
    let sessions = Sessions::new(&store, clock);
    let tokens: Vec<String> = (0..SESSIONS).map(token).collect();
    let began = Instant::now();
    for token in &tokens {
        assert!(sessions.find(token, TERMS).unwrap().is_some());
    }
    let each = began.elapsed() / u32::try_from(SESSIONS).unwrap();
    println!("{SESSIONS} sessions were read from the database, each in {each:?}");

    c.bench_function("gate: a session that memory knows", |b| {
        b.iter(|| {
            let found = sessions.at_hand(black_box(&tokens[7]), TERMS);
            assert!(matches!(found, Found::Live(_)));
        })
    });
    let mut n = 0;
    c.bench_function("gate: one of 80,000 known sessions, in no order", |b| {
        b.iter(|| {
            n = (n + 7919) % SESSIONS;
            sessions.at_hand(&tokens[n], TERMS)
        })
    });
    c.bench_function("gate: a token that memory does not know", |b| {
        let unknown = token(SESSIONS);
        b.iter(|| sessions.at_hand(black_box(&unknown), TERMS))
    });
    c.bench_function("gate: a text that is no token", |b| b.iter(|| sessions.at_hand(black_box("x"), TERMS)));
    let users = (0..1000).map(|n| UserId(n * 2)).collect();
    let access = Access::new(&HostAccess { users, roles: vec![Role::Viewer] });
    c.bench_function("gate: whether a list of 1,000 users names one", |b| {
        b.iter(|| access.admits(black_box(UserId(1001)), Role::User))
    });
}

criterion_group!(benches, look_ups);
criterion_main!(benches);
