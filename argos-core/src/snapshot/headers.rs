//! A host's header rules, compiled: names checked, values split at their placeholders.

use super::rule::{Piece, RuleFault, Template};
use crate::schema::{HeaderOp, HeaderRule, is_token};

/// Most rules in one direction.
const MOST_RULES: usize = 64;
/// Longest value in bytes, as it is written.
const MOST_VALUE: usize = 4096;

/// What one host changes about the fields of requests and answers, each list in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Of requests, before an upstream gets them.
    pub request: Box<[FieldRule]>,
    /// Of answers, before the client gets them.
    pub reply: Box<[FieldRule]>,
}

/// One change of a field.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// As it is written.
    pub name: Box<str>,
    /// What is done with it.
    pub change: FieldChange,
}

/// What is done with a field.
#[derive(Debug, PartialEq, Eq)]
pub enum FieldChange {
    /// Every line of the name makes way for one.
    Set(Template),
    /// One more line.
    Add(Template),
    /// Every line of the name goes.
    Remove,
}

/// Whose fields are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Requests,
    Answers,
}

impl HeaderRules {
    /// Compiles the stored rules of both directions.
    ///
    /// # Errors
    /// The first field that does not compile, such as `request_headers[3].name`.
    pub fn compile(request: &[HeaderRule], reply: &[HeaderRule]) -> Result<Self, RuleFault> {
        Ok(Self {
            request: list("request_headers", request, Of::Requests)?,
            reply: list("response_headers", reply, Of::Answers)?,
        })
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.reply.is_empty()
    }
}

fn list(field: &str, rules: &[HeaderRule], of: Of) -> Result<Box<[FieldRule]>, RuleFault> {
    if rules.len() > MOST_RULES {
        return Err(RuleFault { field: field.into(), reason: format!("at most {MOST_RULES} rules") });
    }
    let one = |(i, rule)| {
        FieldRule::compile(rule, of)
            .map_err(|(part, reason)| RuleFault { field: format!("{field}[{i}].{part}"), reason })
    };
    rules.iter().enumerate().map(one).collect()
}

impl FieldRule {
    fn compile(rule: &HeaderRule, of: Of) -> Result<Self, (&'static str, String)> {
        let name = rule.name.as_str();
        if !is_token(name) {
            return Err(("name", format!("{name:?} is not a header name")));
        }
        if let Some(reason) = owned(&name.to_ascii_lowercase(), of) {
            return Err(("name", format!("{name} can't be changed here: {reason}")));
        }
        if of == Of::Answers && name.eq_ignore_ascii_case("set-cookie") && rule.op != HeaderOp::Add {
            return Err(("op", "Set-Cookie can only be added: each line is a cookie of its own".into()));
        }
        let change = match (rule.op, &rule.value) {
            (HeaderOp::Remove, None) => FieldChange::Remove,
            (HeaderOp::Remove, Some(_)) => return Err(("value", "remove takes no value".into())),
            (_, None) => return Err(("value", format!("{} needs a value", rule.op))),
            (HeaderOp::Set, Some(value)) => FieldChange::Set(template(value)?),
            (HeaderOp::Add, Some(value)) => FieldChange::Add(template(value)?),
        };
        Ok(Self { name: name.into(), change })
    }
}

fn template(value: &str) -> Result<Template, (&'static str, String)> {
    let wrong = |reason: String| Err(("value", reason));
    if value.len() > MOST_VALUE {
        return wrong(format!("at most {MOST_VALUE} bytes"));
    }
    if value.bytes().any(|b| b < b' ' || b == 0x7f) {
        return wrong("control characters are not allowed".into());
    }
    if value != value.trim_matches(' ') {
        return wrong("begins or ends with a blank, which no reader keeps".into());
    }
    let template = Template::parse(value).map_err(|reason| ("value", reason))?;
    if template.0.iter().any(|piece| matches!(piece, Piece::Capture(_))) {
        let known = "{host} {path} {query} {uri} {scheme} {remote_ip}";
        return wrong(format!("{{1}}–{{9}} are of a rule's path_regex, and here is none; known: {known}"));
    }
    Ok(template)
}

/// Why the field `name` (lower-case) is nobody's to change.
fn owned(name: &str, of: Of) -> Option<&'static str> {
    Some(match name {
        "connection" | "keep-alive" | "proxy-connection" | "upgrade" | "te" | "http2-settings" => {
            "it is about one connection, which Argos leads"
        }
        "content-length" | "transfer-encoding" | "trailer" => "it frames the message",
        "content-encoding" => "it says how the body is coded, which stays as it is",
        "x-request-id" => "Argos sets it; see proxy.trusted_proxies",
        "via" | "forwarded" => "Argos sets it",
        _ if name.starts_with("x-forwarded-") => "Argos says there who asks; see proxy.trusted_proxies",
        _ if name.starts_with("sec-websocket-") => "it belongs to the handshake of a WebSocket",
        "host" if of == Of::Requests => "preserve_host of the target group chooses it",
        "expect" if of == Of::Requests => "it decides when the body is sent",
        _ if of == Of::Requests && (name.starts_with("x-auth-") || name.starts_with("x-client-cert-")) => {
            "Argos says there who the visitor is"
        }
        "alt-svc" if of == Of::Answers => "Argos says there where HTTP/3 is spoken",
        "ratelimit" | "ratelimit-policy" if of == Of::Answers => "Argos says there what a client has left",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(op: HeaderOp, name: &str, value: Option<&str>) -> HeaderRule {
        HeaderRule { op, name: name.into(), value: value.map(Into::into) }
    }

    #[test]
    fn what_cannot_be_changed_is_named_with_its_place() {
        use HeaderOp::{Add, Remove, Set};
        let good = rule(Set, "X-A", Some("{host} {remote_ip}"));
        // in requests, op, name, value, part, a word of the reason
        for (requests, op, name, value, part, word) in [
            (true, Set, "", Some("1"), "name", "not a header name"),
            (true, Set, "X A", Some("1"), "name", "not a header name"),
            (true, Set, ":path", Some("1"), "name", "not a header name"),
            (true, Set, "Host", Some("x"), "name", "preserve_host"),
            (true, Remove, "content-LENGTH", None, "name", "frames"),
            (false, Remove, "Transfer-Encoding", None, "name", "frames"),
            (false, Set, "Connection", Some("close"), "name", "connection"),
            (false, Set, "Upgrade", Some("h2c"), "name", "connection"),
            (true, Set, "TE", Some("trailers"), "name", "connection"),
            (false, Remove, "Trailer", None, "name", "frames"),
            (true, Set, "X-Forwarded-Proto", Some("https"), "name", "who asks"),
            (true, Remove, "Forwarded", None, "name", "Argos sets it"),
            (false, Set, "X-Request-Id", Some("1"), "name", "Argos sets it"),
            (false, Remove, "Via", None, "name", "Argos sets it"),
            (false, Remove, "Content-Encoding", None, "name", "coded"),
            (false, Set, "Alt-Svc", Some("clear"), "name", "HTTP/3"),
            (false, Remove, "RateLimit", None, "name", "left"),
            (true, Add, "Expect", Some("100-continue"), "name", "body"),
            (true, Add, "X-Client-Cert-Subject", Some("CN=me"), "name", "visitor"),
            (true, Add, "Sec-WebSocket-Key", Some("k"), "name", "WebSocket"),
            (false, Set, "Set-Cookie", Some("a=1"), "op", "added"),
            (true, Set, "X-A", None, "value", "needs a value"),
            (true, Remove, "X-A", Some("1"), "value", "takes no value"),
            (true, Add, "X-A", Some("a\r\nX-B: 1"), "value", "control"),
            (true, Add, "X-A", Some(" a"), "value", "blank"),
            (true, Add, "X-A", Some("{1}"), "value", "path_regex"),
            (true, Add, "X-A", Some("{user}"), "value", "unknown placeholder"),
            (true, Add, "X-A", Some("{host"), "value", "without its"),
        ] {
            let list = [good.clone(), rule(op, name, value)];
            let fault = match requests {
                true => HeaderRules::compile(&list, &[]),
                false => HeaderRules::compile(&[], &list),
            };
            let fault = fault.expect_err(name);
            let place = if requests { "request" } else { "response" };
            assert_eq!(fault.field, format!("{place}_headers[1].{part}"), "{name}");
            assert!(fault.reason.contains(word), "{name}: {}", fault.reason);
        }
    }

    #[test]
    fn lists_and_values_are_bounded() {
        let one = rule(HeaderOp::Remove, "X-A", None);
        assert!(HeaderRules::compile(&vec![one.clone(); MOST_RULES], &[]).is_ok());
        let fault = HeaderRules::compile(&[], &vec![one; MOST_RULES + 1]).unwrap_err();
        assert_eq!(fault.field, "response_headers");
        let long = |n| rule(HeaderOp::Set, "X-A", Some(&"x".repeat(n)));
        assert!(HeaderRules::compile(&[long(MOST_VALUE)], &[]).is_ok());
        assert_eq!(HeaderRules::compile(&[long(MOST_VALUE + 1)], &[]).unwrap_err().field, "request_headers[0].value");
    }

    #[test]
    fn each_direction_has_its_own_names() {
        let compile = |request: &[HeaderRule], reply: &[HeaderRule]| HeaderRules::compile(request, reply).unwrap();
        let rules = compile(&[rule(HeaderOp::Set, "Alt-Svc", Some("x"))], &[rule(HeaderOp::Set, "Host", Some("x"))]);
        assert_eq!((rules.request.len(), rules.reply.len()), (1, 1));
        let cookie = compile(&[], &[rule(HeaderOp::Add, "Set-Cookie", Some("a=1; Path=/"))]);
        assert_eq!(&*cookie.reply[0].name, "Set-Cookie");
        assert!(compile(&[], &[]).is_empty());
    }
}
