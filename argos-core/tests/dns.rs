//! Records that prove names, with real parts: a name server that takes updates, commands, and an API that answers as
//! Cloudflare's does. And what is looked up before an order.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod cloudflare;
mod support;

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argos_core::certs::dns::{CaaRecord, DnsFault, Look, PATIENCE, Provider};
use argos_core::clock::{Clock, Timestamp};
use argos_core::error::ErrorKind;
use argos_core::schema::{Actor, DnsConfig, DnsProviderKind};
use argos_core::store::Origin;
use argos_core::{Argos, Reply};
use cloudflare::{Cloudflare, Does};
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{RData, Record, RecordType};
use serde_json::{Value, json};
use support::knot::{KEY, Knot, LONG_KEY, WEAK_KEY, secret};
use support::{Folder, argos};

/// One look, no second one.
const AT_ONCE: Duration = Duration::ZERO;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn provider(kind: DnsProviderKind, config: Value) -> Provider {
    let config: DnsConfig = serde_json::from_value(config).unwrap();
    Provider::new(kind, &config, true).unwrap()
}

fn updates(knot: &Knot, more: Value) -> Provider {
    let mut config = json!({ "server": knot.address.to_string(), "tsig_name": KEY, "tsig_secret": secret() });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    provider(DnsProviderKind::Rfc2136, config)
}

fn look_at(knot: &Knot) -> Look {
    Look::new(&[knot.address], Clock::system()).with_servers_at(knot.address.port())
}

/// A zone with its server and further records.
fn zone(records: &str) -> String {
    format!("@ NS ns\nns A 127.0.0.1\n{records}")
}

#[test]
fn two_values_stand_at_one_name_and_each_is_removed_alone() {
    let Some(knot) = Knot::start(&[("example.test", &zone("www A 192.0.2.1"))]) else { return };
    let look = look_at(&knot);
    let name = "_acme-challenge.www.example.test";
    let configs = [
        json!({}),
        json!({ "zone": "example.test" }),
        json!({ "zone": "Example.Test." }),
        json!({ "tsig_name": LONG_KEY, "tsig_algorithm": "hmac-sha512" }),
        // A name with two addresses, where there is IPv6: nobody listens at one of them.
        json!({ "server": format!("localhost:{}", knot.address.port()) }),
    ];
    for config in configs {
        let provider = updates(&knot, config.clone());
        run(async {
            provider.present(&look, name, "first").await.unwrap();
            // Made again, it is still one record.
            provider.present(&look, name, "first").await.unwrap();
            provider.present(&look, name, "second").await.unwrap();
            assert_eq!(knot.txt(name), ["first", "second"], "{config}");
            provider.wait_until_seen(&look, name, "first", AT_ONCE).await.unwrap();
            provider.wait_until_seen(&look, name, "second", AT_ONCE).await.unwrap();
            provider.cleanup(&look, name, "first").await.unwrap();
            assert_eq!(knot.txt(name), ["second"], "{config}");
            let e = provider.wait_until_seen(&look, name, "first", AT_ONCE).await.unwrap_err();
            assert!(matches!(&e, DnsFault::NotSeen { reason, .. } if reason.contains("1 TXT record")), "{e}");
            provider.cleanup(&look, name, "second").await.unwrap();
            provider.cleanup(&look, name, "second").await.unwrap();
            assert!(knot.txt(name).is_empty());
        });
    }
}

#[test]
fn what_a_name_server_refuses_says_what_helps() {
    let Some(knot) = Knot::start(&[("example.test", &zone(""))]) else { return };
    let name = "_acme-challenge.example.test";
    let refused = |config: Value, name: &str, clock: Clock| {
        let look = Look::new(&[knot.address], clock);
        run(updates(&knot, config).present(&look, name, "value")).unwrap_err()
    };
    let table = [
        (json!({ "tsig_name": "nobody" }), name, "dns.refused", "BADKEY"),
        (json!({ "tsig_algorithm": "hmac-sha384" }), name, "dns.refused", "tsig_algorithm"),
        (json!({ "tsig_secret": "b3RoZXI=" }), name, "dns.refused", "BADSIG"),
        (json!({ "tsig_name": WEAK_KEY }), name, "dns.refused", WEAK_KEY),
        (json!({ "zone": "other.test" }), "_acme-challenge.other.test", "dns.refused", "NOTAUTH"),
        (json!({ "zone": "sub.example.test" }), name, "dns.zone", "sub.example.test"),
        (json!({}), "_acme-challenge.other.test", "dns.zone", "no zone that holds it"),
    ];
    for (config, name, code, part) in table {
        let e = refused(config.clone(), name, Clock::system());
        assert!(e.code() == code && e.to_string().contains(part), "{config} {name}: {e}");
        assert!(!e.to_string().contains(&secret()), "{e}");
    }
    let now = Clock::system().now();
    let e = refused(json!({}), name, Clock::manual(Timestamp(now.0 - 3_600_000))).to_string();
    assert!(e.contains("the clocks differ by 3") && e.contains("BADTIME"), "{e}");
    assert!(knot.txt(name).is_empty());
}

#[test]
fn more_values_than_a_datagram_holds_are_seen_over_tcp() {
    let Some(knot) = Knot::start(&[("example.test", &zone(""))]) else { return };
    let look = look_at(&knot);
    let provider = updates(&knot, json!({}));
    let name = "_acme-challenge.example.test";
    let records: Vec<(String, String)> = (0..40).map(|n| (name.to_owned(), format!("{n:0>43}"))).collect();
    run(async {
        for (name, value) in &records {
            provider.present(&look, name, value).await.unwrap();
        }
        for (name, value) in &records {
            provider.wait_until_seen(&look, name, value, AT_ONCE).await.unwrap();
            provider.cleanup(&look, name, value).await.unwrap();
        }
    });
    assert!(knot.txt(name).is_empty());
}

/// A server that says `code` to everything and knows no key: an answer of its own, or of somebody on the way.
fn says(code: ResponseCode, authoritative: bool) -> (SocketAddr, std::sync::mpsc::Receiver<OpCode>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (told, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            if told.send(question.op_code).is_err() {
                return;
            }
            let mut answer = Message::response(question.id, question.op_code);
            answer.metadata.authoritative = authoritative;
            answer.metadata.response_code = code;
            answer.add_queries(question.queries.clone());
            // What it is asked for, it has.
            if let Some(asked) = question.queries.first().filter(|asked| asked.query_type() == RecordType::TXT) {
                let record = RData::TXT(TXT::new(vec!["value".to_owned()]));
                answer.add_answer(Record::from_rdata(asked.name().clone(), 60, record));
            }
            // First one to another question, which is not believed.
            let mut other = answer.clone();
            other.metadata.id = question.id.wrapping_add(1);
            other.metadata.response_code = ResponseCode::Refused;
            socket.send_to(&other.to_vec().unwrap(), from).unwrap();
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    (address, asked)
}

#[test]
fn an_answer_that_is_not_signed_is_not_believed() {
    for (says_code, code, part) in [
        (ResponseCode::NoError, "dns.no_answer", "not signed"),
        (ResponseCode::Refused, "dns.refused", "REFUSED"),
        (ResponseCode::ServFail, "dns.refused", "SERVFAIL"),
    ] {
        let (server, asked) = says(says_code, true);
        let look = Look::new(&[server], Clock::system());
        let e = run(unknown(server).present(&look, "_acme-challenge.example.test", "value")).unwrap_err();
        assert!(e.code() == code && e.to_string().contains(part), "{e}");
        // Perhaps it was placed: it is asked to remove it.
        let updates = asked.try_iter().filter(|code| *code == OpCode::Update).count();
        assert_eq!(updates, 2, "{says_code}");
    }
}

/// Updates at a server that knows no key.
fn unknown(server: SocketAddr) -> Provider {
    let config = json!({
        "server": server.to_string(), "zone": "example.test", "tsig_name": KEY, "tsig_secret": secret()
    });
    provider(DnsProviderKind::Rfc2136, config)
}

#[test]
fn only_who_speaks_for_the_zone_is_believed_to_have_a_record() {
    let name = "_acme-challenge.example.test";
    let seen = |authoritative: bool| {
        let (server, _asked) = says(ResponseCode::NoError, authoritative);
        let look = Look::new(&[server], Clock::system());
        run(unknown(server).wait_until_seen(&look, name, "value", AT_ONCE))
    };
    seen(true).unwrap();
    let e = seen(false).unwrap_err();
    assert!(e.code() == "dns.not_seen" && e.to_string().contains("with authority"), "{e}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = json!({ "server": nobody.to_string(), "tsig_name": KEY, "tsig_secret": secret() });
    let provider = provider(DnsProviderKind::Rfc2136, config);
    let look = Look::new(&[nobody], Clock::system());
    let e = run(provider.present(&look, "_acme-challenge.example.test", "value")).unwrap_err();
    assert!(e.code() == "dns.no_answer" && e.to_string().contains(&nobody.to_string()), "{e}");
    let e = run(look.addresses("www.example.test")).unwrap_err();
    assert!(e.code() == "dns.lookup" && e.to_string().contains("acme.dns_resolvers"), "{e}");
}

#[test]
fn a_record_is_placed_where_an_alias_leads() {
    let alias = "_acme-challenge.www CNAME www.proofs.test.\n_acme-challenge.loop CNAME _acme-challenge.loop\n\
                 *.all CNAME elsewhere.invalid.";
    let zones = [("example.test", zone(alias)), ("proofs.test", zone(""))];
    let zones = [(zones[0].0, zones[0].1.as_str()), (zones[1].0, zones[1].1.as_str())];
    let Some(knot) = Knot::start(&zones) else { return };
    let look = look_at(&knot);
    let provider = updates(&knot, json!({}));
    run(async {
        let place = provider.place(&look, "_acme-challenge.www.example.test").await.unwrap();
        assert_eq!(place, "www.proofs.test");
        // There it is kept, whatever the alias says meanwhile.
        assert_eq!(provider.place(&look, &place).await.unwrap(), place);
        provider.present(&look, &place, "value").await.unwrap();
        assert_eq!(knot.txt("www.proofs.test"), ["value"]);
        provider.wait_until_seen(&look, &place, "value", AT_ONCE).await.unwrap();
        provider.cleanup(&look, &place, "value").await.unwrap();
        assert!(knot.txt("www.proofs.test").is_empty());

        // What a wildcard says of every name was not said of this one.
        let name = "_acme-challenge.all.example.test";
        assert_eq!(provider.place(&look, name).await.unwrap(), name);

        let e = provider.place(&look, "_acme-challenge.loop.example.test").await.unwrap_err();
        assert!(e.code() == "dns.zone" && e.to_string().contains("CNAME"), "{e}");

        // A zone that is given is the only one that is changed.
        let bound = updates(&knot, json!({ "zone": "example.test" }));
        let e = bound.present(&look, &place, "value").await.unwrap_err();
        assert!(e.code() == "dns.zone" && e.to_string().contains("www.proofs.test"), "{e}");
    });
}

#[test]
fn every_server_of_the_zone_must_have_it() {
    let both = "@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.2";
    let Some(first) = Knot::start(&[("example.test", both)]) else { return };
    let other = SocketAddr::from(([127, 0, 0, 2], first.address.port()));
    let second = Knot::start_at(other, &[("example.test", both)]).unwrap().unwrap();
    let look = look_at(&first);
    let folder = tempfile::tempdir().unwrap();
    // A provider that does not tell where it writes: its records are looked for at the zone's servers.
    let command = script(folder.path(), "exit 0");
    let elsewhere = provider(DnsProviderKind::Exec, json!({ "command": command }));
    let name = "_acme-challenge.www.example.test";
    run(async {
        updates(&first, json!({})).present(&look, name, "value").await.unwrap();
        let e = elsewhere.wait_until_seen(&look, name, "value", AT_ONCE).await.unwrap_err();
        let text = e.to_string();
        assert!(text.contains("ns2.example.test") && text.contains("127.0.0.2") && text.contains("NXDOMAIN"), "{text}");
        updates(&second, json!({})).present(&look, name, "value").await.unwrap();
        elsewhere.wait_until_seen(&look, name, "value", PATIENCE).await.unwrap();
    });
}

#[test]
fn addresses_and_caa_are_found_as_an_authority_finds_them() {
    let records = "www A 192.0.2.1\nwww AAAA 2001:db8::1\nalias CNAME www\nempty TXT nothing\n\
                   @ CAA 0 issue \"ca.test; accounturi=https://ca.test/acct/1\"\n@ CAA 128 tbs \"x\"\n\
                   sub CAA 0 issuewild \";\"\nplain.deep.sub A 192.0.2.2\nto CNAME sub";
    let Some(knot) = Knot::start(&[("example.test", &zone(records))]) else { return };
    let look = look_at(&knot);
    let addresses = |name: &str| {
        let mut found: Vec<String> = run(look.addresses(name)).unwrap().iter().map(ToString::to_string).collect();
        found.sort();
        found
    };
    assert_eq!(addresses("www.example.test"), ["192.0.2.1", "2001:db8::1"]);
    assert_eq!(addresses("ALIAS.example.test."), ["192.0.2.1", "2001:db8::1"]);
    assert!(addresses("empty.example.test").is_empty());
    assert!(addresses("nowhere.example.test").is_empty());
    assert_eq!(run(look.addresses("www.other.test")).unwrap_err().code(), "dns.lookup");

    let caa = |name: &str| {
        let one = |r: &CaaRecord| format!("{} {} {}", r.flags, r.tag, r.value);
        let mut found: Vec<String> = run(look.caa(name)).unwrap().iter().map(one).collect();
        found.sort();
        found
    };
    let of_zone = ["0 issue ca.test; accounturi=https://ca.test/acct/1", "128 tbs x"];
    for name in
        ["example.test", "www.example.test", "*.example.test", "nowhere.at.all.example.test", "alias.example.test"]
    {
        assert_eq!(caa(name), of_zone, "{name}");
    }
    for name in ["sub.example.test", "*.sub.example.test", "plain.deep.sub.example.test", "to.example.test"] {
        assert_eq!(caa(name), ["0 issuewild ;"], "{name}");
    }
}

/// A script with `body` that can be run.
fn script(folder: &Path, body: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("dns hook");
    // Written under another name: while a file is open for writing it can't be run.
    let draft = folder.join("draft");
    std::fs::write(&draft, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(draft, &path).unwrap();
    path
}

/// A zone for names of commands: they, too, follow aliases.
fn for_commands() -> Option<(Knot, Look)> {
    let knot = Knot::start(&[("example.test", &zone(""))])?;
    let look = look_at(&knot);
    Some((knot, look))
}

#[test]
fn a_command_gets_its_arguments_and_nothing_else() {
    let Some((_knot, look)) = for_commands() else { return };
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let body = format!("{{ for a; do echo \"[$a]\"; done; pwd; env | sort; }} > '{}'-$1", told.display());
    let provider = provider(DnsProviderKind::Exec, json!({ "command": script(folder.path(), &body) }));
    let name = "_acme-challenge.example.test";
    let value = "$(touch x); `id` 'a' \"b\"";
    run(async {
        provider.present(&look, name, value).await.unwrap();
        provider.cleanup(&look, name, "plain").await.unwrap();
    });
    for (verb, value) in [("present", value), ("cleanup", "plain")] {
        let told = std::fs::read_to_string(format!("{}-{verb}", told.display())).unwrap();
        let expected = format!("[{verb}]\n[{name}]\n[{value}]\n/\n");
        let environment = told.strip_prefix(&expected).unwrap_or_else(|| panic!("{told}"));
        // What the shell itself sets stands beside what was given.
        let of_shell = |line: &&str| ["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|name| line.starts_with(name));
        let given: Vec<&str> = environment.lines().filter(|line| !of_shell(line)).collect();
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        assert_eq!(given, ["LANG=C.UTF-8", path], "{told}");
    }
}

#[test]
fn a_command_that_fails_says_why_and_is_asked_to_clean_up() {
    let Some((_knot, look)) = for_commands() else { return };
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let body = format!(
        "echo $1 >> '{}'\n[ $1 = cleanup ] && exit 0\nyes noise | head -c 100000 >&2\necho >&2\necho 'no such zone' >&2\nexit 3",
        calls.display()
    );
    let provider = provider(DnsProviderKind::Exec, json!({ "command": script(folder.path(), &body) }));
    let e = run(provider.present(&look, "_acme-challenge.example.test", "value")).unwrap_err();
    let text = e.to_string();
    assert!(
        e.code() == "dns.command" && text.contains("ended with code 3") && text.ends_with("no such zone"),
        "{text}"
    );
    assert!(text.contains("dns hook present") && text.len() < 700, "{text}");
    assert_eq!(std::fs::read_to_string(calls).unwrap(), "present\ncleanup\n");
}

#[test]
fn a_command_that_does_not_end_is_stopped_with_what_it_started() {
    let Some((_knot, look)) = for_commands() else { return };
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let body =
        format!("[ $1 = cleanup ] && exit 0\nsleep 600 &\necho $! > '{}'\necho waiting >&2\nwait", child.display());
    let config = json!({ "command": script(folder.path(), &body), "timeout_seconds": 1 });
    let provider = provider(DnsProviderKind::Exec, config);
    let e = run(provider.present(&look, "_acme-challenge.example.test", "value")).unwrap_err().to_string();
    assert!(e.contains("did not end within 1 s") && e.ends_with("waiting"), "{e}");
    let child = std::fs::read_to_string(child).unwrap();
    // Gone, or ended and not yet collected by the first process.
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    while stat().is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_nobody_waits_for_is_stopped_with_what_it_started() {
    let Some((_knot, look)) = for_commands() else { return };
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let body = format!("sleep 600 &\necho $! > '{0}.new'\nmv '{0}.new' '{0}'\nwait", child.display());
    let provider = provider(DnsProviderKind::Exec, json!({ "command": script(folder.path(), &body) }));
    run(async {
        let started = async {
            while !child.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = provider.present(&look, "_acme-challenge.example.test", "value") => panic!("it ended: {done:?}"),
            () = started => {}
        }
    });
    let child = std::fs::read_to_string(child).unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    while stat().is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let Some((_knot, look)) = for_commands() else { return };
    let provider = provider(DnsProviderKind::Exec, json!({ "command": "/nowhere/dns-hook" }));
    let e = run(provider.present(&look, "_acme-challenge.example.test", "value")).unwrap_err().to_string();
    assert!(e.contains("/nowhere/dns-hook present: can't be started"), "{e}");
}

/// The word that opens the API in these tests.
const TOKEN: &str = "word-of-the-test";

fn api(server: &Cloudflare, more: Value) -> Provider {
    let mut config = json!({ "api_token": TOKEN, "api_url": server.url() });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    provider(DnsProviderKind::Cloudflare, config)
}

#[test]
fn cloudflare_is_spoken_to_in_its_shapes() {
    let Some((_knot, look)) = for_commands() else { return };
    let server = Cloudflare::start("example.test", TOKEN);
    let name = "_acme-challenge.www.example.test";
    for more in [json!({}), json!({ "zone_id": cloudflare::ZONE })] {
        let provider = api(&server, more);
        run(async {
            provider.present(&look, name, "first").await.unwrap();
            provider.present(&look, name, "first").await.unwrap();
            provider.present(&look, name, "second").await.unwrap();
            assert_eq!(server.txt(name), ["\"first\"", "\"second\""]);
            provider.cleanup(&look, name, "first").await.unwrap();
            assert_eq!(server.txt(name), ["\"second\""]);
            provider.cleanup(&look, name, "second").await.unwrap();
            provider.cleanup(&look, name, "second").await.unwrap();
            assert!(server.txt(name).is_empty());
        });
    }
    assert_eq!(server.faults(), Vec::<String>::new());
}

#[test]
fn what_cloudflare_refuses_is_told_without_the_token() {
    let Some((_knot, look)) = for_commands() else { return };
    let name = "_acme-challenge.www.example.test";
    let table = [
        (
            Does::Refuse(403, 10_000, "Authentication error"),
            "dns.refused",
            "Authentication error (10000); the token needs",
        ),
        (Does::Refuse(400, 6003, "Invalid header word-of-the-test"), "dns.refused", "Invalid header *** (6003)"),
        (Does::Refuse(429, 10_429, "slow down"), "dns.refused", "try again in 17 s"),
        (Does::Refuse(500, 10_001, "internal"), "dns.no_answer", "internal (10001)"),
        (Does::Babble, "dns.no_answer", "no JSON of its API"),
        (Does::HangUp, "dns.no_answer", "gives no answer"),
    ];
    for (does, code, part) in table {
        let server = Cloudflare::start("example.test", TOKEN);
        server.next(does.clone());
        let e = run(api(&server, json!({})).present(&look, name, "value")).unwrap_err();
        assert!(e.code() == code && e.to_string().contains(part), "{does:?}: {e}");
        assert!(!e.to_string().contains(TOKEN), "{e}");
        assert!(server.txt(name).is_empty());
    }
    let server = Cloudflare::start("other.test", TOKEN);
    let e = run(api(&server, json!({})).present(&look, name, "value")).unwrap_err();
    assert!(e.code() == "dns.zone" && e.to_string().contains("no zone that holds it"), "{e}");
}

#[test]
fn a_record_that_stands_although_the_answer_was_lost_is_removed() {
    let Some((_knot, look)) = for_commands() else { return };
    let name = "_acme-challenge.www.example.test";
    for does in [Does::MakeAndHangUp, Does::MakeAndFail] {
        let server = Cloudflare::start("example.test", TOKEN);
        let provider = api(&server, json!({ "zone_id": cloudflare::ZONE }));
        server.next(does.clone());
        let e = run(provider.present(&look, name, "value")).unwrap_err();
        assert_eq!(e.code(), "dns.no_answer", "{does:?}");
        assert!(server.txt(name).is_empty(), "{does:?}");
        assert_eq!(server.made(), 1, "{does:?}");
    }
}

fn call(argos: &Argos, name: &str, input: Value) -> argos_core::Result<Reply> {
    argos.call(name, input.as_object().unwrap().clone())
}

#[test]
fn a_stored_provider_is_tried_for_real() {
    let Some(knot) = Knot::start(&[("example.test", &zone(""))]) else { return };
    let folder = Folder::new();
    let argos = argos(&folder);
    let config = json!({
        "server": knot.address.to_string(), "zone": "example.test", "tsig_name": KEY, "tsig_secret": secret()
    });
    call(&argos, "dns_providers.create", json!({"name": "knot", "kind": "rfc2136", "config": config})).unwrap();
    let steps = |tried: &Value| -> Vec<(String, bool)> {
        let steps = tried["steps"].as_array().unwrap().iter();
        steps.map(|s| (s["step"].as_str().unwrap().to_owned(), s["ok"].as_bool().unwrap())).collect()
    };
    let good = [("present".to_owned(), true), ("seen".to_owned(), true), ("cleanup".to_owned(), true)];
    for (input, name) in [
        (json!({"id": 1}), "_argos-test.example.test"),
        (json!({"id": 1, "domain": "*.Shop.example.test"}), "_argos-test.shop.example.test"),
    ] {
        let tried = call(&argos, "dns_providers.test", input).unwrap().value;
        assert_eq!((&tried["ok"], &tried["name"]), (&json!(true), &json!(name)), "{tried}");
        assert_eq!(steps(&tried), good);
        assert!(knot.txt(name).is_empty());
    }
    // Asked from inside a runtime, too.
    let tried = run(async { call(&argos, "dns_providers.test", json!({"id": 1})) }).unwrap().value;
    assert_eq!(tried["ok"], true, "{tried}");
    let change = json!({"id": 1, "config": {"tsig_name": WEAK_KEY}});
    call(&argos, "dns_providers.update", change).unwrap();
    let tried = call(&argos, "dns_providers.test", json!({"id": 1})).unwrap().value;
    assert_eq!((&tried["ok"], steps(&tried)), (&json!(false), vec![("present".to_owned(), false)]));
    assert!(tried["steps"][0]["error"].as_str().unwrap().contains(WEAK_KEY), "{tried}");
    // What it did outside is on record, whatever came of it; what was refused is not.
    call(&argos, "dns_providers.test", json!({"id": 1, "domain": "*"})).unwrap_err();
    let rows = call(&argos, "logs.search", json!({"source": "audit"})).unwrap().value;
    let raw = rows["items"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap().to_owned());
    assert_eq!(raw.filter(|message| message.contains("test dns_provider")).count(), 4, "{rows:#}");
}

#[test]
fn what_was_given_at_the_command_line_is_changed_there_only() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let at_cli = argos.acting(Actor::Cli, Origin::default());
    let hook = json!({"name": "hook", "kind": "exec", "config": {"command": "/bin/true"}});
    let api = json!({"name": "api", "kind": "cloudflare",
        "config": {"api_token": "not-a-real-token", "api_url": "https://api.example.test/v4"}});
    for row in [hook, api] {
        assert_eq!(call(&argos, "dns_providers.create", row.clone()).unwrap_err().code(), "dns_provider.only_at_cli");
        call(&at_cli, "dns_providers.create", row).unwrap();
    }
    let update = |argos: &Argos, input: Value| call(argos, "dns_providers.update", input);
    for refused in [
        json!({"id": 1, "config": {"command": "/bin/false"}}),
        json!({"id": 2, "config": {"api_url": "https://elsewhere.example.test/"}}),
    ] {
        let e = update(&argos, refused.clone()).unwrap_err();
        assert_eq!((e.kind(), e.code()), (ErrorKind::Forbidden, "dns_provider.only_at_cli"), "{refused}");
        update(&at_cli, refused).unwrap();
    }
    for allowed in [
        json!({"id": 1, "name": "renamed", "enabled": false}),
        json!({"id": 1, "config": {"timeout_seconds": 5}}),
        json!({"id": 1, "config": {"command": "/bin/false"}}),
        json!({"id": 2, "config": {"api_token": "not-a-real-token-either"}}),
        // Back to where the API is by default, and not away from there again.
        json!({"id": 2, "config": {"api_url": ""}}),
    ] {
        update(&argos, allowed.clone()).unwrap_or_else(|e| panic!("{allowed}: {e}"));
    }
    let away = json!({"id": 2, "config": {"api_url": "https://elsewhere.example.test/"}});
    assert_eq!(update(&argos, away).unwrap_err().code(), "dns_provider.only_at_cli");
    assert_eq!(update(&argos, json!({"id": 2, "config": {"zone_id": cloudflare::ZONE}})).unwrap().value["id"], 2);
}

#[test]
fn what_was_given_at_the_command_line_comes_back_there_only() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let at_cli = argos.acting(Actor::Cli, Origin::default());
    let made = |argos: &Argos, name: &str, input: Value| call(argos, name, input).unwrap().generation.unwrap();
    let hook = json!({"name": "hook", "kind": "exec", "config": {"command": "/bin/true"}});
    let api = json!({"name": "api", "kind": "cloudflare",
        "config": {"api_token": "not-a-real-token", "api_url": "https://api.example.test/v4"}});
    made(&at_cli, "dns_providers.create", hook);
    let first = made(&at_cli, "dns_providers.create", api);
    made(&at_cli, "dns_providers.update", json!({"id": 1, "config": {"command": "/bin/false"}}));
    let changed = made(&argos, "dns_providers.update", json!({"id": 2, "config": {"api_url": ""}}));
    made(&argos, "dns_providers.update", json!({"id": 1, "name": "renamed", "config": {"timeout_seconds": 9}}));
    let back = |argos: &Argos, more: Value| {
        let mut input = json!({"n": first});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(argos, "config.rollback", input)
    };
    let one = |id: i64| json!({"table": "dns_providers", "key": id});
    for (refused, field) in [(json!({}), "config.command"), (one(1), "config.command"), (one(2), "config.api_url")] {
        let e = back(&argos, refused.clone()).unwrap_err();
        let told = (e.kind(), e.code(), &*e.fields()[0].field);
        assert_eq!(told, (ErrorKind::Forbidden, "dns_provider.only_at_cli", field), "{refused}");
    }
    // What acts as before may be as it was in all else.
    call(&argos, "config.rollback", json!({"n": changed, "table": "dns_providers", "key": 1})).unwrap();
    let shown = call(&argos, "dns_providers.get", json!({"id": 1})).unwrap().value;
    assert_eq!((&shown["name"], &shown["config"]["command"]), (&json!("hook"), &json!("/bin/false")));
    back(&at_cli, json!({})).unwrap();
    let shown = call(&argos, "dns_providers.get", json!({"id": 1})).unwrap().value;
    assert_eq!(shown["config"]["command"], "/bin/true");
    call(&argos, "dns_providers.delete", json!({"id": 1})).unwrap();
    assert_eq!(back(&argos, one(1)).unwrap_err().code(), "dns_provider.only_at_cli");
    back(&at_cli, one(1)).unwrap();
}

#[test]
fn a_provider_that_a_host_uses_stays() {
    let folder = Folder::new();
    let host = json!({"domain": "a.example", "tls_mode": "none", "target_group": {"targets": [{"host": "127.0.0.1", "port": 9}]}});
    let row = json!({"name": "a", "kind": "cloudflare", "config": {"api_token": "not-a-real-token"}});
    {
        let argos = argos(&folder);
        call(&argos, "hosts.create", host).unwrap();
        call(&argos, "dns_providers.create", row).unwrap();
    }
    let db = rusqlite::Connection::open(folder.path().join("argos.db")).unwrap();
    db.execute("UPDATE hosts SET dns_provider_id = 1", []).unwrap();
    drop(db);
    let argos = argos(&folder);
    assert_eq!(call(&argos, "dns_providers.get", json!({"id": 1})).unwrap().value["used_by"], json!([1]));
    let enabled = |on: bool| {
        call(&argos, "dns_providers.update", json!({"id": 1, "enabled": on})).unwrap().value["warnings"].take()
    };
    assert!(enabled(false)[0].as_str().unwrap().contains("switched off"));
    assert_eq!(enabled(true), json!([]));
    let e = call(&argos, "dns_providers.delete", json!({"id": 1})).unwrap_err();
    assert_eq!((e.kind(), e.code()), (ErrorKind::Conflict, "dns_provider.in_use"));
    assert!(e.message().contains("host 1"), "{e}");
    call(&argos, "hosts.delete", json!({"id": 1})).unwrap();
    call(&argos, "dns_providers.delete", json!({"id": 1})).unwrap();
}
