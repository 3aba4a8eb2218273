//! The same work over HTTP/1.1, HTTP/2 and HTTP/3: what a request costs the proxy. See README.md of this package.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argos_benches::load::ask::{Ask, Fault};
use argos_benches::load::gateway::{Gateway, Plan};
use argos_benches::load::link::{Gate, Link, Spoken};
use argos_benches::load::{content, upstream};
use clap::Parser;
use serde_json::json;
use tokio::task::JoinSet;

const HOST: &str = "load.localhost";
/// Connections before those that are counted.
const WARM: usize = 20;

/// Sends the same requests in each version and prints the CPU time that each costs the proxy.
#[derive(Debug, Parser)]
struct Given {
    /// The program.
    #[arg(long)]
    argos: PathBuf,
    /// Connections; HTTP/1.1 has one for each stream.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Streams of each connection at once.
    #[arg(long, default_value_t = 16)]
    streams: usize,
    /// Seconds of each measurement, after one that is not counted.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Rounds, one after the other.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The core of the proxy; the client should have another.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Versions that are left out: h1, h1s, h2, h3.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Instead of the cost of requests: so many connections that were answered once and stay, and what memory they
    /// take.
    #[arg(long)]
    idle: Option<usize>,
    /// Whether access rows are written.
    #[arg(long)]
    access_log: bool,
}

/// What is asked for, again and again.
#[derive(Clone, Copy)]
struct Work {
    name: &'static str,
    up: Option<usize>,
    down: usize,
    /// Streams of large bodies are fewer.
    streams: usize,
}

#[derive(Default)]
struct Count {
    requests: u64,
    faults: Vec<Fault>,
}

/// What was measured of one work in one version.
#[derive(Default)]
struct Figures {
    requests: u64,
    errors: usize,
    seconds: f64,
    /// Microseconds a request, without the writing of rows and with it.
    proxy: Vec<f64>,
    all: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let given = Given::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&given))
}

/// An Argos before `target`, and the way in.
fn start(given: &Given, target: SocketAddr) -> Result<(Gateway, Gate), Box<dyn Error>> {
    let group = json!({"name": "load", "targets": [{"host": "127.0.0.1", "port": target.port()}]});
    let host = json!({"domain": HOST, "target_group": group, "https_redirect": false, "access_log": given.access_log});
    let calls = vec![
        ("hosts.create", host),
        ("security.update", json!({"host_id": 1, "waf_enabled": false})),
        // More than half of the files that may be open, and longer than a measurement takes.
        ("settings.update", json!({"proxy.max_connections": "1000000", "proxy.keepalive_timeout_ms": "900000"})),
    ];
    let plan = Plan { binary: given.argos.clone(), threads: 1, core: Some(given.core), calls, more: Vec::new() };
    let gateway = Gateway::start(&plan)?;
    let gate = Gate::new(gateway.http, gateway.https, HOST, &gateway.root).map_err(|e| e.to_string())?;
    Ok((gateway, gate))
}

/// What idle connections take of memory, in each version.
async fn idle(given: &Given, count: usize) -> Result<(), Box<dyn Error>> {
    let (targets, _) = upstream::start(1)?;
    let host: Arc<str> = HOST.into();
    let ask = Ask::get(&host, 1, 1024);
    println!("| version | idle connections | KiB each | MiB before | MiB with all |\n|---|---|---|---|---|");
    for version in Spoken::all_but(&given.without) {
        let (gateway, gate) = start(given, targets[0])?;
        let mut links = Vec::new();
        let mut before = 0;
        for n in 0..count + WARM {
            if n == WARM {
                tokio::time::sleep(Duration::from_secs(1)).await;
                before = gateway.in_use().rss;
            }
            let mut link = Link::open(&gate, version).await.map_err(|e| e.to_string())?;
            link.ask(&ask).await.map_err(|e| e.to_string())?;
            links.push(link);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = gateway.in_use().rss;
        for link in &mut links {
            link.ask(&ask).await.map_err(|e| format!("an idle connection of {} was lost: {e}", version.name()))?;
        }
        let each = (after as f64 - before as f64) / count as f64;
        println!(
            "| {} | {count} | {each:.2} | {:.1} | {:.1} |",
            version.name(),
            before as f64 / 1024.0,
            after as f64 / 1024.0
        );
    }
    Ok(())
}

async fn measure(given: &Given) -> Result<(), Box<dyn Error>> {
    if let Some(count) = given.idle {
        return idle(given, count).await;
    }
    let works = [
        Work { name: "GET 1 KiB", up: None, down: 1024, streams: given.streams },
        Work { name: "POST 1 KiB", up: Some(1024), down: 0, streams: given.streams },
        Work { name: "GET 1 MiB", up: None, down: content::LARGEST, streams: 2 },
    ];
    let spoken = Spoken::all_but(&given.without);
    let (targets, seen) = upstream::start(1)?;
    let (gateway, gate) = start(given, targets[0])?;
    let mut figures: Vec<Figures> = works.iter().flat_map(|_| &spoken).map(|_| Figures::default()).collect();
    let mut faults = Vec::new();
    for _ in 0..given.rounds {
        let cells = works.iter().flat_map(|work| spoken.iter().map(|version| (*work, *version)));
        for ((work, version), figures) in cells.zip(&mut figures) {
            run(&gate, work, version, given.connections, Duration::from_secs(1)).await?;
            let (before, since) = (gateway.cpu(), Instant::now());
            let count = run(&gate, work, version, given.connections, Duration::from_secs(given.seconds)).await?;
            let (after, took) = (gateway.cpu(), since.elapsed());
            let each = |spent: f64| spent * 1e6 / count.requests.max(1) as f64;
            figures.requests += count.requests;
            figures.errors += count.faults.len();
            figures.seconds += took.as_secs_f64();
            figures.proxy.push(each(after.0 - before.0));
            figures.all.push(each(after.1 - before.1));
            faults.extend(count.faults.into_iter().map(|fault| format!("{} {}: {fault}", version.name(), work.name)));
        }
    }
    println!("{} connections, {} streams each; medians of {}\n", given.connections, given.streams, given.rounds);
    println!(
        "| work | version | requests | errors | seconds | µs CPU a request | with the log writer | requests a CPU second | beside HTTP/1.1 TLS |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (i, work) in works.iter().enumerate() {
        let row = &mut figures[i * spoken.len()..][..spoken.len()];
        let base = spoken.iter().position(|v| *v == Spoken::Http1Tls).map_or(f64::NAN, |at| median(&mut row[at].proxy));
        for (version, f) in spoken.iter().zip(row) {
            let (proxy, all) = (median(&mut f.proxy), median(&mut f.all));
            println!(
                "| {} | {} | {} | {} | {:.1} | {proxy:.1} | {all:.1} | {:.0} | {:.2} |",
                work.name,
                version.name(),
                f.requests,
                f.errors,
                f.seconds,
                1e6 / proxy,
                base / proxy,
            );
        }
    }
    faults.extend(seen.wrong.lock().map_err(|e| e.to_string())?.drain(..));
    faults.sort_unstable();
    faults.dedup();
    faults.iter().take(20).for_each(|fault| eprintln!("{fault}"));
    if faults.is_empty() { Ok(()) } else { Err("not every request was answered well".into()) }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Asks over all connections and streams at once until the time is over.
async fn run(gate: &Gate, work: Work, version: Spoken, connections: usize, time: Duration) -> Result<Count, String> {
    let mut links = Vec::new();
    for _ in 0..connections {
        let link = Link::open(gate, version).await.map_err(|e| e.to_string())?;
        for _ in 1..work.streams {
            links.push(match link.share() {
                Some(link) => link,
                None => Link::open(gate, version).await.map_err(|e| e.to_string())?,
            });
        }
        links.push(link);
    }
    let host: Arc<str> = HOST.into();
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for (seed, mut link) in links.into_iter().enumerate() {
        let ask = Ask { up: work.up, ..Ask::get(&host, seed as u64, work.down) };
        tasks.spawn(async move {
            let mut count = Count::default();
            while Instant::now() < until {
                match link.ask(&ask).await {
                    Ok(()) => count.requests += 1,
                    Err(fault) => {
                        count.faults.push(fault);
                        break;
                    }
                }
            }
            count
        });
    }
    let counts = tasks.join_all().await;
    Ok(counts.into_iter().fold(Count::default(), |mut sum, count| {
        sum.requests += count.requests;
        sum.faults.extend(count.faults);
        sum
    }))
}
