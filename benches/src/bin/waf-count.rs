//! The rule engine's work over recorded requests, for a tool that counts instructions: see `benches/waf/instructions`.
//!
//! Reads no clock, makes no output. What is told apart happens in functions of their own, one after the other:
//! `compile`, `load`, and for each corpus `pass` twice, of which the first fills what is kept between requests.

use std::hint::black_box;
use std::path::PathBuf;

use argos_benches::waf::{Request, core_rule_set, corpus, replay};
use argos_seclang::RuleSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../shared".to_owned());
    let mut words = std::env::args().skip(1);
    let level = words.next().ok_or("usage: waf-count LEVEL REQUESTS CORPUS.jsonl…")?.parse()?;
    let most = words.next().ok_or("how many requests of each corpus?")?.parse()?;
    let files: Vec<PathBuf> = words.map(PathBuf::from).collect();
    let set = compile(&format!("{shared}/crs"), level)?;
    for requests in load(&files, most)? {
        pass(&set, &requests);
        pass(&set, &requests);
    }
    Ok(())
}

#[inline(never)]
fn compile(crs: &str, level: u8) -> Result<RuleSet, String> {
    core_rule_set(crs, level)
}

#[inline(never)]
fn load(files: &[PathBuf], most: usize) -> Result<Vec<Vec<Request>>, Box<dyn std::error::Error>> {
    let first = |file: &PathBuf| corpus(file).map(|requests| requests.into_iter().take(most).collect());
    files.iter().map(first).collect()
}

#[inline(never)]
fn pass(set: &RuleSet, requests: &[Request]) {
    for request in requests {
        black_box(replay(set, request));
    }
}
