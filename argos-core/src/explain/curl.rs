//! A request said as a curl command, as browsers copy it. Only what becomes part of the request is read; nothing is
//! fetched, and no file is opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::words::split;
use crate::error::{Error, Result};
use crate::waf::inspect::RequestLine;

/// Options whose value says something about the request.
const WITH_VALUE: &[(&str, &str)] = &[
    ("-X", "--request"),
    ("-H", "--header"),
    ("-d", "--data"),
    ("", "--data-ascii"),
    ("", "--data-raw"),
    ("", "--data-binary"),
    ("", "--data-urlencode"),
    ("", "--json"),
    ("-F", "--form"),
    ("", "--form-string"),
    ("-u", "--user"),
    ("-A", "--user-agent"),
    ("-b", "--cookie"),
    ("-e", "--referer"),
    ("", "--url"),
    ("", "--url-query"),
    ("-r", "--range"),
    ("", "--oauth2-bearer"),
];

/// Options whose value says how, and nothing that rules see.
const IGNORED_WITH_VALUE: &[(&str, &str)] = &[
    ("-o", "--output"),
    ("-w", "--write-out"),
    ("-m", "--max-time"),
    ("", "--connect-timeout"),
    ("", "--resolve"),
    ("", "--connect-to"),
    ("-x", "--proxy"),
    ("", "--cacert"),
    ("-E", "--cert"),
    ("", "--key"),
    ("-c", "--cookie-jar"),
    ("", "--retry"),
    ("", "--max-redirs"),
    ("", "--limit-rate"),
    ("", "--interface"),
    ("-D", "--dump-header"),
];

/// Switches that say something about the request.
const SWITCHES: &[(&str, &str)] =
    &[("-G", "--get"), ("-I", "--head"), ("", "--compressed"), ("-0", "--http1.0"), ("", "--http1.1")];

/// Switches that say how, and nothing that rules see.
const IGNORED: &[(&str, &str)] = &[
    ("-k", "--insecure"),
    ("-L", "--location"),
    ("-s", "--silent"),
    ("-S", "--show-error"),
    ("-v", "--verbose"),
    ("-i", "--include"),
    ("-f", "--fail"),
    ("-N", "--no-buffer"),
    ("-O", "--remote-name"),
    ("-g", "--globoff"),
    ("-4", "--ipv4"),
    ("-6", "--ipv6"),
    ("", "--http2"),
    ("", "--http2-prior-knowledge"),
    ("", "--http3"),
    ("", "--path-as-is"),
    ("", "--tlsv1.2"),
    ("", "--tlsv1.3"),
    ("-#", "--progress-bar"),
    ("", "--no-progress-meter"),
    ("", "--ssl-no-revoke"),
];

/// What `--data-urlencode` leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parts of a multipart body are told apart by this.
const BOUNDARY: &str = "------------------------argos0explains0";

/// Whether `line` is a curl command.
#[must_use]
pub fn is_command(line: &str) -> bool {
    line.trim_start().strip_prefix("curl").is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// The request that `command` would send.
///
/// # Errors
/// `waf.curl`, naming the word that can't be read.
pub fn parse(command: &str) -> Result<RequestLine> {
    parse_whole(command).map(|(_, line)| line)
}

/// The same, and whether it goes over https.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_whole(command: &str) -> Result<(bool, RequestLine)> {
    let mut words = split(command).map_err(refused)?.into_iter();
    if words.next().as_deref() != Some("curl") {
        return Err(refused("the first word must be curl"));
    }
    let mut said = Said::default();
    let mut literal = false;
    while let Some(word) = words.next() {
        if literal || !word.starts_with('-') || word == "-" {
            said.url(word)?;
        } else if word == "--" {
            literal = true;
        } else if word.starts_with("--") {
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            if takes_value(&name) {
                let value = joined.or_else(|| words.next());
                said.option(&name, value.ok_or_else(|| refused(format!("{name} needs a value")))?)?;
            } else {
                said.switch(&name)?;
            }
        } else {
            said.short(&word[1..], &mut words)?;
        }
    }
    said.request()
}

fn refused(reason: impl Into<String>) -> Error {
    Error::invalid("waf.curl", "curl", reason)
}

fn named<'a>(list: &'a [(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    list.iter().find(|(short, long)| name == *long || !short.is_empty() && name == *short).map(|(_, long)| *long)
}

fn takes_value(name: &str) -> bool {
    named(WITH_VALUE, name).or_else(|| named(IGNORED_WITH_VALUE, name)).is_some()
}

/// What a command has said so far.
#[derive(Default)]
struct Said {
    url: Option<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    user: Option<String>,
    /// Pieces of a body that are joined by `&`.
    pieces: Vec<String>,
    json: Vec<String>,
    form: Vec<(String, String)>,
    query: Vec<String>,
    get: bool,
    head: bool,
    version: Option<&'static str>,
}

impl Said {
    fn url(&mut self, url: String) -> Result<()> {
        match self.url.replace(url) {
            None => Ok(()),
            Some(_) => Err(refused("more than one URL is given")),
        }
    }

    /// A group of short options, such as `sX POST`.
    fn short(&mut self, group: &str, words: &mut impl Iterator<Item = String>) -> Result<()> {
        let mut rest = group;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let name = format!("-{letter}");
            if !takes_value(&name) {
                self.switch(&name)?;
                continue;
            }
            let value = if rest.is_empty() { words.next() } else { Some(rest.to_owned()) };
            return self.option(&name, value.ok_or_else(|| refused(format!("{name} needs a value")))?);
        }
        Ok(())
    }

    fn switch(&mut self, name: &str) -> Result<()> {
        match named(SWITCHES, name) {
            Some("--get") => self.get = true,
            Some("--head") => self.head = true,
            Some("--http1.0") => self.version = Some("HTTP/1.0"),
            Some("--http1.1") => self.version = Some("HTTP/1.1"),
            Some(_) => self.header("Accept-Encoding", "gzip, deflate, br"),
            None if named(IGNORED, name).is_some() => {}
            None => return Err(refused(format!("option {name} is not known here"))),
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: String) -> Result<()> {
        match named(WITH_VALUE, name) {
            Some("--request") => self.method = Some(value),
            Some("--header") => self.header_line(&value)?,
            Some("--data" | "--data-ascii") => {
                no_file(name, &value, '@')?;
                self.pieces.push(value.replace(['\r', '\n'], ""));
            }
            Some("--data-raw") => self.pieces.push(value),
            Some("--data-binary") => {
                no_file(name, &value, '@')?;
                self.pieces.push(value);
            }
            Some("--data-urlencode") => self.pieces.push(encoded(name, &value)?),
            Some("--json") => {
                no_file(name, &value, '@')?;
                self.json.push(value);
            }
            Some(form @ ("--form" | "--form-string")) => {
                let (field, text) = value.split_once('=').ok_or_else(|| refused(format!("{name} needs NAME=TEXT")))?;
                if form == "--form" {
                    no_file(name, text, '@')?;
                    no_file(name, text, '<')?;
                }
                self.form.push((field.to_owned(), text.to_owned()));
            }
            Some("--user") => self.user = Some(value),
            Some("--user-agent") => self.header("User-Agent", &value),
            Some("--cookie") if !value.contains('=') => {
                return Err(refused(format!("{name} {value}: no file is read")));
            }
            Some("--cookie") => self.header("Cookie", &value),
            Some("--referer") => self.header("Referer", &value),
            Some("--range") => self.header("Range", &format!("bytes={value}")),
            Some("--oauth2-bearer") => self.header("Authorization", &format!("Bearer {value}")),
            Some("--url") => self.url(value)?,
            Some("--url-query") => self.query.push(encoded(name, &value)?),
            // How the request is sent.
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn header_line(&mut self, line: &str) -> Result<()> {
        no_file("-H", line, '@')?;
        if let Some((name, value)) = line.split_once(':') {
            // `Name:` leaves out what curl would send by itself; it does so for the names below, too.
            self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        } else if let Some(name) = line.strip_suffix(';') {
            self.headers.push((name.trim().to_owned(), String::new()));
        } else {
            return Err(refused(format!("header {line:?} has no colon")));
        }
        Ok(())
    }

    fn says(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    fn request(mut self) -> Result<(bool, RequestLine)> {
        let url = self.url.take().ok_or_else(|| refused("no URL is given"))?;
        let https = url.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("https://"));
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => {
                return Err(refused(format!("{scheme}: only http and https URLs lead here")));
            }
            _ => url.as_str(),
        };
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let (user, authority) = authority.rsplit_once('@').map_or((None, authority), |(user, name)| (Some(user), name));
        if !is_authority(authority) {
            return Err(refused(format!("{authority:?} is no host with a port or without")));
        }
        let mut uri = target.split('#').next().unwrap_or_default().to_owned();
        if !uri.starts_with('/') {
            uri.insert(0, '/');
        }
        let mut query = std::mem::take(&mut self.query);
        let mut body = Vec::new();
        let mut kind = None;
        if self.get {
            query.append(&mut self.pieces);
        } else if !self.form.is_empty() {
            kind = Some(format!("multipart/form-data; boundary={BOUNDARY}"));
            for (name, text) in &self.form {
                let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
                body.extend_from_slice(format!("{head}{text}\r\n").as_bytes());
            }
            body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        } else if !self.json.is_empty() {
            kind = Some("application/json".to_owned());
            body = self.json.concat().into_bytes();
        } else if !self.pieces.is_empty() {
            kind = Some("application/x-www-form-urlencoded".to_owned());
            body = self.pieces.join("&").into_bytes();
        }
        for piece in query {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(&piece);
        }
        let method = match self.method.take() {
            Some(method) => method,
            None if self.head => "HEAD".to_owned(),
            None if kind.is_some() => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        let mut own = vec![("Host", authority.to_owned()), ("User-Agent", "curl/8".to_owned())];
        own.push(("Accept", if self.json.is_empty() { "*/*" } else { "application/json" }.to_owned()));
        if let Some(user) = self.user.as_deref().or(user) {
            own.push(("Authorization", format!("Basic {}", STANDARD.encode(user))));
        }
        if let Some(kind) = kind {
            own.push(("Content-Type", kind));
            own.push(("Content-Length", body.len().to_string()));
        }
        own.retain(|(name, _)| !self.says(name));
        let mut headers: Vec<(String, String)> = own.into_iter().map(|(name, v)| (name.to_owned(), v)).collect();
        let taken = ["host", "user-agent", "accept", "content-type"];
        // `-H 'Accept:'` takes a header away.
        self.headers.retain(|(name, value)| !value.is_empty() || !taken.contains(&name.to_ascii_lowercase().as_str()));
        headers.append(&mut self.headers);
        let version = self.version.unwrap_or("HTTP/1.1").to_owned();
        Ok((https, RequestLine { method, uri, version, headers, body, ..RequestLine::default() }))
    }
}

/// Whether `text` is a name or an address, perhaps with a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, behind))) => (address.parse::<std::net::Ipv6Addr>().is_ok(), behind),
        Some(None) => return false,
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let odd = |c: char| c.is_control() || c.is_whitespace() || "<>[]\\^`{|}\"'".contains(c);
            (at > 0 && !text[..at].contains(odd), &text[at..])
        }
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| digits(port) && port.parse::<u16>().is_ok());
    host && port
}

/// The text of `--data-urlencode`: `text`, `=text` or `name=text`.
fn encoded(option: &str, value: &str) -> Result<String> {
    let (name, text) = match value.split_once('=') {
        Some((name, text)) => (name, text),
        None if value.contains('@') => return Err(refused(format!("{option} {value}: no file is read"))),
        None => ("", value),
    };
    let text = utf8_percent_encode(text, ENCODED);
    Ok(if name.is_empty() { text.to_string() } else { format!("{name}={text}") })
}

fn no_file(option: &str, value: &str, mark: char) -> Result<()> {
    if value.starts_with(mark) {
        return Err(refused(format!("{option} {value}: no file is read; give the text itself")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(line: &'a RequestLine, name: &str) -> Option<&'a str> {
        line.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_command_becomes_the_request_it_sends() {
        for (command, method, uri, body) in [
            ("curl http://a.test", "GET", "/", ""),
            ("curl -sS 'http://a.test/p?q=1#f'", "GET", "/p?q=1", ""),
            ("curl -XPUT a.test/p -d a=1 -d 'b=2 3'", "PUT", "/p", "a=1&b=2 3"),
            ("curl --data-urlencode 'q=a b&c' http://a.test/", "POST", "/", "q=a%20b%26c"),
            ("curl -G -d a=1 --data-urlencode 'b=é' 'http://a.test/?c=0'", "GET", "/?c=0&a=1&b=%C3%A9", ""),
            ("curl --request=PATCH --json '{\"a\":1}' http://a.test/j", "PATCH", "/j", "{\"a\":1}"),
            ("curl -I http://a.test/ -k -L --compressed", "HEAD", "/", ""),
            ("curl HTTPS://a.test/?u=http://b.test", "GET", "/?u=http://b.test", ""),
            ("curl a.test/?u=http://b.test", "GET", "/?u=http://b.test", ""),
            ("curl $'http://a.test/it\\'s' --data-raw $'a=\\u0021\\n'", "POST", "/it's", "a=!\n"),
            (
                "curl ^\"http://a.test/?a=1^&b=2^\" ^\n  --data-raw ^\"^{^\\^\"a^\\^\":1^}^\"",
                "POST",
                "/?a=1&b=2",
                "{\"a\":1}",
            ),
            ("curl \\\n  'http://a.test/x' \\\n  -H 'X-A: 1' --data-raw '@a'", "POST", "/x", "@a"),
        ] {
            let line = parse(command).unwrap();
            let body_is = String::from_utf8(line.body.clone()).unwrap();
            assert_eq!((line.method.as_str(), line.uri.as_str(), body_is.as_str()), (method, uri, body), "{command}");
            assert_eq!(header(&line, "host"), Some("a.test"), "{command}");
        }
    }

    #[test]
    fn headers_are_those_that_curl_sends() {
        let line = parse(
            "curl -u me:pw -A Mozilla -b 'a=1; b=2' -e http://r.test/ -H 'Accept:' -H 'Host: b.test' -F 'f=x y' http://a.test/",
        )
        .unwrap();
        assert_eq!(header(&line, "authorization"), Some("Basic bWU6cHc="));
        assert_eq!((header(&line, "user-agent"), header(&line, "cookie")), (Some("Mozilla"), Some("a=1; b=2")));
        assert_eq!((header(&line, "host"), header(&line, "accept")), (Some("b.test"), None));
        assert!(header(&line, "content-type").unwrap().starts_with("multipart/form-data; boundary="));
        assert!(String::from_utf8_lossy(&line.body).contains("name=\"f\"\r\n\r\nx y\r\n"));
        let json = parse("curl --json '{}' http://a.test/").unwrap();
        assert_eq!((header(&json, "accept"), header(&json, "content-length")), (Some("application/json"), Some("2")));
    }

    #[test]
    fn what_can_not_be_read_is_refused_by_name() {
        for (command, named) in [
            ("wget http://a.test", "curl"),
            ("curl", "no URL"),
            ("curl 'http://a.test", "quote"),
            ("curl --upload-file x http://a.test", "--upload-file"),
            ("curl -sQ x http://a.test", "-Q"),
            ("curl -d @/etc/passwd http://a.test", "@/etc/passwd"),
            ("curl -F f=@x http://a.test", "no file"),
            ("curl -H", "-H needs"),
            ("curl -H nothing http://a.test", "no colon"),
            ("curl a.test b.test", "more than one"),
            ("curl -d $'\\xff' a.test", "UTF-8"),
            ("curl http://[::1", "[::1"),
            ("curl 'http://[::1'", "[::1"),
            ("curl 'http://[::z]/'", "[::z]"),
            ("curl http://a.test:x/", "a.test:x"),
            ("curl http://a.test:99999/", "a.test:99999"),
            ("curl http:///x", "no host"),
            ("curl 'http://a b/'", "a b"),
            ("curl file:///etc/passwd", "only http and https"),
            ("curl ftp://a.test/", "only http and https"),
            ("curl ^\"http://a.test", "quote"),
        ] {
            let error = parse(command).unwrap_err();
            assert_eq!(error.code(), "waf.curl");
            assert!(error.message().contains(named), "{command}: {}", error.message());
        }
    }
}
