//! What becomes of a request whose inspection fails.

use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use arc_swap::ArcSwap;

use super::*;
use crate::clock::Clock;
use crate::logs::{Queue, Record};
use crate::proxy::core::{Core, Shared};

/// Runs `check` with an exchange under inspection, and returns the rows it left.
fn with_exchange(fail_open: bool, check: impl FnOnce(&mut Exchange)) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let queue = Arc::new(Queue::new(|| ()));
    let live = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let core = Core::new(live, Arc::clone(&queue), Clock::system(), Arc::new(Shared::default()));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = tokio::net::TcpStream::from_std(socket).unwrap();
        let mut ex = Exchange::new(Rc::clone(&core), socket, address, address);
        ex.begin();
        ex.facts.access_log = false;
        ex.waf = Some(Box::new(Inspection {
            transaction: None,
            blocks: true,
            appsec: Arc::new(AppsecSettings { fail_open, ..AppsecSettings::default() }),
            masked: Arc::default(),
            generation: 1,
            paranoia: (1, 1),
        }));
        check(&mut ex);
    });
    core.flush();
    queue.take(10)
}

#[test]
fn a_failing_engine_refuses_or_passes_by_setting() {
    let closed = with_exchange(false, |ex| assert!(matches!(failed(ex, false, "x"), Err(Stop::EngineFailed))));
    // The row of a refusal is written by whoever answers it.
    assert!(closed.is_empty());
    let open = with_exchange(true, |ex| assert!(failed(ex, true, "the engine failed").is_ok()));
    let [Record::Error(fault)] = &open[..] else { panic!("{open:?}") };
    assert!(fault.severe && fault.component == "waf" && fault.text.contains("uninspected"));
}

#[test]
fn nothing_runs_once_the_engine_is_gone() {
    with_exchange(false, |ex| assert!(matches!(run(ex, |_, _| panic!("not called")), Ok(None::<()>))));
}
