use super::*;

fn parse(text: &str) -> DnsConfig {
    serde_json::from_str(text).unwrap()
}

/// Nothing, or the field at fault.
fn fault(kind: DnsProviderKind, text: &str, at_cli: bool) -> String {
    match parse(text).check(kind, at_cli) {
        Ok(()) => String::new(),
        Err(e) => e.fields().first().map_or_else(|| e.code().to_owned(), |f| f.field.clone()),
    }
}

#[test]
fn each_kind_takes_what_it_can_work_with() {
    use DnsProviderKind::{Cloudflare, Exec, Rfc2136};
    let server = |server: &str| format!(r#"{{"server":"{server}","tsig_name":"k","tsig_secret":"c2VjcmV0"}}"#);
    for good in ["ns.test", "ns.test:5353", "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]", "[::1]:5300"] {
        assert_eq!(fault(Rfc2136, &server(good), false), "", "{good}");
    }
    for bad in ["", " ", "ns.test:", "ns.test:0", "ns.test:65536", "ns test", "*", "*.test", "::1:x", "http://ns.test"]
    {
        assert_eq!(fault(Rfc2136, &server(bad), false), "config.server", "{bad}");
    }
    let table = [
        (Rfc2136, r#"{}"#, "config.server"),
        (Rfc2136, r#"{"server":"ns.test"}"#, "config.tsig_name"),
        (Rfc2136, r#"{"server":"ns.test","tsig_name":"k"}"#, "config.tsig_secret"),
        (Rfc2136, r#"{"server":"ns.test","tsig_name":"k","tsig_secret":""}"#, "config.tsig_secret"),
        (Rfc2136, r#"{"server":"ns.test","tsig_name":"k","tsig_secret":"no base64"}"#, "config.tsig_secret"),
        (Rfc2136, r#"{"server":"ns.test","tsig_name":"a b","tsig_secret":"c2VjcmV0"}"#, "config.tsig_name"),
        (Rfc2136, r#"{"server":"ns.test","zone":"a..b","tsig_name":"k","tsig_secret":"c2VjcmV0"}"#, "config.zone"),
        (Rfc2136, r#"{"server":"ns.test","zone":"-a.b","tsig_name":"k","tsig_secret":"c2VjcmV0"}"#, "config.zone"),
        (Rfc2136, r#"{"server":"ns.test","zone":"_a.b.","tsig_name":"k","tsig_secret":"c2VjcmV0"}"#, ""),
        (Rfc2136, r#"{"server":"ns.test","tsig_name":"k","tsig_secret":"c2VjcmV0","command":"/a"}"#, "config.command"),
        (Exec, r#"{}"#, "config.command"),
        (Exec, r#"{"command":"run.sh"}"#, "config.command"),
        (Exec, r#"{"command":"/usr/bin/run with blank"}"#, ""),
        (Exec, r#"{"command":"/a","timeout_seconds":0}"#, "config.timeout_seconds"),
        (Exec, r#"{"command":"/a","timeout_seconds":601}"#, "config.timeout_seconds"),
        (Exec, r#"{"command":"/a","timeout_seconds":600}"#, ""),
        (Exec, r#"{"command":"/a","server":"ns.test"}"#, "config.server"),
        (Cloudflare, r#"{}"#, "config.api_token"),
        (Cloudflare, r#"{"api_token":"a b"}"#, "config.api_token"),
        (Cloudflare, r#"{"api_token":"t","zone_id":"12"}"#, "config.zone_id"),
        (Cloudflare, r#"{"api_token":"t","zone_id":"0123456789abcdef0123456789ABCDEF"}"#, ""),
        (Cloudflare, r#"{"api_token":"t","zone_id":""}"#, ""),
        (Cloudflare, r#"{"api_token":"t","api_url":"https://api.test/v4"}"#, ""),
        (Cloudflare, r#"{"api_token":"t","api_url":"http://127.0.0.1:9/v4"}"#, ""),
        (Cloudflare, r#"{"api_token":"t","api_url":"http://api.test/v4"}"#, "config.api_url"),
        (Cloudflare, r#"{"api_token":"t","api_url":"https://a:b@api.test/"}"#, "config.api_url"),
        (Cloudflare, r#"{"api_token":"t","api_url":"file:///etc/passwd"}"#, "config.api_url"),
    ];
    for (kind, text, expected) in table {
        assert_eq!(fault(kind, text, true), expected, "{kind} {text}");
    }
}

#[test]
fn what_acts_on_this_machine_is_taken_from_the_command_line_only() {
    let code = |kind, text: &str| parse(text).check(kind, false).unwrap_err().code().to_owned();
    assert_eq!(code(DnsProviderKind::Exec, r#"{"command":"/a"}"#), "dns_provider.only_at_cli");
    let elsewhere = r#"{"api_token":"t","api_url":"https://api.test/v4"}"#;
    assert_eq!(code(DnsProviderKind::Cloudflare, elsewhere), "dns_provider.only_at_cli");
    assert_eq!(fault(DnsProviderKind::Cloudflare, r#"{"api_token":"t","api_url":""}"#, false), "");
    assert_eq!(code(DnsProviderKind::Cloudflare, r#"{"api_token":"argos1:x"}"#), "secret_looks_encrypted");
}

#[test]
fn the_stored_form_comes_back_whole_and_shows_no_secret() {
    let config =
        parse(r#"{"server":"ns.test","tsig_name":"k","tsig_secret":"c2VjcmV0","tsig_algorithm":"hmac-sha512"}"#);
    for at_cli in [false, true] {
        let stored = config.to_stored(at_cli);
        assert_eq!(DnsConfig::from_stored(stored.expose()).unwrap(), (config.clone(), at_cli));
    }
    let shown = serde_json::to_string(&config.shown(DnsProviderKind::Rfc2136)).unwrap();
    assert_eq!(
        shown,
        r#"{"server":"ns.test","zone":"","tsig_name":"k","tsig_algorithm":"hmac-sha512","tsig_secret_set":true}"#
    );
    assert!(!format!("{config:?}").contains("c2Vj"));
    for broken in ["", "[]", r#"{"tsig_secret":7}"#, r#"{"unknown":"word"}"#] {
        let e = DnsConfig::from_stored(broken).unwrap_err();
        assert!(e.code() == "dns_provider.config" && !e.message().contains("word"), "{e}");
    }
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let old = parse(r#"{"server":"ns.test","zone":"a.test","tsig_name":"k","tsig_secret":"c2VjcmV0"}"#);
    let new = old.clone().with(parse(r#"{"server":"ns2.test","zone":""}"#));
    assert_eq!(new.tsig_secret, old.tsig_secret);
    assert_eq!((new.server.as_deref(), new.zone.as_deref()), (Some("ns2.test"), Some("")));
}
