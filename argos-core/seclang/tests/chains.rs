//! Every chain of the public core rule set: when the whole of it matches, its scores land, whichever link adds them;
//! when its last link does not match, what that link would add does not.
//!
//! Each chain is taken as it stands, with targets and operators replaced by ones that match, or do not. The rules lie
//! outside this package; without them the test says so and passes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use argos_seclang::{NoFiles, Now, Outcome, RuleSet};

/// A rule as it is written: its list of actions, quotes left out.
struct Link {
    actions: String,
}

/// The directives of `text`, continuations joined and comments left out.
fn directives(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.trim_end().strip_suffix('\\') {
            Some(more) => current.push_str(more.trim_start()),
            None => {
                current.push_str(line.trim_start());
                if !current.is_empty() {
                    found.push(std::mem::take(&mut current));
                }
            }
        }
    }
    found
}

/// The last quoted word of a rule that has three.
fn actions(rule: &str) -> Option<String> {
    let mut words = Vec::new();
    let mut rest = rule.strip_prefix("SecRule ")?.trim_start();
    rest = match rest.strip_prefix('"') {
        Some(quoted) => &quoted[quoted.find('"')? + 1..],
        None => &rest[rest.find(' ')?..],
    };
    while let Some(start) = rest.find('"') {
        let inner = &rest[start + 1..];
        let mut end = 0;
        let bytes = inner.as_bytes();
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        words.push(inner.get(..end)?.to_owned());
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    (words.len() == 2).then(|| words.swap_remove(1))
}

fn chains(text: &str) -> Vec<Vec<Link>> {
    let mut found = Vec::new();
    let mut open: Vec<Link> = Vec::new();
    for directive in directives(text) {
        if !directive.starts_with("SecRule ") {
            continue;
        }
        let actions = actions(&directive).unwrap_or_default();
        let goes_on = actions.split(',').any(|action| action.trim() == "chain");
        if goes_on || !open.is_empty() {
            open.push(Link { actions });
        }
        if !goes_on && !open.is_empty() {
            found.push(std::mem::take(&mut open));
        }
    }
    found
}

/// The scores that a list of actions adds to: names in TX.
fn scores(actions: &str) -> Vec<String> {
    let adds = actions.split("setvar:").skip(1).filter_map(|part| {
        let part = part.trim_start_matches('\'');
        let (name, value) = part.split_once('=')?;
        let counted = value.starts_with("+%{tx.") && name.starts_with("tx.") && name.contains("anomaly_score");
        counted.then(|| name[3..].to_owned())
    });
    adds.collect()
}

/// The chain with every link matching but, if `fails`, the last one; behind it a rule that shows each score.
fn compile(chain: &[Link], fails: bool, names: &[String]) -> RuleSet {
    let mut text = String::from(
        "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.critical_anomaly_score=5,setvar:tx.error_anomaly_score=4,\
         setvar:tx.warning_anomaly_score=3,setvar:tx.notice_anomaly_score=2\"\n",
    );
    for (index, link) in chain.iter().enumerate() {
        let operator = if fails && index + 1 == chain.len() { "@noMatch" } else { "@unconditionalMatch" };
        // `block` is whatever the set-up makes of it; here it passes, so that the scores can be seen.
        text += &format!("SecRule REQUEST_METHOD \"{operator}\" \"{}\"\n", link.actions);
    }
    for (index, name) in names.iter().enumerate() {
        text += &format!("SecRule TX:{name} \"@gt 0\" \"id:{},phase:5,pass\"\n", index + 2);
    }
    match RuleSet::builder(NoFiles).rules_str("chain.conf", &text).compile() {
        Ok((set, _)) => set,
        Err(errors) => panic!("{}\n{text}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn run(set: &RuleSet) -> Outcome {
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(b"GET", b"/", b"HTTP/1.1");
    transaction.phase1();
    transaction.phase2();
    transaction.response(200, b"HTTP/1.1");
    transaction.phase3();
    transaction.phase4();
    transaction.finish()
}

#[test]
fn every_chain_that_matches_whole_lands_its_score() {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("crs/rules");
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return;
    }
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut all, mut late, mut wrong) = (0, 0, Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "conf")) {
        for chain in chains(&std::fs::read_to_string(file).unwrap()) {
            all += 1;
            let names: Vec<String> = chain.iter().flat_map(|link| scores(&link.actions)).collect();
            let before: Vec<String> = chain[..chain.len() - 1].iter().flat_map(|link| scores(&link.actions)).collect();
            let mut last = scores(&chain.last().unwrap().actions);
            last.retain(|name| !before.contains(name));
            late += usize::from(chain.iter().skip(1).any(|link| !scores(&link.actions).is_empty()));
            let show = |set: &RuleSet| {
                let ids: Vec<u64> = run(set).matched.iter().map(|matched| matched.id).collect();
                let landed = |name: &&String| {
                    names.iter().position(|n| n == *name).is_some_and(|i| ids.contains(&(i as u64 + 2)))
                };
                (names.iter().filter(landed).count(), last.iter().filter(landed).count())
            };
            let whole = show(&compile(&chain, false, &names));
            let broken = show(&compile(&chain, true, &names));
            if whole != (names.len(), last.len()) || broken.1 != 0 {
                wrong.push(format!("{}: {}", file.display(), chain[0].actions));
            }
        }
    }
    println!("{all} chains, {late} score behind their first link");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all >= 50 && late >= 40, "{all} chains, {late} of them score late");
}
