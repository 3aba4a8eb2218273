//! The worst that one value, or many, can cost the rule engine: a table of shapes and of the heaviest patterns.
//!
//! `waf-worst [--crs DIR] [--pl 1] [--patterns 20]`; needs `SHARED_DIR` or `--crs`. CPU time of the fastest of three
//! runs at one size and at ten times that size; cost that is linear in the input grows by ten.

use std::collections::BTreeSet;
use std::path::Path;

use argos_benches::waf::{Disk, Request, core_rule_set, replay};
use argos_seclang::{Loader, NoFiles, Now, RuleSet};
use regex_syntax::hir::{Class, Hir, HirKind};
use rustix::time::{ClockId, clock_gettime};

/// Bytes of a value, and of one ten times as long.
const SIZES: [usize; 2] = [4 << 10, 40 << 10];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../shared".to_owned());
    let (mut crs, mut level, mut patterns) = (format!("{shared}/crs"), 1, 20);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--crs" => crs = value,
            "--pl" => level = value.parse()?,
            "--patterns" => patterns = value.parse()?,
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    let set = core_rule_set(&crs, level)?;
    println!("== the whole rule set at PL{level}: CPU us of a request");
    println!("{:<34} {:>10} {:>10} {:>7}", "shape", "once", "ten times", "ratio");
    for (name, unit) in SHAPES {
        show(name, SIZES.map(|size| least(|| drop(replay(&set, &with_value(&fill(unit, size)))))));
    }
    show("random bytes", SIZES.map(|size| least(|| drop(replay(&set, &with_value(&random(size)))))));
    show("100 and 1000 arguments", [100, 1000].map(|count| least(|| drop(replay(&set, &with_arguments(count))))));
    show("6.4 and 64 KiB of JSON", [19, 190].map(|count| least(|| drop(replay(&set, &with_json(count))))));
    println!("\n== the heaviest patterns, each with the shape that costs it most: CPU us of one value");
    println!("{:<34} {:>10} {:>10} {:>7}  pattern", "shape", "once", "ten times", "ratio");
    let mut found: Vec<(f64, String, Vec<u8>, String)> = Vec::new();
    for pattern in all_patterns(&crs)? {
        let Some(set) = alone(&pattern) else { continue };
        let near = near_match(&pattern);
        let near = near.iter().map(|unit| ("near match", unit.as_slice()));
        let shapes = SHAPES.iter().copied().chain(near);
        let costs = shapes.map(|(name, unit)| (cost(&set, &fill(unit, SIZES[0])), name, unit.to_vec()));
        if let Some((cost, name, unit)) = costs.max_by(|a, b| a.0.total_cmp(&b.0)) {
            found.push((cost, name.to_owned(), unit, pattern));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, name, unit, pattern) in found.iter().take(patterns) {
        let Some(set) = alone(pattern) else { continue };
        let [once, ten] = SIZES.map(|size| least(|| run(&set, &fill(unit, size))));
        let start: String = pattern.chars().take(48).collect();
        println!("{name:<34} {once:>10.1} {ten:>10.1} {:>7.1}  {start}", ten / once);
    }
    Ok(())
}

/// What attackers repeat, and what makes matchers start again and again.
const SHAPES: &[(&str, &[u8])] = &[
    ("one letter", b"a"),
    ("one digit", b"1"),
    ("spaces", b" "),
    ("words", b"the quick brown fox "),
    ("select", b"select "),
    ("union all", b"union/**/all "),
    ("quotes", b"'\""),
    ("or 1=1", b"' or 1=1 "),
    ("commas", b"1,"),
    ("opening brackets", b"(((("),
    ("closing brackets", b"))))"),
    ("comments", b"/*/*--"),
    ("tags", b"<a <a "),
    ("attributes", b"<a onx= "),
    ("script", b"<scrip "),
    ("entities", b"&#x3c;"),
    ("percent signs", b"%u00"),
    ("parent folders", b"../"),
    ("backslashes", b"\\x"),
    ("dollars", b"${${"),
    ("templates", b"{{7*7"),
    ("pipes", b";|cat "),
    ("backticks", b"`id`"),
    ("urls", b"http://a"),
    ("data urls", b"data:;,"),
    ("base64", b"QUJD"),
    ("assignments", b"a=a&"),
    ("at signs", b"@@a"),
    ("line breaks", b"\r\na: b"),
    ("high bytes", b"\xc3\xa9\xff"),
    ("zero bytes", b"\0"),
];

fn show(name: &str, [once, ten]: [f64; 2]) {
    println!("{name:<34} {once:>10.1} {ten:>10.1} {:>7.1}", ten / once);
}

fn fill(unit: &[u8], size: usize) -> Vec<u8> {
    unit.iter().copied().cycle().take(size).collect()
}

/// The same bytes in every run.
fn random(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// A form with one field.
fn with_value(value: &[u8]) -> Request {
    let encoded: String = value.iter().map(|byte| format!("%{byte:02x}")).collect();
    post("application/x-www-form-urlencoded", format!("field={encoded}"))
}

fn with_arguments(count: usize) -> Request {
    let fields = (0..count).map(|n| format!("field_{n}=some+value+of+field+{n}"));
    post("application/x-www-form-urlencoded", fields.collect::<Vec<_>>().join("&"))
}

fn with_json(count: usize) -> Request {
    let item = |n: usize| {
        let note = "some words that describe this article in a sentence or two, as people write them ".repeat(3);
        format!(r#"{{"id":{n},"title":"Blue shoes {n}","active":true,"price":{n}.95,"note":"{note}{n}"}}"#)
    };
    post("application/json", format!(r#"{{"items":[{}]}}"#, (0..count).map(item).collect::<Vec<_>>().join(",")))
}

fn post(kind: &str, body: String) -> Request {
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Request {
        line: ["POST", "/a", "HTTP/1.1"].map(|part| part.as_bytes().to_vec()),
        headers: vec![
            header("Host", "shop.example"),
            header("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            header("Accept", "*/*"),
            header("Content-Type", kind),
            header("Content-Length", &body.len().to_string()),
        ],
        body: body.into_bytes(),
    }
}

/// The patterns of all `@rx` in the rule files.
fn all_patterns(crs: &str) -> Result<BTreeSet<String>, Box<dyn std::error::Error>> {
    let mut patterns = BTreeSet::new();
    for file in Disk.glob(&format!("{crs}/rules/*.conf")).map_err(|error| error.reason)? {
        let text = String::from_utf8_lossy(&std::fs::read(Path::new(&file))?).replace("\\\n", " ");
        for line in text.lines().filter(|line| line.trim_start().starts_with("SecRule ")) {
            let Some((_, rest)) = line.split_once("\"@rx ").or_else(|| line.split_once("\"!@rx ")) else { continue };
            // The operator ends at the first quote that no backslash hides.
            let hidden = |at: usize| rest[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
            if let Some((end, _)) = rest.match_indices('"').find(|(at, _)| !hidden(*at)) {
                patterns.insert(rest[..end].to_owned());
            }
        }
    }
    Ok(patterns)
}

/// A rule set of that pattern alone.
fn alone(pattern: &str) -> Option<RuleSet> {
    let text = format!("SecRule REQUEST_HEADERS:x \"@rx {pattern}\" \"id:1,phase:1,pass,nolog\"\n");
    RuleSet::builder(NoFiles).rules_str("one.conf", text).compile().ok().map(|(set, _)| set)
}

fn run(set: &RuleSet, value: &[u8]) {
    let mut transaction = set.transaction(Now::default());
    transaction.request_header(b"x", value);
    transaction.phase1();
    drop(transaction.finish());
}

fn cost(set: &RuleSet, value: &[u8]) -> f64 {
    // The first run compiles the pattern.
    run(set, value);
    time(|| run(set, value))
}

/// A text that the pattern matches, without its last byte; None for patterns that look around.
fn near_match(pattern: &str) -> Option<Vec<u8>> {
    let hir = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(pattern).ok()?;
    let mut text = Vec::new();
    sample(&hir, &mut text);
    text.pop();
    (!text.is_empty()).then_some(text)
}

fn sample(hir: &Hir, text: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            // A letter where there is one: it reaches further into most patterns.
            let ranges = class.ranges();
            let letter = ranges.iter().find(|range| range.end() >= b'a' && range.start() <= b'z');
            text.extend(letter.map(|range| range.start().max(b'a')).or(ranges.first().map(|range| range.start())));
        }
        HirKind::Class(Class::Unicode(class)) => {
            text.extend(
                class.ranges().first().map(|range| range.start()).into_iter().flat_map(|c| c.to_string().into_bytes()),
            );
        }
        HirKind::Repetition(repetition) => {
            (0..repetition.min.max(1)).for_each(|_| sample(&repetition.sub, text));
        }
        HirKind::Capture(capture) => sample(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| sample(part, text)),
        HirKind::Alternation(parts) => parts.iter().take(1).for_each(|part| sample(part, text)),
    }
}

fn least(mut work: impl FnMut()) -> f64 {
    work();
    (0..3).map(|_| time(&mut work)).fold(f64::MAX, f64::min)
}

/// CPU time of this thread, in microseconds.
fn time(work: impl FnOnce()) -> f64 {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
    };
    let start = now();
    work();
    now() - start
}
