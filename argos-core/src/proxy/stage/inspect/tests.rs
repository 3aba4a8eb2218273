//! What becomes of a request whose inspection fails.

use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use arc_swap::ArcSwap;
use argos_seclang::{NoFiles, RuleSet};

use super::hold::Held;
use super::*;
use crate::clock::Clock;
use crate::event::{EventKind, Events};
use crate::logs::{Queue, Record};
use crate::notify::Lookout;
use crate::proxy::core::{Core, Shared};
use crate::proxy::stream::Stream;

fn no_rules() -> RuleSet {
    RuleSet::builder(NoFiles).rules_str("none", "").compile().unwrap().0
}

/// Runs `check` with an exchange under inspection, and returns the rows it left.
fn with_exchange(fail_open: bool, check: impl FnOnce(&mut Exchange)) -> Vec<Record> {
    heard_with_exchange(fail_open, &Arc::default(), check)
}

/// The same before `lookout`, which gets what was sighted.
fn heard_with_exchange(fail_open: bool, lookout: &Arc<Lookout>, check: impl FnOnce(&mut Exchange)) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let queue = Arc::new(Queue::new(|| ()));
    let live = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let mut shared = Shared::default();
    shared.lookout = Arc::clone(lookout);
    let core = Core::new(0, live, Arc::clone(&queue), Clock::system(), Arc::new(shared));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = tokio::net::TcpStream::from_std(socket).unwrap();
        let mut ex = Exchange::new(Rc::clone(&core), Stream::Plain(socket), address, address);
        ex.begin(&core.live());
        ex.facts.access_log = false;
        ex.waf = Some(Box::new(Inspection {
            copied: copy::Copied::default(),
            transaction: Some(no_rules().transaction(Now { unix_millis: 0 })),
            blocks: true,
            appsec: Arc::new(AppsecSettings { fail_open, ..AppsecSettings::default() }),
            masked: Arc::default(),
            generation: 1,
            paranoia: (1, 1),
        }));
        check(&mut ex);
    });
    core.flush();
    core.look();
    queue.take(10).records.into()
}

#[test]
fn an_engine_that_panics_refuses_or_passes_by_setting() {
    let closed = with_exchange(false, |ex| {
        assert!(matches!(run(ex, |_, _| panic!("injected")), Err::<Option<()>, _>(Stop::EngineFailed)));
    });
    // The row of a refusal is written by whoever answers it.
    assert!(closed.is_empty());
    let open = with_exchange(true, |ex| {
        assert!(matches!(run(ex, |_, _| panic!("injected")), Ok(None::<()>)));
        // The engine is gone: no further step runs.
        assert!(matches!(run(ex, |_, _| panic!("not called")), Ok(None::<()>)));
    });
    let [Record::Error(fault)] = &open[..] else { panic!("{open:?}") };
    assert!(fault.severe && fault.component == "waf" && fault.text.contains("uninspected"));
}

#[test]
fn an_engine_that_panics_is_told_once() {
    for fail_open in [false, true] {
        let events = Events::default();
        let heard = events.subscribe();
        let lookout = Arc::new(Lookout::new(events));
        for _ in 0..3 {
            heard_with_exchange(fail_open, &lookout, |ex| {
                let _ = run(ex, |_, _| panic!("injected"));
            });
        }
        let told: Vec<_> = heard.try_iter().map(|event| (event.kind(), event.data()["fail_open"].clone())).collect();
        assert_eq!(told, [(EventKind::AppsecUnavailable, fail_open.into())]);
    }
}

#[test]
fn held_bytes_are_counted_over_all_requests_and_given_back() {
    let shared = Arc::new(Shared::default());
    let mut one = Held::new(&shared);
    one.add(&[0; 1000]);
    assert!(one.count());
    shared.held.fetch_add(512 << 20, std::sync::atomic::Ordering::Relaxed);
    let mut two = Held::new(&shared);
    two.add(b"x");
    assert!(!two.count());
    drop((one, two));
    assert_eq!(shared.held.load(std::sync::atomic::Ordering::Relaxed), 512 << 20);
}
