//! What a host changes about its rules, seen by requests through a serving Argos: over the built-in rules, and over the
//! core rule set where it is at hand.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argos_core::{Argos, Options, ServeOptions, Serving};
use serde_json::{Value, json};
use support::{Answer, Client, Folder, Upstream};

/// A serving Argos with blocking hosts `1.test` and `2.test` before an upstream that says yes.
struct World {
    argos: Argos,
    serving: Serving,
    address: SocketAddr,
    /// The rules that find [`ATTACK`].
    rules: Vec<i64>,
    folder: Option<Folder>,
}

const ATTACK: &str = "%3Cscript%3Ealert(1)%3C/script%3E";

/// The rule sets that tests run over, with the rules of each that find [`ATTACK`].
fn sets() -> Vec<(PathBuf, Vec<i64>)> {
    let mut sets = vec![(PathBuf::from("baseline"), vec![2001, 2002, 2004])];
    sets.extend(support::shared("crs").map(|core| (core, vec![941_100, 941_110, 941_160, 941_390])));
    sets
}

impl World {
    fn over(set: &Path, rules: Vec<i64>) -> Self {
        let folder = Folder::new();
        let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
        let options = Options { crs: Some(set.to_owned()), ..Options::new(folder.path()) };
        let mut world = Self::start(options, rules);
        world.folder = Some(folder);
        world.add_hosts(upstream.address);
        world
    }

    fn start(options: Options, rules: Vec<i64>) -> Self {
        let argos = Argos::open(options).unwrap();
        let serve = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..Default::default() };
        let serving = argos.start(&serve).unwrap();
        let address = serving.addresses()[0];
        Self { argos, serving, address, rules, folder: None }
    }

    fn add_hosts(&self, upstream: SocketAddr) {
        for host in 1..=2 {
            let group = json!({"targets": [{"host": "127.0.0.1", "port": upstream.port()}]});
            let domain = format!("{host}.test");
            self.call("hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group": group}));
            self.call("security.update", json!({"host_id": host, "waf_mode": "block"}));
        }
    }

    fn call(&self, name: &str, input: Value) -> Value {
        let input = input.as_object().unwrap().clone();
        self.argos.call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    fn ask(&self, host: i64, method: &str, target: &str) -> Answer {
        self.ask_with(host, method, target, "Accept: */*")
    }

    fn ask_with(&self, host: i64, method: &str, target: &str, header: &str) -> Answer {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Client { reader: BufReader::new(socket.try_clone().unwrap()), socket };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}.test\r\nUser-Agent: Mozilla/5.0\r\n{header}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let head = if method == "GET" { head.replace("Content-Length: 0\r\n", "") } else { head };
        client.socket.write_all(head.as_bytes()).unwrap();
        client.answer()
    }

    fn status(&self, method: &str, target: &str) -> u16 {
        self.ask(1, method, target).status
    }

    /// Leaves out every rule that finds the attack, by id or by tag.
    fn leave_out(&self, by_tag: bool, more: &Value) -> Vec<Value> {
        let selectors = match by_tag {
            true => vec![json!({"tag": "attack-xss"})],
            false => self.rules.iter().map(|id| json!({"crs_rule_id": id})).collect(),
        };
        let create = |selector: Value| {
            let mut input = json!({"host_id": 1});
            for fields in [&selector, more] {
                input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            }
            let made = self.call("exclusions.create", input);
            assert_eq!(made["warnings"], json!([]), "{made}");
            made["id"].clone()
        };
        selectors.into_iter().map(create).collect()
    }

    /// Stops, and gives every finding, oldest first.
    fn rows(self) -> Vec<Value> {
        self.serving.stop(Duration::from_secs(20));
        let input = json!({"source": "waf_audit", "order": "asc", "limit": 500});
        let page = self.argos.call("logs.search", input.as_object().unwrap().clone()).unwrap();
        page.value["items"].as_array().unwrap().clone()
    }

    fn end(self) {
        self.serving.stop(Duration::from_secs(20));
        drop((self.argos, self.folder));
    }
}

#[test]
fn each_form_of_an_exclusion_lets_pass_what_it_names_and_nothing_else() {
    let at = |path: &str| format!("{path}?q={ATTACK}");
    for (set, rules) in sets() {
        let world = World::over(&set, rules);
        for by_tag in [false, true] {
            for (more, pass, stopped) in [
                (json!({}), vec![("GET", at("/")), ("POST", at("/x"))], vec![]),
                (
                    json!({"path_pattern": "/api"}),
                    vec![
                        ("GET", at("/api")),
                        ("POST", at("/api/x")),
                        // Encoded, repeated slashes, dot segments: what is compared is the matching form.
                        ("GET", at("/%61pi")),
                        ("GET", at("/ap%69/x")),
                    ],
                    vec![
                        ("GET", at("/")),
                        ("GET", at("/apix")),
                        ("GET", at("/x/api")),
                        ("GET", at("/API")),
                        ("GET", format!("/x?p=/api&q={ATTACK}")),
                    ],
                ),
                (
                    json!({"path_pattern": "/api/"}),
                    vec![("GET", at("/api/")), ("GET", at("/api/x"))],
                    vec![("GET", at("/api"))],
                ),
                (json!({"method": "POST,PUT"}), vec![("POST", at("/"))], vec![("GET", at("/"))]),
                (
                    json!({"target": "ARGS:q"}),
                    vec![("GET", at("/")), ("POST", at("/x"))],
                    vec![("GET", format!("/?r={ATTACK}")), ("GET", format!("/?q=1&q2={ATTACK}"))],
                ),
                (
                    json!({"target": "REQUEST_COOKIES, ARGS:/^Q$/"}),
                    vec![("GET", at("/"))],
                    vec![("GET", format!("/?qq={ATTACK}"))],
                ),
                (
                    json!({"target": "ARGS:q", "path_pattern": "/a b", "method": "GET"}),
                    vec![("GET", at("/a%20b")), ("GET", at("/a%20b/c"))],
                    vec![("POST", at("/a%20b")), ("GET", at("/a")), ("GET", format!("/a%20b?r={ATTACK}"))],
                ),
            ] {
                let shown = format!("{} by tag {by_tag} {more}", set.display());
                for (method, target) in pass.iter().chain(&stopped) {
                    assert_eq!(world.status(method, target), 403, "{shown}: {method} {target} before");
                }
                let made = world.leave_out(by_tag, &more);
                for (method, target) in &pass {
                    assert_eq!(world.status(method, target), 200, "{shown}: {method} {target}");
                }
                for (method, target) in &stopped {
                    assert_eq!(world.status(method, target), 403, "{shown}: {method} {target}");
                }
                assert_eq!(world.ask(2, "GET", &at("/api")).status, 403, "{shown}: another host");
                for id in &made {
                    world.call("exclusions.toggle", json!({"host_id": 1, "id": id, "enabled": false}));
                }
                for (method, target) in &pass {
                    assert_eq!(world.status(method, target), 403, "{shown}: {method} {target} when off");
                }
                for id in made {
                    world.call("exclusions.delete", json!({"host_id": 1, "id": id}));
                }
            }
        }
        world.end();
    }
}

#[test]
fn what_names_another_path_or_method_is_inside_the_exclusion_too_or_it_does_not_hold() {
    let (set, rules) = sets().remove(0);
    let world = World::over(&set, rules);
    let at = |path: &str| format!("{path}?q={ATTACK}");
    let made = world.leave_out(false, &json!({"path_pattern": "/free"}));
    for (target, header, expected) in [
        (at("/free/x"), "X-Other: 1", 200),
        (at("/free/x"), "X-Original-URL: /free/y?z", 200),
        (at("/free/x"), "X-Original-URL: /admin", 403),
        (at("/free/x"), "x-rewrite-url: /free/..%2Fadmin", 403),
        (at("/free/x"), "X-Original-URL: /freedom", 403),
        (at("/free/%EF%BC%8E%EF%BC%8E/admin"), "X-Other: 1", 403),
        (at("/free/x"), "X-HTTP-Method-Override: DELETE", 200),
    ] {
        assert_eq!(world.ask_with(1, "GET", &target, header).status, expected, "{target} {header}");
    }
    for id in made {
        world.call("exclusions.delete", json!({"host_id": 1, "id": id}));
    }
    world.leave_out(false, &json!({"method": "POST,PUT"}));
    for (target, header, expected) in [
        (at("/"), "X-HTTP-Method-Override: put", 200),
        (at("/"), "X-HTTP-Method-Override: DELETE", 403),
        (at("/"), "X-Original-URL: /admin", 200),
        (format!("/?_method=delete&q={ATTACK}"), "X-Other: 1", 403),
    ] {
        assert_eq!(world.ask_with(1, "POST", &target, header).status, expected, "{target} {header}");
    }
    world.end();
}

#[test]
fn an_exclusion_outlives_other_values_of_the_host_and_a_reload() {
    for (set, rules) in sets() {
        let world = World::over(&set, rules);
        let attack = format!("/free?q={ATTACK}");
        world.leave_out(false, &json!({"path_pattern": "/free"}));
        for (name, input) in [
            ("security.update", json!({"host_id": 1, "waf_inbound_threshold": 4})),
            ("settings.set", json!({"key": "appsec.inbound_threshold", "value": "3"})),
            ("waf.reload", json!({})),
            ("hosts.update", json!({"id": 1, "access_log": false})),
        ] {
            world.call(name, input);
            assert_eq!(
                (world.status("GET", &attack), world.status("GET", &format!("/{}", &attack[5..]))),
                (200, 403),
                "{name}"
            );
        }
        world.end();
    }
}

#[test]
fn own_rules_stand_before_detection_and_their_scores_count() {
    for (set, rules) in sets() {
        let world = World::over(&set, rules);
        let shown = set.display().to_string();
        let attack = format!("/?q={ATTACK}");
        let own =
            |text: String| world.call("custom_rules.create", json!({"host_id": 1, "secrule": text}))["id"].clone();
        // A score of its own reaches the threshold.
        assert_eq!(world.status("GET", "/?coupon=FREE"), 200, "{shown}");
        let score = "SecRule ARGS:coupon \"@streq FREE\" \
            \"id:100001,phase:2,pass,log,msg:'coupon',setvar:'tx.inbound_anomaly_score_pl1=+5'\"";
        let id = own(score.into());
        assert_eq!((world.status("GET", "/?coupon=FREE"), world.status("GET", "/?coupon=x")), (403, 200), "{shown}");
        assert_eq!(world.ask(2, "GET", "/?coupon=FREE").status, 200, "{shown}: another host");
        world.call("security.update", json!({"host_id": 1, "waf_inbound_threshold": 6}));
        assert_eq!(world.status("GET", "/?coupon=FREE"), 200, "{shown}");
        world.call("security.update", json!({"host_id": 1, "waf_inbound_threshold": null}));
        // An exclusion reaches it, too.
        let exclusion = world.call("exclusions.create", json!({"host_id": 1, "crs_rule_id": 100_001}));
        assert_eq!(exclusion["warnings"], json!([]));
        assert_eq!(world.status("GET", "/?coupon=FREE"), 200, "{shown}");
        world.call("exclusions.delete", json!({"host_id": 1, "id": exclusion["id"]}));
        world.call("custom_rules.toggle", json!({"host_id": 1, "id": id, "enabled": false}));
        assert_eq!(world.status("GET", "/?coupon=FREE"), 200, "{shown}");
        // `ctl` silences a rule for the requests that the own rule names.
        let ctl: String = world.rules.iter().map(|id| format!(",ctl:ruleRemoveById={id}")).collect();
        let id = own(format!("SecRule REQUEST_HEADERS:Host \"@streq 1.test\" \"id:100002,phase:1,pass,nolog{ctl}\""));
        assert_eq!((world.status("GET", &attack), world.ask(2, "GET", &attack).status), (200, 403), "{shown}");
        world.call("custom_rules.delete", json!({"host_id": 1, "id": id}));
        assert_eq!(world.status("GET", &attack), 403, "{shown}");
        // What is removed or updated is so for all rules, whichever stand before it.
        let ids: Vec<String> = world.rules.iter().map(ToString::to_string).collect();
        let id = own(format!("SecRuleRemoveById {}", ids.join(" ")));
        assert_eq!(world.status("GET", &attack), 200, "{shown}");
        world.call("custom_rules.delete", json!({"host_id": 1, "id": id}));
        let id = own("SecRuleUpdateTargetByTag attack-xss !ARGS:q".into());
        assert_eq!((world.status("GET", &attack), world.status("GET", &attack.replace("q=", "r="))), (200, 403));
        world.call("custom_rules.delete", json!({"host_id": 1, "id": id}));
        // Actions of other rules can be changed, and targets added.
        let id = own(format!("SecRuleUpdateActionById {} \"deny,status:418\"", ids[0]));
        assert_eq!(world.status("GET", &attack), 418, "{shown}");
        world.call("custom_rules.delete", json!({"host_id": 1, "id": id}));
        // A rule that blocks itself, in each phase of the request, and a jump.
        let jump = "SecRule REQUEST_METHOD \"@streq GET\" \"id:100003,phase:1,pass,nolog,skipAfter:END\"\n\
            SecAction \"id:100004,phase:1,deny,status:409\"\nSecMarker END\n\
            SecRule REQUEST_URI \"@contains phase1\" \"id:100005,phase:1,deny,status:410\"";
        own(jump.into());
        assert_eq!(world.status("GET", "/"), 200, "{shown}");
        assert_eq!((world.status("PUT", "/"), world.status("GET", "/phase1")), (409, 410), "{shown}");
        world.call("waf.reload", json!({}));
        world.call("settings.set", json!({"key": "appsec.inbound_threshold", "value": "7"}));
        assert_eq!((world.status("PUT", "/"), world.status("GET", "/phase1")), (409, 410), "{shown}");
        world.end();
    }
}

#[test]
fn a_later_mode_relabels_no_row() {
    let (set, rules) = sets().remove(0);
    let world = World::over(&set, rules);
    let attack = format!("/?q={ATTACK}");
    let mode = |world: &World, mode: &str| drop(world.call("waf.mode", json!({"mode": mode})));
    mode(&world, "detect");
    assert_eq!(world.status("GET", &format!("{attack}&n=1")), 200);
    mode(&world, "block");
    assert_eq!(world.status("GET", &format!("{attack}&n=2")), 403);
    mode(&world, "disabled");
    assert_eq!(world.status("GET", &format!("{attack}&n=3")), 200);
    mode(&world, "detect");
    let rows = world.rows();
    let of = |n: &str, field: &str| {
        let found = rows.iter().filter(|row| row["query"].as_str().unwrap().ends_with(n));
        found.map(|row| row[field].clone()).collect::<Vec<_>>()
    };
    assert!(of("n=3", "action").is_empty() && !of("n=1", "action").is_empty());
    assert!(of("n=1", "action").iter().all(|action| action == "detected"));
    assert!(of("n=2", "action").iter().all(|action| action == "blocked"));
    // What blocks is what would have blocked.
    assert_eq!(of("n=1", "waf_rule_id"), of("n=2", "waf_rule_id"));
}

#[test]
fn rules_that_can_not_be_used_refuse_or_pass_by_setting_and_nothing_of_the_host_is_lost() {
    let set = tempfile::tempdir().unwrap();
    let set_path = set.path().to_str().unwrap().to_owned();
    std::fs::create_dir(set.path().join("rules")).unwrap();
    std::fs::write(set.path().join("crs-setup.conf"), "").unwrap();
    let rule = "SecRule ARGS:q \"@contains script\" \"id:101,phase:1,deny,log,severity:CRITICAL\"\n";
    std::fs::write(set.path().join("rules/REQUEST-910-A.conf"), rule).unwrap();
    let folder = Folder::new();
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
    let start = || World::start(Options::new(folder.path()), vec![101]);
    let statuses =
        |world: &World| ["/?q=script", "/free?q=script", "/?own=1"].map(|target| world.status("GET", target));
    let world = start();
    world.call("settings.set", json!({"key": "crs.path", "value": set_path}));
    world.add_hosts(upstream.address);
    world.call("exclusions.create", json!({"host_id": 1, "crs_rule_id": 101, "path_pattern": "/free"}));
    let own = "SecRule ARGS:own 1 \"id:100001,phase:1,deny,status:409\"";
    world.call("custom_rules.create", json!({"host_id": 1, "secrule": own}));
    assert_eq!(statuses(&world), [403, 200, 409]);
    world.end();
    // The folder is gone at the next start.
    drop(set);
    let world = start();
    assert_eq!(statuses(&world), [503, 503, 503]);
    world.call("settings.set", json!({"key": "appsec.inbound_threshold", "value": "6"}));
    world.call("waf.mode", json!({"mode": "detect"}));
    world.call("waf.mode", json!({"mode": "block"}));
    assert_eq!(statuses(&world), [503, 503, 503]);
    world.call("settings.set", json!({"key": "appsec.fail_open", "value": "true"}));
    assert_eq!(statuses(&world), [200, 200, 200]);
    world.end();
    let world = start();
    assert_eq!(statuses(&world), [200, 200, 200]);
    world.call("settings.set", json!({"key": "crs.path", "value": "baseline"}));
    assert_eq!(statuses(&world), [200, 200, 409]);
    assert_eq!(world.status("GET", &format!("/?q={ATTACK}")), 403);
    world.end();
}

#[test]
fn own_rules_have_a_length_each_and_together() {
    let folder = Folder::new();
    let options = Options { crs: Some("baseline".into()), ..Options::new(folder.path()) };
    let argos = Argos::open(options).unwrap();
    let call = |name: &str, input: Value| argos.call(name, input.as_object().unwrap().clone());
    let group = json!({"targets": [{"host": "127.0.0.1", "port": 1}]});
    call("hosts.create", json!({"domain": "1.test", "tls_mode": "none", "target_group": group})).unwrap();
    let text = |id: u64, bytes: usize| {
        let rule = format!("SecAction \"id:{id},phase:1,pass\"\n");
        format!("{rule}#{}", "x".repeat(bytes - rule.len() - 1))
    };
    let refused = |made: argos_core::Result<argos_core::Reply>| {
        let error = made.unwrap_err();
        assert_eq!(error.code(), "out_of_range");
        error.to_string()
    };
    for (name, host) in [("waf.check_rules", None), ("waf.check_rules", Some(1)), ("custom_rules.create", Some(1))] {
        let mut input = json!({"secrule": text(100_001, (64 << 10) + 1)});
        if let Some(host) = host {
            input["host_id"] = json!(host);
        }
        assert!(refused(call(name, input)).contains("at most 64 KiB"), "{name}");
    }
    for id in 100_001..=100_004 {
        call("custom_rules.create", json!({"host_id": 1, "secrule": text(id, 64 << 10), "enabled": id % 2 == 0}))
            .unwrap();
    }
    for name in ["waf.check_rules", "custom_rules.create"] {
        let input = json!({"host_id": 1, "secrule": text(100_005, 64)});
        assert!(refused(call(name, input)).contains("at most 256 KiB together"), "{name}");
    }
    // What is stored may change within that.
    call("custom_rules.update", json!({"host_id": 1, "id": 1, "secrule": text(100_001, 60 << 10)})).unwrap();
    call("custom_rules.create", json!({"host_id": 1, "secrule": text(100_005, 4 << 10)})).unwrap();
}
