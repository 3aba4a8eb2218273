//! A change is live for every request that begins after it, whichever connection it comes on and whatever goes on
//! beside it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Site, Upstream, group, host, snapshot, target};

#[test]
fn no_request_after_a_change_meets_what_was_before() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
    let with = |enabled| {
        let changed = argos_core::snapshot::Host { enabled, ..host(1, "a.example", 1) };
        snapshot([changed, host(2, "b.example", 1)], [group(1, [target(1, upstream.address, 1)])])
    };
    let site = Arc::new(Site::start(with(true)));
    let end = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (site, end) = (Arc::clone(&site), Arc::clone(&end));
            std::thread::spawn(move || {
                let mut client = site.connect();
                while !end.load(Ordering::Relaxed) {
                    client.send("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
                    assert_eq!(client.answer().status, 200);
                }
            })
        })
        .collect();
    let mut late = Vec::new();
    for n in 0..300 {
        // One that was idle when the change came, and one that comes after it.
        let mut idle = site.connect();
        let enabled = n % 2 == 0;
        site.live.store(Arc::new(with(enabled)));
        for (what, client) in [("idle", &mut idle), ("new", &mut site.connect())] {
            client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
            let status = client.answer().status;
            if status != if enabled { 200 } else { 404 } {
                late.push((n, what));
            }
        }
    }
    end.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(late, []);
}
