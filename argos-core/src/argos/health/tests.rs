//! Parts that hang: whoever checks does not.

use std::sync::mpsc::channel;

use super::*;
use crate::Options;
use crate::clock::{Clock, Timestamp};
use crate::event::EventKind;

struct World {
    argos: Argos,
    clock: Clock,
    checks: Checks,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(orders: Option<Probe>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path().join("data")) }).unwrap();
        let mut checks = Checks::new(argos.clone(), Arc::default(), orders);
        checks.patience = Duration::from_millis(200);
        Self { argos, clock, checks, _folder: folder }
    }

    /// Checks, 30 seconds after the last time; the parts that fail.
    fn check(&mut self) -> Vec<(Component, u64, String)> {
        self.clock.set(Timestamp(self.clock.now().0 + 30_000));
        self.checks.run();
        let health = self.argos.inner.cx.health.lock().unwrap();
        let failed = health.parts().filter(|part| part.failures > 0);
        failed.map(|part| (part.component, part.failures, part.error.clone())).collect()
    }
}

#[test]
fn a_writer_that_hangs_is_told_and_asked_once() {
    let mut world = World::new(None);
    let heard = world.argos.subscribe();
    assert_eq!(world.check(), []);
    let (go_on, held) = channel::<()>();
    world.argos.inner.store.submit(move |_| held.recv().unwrap_or_default()).unwrap();
    let error = "no answer within 200ms".to_owned();
    for failures in 1..=3 {
        assert_eq!(world.check(), [(Component::Writer, failures, error.clone())]);
        assert_eq!(world.checks.asked, [Component::Writer]);
    }
    let told: Vec<_> = heard.try_iter().map(|event| (event.kind(), event.data())).collect();
    let data = serde_json::json!({"component": "writer", "consecutive_failures": 2, "error": error});
    assert_eq!(told, [(EventKind::HealthDegraded, data)]);
    drop(go_on);
    // The answer that is late counts for the check that hears it.
    world.argos.check_writer().unwrap();
    assert_eq!(world.check(), []);
    assert!(world.checks.asked.is_empty());
}

#[test]
fn a_thread_of_orders_that_hangs_or_has_ended_is_told() {
    let (probe, mut probed) = tokio::sync::mpsc::unbounded_channel();
    let mut world = World::new(Some(probe));
    let answering = std::thread::spawn(move || {
        let answer: Box<dyn FnOnce() + Send> = probed.blocking_recv().unwrap();
        answer();
        probed
    });
    assert_eq!(world.check(), []);
    // Nobody reads what is asked.
    let probed = answering.join().unwrap();
    assert_eq!(world.check(), [(Component::Acme, 1, "no answer within 200ms".to_owned())]);
    drop(probed);
    world.checks.asked.clear();
    let ended = "the thread that orders certificates has ended".to_owned();
    assert_eq!(world.check(), [(Component::Acme, 2, ended)]);
}

#[test]
fn events_that_a_slow_listener_missed_are_noticed() {
    let mut world = World::new(None);
    let slow = world.argos.subscribe();
    let now = world.clock.now();
    (0..1003).for_each(|dropped| {
        let facts = LogRowsDropped { dropped, queue_capacity: 1 };
        world.argos.inner.cx.events.emit(Event::of_system(now, facts));
    });
    assert_eq!(world.checks.missed, 0);
    assert_eq!(world.check(), []);
    assert_eq!(world.checks.missed, 3);
    assert_eq!(world.argos.query(crate::api::GetHealth {}).unwrap().events_dropped, 3);
    drop(slow);
}
