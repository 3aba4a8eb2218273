//! Rule sets installed into the data folder, served, read anew and brought back; the WAF's own file.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{Folder, Server, ask};

/// An archive whose one rule refuses `?q=WORD`, and its checksum.
fn archive(folder: &Folder, word: &str) -> (String, String) {
    let rules = format!(
        "SecComponentSignature \"SET/{word}\"\nSecRule ARGS:q \"@streq {word}\" \
         \"id:101,phase:1,deny,status:403,log,msg:'it is {word}',severity:CRITICAL\"\n"
    );
    packed(folder, word, &rules)
}

/// An archive of those rules, and its checksum.
fn packed(folder: &Folder, name: &str, rules: &str) -> (String, String) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in [("set/crs-setup.conf.example", "# nothing\n"), ("set/rules/REQUEST-910-A.conf", rules)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let path = folder.path(&format!("{name}.tar.gz"));
    std::fs::write(&path, &bytes).unwrap();
    (path.to_str().unwrap().to_owned(), hex::encode(Sha256::digest(&bytes)))
}

fn install(folder: &Folder, word: &str) -> Value {
    let (path, sum) = archive(folder, word);
    folder.json(&["crs", "install", &path, "--sha256", &sum])
}

fn status(server: &Server, word: &str) -> u16 {
    ask(server.http, "GET", &format!("/?q={word}"), &[("Host", "shop.example")], "").status
}

fn host(folder: &Folder) {
    let group = r#"{"targets":[{"host":"127.0.0.1","port":1}]}"#;
    folder.json(&["host", "create", "--domain", "shop.example", "--tls-mode", "none", "--target-group", group]);
    folder.json(&["security", "update", "1", "--waf-mode", "block"]);
}

fn lines(path: &PathBuf) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_installed_set_is_served_read_anew_and_brought_back() {
    let folder = Folder::new();
    host(&folder);
    assert_eq!(install(&folder, "one")["version"], "SET/one");
    let mut server = Server::start(&folder, &[]);
    assert!(server.log.iter().any(|line| line.contains("WAF rules: ") && line.contains("crs")), "{:?}", server.log);
    // Nobody listens behind the host: what the rules let pass is 502.
    assert_eq!((status(&server, "one"), status(&server, "two")), (403, 502));
    let done = install(&folder, "two");
    assert_eq!((done["version"].as_str(), done["previous"].as_bool()), (Some("SET/two"), Some(true)));
    assert_eq!((status(&server, "one"), status(&server, "two")), (502, 403));
    assert_eq!(folder.json(&["crs", "rollback"])["version"], "SET/one");
    assert_eq!((status(&server, "one"), status(&server, "two")), (502, 403));
    server.signal("HUP");
    server.wait_for("read anew");
    assert_eq!((status(&server, "one"), status(&server, "two")), (403, 502));
    // Rules that are broken on disk change nothing.
    std::fs::write(folder.data().join("crs/rules/REQUEST-910-A.conf"), "SecNothing On\n").unwrap();
    server.signal("HUP");
    server.wait_for("stay as they are");
    assert_eq!((status(&server, "one"), status(&server, "two")), (403, 502));
    assert!(server.stop());
}

#[test]
fn what_is_no_rule_set_is_refused_by_name() {
    let folder = Folder::new();
    let (path, sum) = archive(&folder, "one");
    let refusal = |args: &[&str]| {
        let out = folder.run(args);
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (exit, text) = refusal(&["crs", "install", &path, "--sha256", &"0".repeat(64)]);
    assert!(exit == 5 && text.contains(&sum), "{exit} {text}");
    let (exit, text) = refusal(&["crs", "install", "/no/such/file", "--sha256", &sum]);
    assert!(exit == 3 && text.contains("/no/such/file"), "{exit} {text}");
    assert_eq!(refusal(&["crs", "status"]).0, 3);
    assert_eq!(refusal(&["crs", "rollback"]).0, 3);
    let (exit, text) =
        refusal(&["serve", "--crs", "/no/such/set", "--http", "off", "--https", "off", "--panel", "off"]);
    assert!(exit == 5 && text.contains("crs.path"), "{exit} {text}");
}

#[test]
fn an_installed_set_reads_no_file_of_the_machine() {
    let folder = Folder::new();
    let key = folder.path("pattern.key");
    std::fs::write(&key, "pattern-of-a-key\n").unwrap();
    let at = key.to_str().unwrap();
    for (name, rules) in [
        ("above", "Include ../../pattern.key\n".to_owned()),
        ("absolute", format!("Include {at}\n")),
        ("glob", format!("Include {}/*.key\n", key.parent().unwrap().display())),
        ("words", format!("SecRule ARGS \"@pmFromFile {at}\" \"id:1,phase:1,deny\"\n")),
        ("endless", "SecRule ARGS \"@pmFromFile /dev/zero\" \"id:1,phase:1,deny\"\n".to_owned()),
    ] {
        let (path, sum) = packed(&folder, name, &rules);
        let out = folder.run(&["crs", "install", &path, "--sha256", &sum]);
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(5) && text.contains("REQUEST-910-A.conf"), "{name}: {text}");
        assert!(!text.contains("pattern-of-a-key"), "{name}: {text}");
    }
}

#[test]
fn the_audit_log_holds_what_was_found_and_on_demand_everything() {
    let folder = Folder::new();
    host(&folder);
    install(&folder, "one");
    let set = folder.data().join("crs");
    let path = folder.path("audit.jsonl");
    let flags = ["--crs", set.to_str().unwrap(), "--waf-audit-log", path.to_str().unwrap()];
    let server = Server::start(&folder, &flags);
    assert_eq!((status(&server, "two"), status(&server, "one")), (502, 403));
    assert!(server.stop());
    let found = lines(&path);
    assert_eq!(found.len(), 1, "{found:?}");
    let entry = &found[0];
    assert_eq!((&entry["verdict"], &entry["response"]["status"]), (&"blocked".into(), &403.into()));
    assert_eq!((&entry["host"], &entry["client"]), (&"shop.example".into(), &"127.0.0.1".into()));
    assert_eq!((&entry["request"]["method"], &entry["request"]["uri"]), (&"GET".into(), &"/?q=one".into()));
    assert_eq!(entry["request"]["headers"]["host"], "shop.example");
    assert_eq!((&entry["matched"][0]["id"], &entry["matched"][0]["msg"]), (&101.into(), &"it is one".into()));

    let mut server = Server::start(&folder, &[&flags[..], &["--waf-audit-all"]].concat());
    let secret = [("Host", "shop.example"), ("Authorization", "Bearer x")];
    assert_eq!(ask(server.http, "GET", "/?token=y", &secret, "").status, 502);
    let moved = folder.path("audit.1");
    std::fs::rename(&path, &moved).unwrap();
    server.signal("HUP");
    server.wait_for("read anew");
    assert_eq!(status(&server, "three"), 502);
    assert!(server.stop());
    let (before, after) = (lines(&moved), lines(&path));
    assert_eq!((before.len(), after.len()), (2, 1));
    let request = &before[1]["request"];
    assert_eq!((&request["uri"], &request["headers"]["authorization"]), (&"/?token=***".into(), &"***".into()));
    assert_eq!((&after[0]["matched"], &after[0]["verdict"]), (&Value::Array(Vec::new()), &"passed".into()));
}
