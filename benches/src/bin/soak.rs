//! Requests of all versions, sizes and fates for a long time, while the configuration changes: whether every answer is
//! the right one, and memory, files and threads stay as they are. See README.md of this package.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argos_benches::load::ask::{Ask, Fate, Fault};
use argos_benches::load::content::LARGEST;
use argos_benches::load::gateway::{Gateway, Plan, Use};
use argos_benches::load::link::{Gate, Link, Spoken};
use argos_benches::load::socket::Socket;
use argos_benches::load::upstream;
use clap::Parser;
use http::Method;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

const HOST: &str = "soak.localhost";
/// Of a hundred requests so many are left in the middle.
const LEFT: f64 = 0.015;
/// Between two looks at what is used.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// After what time without clients everything of theirs must be gone: upstream connections that idle live two seconds.
const SETTLE: Duration = Duration::from_secs(6);
/// Of the requests so many hundredths are done when it is looked without clients.
const MARKS: [u64; 4] = [10, 20, 50, 100];
/// How much memory may grow from the mark of 20 %: the larger of a tenth and so many KiB.
const GROWTH: u64 = 20 * 1024;

/// Asks Argos for bodies that it knows, and says at the end what went wrong. Exit code 1 where something did.
#[derive(Debug, Parser)]
struct Given {
    /// The program.
    #[arg(long)]
    argos: PathBuf,
    /// Requests.
    #[arg(long, default_value_t = 10_000_000)]
    requests: u64,
    /// It ends after so many minutes, however far it is.
    #[arg(long, default_value_t = 120)]
    minutes: u64,
    /// What is random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Connections of each version at once; those that carry many requests carry eight.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Slow clients at once.
    #[arg(long, default_value_t = 8)]
    slow: usize,
    /// Versions that are left out: h1, h1s, h2, h3.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Milliseconds between two changes; 0 = there are none.
    #[arg(long, default_value_t = 1000)]
    change_every: u64,
    /// Proxy threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// What clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Go,
    Pause,
    End,
}

#[derive(Default)]
struct Tally {
    /// By version and kind: well, and left by the client.
    done: BTreeMap<(&'static str, &'static str), [u64; 2]>,
    /// What nobody can explain, with how often.
    faults: BTreeMap<String, u64>,
    changes: u64,
}

struct Soak {
    gate: Gate,
    host: Arc<str>,
    limit: u64,
    change_every: Duration,
    asked: AtomicU64,
    active: AtomicUsize,
    word: watch::Sender<Word>,
    tally: Mutex<Tally>,
}

/// One client among those that are counted.
struct Active<'a>(&'a Soak);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Soak {
    /// Waits until clients may come; none once it ends.
    async fn may_come(&self) -> Option<Active<'_>> {
        let mut word = self.word.subscribe();
        loop {
            match *word.borrow_and_update() {
                Word::Go => {
                    self.active.fetch_add(1, Ordering::SeqCst);
                    return Some(Active(self));
                }
                Word::End => return None,
                Word::Pause => {}
            }
            word.changed().await.ok()?;
        }
    }

    /// Counts one more request; false when there are to be no more now.
    fn takes_one(&self) -> bool {
        *self.word.borrow() == Word::Go && self.asked.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    fn note(&self, spoken: Spoken, kind: &'static str, result: &Result<(), Fault>) {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = tally.done.entry((spoken.name(), kind)).or_default();
        match result {
            Ok(()) => counts[0] += 1,
            Err(Fault::Left) => counts[1] += 1,
            Err(fault) => *tally.faults.entry(format!("{} {kind}: {fault}", spoken.name())).or_default() += 1,
        }
    }

    fn fault(&self, text: String) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner).faults.entry(text).or_default() += 1;
    }
}

fn size(rng: &mut StdRng) -> usize {
    match rng.random_range(0..1000) {
        0..100 => 0,
        100..800 => rng.random_range(1..=1024),
        800..970 => rng.random_range(1024..=16 * 1024),
        970..996 => rng.random_range(16 * 1024..=128 * 1024),
        _ => rng.random_range(128 * 1024..=LARGEST),
    }
}

fn any_ask(host: &Arc<str>, rng: &mut StdRng) -> (Ask, &'static str) {
    let up = rng.random_bool(0.4).then(|| size(rng));
    let mut ask = Ask { up, open: rng.random_bool(0.2), ..Ask::get(host, rng.random(), size(rng)) };
    if rng.random_bool(LEFT) {
        ask.fate = [Fate::Uploading, Fate::Unanswered, Fate::Downloading][rng.random_range(0..3)];
        match ask.fate {
            Fate::Uploading => ask.up = Some(size(rng).max(2)),
            Fate::Downloading => ask.down = size(rng).max(1),
            _ => {}
        }
    }
    let kind = match (ask.fate, ask.up) {
        (Fate::Uploading, _) => "left while sending",
        (Fate::Unanswered, _) => "left before the answer",
        (Fate::Downloading, _) => "left in the answer",
        (Fate::Whole, Some(_)) => "POST",
        (Fate::Whole, None) => "GET",
    };
    (ask, kind)
}

/// Connection after connection of one version.
async fn client(soak: Arc<Soak>, spoken: Spoken, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while let Some(_active) = soak.may_come().await {
        let link = match Link::open(&soak.gate, spoken).await {
            Ok(link) => link,
            Err(fault) => {
                soak.note(spoken, "connecting", &Err(fault));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let mut streams = JoinSet::new();
        for _ in 1..8 {
            if let Some(link) = link.share() {
                streams.spawn(stream(Arc::clone(&soak), spoken, link, rng.random()));
            }
        }
        streams.spawn(stream(Arc::clone(&soak), spoken, link, rng.random()));
        streams.join_all().await;
    }
}

/// Request after request over one connection.
async fn stream(soak: Arc<Soak>, spoken: Spoken, mut link: Link, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..rng.random_range(1..600) {
        if !link.is_open() || !soak.takes_one() {
            return;
        }
        let (ask, kind) = any_ask(&soak.host, &mut rng);
        let result = link.ask(&ask).await;
        soak.note(spoken, kind, &result);
        if !matches!(result, Ok(()) | Err(Fault::Left | Fault::Answer(_))) {
            return;
        }
    }
}

async fn slow_client(soak: Arc<Soak>, versions: Vec<Spoken>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while let Some(_active) = soak.may_come().await {
        let spoken = versions[rng.random_range(0..versions.len())];
        if !soak.takes_one() {
            // The word changes soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let up = rng.random_bool(0.5).then(|| rng.random_range(1..256 * 1024));
        let down = rng.random_range(1..512 * 1024);
        let slow = Some(Duration::from_millis(rng.random_range(20..200)));
        let ask = Ask { up, slow, open: rng.random_bool(0.3), ..Ask::get(&soak.host, rng.random(), down) };
        let result = match Link::open(&soak.gate, spoken).await {
            Ok(mut link) => link.ask(&ask).await,
            Err(fault) => Err(fault),
        };
        soak.note(spoken, "slow", &result);
    }
}

async fn socket_client(soak: Arc<Soak>, versions: Vec<Spoken>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while let Some(_active) = soak.may_come().await {
        let spoken = versions[rng.random_range(0..versions.len())];
        if !soak.takes_one() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let talk = async {
            let mut socket = Socket::open(&soak.gate, spoken, &soak.host).await?;
            for _ in 0..rng.random_range(0..20) {
                socket.echo(rng.random(), rng.random_range(0..8000)).await?;
            }
            // Some say good-bye, some are gone.
            if rng.random_bool(0.7) { socket.close().await } else { Err(Fault::Left) }
        };
        let result = tokio::time::timeout(Duration::from_secs(60), talk).await.unwrap_or(Err(Fault::Slow));
        soak.note(spoken, "WebSocket", &result);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A host comes, changes and goes; targets and rules of the host that is asked come and go. Each change must be seen by
/// the next request.
async fn change(soak: &Soak, gateway: &Gateway, second: u16, turn: u64) -> Result<(), String> {
    let name: Arc<str> = format!("turn-{turn}.localhost").into();
    let plain = |name: &Arc<str>| {
        let ask = Ask::get(name, turn, 2000);
        async move {
            let mut link = Link::open(&soak.gate, Spoken::Http1).await?;
            link.ask(&ask).await
        }
    };
    let expect = |what: &str, result: Result<(), Fault>, wanted: Option<&str>| match (&result, wanted) {
        (Ok(()), None) => Ok(()),
        (Err(Fault::Answer(text)), Some(wanted)) if text.starts_with(wanted) => Ok(()),
        _ => Err(format!("{what}: {result:?}")),
    };
    let call = |method, path: String, input: Value| async move { gateway.call(method, &path, Some(&input)).await };
    let id = |value: &Value| value["id"].as_u64().ok_or_else(|| format!("no id in {value}"));
    let step = || async {
        soak.tally.lock().unwrap_or_else(PoisonError::into_inner).changes += 1;
        tokio::time::sleep(soak.change_every).await;
    };

    let host = json!({"domain": &*name, "target_group_id": 1, "https_redirect": false, "access_log": false});
    let host = id(&call(Method::POST, "/hosts".into(), host).await?)?;
    expect("a new host", plain(&name).await, None)?;
    step().await;
    let target = json!({"host": "127.0.0.1", "port": second, "weight": 1 + turn % 3});
    let target = id(&call(Method::POST, "/target-groups/1/targets".into(), target).await?)?;
    expect("with another target", plain(&name).await, None)?;
    step().await;
    let action = json!({"type": "fixed_response", "config": {"status_code": 418, "body": "no"}});
    let rule = json!({"action": action, "matchers": []});
    let rule = id(&call(Method::POST, format!("/hosts/{host}/rules"), rule).await?)?;
    expect("with a rule", plain(&name).await, Some("status 418"))?;
    let never = json!({"action": action, "matchers": [{"type": "path_exact", "config": {"values": ["/never"]}}]});
    let never = id(&call(Method::POST, "/hosts/1/rules".into(), never).await?)?;
    step().await;
    gateway.call(Method::DELETE, &format!("/hosts/{host}/rules/{rule}"), None).await?;
    expect("without the rule", plain(&name).await, None)?;
    step().await;
    call(Method::PATCH, format!("/hosts/{host}"), json!({"enabled": false})).await?;
    expect("switched off", plain(&name).await, Some("status 404"))?;
    step().await;
    gateway.call(Method::DELETE, &format!("/target-groups/1/targets/{target}"), None).await?;
    gateway.call(Method::DELETE, &format!("/hosts/1/rules/{never}"), None).await?;
    step().await;
    gateway.call(Method::DELETE, &format!("/hosts/{host}"), None).await?;
    expect("deleted", plain(&name).await, Some("status 404"))?;
    step().await;
    Ok(())
}

async fn changes(soak: Arc<Soak>, gateway: Arc<Gateway>, second: u16) {
    for turn in 0.. {
        let Some(_active) = soak.may_come().await else { return };
        if let Err(text) = change(&soak, &gateway, second, turn).await {
            soak.fault(format!("change: {text}"));
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let given = Given::parse();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(&given))
}

async fn run(given: &Given) -> Result<ExitCode, Box<dyn Error>> {
    let versions = Spoken::all_but(&given.without);
    let (targets, seen) = upstream::start(2)?;
    let group = json!({"name": "soak", "targets": [{"host": "127.0.0.1", "port": targets[0].port()}]});
    let host = json!({"domain": HOST, "target_group": group, "https_redirect": false, "access_log": false});
    let calls = vec![
        ("hosts.create", host),
        ("security.update", json!({"host_id": 1, "waf_enabled": false})),
        ("settings.update", json!({"proxy.upstream_idle_timeout_ms": "2000"})),
    ];
    let plan = Plan { binary: given.argos.clone(), threads: given.threads, core: None, calls, more: Vec::new() };
    let gateway = Arc::new(Gateway::start(&plan)?);
    let gate = Gate::new(gateway.http, gateway.https, HOST, &gateway.root).map_err(|e| e.to_string())?;
    let soak = Arc::new(Soak {
        gate,
        host: HOST.into(),
        limit: given.requests,
        change_every: Duration::from_millis(given.change_every),
        asked: AtomicU64::new(0),
        active: AtomicUsize::new(0),
        word: watch::Sender::new(Word::Go),
        tally: Mutex::default(),
    });
    for spoken in &versions {
        let warmed = async { Link::open(&soak.gate, *spoken).await?.ask(&Ask::get(&soak.host, 1, 100)).await };
        warmed.await.map_err(|e| format!("{}: {e}", spoken.name()))?;
    }
    // What the operations open at need stays open.
    let lists = (0..32).map(|_| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.call(Method::GET, "/hosts", None).await }
    });
    lists.collect::<JoinSet<_>>().join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
    gateway.call(Method::PATCH, "/hosts/1", Some(&json!({"hsts_max_age_seconds": 1}))).await?;
    tokio::time::sleep(SETTLE).await;
    let (base, files) = (gateway.in_use(), gateway.files());
    let begun = Instant::now();
    show("before", begun, 0, base, gateway.stored());

    let mut clients = JoinSet::new();
    let mut seed = given.seed << 32;
    let mut next = || {
        seed += 1;
        seed
    };
    for spoken in &versions {
        for _ in 0..given.connections * if spoken.carries_many() { 1 } else { 2 } {
            clients.spawn(client(Arc::clone(&soak), *spoken, next()));
        }
    }
    for _ in 0..given.slow {
        clients.spawn(slow_client(Arc::clone(&soak), versions.clone(), next()));
    }
    let tunnels: Vec<Spoken> = versions.iter().copied().filter(|v| *v != Spoken::Http3).collect();
    for _ in 0..4 {
        if !tunnels.is_empty() {
            clients.spawn(socket_client(Arc::clone(&soak), tunnels.clone(), next()));
        }
    }
    if given.change_every > 0 {
        clients.spawn(changes(Arc::clone(&soak), Arc::clone(&gateway), targets[1].port()));
    }
    let marks = watch_over(given, &soak, &gateway, begun).await;
    clients.join_all().await;
    let wrong = std::mem::take(&mut *seen.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    wrong.into_iter().for_each(|text| soak.fault(text));
    println!(
        "the upstream saw {} requests, {} bodies that broke off, {} WebSockets\n",
        seen.requests.load(Ordering::Relaxed),
        seen.broken.load(Ordering::Relaxed),
        seen.tunnels.load(Ordering::Relaxed)
    );
    for (name, count) in gateway.files() {
        let before = files.get(&name).copied().unwrap_or(0);
        if count > before {
            println!("open at the end: {name}, {count} times; before: {before} times");
        }
    }
    Ok(if judge(&soak, base, &marks) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(what: &str, begun: Instant, asked: u64, used: Use, stored: u64) {
    eprintln!(
        "{what:>8} {:>6.0} s {asked:>9} requests {:>7.1} MiB {:>4} files {:>3} threads {:>6.1} MiB stored",
        begun.elapsed().as_secs_f64(),
        used.rss as f64 / 1024.0,
        used.files,
        used.threads,
        stored as f64 / 1048576.0,
    );
}

/// Lets clients come and go until all is asked or the time is over; what was used at each mark, without clients.
async fn watch_over(given: &Given, soak: &Soak, gateway: &Gateway, begun: Instant) -> Vec<(u64, Use)> {
    let mut marks = Vec::new();
    let mut looked = begun;
    for hundredths in MARKS {
        let until = given.requests / 100 * hundredths + if hundredths == 100 { given.requests % 100 } else { 0 };
        let late = || begun.elapsed() >= Duration::from_secs(60 * given.minutes);
        while soak.asked.load(Ordering::Relaxed) < until && !late() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                let asked = soak.asked.load(Ordering::Relaxed);
                show("", begun, asked, gateway.in_use(), gateway.stored());
            }
        }
        let last = hundredths == 100 || late();
        soak.word.send_replace(if last { Word::End } else { Word::Pause });
        while soak.active.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(SETTLE).await;
        let asked = soak.asked.load(Ordering::Relaxed).min(given.requests);
        let used = gateway.in_use();
        show("settled", begun, asked, used, gateway.stored());
        marks.push((asked, used));
        if last {
            break;
        }
        soak.word.send_replace(Word::Go);
    }
    marks
}

fn judge(soak: &Soak, base: Use, marks: &[(u64, Use)]) -> bool {
    let tally = soak.tally.lock().unwrap_or_else(PoisonError::into_inner);
    println!("| version | kind | well | left |\n|---|---|---|---|");
    for ((version, kind), [well, left]) in &tally.done {
        println!("| {version} | {kind} | {well} | {left} |");
    }
    println!("\n{} changes\n\n| requests | MiB | files | threads |\n|---|---|---|---|", tally.changes);
    println!("| 0 | {:.1} | {} | {} |", base.rss as f64 / 1024.0, base.files, base.threads);
    for (asked, used) in marks {
        println!("| {asked} | {:.1} | {} | {} |", used.rss as f64 / 1024.0, used.files, used.threads);
    }
    println!();
    let mut good = true;
    let mut fail = |text: String| {
        good = false;
        println!("NOT WELL: {text}");
    };
    for (text, times) in &tally.faults {
        fail(format!("{times} times: {text}"));
    }
    if let (Some((_, then)), Some((_, end))) = (marks.get(1).or(marks.first()), marks.last()) {
        if end.rss > then.rss + GROWTH.max(then.rss / 10) {
            fail(format!("memory grew from {} to {} KiB", then.rss, end.rss));
        }
        if end.files > then.files {
            fail(format!("{} files are open, {} were at the first mark", end.files, then.files));
        }
        if end.threads > base.threads {
            fail(format!("{} threads run, {} did before", end.threads, base.threads));
        }
    }
    if good {
        println!("every answer was the right one; memory, files and threads are as they were");
    }
    good
}
