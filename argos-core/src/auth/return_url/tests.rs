use super::*;

const HOSTS: &[&str] = &["app.test", "a.wild.test", "xn--bcher-kva.test", "192.0.2.7", "2001:db8::7"];

fn read(wish: &str, panel: &str, parent: Option<&str>) -> Option<ReturnUrl> {
    let panel = Url::parse(panel).unwrap();
    let protects = |name: &str| HOSTS.contains(&name);
    ReturnUrl::parse(wish, &Places { panel: Some(&panel), parent, ports: (&[8443], &[8080]), protects: &protects })
}

fn of_https(wish: &str) -> Option<ReturnUrl> {
    read(wish, "https://panel.test", None)
}

#[test]
fn places_of_ours_are_taken_and_written_anew() {
    for (wish, url) in [
        ("/", "/"),
        ("/hosts", "/hosts"),
        ("/hosts?a=1&b=//x#c", "/hosts?a=1&b=//x#c"),
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a\\b", "/a/b"),
        ("/a b", "/a%20b"),
        ("/bücher", "/b%C3%BCcher"),
        ("/a//b", "/a//b"),
        ("/@evil.example", "/@evil.example"),
        ("/a%5cb", "/a%5cb"),
        ("/javascript:alert(1)", "/javascript:alert(1)"),
        ("https://panel.test", "/"),
        ("https://panel.test/x?y#z", "/x?y#z"),
        ("HTTPS://PANEL.TEST/x", "/x"),
        ("https://panel.test:443/x", "/x"),
        ("https://app.test/", "https://app.test/"),
        ("https://app.test", "https://app.test/"),
        ("https://APP.test/A?b=%2F#c", "https://app.test/A?b=%2F#c"),
        ("https://app.test:443/a", "https://app.test/a"),
        ("https://app.test:8443/a", "https://app.test:8443/a"),
        ("https://app.test\\a", "https://app.test/a"),
        ("https://a.wild.test/?next=https://evil.example", "https://a.wild.test/?next=https://evil.example"),
        ("https://bücher.test/", "https://xn--bcher-kva.test/"),
        ("https://192.0.2.7/", "https://192.0.2.7/"),
        ("https://[2001:db8::7]/", "https://[2001:db8::7]/"),
        ("https://app.test//evil.example/", "https://app.test//evil.example/"),
    ] {
        let found = of_https(wish).unwrap_or_else(|| panic!("{wish:?} is refused"));
        assert_eq!(found.url, url, "{wish:?}");
        assert_eq!(found.at == At::Panel, url.starts_with('/'), "{wish:?}");
        assert!(!found.url.starts_with("//"), "{wish:?}");
    }
}

#[test]
fn places_of_others_are_refused_in_every_spelling() {
    let long = format!("/{}", "a".repeat(LONGEST));
    for wish in [
        "",
        " ",
        "x",
        "evil.example",
        "?a=1",
        "#a",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "//evil.example/%2e%2e",
        "/\\evil.example",
        "/\\/evil.example",
        "\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/%5cevil.example",
        "/%5C/evil.example",
        "%5cevil.example",
        "%5C%5Cevil.example",
        "/.//evil.example",
        "/./\\evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/%2e//evil.example",
        "/%2e%2e//evil.example",
        "/.\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nLocation: https://evil.example",
        "/a\0b",
        "/a\x7f",
        "\t//evil.example",
        " //evil.example",
        " /hosts",
        "\u{a0}//evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:panel.test",
        "https:///evil.example",
        "https:\\\\evil.example",
        "https:/\\evil.example",
        "https://evil.example",
        "https://evil.example/app.test",
        "https://evil.example?app.test",
        "https://evil.example#app.test",
        "https://evil.example\\app.test",
        "https://evil.example\\@panel.test",
        "https://panel@evil.example",
        "https://panel.test@evil.example",
        "https://panel.test:443@evil.example/",
        "https://panel.test%40evil.example/",
        "https://evil.example%2f@panel.test/",
        "https://user@panel.test/",
        "https://user:secret@app.test/",
        "https://@panel.test/",
        "https://:@app.test/",
        "https://panel.evil.example",
        "https://panel.test.evil.example",
        "https://evilpanel.test",
        "https://app.test.evil.example",
        "https://evilapp.test",
        "https://panel.test./",
        "https://app.test./",
        "https://panel.test:8444/",
        "https://app.test:80/",
        "https://app.test:22/",
        "https://app.test:0/",
        "https://app.test:99999/",
        "http://panel.test/",
        "http://app.test/",
        "HTTP://app.test/",
        "ftp://app.test/",
        "ws://app.test/",
        "wss://app.test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://panel/%0aalert(1)",
        "javascript://panel.test/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://app.test/x",
        "about:blank",
        "view-source:https://app.test",
        "https\t://evil.example",
        "ht\ntps://evil.example",
        "https://evil\u{3002}example",
        "https://ev\u{131}l.example",
        "https://\u{ff41}pp.evil.example",
        "https://",
        "https:///",
        "https://?app.test",
        "https://[::1",
        "https://[2001:db8::8]/",
        "https://192.0.2.8/",
        "https://0xc0000208/",
        "https://app.test%00.evil.example/",
        "https://app.test%2eevil.example/",
        &long,
    ] {
        assert_eq!(of_https(wish), None, "{wish:?}");
    }
}

#[test]
fn another_spelling_of_a_protected_name_is_that_name() {
    // Digits of full width and dots of other scripts are what browsers read them as.
    for (wish, url) in
        [("https://\u{ff41}pp.test/", "https://app.test/"), ("https://3221225991/", "https://192.0.2.7/")]
    {
        assert_eq!(of_https(wish).unwrap().url, url);
    }
}

#[test]
fn plain_http_only_where_the_panel_speaks_it() {
    let http = |wish| read(wish, "http://localhost:9180", None).map(|found| found.url);
    assert_eq!(http("http://localhost:9180/x").as_deref(), Some("/x"));
    assert_eq!(http("http://app.test:8080/x").as_deref(), Some("http://app.test:8080/x"));
    assert_eq!(http("https://app.test:8443/x").as_deref(), Some("https://app.test:8443/x"));
    assert_eq!(http("http://app.test:8443/x"), None);
    assert_eq!(http("http://localhost/x"), None);
    assert_eq!(http("https://localhost:9180/x"), None);
}

#[test]
fn names_below_the_shared_domain_need_no_ticket() {
    let shared = |wish| read(wish, "https://panel.example.org", Some("example.org")).map(|found| found.at);
    assert_eq!(shared("https://example.org/"), Some(At::Shared));
    assert_eq!(shared("https://a.b.example.org/x"), Some(At::Shared));
    assert_eq!(shared("https://panel.example.org/x"), Some(At::Panel));
    assert_eq!(shared("https://evilexample.org/"), None);
    assert_eq!(shared("https://example.org.evil.example/"), None);
    let (name, origin) = ("app.test".into(), "https://app.test:8443".into());
    assert_eq!(shared("https://app.test:8443/x?y"), Some(At::Host { name, origin }));
    assert!(!within("example.org", ""));
}

#[test]
fn without_an_address_of_the_panel_only_paths_are_taken() {
    let places = Places { panel: None, parent: None, ports: (&[], &[]), protects: &|_| true };
    assert_eq!(ReturnUrl::parse("/x", &places).unwrap().url, "/x");
    for wish in ["https://app.test/", "https://panel.invalid/", "//panel.invalid/", "/.//panel.invalid"] {
        assert_eq!(ReturnUrl::parse(wish, &places), None, "{wish}");
    }
}
