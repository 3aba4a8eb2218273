//! Replays recorded requests through the rule engine and prints CPU time per request.
//!
//! `waf-replay [--crs DIR] [--pl 1,2,4] [--repeat 9] [--json] CORPUS.jsonl…`; the columns are those of `msc_bench`:
//! per request the fastest repeat, then the mean over the requests ("best").

use std::path::{Path, PathBuf};

use argos_benches::waf::{core_rule_set, corpus, replay};
use argos_seclang::RuleSet;
use rustix::time::{ClockId, clock_gettime};

struct Options {
    crs: String,
    levels: Vec<u8>,
    repeat: usize,
    json: bool,
    files: Vec<PathBuf>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    for level in &options.levels {
        let start = cpu_us();
        let set = core_rule_set(&options.crs, *level)?;
        let load = (cpu_us() - start) / 1000.0;
        if options.json {
            println!(r#"{{"paranoia":{level},"rules":{},"load_cpu_ms":{load:.1}}}"#, set.rule_count());
        } else {
            println!("== PL{level}  rules {}  load {load:.0} ms CPU", set.rule_count());
            println!(
                "{:<14} {:>5} {:>11} {:>11} {:>11} {:>7}",
                "corpus", "reqs", "best us", "mean us", "max us", "stops"
            );
        }
        for file in &options.files {
            measure(&set, file, &options)?;
        }
        if !options.json {
            share(&set)?;
        }
    }
    Ok(())
}

/// What further sets over the same compiled rules cost: 1,000 at mixed levels, each with an exclusion of its own.
fn share(set: &RuleSet) -> Result<(), Box<dyn std::error::Error>> {
    let (memory, start) = (resident_kib()?, cpu_us());
    let sets: Result<Vec<_>, _> = (0..1000_u32)
        .map(|n| {
            let exclusions =
                format!("SecRuleRemoveById {}\nSecRuleUpdateTargetByTag attack-xss !ARGS:a{n}\n", 942_100 + n);
            let variant =
                set.vary().paranoia(1 + (n % 4) as u8).thresholds(5 + n, 4).exclusions("own.conf", exclusions);
            variant.compile().map(|(set, _)| set)
        })
        .collect();
    let sets = sets.map_err(|found| format!("{found:?}"))?;
    let (took, memory) = (cpu_us() - start, resident_kib()?.saturating_sub(memory));
    println!("{} further sets: {:.0} us CPU and {} KiB for each", sets.len(), took / 1000.0, memory / 1000);
    println!("resident: {} KiB", resident_kib()?);
    Ok(())
}

fn resident_kib() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../shared".to_owned());
    let (crs, levels) = (format!("{shared}/crs"), vec![1, 2, 4]);
    let mut options = Options { crs, levels, repeat: 9, json: false, files: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--crs" => options.crs = value()?,
            "--pl" => options.levels = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--repeat" => options.repeat = value()?.parse()?,
            "--json" => options.json = true,
            _ => options.files.push(word.into()),
        }
    }
    if options.files.is_empty() {
        let folder = Path::new(&shared).join("tools/waf-bench/corpus");
        for entry in std::fs::read_dir(folder)? {
            options.files.push(entry?.path());
        }
        options.files.sort();
    }
    Ok(options)
}

fn measure(set: &RuleSet, file: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let requests = corpus(file)?;
    let mut best = vec![f64::MAX; requests.len()];
    let mut sum = 0.0;
    let mut stops = 0;
    for round in 0..=options.repeat {
        stops = 0;
        for (request, best) in requests.iter().zip(&mut best) {
            let start = cpu_us();
            let outcome = replay(set, request);
            let took = cpu_us() - start;
            stops += usize::from(outcome.interrupted.is_some());
            // The first round warms caches, as in the reference harness.
            if round > 0 {
                *best = best.min(took);
                sum += took;
            }
        }
    }
    let count = requests.len().max(1) as f64;
    let mean = sum / count / options.repeat.max(1) as f64;
    let (least, most) = (best.iter().sum::<f64>() / count, best.iter().copied().fold(0.0, f64::max));
    let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if options.json {
        println!(
            r#"{{"corpus":"{name}","requests":{},"best_us":{least:.1},"mean_us":{mean:.1},"blocked":{stops}}}"#,
            requests.len()
        );
    } else {
        println!("{name:<14} {:>5} {least:>11.1} {mean:>11.1} {most:>11.1} {stops:>7}", requests.len());
    }
    Ok(())
}

/// CPU time of this thread, in microseconds.
fn cpu_us() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}
