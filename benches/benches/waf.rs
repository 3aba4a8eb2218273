//! The rule engine's parts: recorded requests under the core rule set, and each heavy operator and transformation
//! alone.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::path::Path;

use argos_benches::waf::{core_rule_set, corpus, replay};
use argos_seclang::{NoFiles, Now, Outcome, RuleSet};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// One recorded request after the other, at each paranoia level that the comparison with others uses.
fn corpora(c: &mut Criterion) {
    let Ok(shared) = std::env::var("SHARED_DIR") else {
        eprintln!("recorded requests: not run: SHARED_DIR missing");
        return;
    };
    let folder = Path::new(&shared).join("tools/waf-bench/corpus");
    for level in [1, 2, 4] {
        let set = core_rule_set(&format!("{shared}/crs"), level).unwrap();
        let mut group = c.benchmark_group(format!("the core rule set, paranoia {level}"));
        for name in ["a_get", "b_form1k", "c_json10k", "d_json64k", "e_attack", "f_upload256k"] {
            let requests = corpus(&folder.join(format!("{name}.jsonl"))).unwrap();
            let stopped = requests.iter().filter(|request| replay(&set, request).interrupted.is_some()).count();
            // Higher levels stop ordinary requests, too.
            assert!(level > 1 || (stopped > 0) == (name == "e_attack"), "{name}: {stopped} stopped");
            let mut next = requests.iter().cycle();
            group.bench_function(name, |b| b.iter(|| replay(&set, next.next().unwrap())));
        }
    }
}

/// Prose with what attacks are made of, so that no shortcut passes the value over.
const TEXT: &str = "It's said that <b>one</b> select few = 1 or more from where(they) came; see /etc/hosts, $HOME, \
    http://a.example/x?y=z&amp;q=%41%u0041\\u0041 and -- what /* else */ there was. ";

/// `rule` over one argument of 4 KiB.
fn inspect(set: &RuleSet, value: &str) -> Outcome {
    let mut transaction = set.transaction(Now { unix_millis: 1_790_000_000_000 });
    transaction.connection([203, 0, 113, 7].into(), 50_123, [192, 0, 2, 10].into(), 443);
    transaction.request_line(b"POST", b"/", b"HTTP/1.1");
    transaction.request_header(b"Host", b"a.example");
    transaction.request_header(b"Content-Type", b"application/x-www-form-urlencoded");
    transaction.phase1();
    transaction.request_body(value.as_bytes());
    transaction.phase2();
    transaction.finish()
}

fn parts(c: &mut Criterion) {
    let text = TEXT.repeat(4096 / TEXT.len() + 1);
    let body = format!("a={}", text.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace(' ', "+"));
    let operators = [
        ("@noMatch", "@noMatch"),
        ("@rx of a word", r"@rx (?i)\bunion\b.{1,100}?\bselect\b"),
        ("@rx that looks around", r"@rx (?i)(?=.*never)(?<!a)nowhere$"),
        ("@rx of captures", r"@rx ^([^;]*);([^;]*);never"),
        (
            "@pm of 40 words",
            "@pm xp_cmdshell sp_password utl_http waitfor benchmark sleep pg_sleep load_file outfile \
            dumpfile information_schema sysobjects syscolumns mb_users xtype varbinary openrowset openquery dbms_java \
            nvarchar extractvalue updatexml procedure analyse cursor declare exec execute drop truncate shutdown \
            having group_concat concat_ws unhex sha2 md5 aes_decrypt char_length",
        ),
        ("@contains", "@contains nowhere to be found"),
        ("@containsWord", "@containsWord nowhere"),
        ("@strmatch", "@strmatch nowhere"),
        ("@within", "@within GET POST HEAD"),
        ("@detectSQLi", "@detectSQLi"),
        ("@detectXSS", "@detectXSS"),
        ("@validateByteRange", "@validateByteRange 9,10,13,32-255"),
        ("@validateUtf8Encoding", "@validateUtf8Encoding"),
        ("@validateUrlEncoding", "@validateUrlEncoding"),
        ("@verifyCC", r"@verifyCC \d{13,16}"),
    ];
    let transformations = [
        "urlDecodeUni",
        "htmlEntityDecode",
        "jsDecode",
        "cssDecode",
        "utf8toUnicode",
        "lowercase",
        "cmdLine",
        "normalisePath",
        "removeNulls",
        "removeWhitespace",
        "compressWhitespace",
        "replaceComments",
        "removeCommentsChar",
        "escapeSeqDecode",
        "base64Decode",
        "sqlHexDecode",
        "sha1",
        "md5",
    ];
    let rules = operators
        .iter()
        .map(|(name, operator)| ((*name).to_owned(), format!("SecRule ARGS \"{operator}\" \"id:1,phase:2,pass\"")))
        .chain(transformations.iter().map(|name| {
            (format!("t:{name}"), format!("SecRule ARGS \"@streq nowhere\" \"id:1,phase:2,pass,t:{name}\""))
        }));
    let mut group = c.benchmark_group("4 KiB in one argument");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for (name, rule) in rules {
        let rules = format!("SecRequestBodyAccess On\n{rule}\n");
        let compiled = RuleSet::builder(NoFiles).rules_str("bench.conf", rules).compile();
        let (set, _) = compiled.unwrap_or_else(|found| panic!("{name}: {found:?}"));
        group.bench_function(name, |b| b.iter(|| inspect(&set, black_box(&body))));
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = corpora, parts }
criterion_main!(benches);
