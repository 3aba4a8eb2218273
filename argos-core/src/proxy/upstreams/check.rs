//! Checks: asks each target, again and again, whether it does.
//!
//! Each core checks its share of the targets. A check is a connection of its own, over which one request is made as a
//! client would make it: TLS and HTTP/2 included, redirects not followed, the answer read to its end. An answer to a
//! real request that makes one doubt the target has it checked at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::TargetKey;
use super::health::Thresholds;
use super::target::Known;
use crate::proxy::core::Core;
use crate::proxy::framed::{Framed, h2_upstream};
use crate::proxy::h1::body::{Broken, Framer, Sink, Source};
use crate::proxy::h1::field::LineScan;
use crate::proxy::h1::reply_head::{ReplyFraming, ReplyHead};
use crate::proxy::pool;
use crate::proxy::stream::Stream;
use crate::proxy::tls::Outbound;
use crate::snapshot::{Check, Group, Snapshot, Target};

/// How soon a change of the configuration reaches the checks.
const LOOK: Duration = Duration::from_millis(200);
/// The first check of a target comes within so long: all of them at once would be a flood.
const FIRST: Duration = Duration::from_secs(1);
/// The least time between two checks for which doubts ask.
const HURRY: Duration = Duration::from_millis(100);
/// Bytes of an answer that are read to see that it is whole.
const MOST_READ: u64 = 1 << 20;
/// Interim answers that are passed over.
const MOST_INTERIM: usize = 16;

/// The checks of one target.
struct Checked {
    group: Rc<RefCell<Arc<Group>>>,
    changed: Rc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Checked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the checks of this core's targets going as the configuration wants them; the first core also has what is gone
/// forgotten. Never ends.
pub(crate) async fn watch(core: Rc<Core>) {
    let mut checks: HashMap<TargetKey, Checked> = HashMap::new();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen: Option<u64> = None;
    loop {
        looks.tick().await;
        let live = core.live();
        // A reload of rules changes no target, and each change of one makes a generation.
        if seen == Some(live.generation) {
            continue;
        }
        let first = seen.replace(live.generation).is_none();
        settle(&core, &live, &mut checks, first);
        core.turns.tidy(&live);
        if core.number == 0 {
            core.shared.upstreams.tidy(&live);
        }
    }
}

fn settle(core: &Rc<Core>, live: &Snapshot, checks: &mut HashMap<TargetKey, Checked>, first: bool) {
    let mut wanted: HashMap<TargetKey, Arc<Group>> = HashMap::new();
    for (_, group) in live.groups.iter() {
        for target in &group.targets {
            let mine = target.id.0.unsigned_abs() % core.shared.cores.max(1) as u64 == core.number as u64;
            let key = TargetKey(group.id, target.id);
            match group.check {
                Some(_) if mine => drop(wanted.insert(key, Arc::clone(group))),
                // At the begin it may have been checked by a proxy that was stopped; later only what was checked here
                // is looked at: a change must not cost a look at every target.
                None if mine && (first || checks.contains_key(&key)) => unchecked(core, group, target),
                _ => {}
            }
        }
    }
    checks.retain(|key, _| wanted.contains_key(key));
    for (key, group) in wanted {
        match checks.get(&key) {
            Some(check) if Arc::ptr_eq(&check.group.borrow(), &group) => {}
            Some(check) => {
                *check.group.borrow_mut() = group;
                check.changed.notify_one();
            }
            None => {
                let (group, changed) = (Rc::new(RefCell::new(group)), Rc::<Notify>::default());
                let work = keep(Rc::clone(core), key, Rc::clone(&group), Rc::clone(&changed));
                checks.insert(key, Checked { group, changed, task: tokio::task::spawn_local(work) });
            }
        }
    }
}

/// What checks said of a target counts no longer than they are made.
fn unchecked(core: &Core, group: &Group, target: &Target) {
    let all = &core.shared.upstreams;
    if let Some(known) = all.known(group, target)
        && let Some(transition) = known.unchecked(all.moment())
    {
        all.tell(group, target, &transition);
    }
}

/// Checks one target for as long as it is there.
async fn keep(core: Rc<Core>, key: TargetKey, group: Rc<RefCell<Arc<Group>>>, changed: Rc<Notify>) {
    let interval = |group: &Group| group.check.as_ref().map_or(Duration::from_secs(30), |check| check.interval);
    let mut pause = spread(&core, FIRST.min(interval(&group.borrow())), 0.0);
    let mut hurry = HURRY;
    loop {
        let now = Arc::clone(&group.borrow());
        let Some(target) = now.targets.iter().find(|target| target.id == key.1) else { return };
        let known = core.shared.upstreams.of_target(&now, target);
        let hurried = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = doubted(&known, hurry) => true,
            () = changed.notified() => {
                // Other terms: it is checked anew and soon.
                pause = spread(&core, FIRST.min(interval(&group.borrow())), 0.0);
                continue;
            }
        };
        let Some(check) = &now.check else { return };
        let outcome = one(&core, &now, target, check).await;
        // Doubts that a check does not share are heard less and less.
        hurry = match (hurried, outcome.is_ok()) {
            (true, true) => (hurry * 2).min(check.interval),
            // The next one waits for nothing but the next doubt.
            (_, false) => Duration::ZERO,
            (false, true) => (hurry / 2).max(HURRY),
        };
        if hurried && outcome.is_err() {
            // What made one doubt it was a failure, too.
            note(&core, &now, target, &known, check, outcome.clone());
        }
        note(&core, &now, target, &known, check, outcome);
        pause = spread(&core, check.interval, 0.9);
    }
}

/// Ready once somebody doubts the target, but no sooner than `least` from now.
async fn doubted(known: &Known, least: Duration) {
    tokio::time::sleep(least).await;
    known.doubt.notified().await;
}

/// A random time between `from` of `all` and a little more than `all`, so that checks don't march in step.
fn spread(core: &Core, all: Duration, from: f64) -> Duration {
    let random = u16::from_be_bytes(core.random.borrow_mut().take());
    let part = f64::from(random) / f64::from(u16::MAX);
    let to = if from > 0.0 { 2.0 - from } else { 1.0 };
    all.mul_f64(from + (to - from) * part)
}

fn note(core: &Core, group: &Group, target: &Target, known: &Known, check: &Check, outcome: Result<(), String>) {
    let all = &core.shared.upstreams;
    let wanted = Thresholds { fails: check.fails, passes: check.passes };
    let outcome = outcome.map_err(|text| format!("check: {text}").into());
    if let Some(transition) = known.checked(wanted, outcome, all.moment(), || "checks pass".into()) {
        all.tell(group, target, &transition);
    }
}

/// One check, or why it fails.
async fn one(core: &Rc<Core>, group: &Group, target: &Target, check: &Check) -> Result<(), String> {
    let whole = core.timers.deadline();
    match whole.within(check.timeout, ask(core, group, target, check)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {} s", check.timeout.as_secs())),
    }
}

/// A connection of HTTP/2 lives as long as this.
struct Carried(JoinHandle<()>);

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn ask(core: &Rc<Core>, group: &Group, target: &Target, check: &Check) -> Result<(), String> {
    let deadline = core.timers.deadline();
    let stream = pool::dial(core, target, false, check.timeout, &deadline).await?;
    let (mut stream, _carried) = match pool::speaks_http2(target, &stream)? {
        true => {
            let (half, carried) = begin(stream, target, check).await.map_err(|e| format!("HTTP/2: {e}"))?;
            (Stream::Framed(Box::new(Framed::Upstream2(half))), Some(carried))
        }
        false => (stream, None),
    };
    if !stream.is_framed() {
        let none = if check.method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: argos\r\nAccept: */*\r\n{none}Connection: close\r\n\r\n",
            check.method, check.path, target.authority,
        );
        stream.write_all(head.as_bytes()).await.map_err(|e| format!("no answer: {e}"))?;
    }
    let status = answer(&mut stream, check).await?;
    match check.expect.has(status) {
        true => Ok(()),
        false => Err(format!("status {status} is not one of {} ({})", check.expect, group.name)),
    }
}

async fn begin(
    stream: Stream<Outbound>,
    target: &Target,
    check: &Check,
) -> Result<(h2_upstream::Half, Carried), Box<dyn std::error::Error>> {
    let scheme = if target.tls.is_some() { "https" } else { "http" };
    let uri = http::Uri::builder().scheme(scheme).authority(&*target.authority).path_and_query(&*check.path).build()?;
    let request = Request::builder().method(check.method).uri(uri).header("user-agent", "argos").body(())?;
    let (sender, connection) = h2::client::handshake(stream).await?;
    let carried = Carried(tokio::task::spawn_local(async move { drop(connection.await) }));
    let mut sender = sender.ready().await?;
    let begun = sender.send_request(request, true)?;
    Ok((h2_upstream::Half::new(begun, Rc::new(()), true, check.method == "HEAD"), carried))
}

/// The status of an answer that is whole, or why it is none.
async fn answer(stream: &mut Stream<Outbound>, check: &Check) -> Result<u16, String> {
    let mut input = Vec::with_capacity(4096);
    let mut head = ReplyHead::default();
    for _ in 0..MOST_INTERIM {
        let mut scan = LineScan::default();
        while input.is_empty() || !head.parse(&mut scan, &input, check.method == "HEAD")? {
            match stream.read_buf(&mut input).await {
                Ok(0) => return Err("no answer: the connection was closed".into()),
                Ok(_) => {}
                Err(e) => return Err(format!("no answer: {e}")),
            }
        }
        match head.status {
            101 => return Err("it switches protocols unasked".into()),
            100..200 => drop(input.drain(..head.end)),
            _ => return rest(stream, &head, input).await,
        }
    }
    Err("it has too many interim answers".into())
}

async fn rest(stream: &mut Stream<Outbound>, head: &ReplyHead, mut input: Vec<u8>) -> Result<u16, String> {
    let source = match head.framing {
        ReplyFraming::None => Source::Done,
        ReplyFraming::Length(_) if stream.is_framed() => Source::Close,
        ReplyFraming::Length(n) => Source::Length(n),
        ReplyFraming::Chunked => Source::Chunked(Box::default()),
        ReplyFraming::Close => Source::Close,
    };
    let mut framer = Framer::new(source, Sink::Plain, u64::MAX);
    let mut content = Vec::new();
    input.drain(..head.end);
    while !framer.done() {
        let used = framer.push(&input, &mut content).map_err(|_| "its chunked body is not well-formed")?;
        input.drain(..used);
        content.clear();
        if framer.done() || framer.content > MOST_READ {
            break;
        }
        match stream.read_buf(&mut input).await {
            Ok(0) => framer.close(Vec::new(), &mut content).map_err(|_: Broken| "its body is cut short")?,
            Ok(_) => {}
            Err(_) => return Err("its body is cut short".into()),
        }
    }
    Ok(head.status)
}
