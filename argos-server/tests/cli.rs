//! The command line of the real binary: exit codes, and what a refused start leaves untouched.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::{Folder, Server};

fn code(folder: &Folder, args: &[&str]) -> (i32, String) {
    let out = folder.run(args);
    (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let folder = Folder::new();
    let target = r#"{"targets":[{"host":"127.0.0.1","port":9}]}"#;
    let create = ["host", "create", "--domain", "a.test", "--tls-mode", "none", "--target-group", target];
    let (exit, stderr) = code(&folder, &create);
    assert_eq!((exit, stderr.contains("no database in")), (3, true), "{stderr}");
    assert!(!folder.data().exists());
    assert_eq!(code(&folder, &[&create[..], &["--create"]].concat()).0, 0);
    for (args, expected, text) in [
        (&create[..], 4, "already served"),
        (&["host", "get", "99"][..], 3, "host 99 does not exist"),
        (&["host", "create", "--domain", "-", "--tls-mode", "none"][..], 5, "domain"),
        (&["host", "create", "--domain", "b.test", "--tls-mode", "manual"][..], 5, "create it with none"),
        (&["host", "explode"][..], 2, "unrecognized"),
        (&["setting", "set", "proxy.max_retries", "9"][..], 5, "proxy.max_retries"),
        (&["call", "no.such"][..], 3, "no.such"),
        (&["call", "hosts.get", "{"][..], 5, "JSON"),
        (&["serve", "--http", "nonsense"][..], 5, "nonsense"),
        (&["host", "list", "--log-level", "loud"][..], 5, "allowed: error, warn"),
    ] {
        let (got, stderr) = code(&folder, args);
        assert_eq!(got, expected, "{args:?}: {stderr}");
        assert!(stderr.contains(text), "{args:?}: {stderr}");
    }
}

/// Every option that names a file, with what else its command needs.
#[test]
fn no_file_is_read_without_end_and_its_option_is_named() {
    let folder = Folder::new();
    folder.json(&["host", "list"]);
    let bad = folder.path("bad.json");
    std::fs::write(&bad, "{\"server\": }").unwrap();
    let der = folder.path("cert.der");
    std::fs::write(&der, [0x30, 0x82, 0x01, 0x5b, 0xff]).unwrap();
    let wrong = folder.path("wrong.json");
    std::fs::write(&wrong, "{\"server\": \"a b\"}").unwrap();
    let (bad, der, wrong) = (bad.to_str().unwrap(), der.to_str().unwrap(), wrong.to_str().unwrap());
    let upload =
        |cert: &'static str, key: &'static str| ["certificate", "upload", "1", "--cert-pem", cert, "--key-pem", key];
    let target = r#"{"targets":[{"host":"127.0.0.1","port":9}]}"#;
    folder.json(&["host", "create", "--domain", "a.test", "--tls-mode", "none", "--target-group", target]);
    let config = |file| ["dns-provider", "create", "home", "--kind", "rfc2136", "--config", file];
    let der = ["certificate", "upload", "1", "--cert-pem", der, "--key-pem", "/dev/null"];
    for (args, text) in [
        (&upload("/dev/zero", "/dev/null")[..], "cert_pem: /dev/zero: has more than 1048576 bytes"),
        (&upload("/dev/null", "/dev/zero")[..], "key_pem: /dev/zero: has more"),
        (&config("/dev/zero")[..], "config: /dev/zero: has more"),
        (&["setting", "set", "acme.ca_bundle", "/dev/zero"][..], "acme.ca_bundle: /dev/zero: has more"),
        (&["setting", "set", "acme.eab_hmac_key", "/dev/zero"][..], "acme.eab_hmac_key"),
        (&["waf", "explain", "--in", "/dev/zero"][..], "in: "),
        (&der[..], "cert_pem: is binary, as DER is"),
        (&config(bad)[..], "config: not JSON"),
        (&config(wrong)[..], "config.server: must be host"),
    ] {
        let (exit, stderr) = code(&folder, args);
        assert_eq!(exit, 5, "{args:?}: {stderr}");
        assert!(stderr.contains(text), "{args:?}: {stderr}");
    }
    // A secret that was given in place of a file is not told.
    let (exit, stderr) = code(&folder, &config(r#"{"tsig_secret": "not-a-real-secret"}"#));
    assert_eq!((exit, stderr.contains("not-a-real-secret")), (5, false), "{stderr}");
    assert!(
        stderr.contains("config: give the name of a file that holds this JSON, or - for standard input"),
        "{stderr}"
    );
    let (exit, stderr) = code(&folder, &["setting", "update", "acme.eab_hmac_key=not-a-real-secret"]);
    assert_eq!((exit, stderr.contains("not-a-real-secret")), (5, false), "{stderr}");
    assert!(stderr.contains("acme.eab_hmac_key: the value names a file"), "{stderr}");
}

#[test]
fn tables_show_what_went_wrong_whole_and_help_only_what_is_taken() {
    let folder = Folder::new();
    let target = r#"{"targets":[{"host":"127.0.0.1","port":9}]}"#;
    folder.json(&["host", "create", "--domain", "shop.example.org", "--target-group", target]);
    let out = |args: &[&str]| String::from_utf8(folder.run(args).stdout).unwrap();
    let status = out(&["certificate", "status"]);
    let columns: Vec<&str> = status.lines().next().unwrap().split_whitespace().collect();
    let expected = ["host_id", "domain", "issuer", "not_after", "source", "state", "days_left", "status", "last_error"];
    assert_eq!(columns, expected);
    assert!(status.trim_end().ends_with("only where its root is installed"), "{status}");
    let list = out(&["certificate", "list"]);
    let columns: Vec<&str> = list.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns, ["id", "host_id", "names", "kind", "issuer", "not_after", "active"]);
    let help = out(&["certificate", "delete", "--help"]);
    assert!(help.contains("--tls-mode <auto|none>"), "{help}");
    // A long set of words stands below, and only where all is told.
    for (option, lists) in [("-h", false), ("--help", true)] {
        let help = out(&["delivery", "list", option]);
        assert!(help.contains("--event-type <EVENT_TYPE>"), "{help}");
        assert_eq!(help.contains("waf_attack_burst"), lists, "{help}");
        assert!(help.lines().all(|line| line.chars().count() < 160), "{help}");
    }
    let help = out(&["channel", "create", "-h"]);
    assert!(help.contains("What its type needs; a JSON file, - = standard input"), "{help}");
    assert!(help.contains("webhook, email, telegram, browser_push"), "{help}");
}

/// A server that answers one request with `status`, and its address.
fn answers_once(status: &'static str) -> std::net::SocketAddr {
    use std::io::{BufRead as _, Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream = std::io::BufReader::new(listener.accept().unwrap().0);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length]).unwrap();
        write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    });
    address
}

#[test]
fn what_comes_of_notifications_is_readable_and_a_trial_that_failed_has_an_exit_code() {
    let folder = Folder::new();
    folder.json(&["setting", "set", "notifications.allow_private_targets", "true"]);
    for status in ["204 No Content", "500 Internal Server Error"] {
        let config = folder.path("config.json");
        let url = format!("http://{}/", answers_once(status));
        std::fs::write(&config, serde_json::json!({"url": url, "content_type": "text/plain"}).to_string()).unwrap();
        let template = "{{ message }}\n\t{{ type }}\u{1b}[2J";
        let args = ["channel", "create", status, "webhook", "--config", config.to_str().unwrap()];
        let channel = folder.json(&[&args[..], &["--template", template]].concat());
        let out = folder.run(&["channel", "test", &channel["id"].to_string()]);
        let shown = String::from_utf8(out.stdout).unwrap();
        let taken = status.starts_with('2');
        assert_eq!(out.status.code(), Some(i32::from(!taken)), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], format!("success  {taken}"));
        assert!(lines[1].starts_with("payload  cli made generation "), "{shown}");
        assert_eq!(lines[2], "         \tconfig_change\u{fffd}[2J");
        assert_eq!(lines[3].ends_with("answers 500 Internal Server Error"), !taken, "{shown}");
    }
    let out = |args: &[&str]| String::from_utf8(folder.run(args).stdout).unwrap();
    let columns =
        |shown: &str| -> Vec<String> { shown.lines().next().unwrap().split_whitespace().map(str::to_owned).collect() };
    assert_eq!(columns(&out(&["channel", "list"])), ["id", "name", "type", "enabled", "rate_limit_per_minute"]);
    assert_eq!(columns(&out(&["notification", "event_types"])), ["type", "severity", "text"]);
    assert_eq!(columns(&out(&["notification", "presets"])), ["name", "method", "content_type", "url"]);

    let server = Server::start(&folder, &[]);
    folder.json(&["channel", "toggle", "1", "false"]);
    folder.json(&["notification-rule", "create", "1", "config_change"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let list = loop {
        let list = out(&["delivery", "list", "--stats", "1"]);
        if list.contains("config_change") {
            break list;
        }
        assert!(std::time::Instant::now() < deadline, "{list}");
    };
    let expected = ["id", "created_at", "event_type", "channel_id", "status", "attempts", "error_message", "message"];
    assert_eq!(columns(&list), expected);
    assert!(list.contains("channel disabled  cli made generation "), "{list}");
    assert!(list.contains("\n\nstats.pending       0\n") && list.contains("stats.failed        1\n"), "{list}");
    assert!(server.stop());
}

#[test]
fn a_second_process_on_one_folder_is_refused_with_the_first_one_named() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (exit, stderr) = code(&folder, &["serve", "--http", "127.0.0.1:0", "--https", "off", "--panel", "off"]);
    assert_eq!(exit, 4, "{stderr}");
    assert!(stderr.contains("data folder is in use by process"), "{stderr}");
    assert!(server.stop());
}

#[test]
fn a_second_process_on_one_port_is_refused() {
    let (one, other) = (Folder::new(), Folder::new());
    let server = Server::start(&one, &[]);
    let taken = server.http.to_string();
    let (exit, stderr) = code(&other, &["serve", "--http", &taken, "--https", "off", "--panel", "off"]);
    assert_eq!(exit, 8, "{stderr}");
    assert!(stderr.contains(&taken), "{stderr}");
    assert!(server.stop());
}

#[test]
fn a_hangup_ends_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    server.signal("HUP");
    assert_eq!(folder.json(&["host", "list"])["items"], serde_json::json!([]));
    assert!(server.stop());
}

#[test]
fn a_wrong_key_or_a_newer_database_leaves_the_file_untouched() {
    let folder = Folder::new();
    folder.json(&["host", "list"]);
    let file = folder.data().join("argos.db");
    let before = std::fs::read(&file).unwrap();
    let key = folder.path("other.key");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let key = key.to_str().unwrap();
    let (exit, stderr) =
        code(&folder, &["serve", "--master-key-file", key, "--http", "off", "--https", "off", "--panel", "off"]);
    assert_eq!(exit, 6, "{stderr}");
    assert!(stderr.contains("the master key does not match this database (generation 0"), "{stderr}");
    assert!(std::fs::read(&file).unwrap() == before);

    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("INSERT INTO schema_migrations (version, checksum) VALUES ('9999_later', 'x')", []).unwrap();
    drop(db);
    let before = std::fs::read(&file).unwrap();
    let (exit, stderr) = code(&folder, &["serve", "--http", "off", "--https", "off", "--panel", "off"]);
    assert_eq!(exit, 6, "{stderr}");
    assert!(stderr.contains("newer than this version: it has migration 9999_later"), "{stderr}");
    assert!(std::fs::read(&file).unwrap() == before);
}

#[test]
fn variables_of_later_parts_are_refused_and_unknown_ones_named() {
    let folder = Folder::new();
    let later = folder.command(&["host", "list"]).env("ARGOS_CONFIG", "argos.yaml").output().unwrap();
    assert_eq!(later.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&later.stderr).contains("ARGOS_CONFIG: not available yet"));
    let unknown = folder.command(&["host", "list", "--create"]).env("ARGOS_SERVICE_PORT", "1").output().unwrap();
    assert_eq!(unknown.status.code(), Some(0));
}

#[test]
fn a_killed_process_leaves_a_folder_that_opens() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--demo"]);
    server.kill();
    let server = Server::start(&folder, &["--demo"]);
    assert_eq!(folder.json(&["host", "list"])["items"][0]["domain"], "demo.localhost");
    assert!(server.stop());
}

#[test]
fn many_calls_come_from_one_stream() {
    use std::io::Write as _;
    let folder = Folder::new();
    let mut child = folder
        .command(&["call", "-", "--create"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(
            br#"{"call":"target_groups.create","input":{"name":"g","targets":[{"host":"::1","port":9}]}}
{"call":"hosts.create","input":{"domain":"a.test","tls_mode":"none","target_group_id":1}}
"#,
        )
        .unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 2);
    assert_eq!(folder.json(&["host", "get", "1"])["target_group_id"], 1);
}

#[test]
fn what_holds_a_secret_is_read_from_a_file_and_its_faults_do_not_show_it() {
    let folder = Folder::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let create = ["dns-provider", "create", "home", "--kind", "rfc2136", "--config", path, "--create"];
    let config =
        |server: &str| format!(r#"{{"server": {server}, "tsig_name": "key", "tsig_secret": "c2VjcmV0LXdvcmQ="}}"#);
    for (text, part) in [
        (config("\"\"").as_str(), "config.server"),
        (config("7").as_str(), "config.server"),
        (&config("\"ns.test\"")[..40], "not JSON"),
        ("[\"c2VjcmV0LXdvcmQ=\"]", "JSON object"),
        (r#"{"server": "ns.test", "tsig_name": "key", "tsig_secret": ["c2VjcmV0LXdvcmQ="]}"#, "config.tsig_secret"),
    ] {
        std::fs::write(path, text).unwrap();
        let (exit, stderr) = code(&folder, &[&create[..], &["--json"]].concat());
        assert!(exit == 5 && stderr.contains(part) && !stderr.contains("c2Vj"), "{text}: {stderr}");
    }
    std::fs::write(path, config("\"ns.test\"")).unwrap();
    assert_eq!(code(&folder, &create).0, 0);
    let out = folder.run(&["dns-provider", "get", "1", "--json"]);
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(shown.contains("\"tsig_secret_set\": true") && !shown.contains("c2Vj"), "{shown}");
    let missing = ["dns-provider", "update", "1", "--config", "/nowhere/config.json"];
    let (exit, stderr) = code(&folder, &missing);
    assert!(exit == 5 && stderr.contains("/nowhere/config.json"), "{stderr}");
}

#[test]
fn a_request_is_explained_by_method_and_url_and_as_a_curl_command() {
    let folder = Folder::new();
    // What follows `curl` is curl's own, so that the folder is named before.
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_argos"));
        command.env_clear().arg("--data-dir").arg(folder.data()).args(args).output().unwrap()
    };
    let ran = |args: &[&str]| {
        let out = run(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let targets = r#"[{"host":"127.0.0.1","port":3000}]"#;
    ran(&["target-group", "create", "pool", "--targets", targets, "--create"]);
    ran(&["host", "create", "--domain", "shop.test", "--tls-mode", "none", "--target-group-id", "1"]);
    let matchers = r#"[{"type":"header","config":{"name":"X-A","value":"it's"}}]"#;
    ran(&["rule", "create", "1", "--matchers", matchers, "--action", r#"{"type":"block","config":{}}"#]);
    for (args, expected) in [
        (&["GET", "http://shop.test/x"][..], "→       forwarded to pool, 127.0.0.1:3000: no rule matches"),
        (&["http://shop.test/x", "-H", "X-A: it's"], "→       answered with 403: rule 1 (block)"),
        (&["curl", "-H", "X-A: it's", "-X", "PUT", "http://shop.test/x"], "→       answered with 403: rule 1 (block)"),
        (&["curl -H 'X-A: 1' http://shop.test/x"], "does not hold for \"1\""),
        (&["http://nobody.test/"], "→       answered with 404: no host has this name"),
        (&["--from", "192.0.2.7", "--waf", "http://shop.test/"], "client  192.0.2.7 over http"),
    ] {
        let text = ran(&[&["explain"], args].concat());
        assert!(text.contains(expected), "{args:?}: {text}");
    }
    let shown: serde_json::Value = serde_json::from_str(&ran(&["explain", "--json", "http://shop.test/"])).unwrap();
    assert_eq!(shown["rules"]["target"]["target_id"], 1);
    for (args, expected) in [
        (&["explain", "http://shop.test/", "-H", "nothing"][..], "has no colon"),
        (&["explain", "curl", "--upload-file", "x", "http://shop.test/"], "--upload-file"),
    ] {
        let out = run(args);
        let text = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(5) && text.contains(expected), "{args:?}: {text}");
    }
}
