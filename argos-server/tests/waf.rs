//! `argos waf check` and `argos waf eval` of the real binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use serde_json::{Value, json};
use support::Folder;

fn eval(folder: &Folder, lines: &str, args: &[&str]) -> (i32, Vec<Value>) {
    let input = folder.path("in.jsonl");
    std::fs::write(&input, lines).unwrap();
    let args = [&["waf", "eval", "--in", input.to_str().unwrap()], args].concat();
    let out = folder.run(&args);
    let text = String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), text.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

fn get(id: i64, uri: &str) -> String {
    json!({"id": id, "method": "GET", "uri": uri, "version": "HTTP/1.1",
        "headers": [["Host", "a.test"], ["User-Agent", "Mozilla/5.0"], ["Accept", "*/*"]], "body_b64": ""})
    .to_string()
}

#[test]
fn eval_judges_each_line_in_order_whatever_the_threads() {
    let folder = Folder::new();
    let attack = "/?q=1%27%20OR%20%271%27=%271";
    let lines: Vec<String> = (0..40).map(|n| get(n, if n % 2 == 0 { "/hello" } else { attack })).collect();
    let (code, one) = eval(&folder, &lines.join("\n"), &[]);
    assert_eq!((code, one.len()), (0, 40));
    for (n, result) in one.iter().enumerate() {
        assert_eq!((&result["id"], &result["interrupted"]), (&json!(n), &json!(n % 2 == 1)), "{result}");
    }
    assert_eq!((&one[1]["status"], one[1]["score_in"].as_i64().unwrap() >= 5), (&json!(403), true));
    assert_eq!((&one[0]["status"], &one[0]["matched"]), (&Value::Null, &json!([])));
    assert_eq!(eval(&folder, &lines.join("\n"), &["--threads", "3"]).1, one);
    let (_, detected) = eval(&folder, &lines[1], &["--mode", "detect"]);
    assert_eq!((&detected[0]["interrupted"], &detected[0]["matched"]), (&json!(false), &one[1]["matched"]));
}

#[test]
fn a_bad_line_is_reported_in_its_place_and_the_rest_is_judged() {
    let folder = Folder::new();
    let lines = format!("{}\nnot json\n{{\"id\":7,\"method\":1}}\n{}\n", get(1, "/"), get(2, "/"));
    let (code, results) = eval(&folder, &lines, &[]);
    assert_eq!((code, results.len()), (5, 4));
    assert_eq!((&results[1]["id"], &results[1]["line"]), (&Value::Null, &json!(2)));
    assert_eq!((&results[2]["id"], &results[2]["line"]), (&json!(7), &json!(3)));
    assert_eq!(results[3]["id"], 2);
}

#[test]
fn check_prints_every_fault_with_its_position() {
    let folder = Folder::new();
    let file = folder.path("my.conf");
    let name = file.to_str().unwrap();
    std::fs::write(
        &file,
        "SecRule ARGS \"@rx (\" \"id:1,phase:2,deny\"\nSecNonsense On\nSecRule ARGS \"@rx x\" \"phase:2,deny\"\n",
    )
    .unwrap();
    let out = folder.run(&["waf", "check", name]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(5), "{text}");
    let places: Vec<&str> =
        text.lines().filter_map(|l| l.strip_prefix(&format!("{name}:"))?.split(':').next()).collect();
    assert_eq!(places, ["1", "2", "3"], "{text}");
    let json = folder.run(&["waf", "check", "--json", name]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["ok"], &json["errors"][1]["line"]), (&json!(false), &json!(2)));

    std::fs::write(&file, "SecDebugLogLevel 3\nSecRule ARGS \"@rx x\" \"id:1,phase:2,deny\"\n").unwrap();
    let out = folder.run(&["waf", "check", name]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && text.contains("warning: ") && text.contains(":1:"), "{text}");
    assert_eq!(folder.run(&["waf", "check", "/no/such.conf"]).status.code(), Some(5));
}

#[test]
fn explain_tells_each_step_and_the_reason() {
    let folder = Folder::new();
    let input = folder.path("request.json");
    std::fs::write(&input, get(1, "/?q=1%27%20OR%20%271%27=%271")).unwrap();
    let input = input.to_str().unwrap();
    let out = folder.run(&["waf", "explain", "--in", input]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{text}");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("blocked: Rule 9109 stops this request in phase 2 with status 403"), "{text}");
    assert!(text.contains("ARGS:q") && text.contains("inbound_anomaly_score_pl1 +5"), "{text}");
    assert!(text.lines().any(|line| line.ends_with(": passed")), "{text}");
    let short = folder.run(&["waf", "explain", "--in", input, "--matched", "--mode", "detect"]);
    let short = String::from_utf8(short.stdout).unwrap();
    assert!(!short.lines().any(|line| line.ends_with(": passed")), "{short}");
    // Of a chain that does not match in whole nothing is shown.
    let chain = folder.path("chain.conf");
    let rules = "SecRule ARGS:q \"@contains OR\" \"id:100001,phase:2,pass,log,chain\"\nSecRule ARGS:none a\n\
        SecRule ARGS:q \"@contains OR\" \"id:100002,phase:2,pass,log,ctl:ruleRemoveById=100003\"\n\
        SecRule ARGS:q \"@contains OR\" \"id:100003,phase:2,pass,log\"";
    std::fs::write(&chain, rules).unwrap();
    for (more, shown) in [(vec![], [true, true, true]), (vec!["--matched"], [false, true, false])] {
        let args = ["waf", "explain", "--in", input, "--rules", chain.to_str().unwrap()];
        let out = folder.run(&[&args, more.as_slice()].concat());
        let text = String::from_utf8(out.stdout).unwrap();
        let has = ["rule 100001,", "rule 100002,", "rule 100003,"].map(|id| text.contains(id));
        assert_eq!(has, shown, "{more:?}: {text}");
    }
    assert!(short.lines().last().unwrap().starts_with("detected: "), "{short}");
    let json = folder.run(&["waf", "explain", "--in", input, "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["verdict"], &json["result"]["id"]), (&json!("blocked"), &json!(1)));
}

#[test]
fn explain_takes_a_curl_command_and_refuses_what_it_does_not_know() {
    let folder = Folder::new();
    let command = "curl -A Mozilla 'http://a.test/?q=1%27%20OR%20%271%27=%271'";
    let input = folder.path("command.txt");
    std::fs::write(&input, command.replace(" 'http", " \\\n  'http")).unwrap();
    for args in [["--curl", command], ["--in", input.to_str().unwrap()]] {
        let out = folder.run(&[&["waf", "explain", "--json"], args.as_slice()].concat());
        let json: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(json["verdict"], "blocked", "{args:?}");
    }
    let out = folder.run(&["waf", "explain", "--curl", "curl --netrc http://a.test/"]);
    let text = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(5) && text.contains("--netrc"), "{text}");
    let out = folder.run(&["waf", "explain", "--curl", "curl http://a.test/ -H 'x'"]);
    assert_eq!(out.status.code(), Some(5));
}
