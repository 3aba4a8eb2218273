//! What storing access rows costs on the writer's thread, beside a bare loop over the same table.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use argos_core::clock::Timestamp;
use argos_core::logs::{Access, AccessAction, AccessBatch, Texts};
use argos_core::schema::{Actor, LogEntry, LogSource};
use argos_core::store::{Tx, logs};
use argos_core::{Argos, Options};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rusqlite::{Connection, TransactionBehavior, params};

/// Rows of one transaction, as the log writer takes them.
const ROWS: i64 = 2000;

/// Access rows as requests leave them, at moments that go on from `first`.
fn batch(first: i64) -> AccessBatch {
    let masked = ["password".into(), "token".into()].into();
    let mut batch = AccessBatch::default();
    for n in first..first + ROWS {
        let mut access = Access::new(Timestamp(1_767_225_600_000 + n));
        access.status = 200;
        access.action = AccessAction::Proxied;
        access.bytes_out = 5_120;
        let texts = Texts {
            method: b"GET",
            path: b"/products/list",
            query: b"page=2&sort=price",
            host: b"shop.example",
            sni: b"",
            shown: b"",
            agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            referer: b"https://shop.example/",
            upstream: b"127.0.0.1:9000",
            request_id: &format!("01944b8e-7c00-7000-8000-{n:012x}").into_bytes(),
        };
        batch.push(access, texts, &masked);
    }
    batch
}

fn entries(first: i64) -> Vec<LogEntry> {
    let mut batch = batch(first);
    let mut row = LogEntry::new(LogSource::Access, Timestamp(0), "");
    std::iter::from_fn(|| batch.next_into(&mut row).then(|| row.clone())).collect()
}

/// A new database file with a connection as the writer has it.
fn database() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    drop(Argos::open(Options::new(folder.path())).unwrap());
    let conn = Connection::open(folder.path().join("argos.db")).unwrap();
    conn.pragma_update(None, "synchronous", "NORMAL").unwrap();
    conn.pragma_update(None, "cache_size", -8192).unwrap();
    conn.pragma_update(None, "temp_store", "MEMORY").unwrap();
    conn.set_prepared_statement_cache_capacity(64);
    (folder, conn)
}

fn through_the_store(conn: &mut Connection, mut batch: AccessBatch) {
    let open = conn.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let tx = Tx::new(&open, Timestamp(0), Actor::System);
    assert!(logs::insert_all(&tx, |row| batch.next_into(row), || false).unwrap());
    drop(tx);
    open.commit().unwrap();
}

fn bare(conn: &mut Connection, entries: &[LogEntry]) {
    const SQL: &str = "INSERT INTO log_entries (timestamp, source, level, host_domain, remote_ip, method, path,
            user_agent, upstream, message, raw, status, duration_ms, size_bytes, request_id, query, action, http_version)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let open = conn.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let mut insert = open.prepare_cached(SQL).unwrap();
    for e in entries {
        let row = params![
            e.timestamp.0,
            e.source.as_str(),
            e.level,
            e.host_domain,
            e.remote_ip,
            e.method,
            e.path,
            e.user_agent,
            e.upstream,
            e.message,
            e.raw,
            e.status,
            e.duration_ms,
            e.size_bytes,
            e.request_id,
            e.query,
            e.action,
            e.http_version,
        ];
        insert.execute(row).unwrap();
    }
    drop(insert);
    open.commit().unwrap();
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("2000 access rows");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);
    // Each in a file of its own, which grows alike.
    let (_folder, mut conn) = database();
    let mut next = 0;
    group.bench_function("through the store", |b| {
        b.iter_batched(
            || {
                next += ROWS;
                batch(next)
            },
            |batch| through_the_store(&mut conn, batch),
            BatchSize::PerIteration,
        );
    });
    for (name, indexed) in [("bare loop", true), ("bare loop without indexes", false)] {
        let (_folder, mut conn) = database();
        if !indexed {
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'log_entries'";
            let mut statement = conn.prepare(sql).unwrap();
            let names: Vec<String> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
            drop(statement);
            assert!(!names.is_empty());
            names.iter().for_each(|name| conn.execute_batch(&format!("DROP INDEX {name}")).unwrap());
        }
        let mut next = 0;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    next += ROWS;
                    entries(next)
                },
                |entries| bare(&mut conn, &entries),
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(benches, rows);
criterion_main!(benches);
