//! Variables to the values they stand for now.

use std::ops::Range;

use super::store::{Bytes, Member, Store, Value};
use super::{Now, time};
use crate::body::xpath::Path;
use crate::program::Rule;
use crate::variables::{Selector, Target, VarId, name_of};

/// One value a rule looks at. Its full name is built only when it matches.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) variable: VarId,
    pub(super) key: Option<Bytes>,
    pub(super) value: Value,
    pub(super) count: bool,
}

impl Candidate {
    /// The name that rules and logs see, such as `ARGS:q`.
    pub(super) fn name(&self) -> Vec<u8> {
        self.name_with(self.key.as_deref())
    }

    /// The same with another key.
    pub(super) fn name_with(&self, key: Option<&[u8]>) -> Vec<u8> {
        let variable = name_of(self.variable).as_bytes();
        let mut name = Vec::with_capacity(variable.len() + key.map_or(0, <[u8]>::len) + 2);
        if self.count {
            name.push(b'&');
        }
        name.extend_from_slice(variable);
        if let Some(key) = key {
            name.push(b':');
            name.extend_from_slice(key);
        }
        name
    }
}

/// What resolving needs besides the store.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) now: Now,
    pub(super) rule: Option<&'a Rule>,
}

/// Appends what `target` stands for to `found`, leaving out what `excluded` says.
pub(super) fn resolve(
    store: &mut Store,
    context: Context<'_>,
    target: &Target,
    excluded: &dyn Fn(VarId, &[u8]) -> bool,
    found: &mut Vec<Candidate>,
) {
    let variable = target.variable;
    if variable == VarId::FilesTmpContent {
        store.read_files();
    }
    let start = found.len();
    if matches!(variable, VarId::Xml | VarId::ResponseXml) {
        if let Selector::Path(path) = &target.selector
            && !excluded(variable, path.text())
        {
            for value in paths(store, variable, path) {
                found.push(Candidate { variable, key: Some(path.text().into()), value, count: false });
            }
        }
    } else if let (VarId::Tx, Selector::Key(key)) = (variable, &target.selector) {
        if let Some(member) = store.tx.member(key).filter(|member| !excluded(variable, &member.name.bytes)) {
            let (key, value) = (Some(member.name.bytes.clone()), member.value.clone());
            found.push(Candidate { variable, key, value, count: false });
        }
    } else if matches!(variable, VarId::MatchedVars | VarId::MatchedVarsNames) {
        for index in 0..store.matched.len() {
            let name = store.matched[index].name();
            if target.selector.accepts(&name) && !excluded(variable, &name) {
                let key = Bytes::from(name);
                let value = match variable {
                    VarId::MatchedVars => store.matched[index].value.clone(),
                    _ => store.value(key.clone()),
                };
                found.push(Candidate { variable, key: Some(key), value, count: false });
            }
        }
    } else if let Some(lists) = collection(store, variable) {
        let names = is_names(variable);
        for member in lists.into_iter().flatten() {
            let key = &member.name.bytes;
            if target.selector.accepts(key) && !excluded(variable, key) {
                let value = if names { member.name.clone() } else { member.value.clone() };
                found.push(Candidate { variable, key: Some(key.clone()), value, count: false });
            }
        }
    } else if !excluded(variable, b"")
        && let Some(value) = single(store, context, variable, &target.selector)
    {
        let key = match &target.selector {
            Selector::Key(key) if variable == VarId::Rule => Some(key.as_ref().into()),
            _ => None,
        };
        found.push(Candidate { variable, key, value, count: false });
    }
    if target.count {
        let count = found.len() - start;
        found.truncate(start);
        let value = store.value(count.to_string().into_bytes());
        let key = match &target.selector {
            Selector::Key(key) => Some(key.as_ref().into()),
            _ => None,
        };
        found.push(Candidate { variable, key, value, count: true });
    }
}

/// How many values `target` stands for; None where that can't be told without resolving it.
pub(super) fn count(store: &Store, target: &Target, excluded: &dyn Fn(VarId, &[u8]) -> bool) -> Option<usize> {
    let variable = target.variable;
    if let (VarId::Tx, Selector::Key(key)) = (variable, &target.selector) {
        return Some(usize::from(store.tx(key).is_some() && !excluded(variable, key)));
    }
    let named_alike = match variable {
        // Contents have the names of their fields, and may not be values yet.
        VarId::FilesTmpContent => VarId::FilesNames,
        other => other,
    };
    let members = collection(store, named_alike)?.into_iter().flatten();
    let counts = |member: &&Member| {
        let key = &member.name.bytes;
        target.selector.accepts(key) && !excluded(variable, key)
    };
    Some(members.filter(counts).count())
}

/// What a path of an XML body stands for; found once, so that every rule looks at the same values.
fn paths(store: &mut Store, variable: VarId, path: &Path) -> Vec<Value> {
    let known = store.paths.iter().find(|(id, text, _)| *id == variable && **text == *path.text());
    if let Some((_, _, values)) = known {
        return values.clone();
    }
    let slot = if variable == VarId::Xml { &mut store.xml } else { &mut store.response_xml };
    let Some(document) = slot.take() else { return Vec::new() };
    let values: Vec<Value> = path.find(&document).into_iter().map(|value| store.value(value)).collect();
    store.paths.push((variable, path.text().into(), values.clone()));
    if variable == VarId::Xml {
        store.xml = Some(document);
    } else {
        store.response_xml = Some(document);
    }
    values
}

/// Whether the values of `variable` are names.
fn is_names(variable: VarId) -> bool {
    use VarId::*;
    matches!(
        variable,
        ArgsNames | ArgsGetNames | ArgsPostNames | RequestHeadersNames | RequestCookiesNames | ResponseHeadersNames
    )
}

fn collection(store: &Store, variable: VarId) -> Option<[&[Member]; 2]> {
    use VarId::*;
    let none: &[Member] = &[];
    Some(match variable {
        Args | ArgsNames => [&store.args_get, &store.args_post],
        ArgsGet | ArgsGetNames => [&store.args_get, none],
        ArgsPost | ArgsPostNames => [&store.args_post, none],
        RequestHeaders | RequestHeadersNames => [&store.request_headers, none],
        RequestCookies | RequestCookiesNames => [&store.cookies, none],
        ResponseHeaders | ResponseHeadersNames => [&store.response_headers, none],
        Files | MultipartFilename => [&store.files, none],
        FilesNames | MultipartName => [&store.file_fields, none],
        FilesSizes => [&store.file_sizes, none],
        FilesTmpContent => [&store.file_contents, none],
        MultipartPartHeaders => [&store.part_headers, none],
        Json => [&store.json, none],
        ResponseArgs => [&store.response_args, none],
        ArgsPath => [&store.args_path, none],
        // Uploads are never written to disk.
        FilesTmpNames => [none, none],
        Geo => [&store.geo, none],
        Env => [&store.env, none],
        Ip => [&store.ip, none],
        Session => [&store.session, none],
        User => [&store.user, none],
        Global => [&store.global, none],
        Resource => [&store.resource, none],
        Tx => [store.tx.members(), none],
        _ => return None,
    })
}

fn single(store: &mut Store, context: Context<'_>, variable: VarId, selector: &Selector) -> Option<Value> {
    use VarId::*;
    let kept = match variable {
        RequestLine => &store.line,
        RequestMethod => &store.method,
        RequestProtocol => &store.protocol,
        RequestUri => &store.uri,
        RequestUriRaw => &store.uri_raw,
        RequestFilename => &store.filename,
        RequestBasename => &store.basename,
        QueryString => &store.query,
        RequestBody => &store.body_value,
        ResponseProtocol => &store.response_protocol,
        ResponseBody => &store.response_value,
        UniqueId => &store.unique_id,
        ServerName => &store.server_name,
        SessionId => &store.session_id,
        UserId => &store.user_id,
        WebAppId => &store.web_app,
        PathInfo => &store.filename,
        MatchedVar => return store.matched.last().map(|hit| hit.value.clone()),
        _ => &None,
    };
    if let Some(value) = kept {
        return Some(value.clone());
    }
    let bytes = computed(store, context, variable, selector)?;
    Some(store.value(bytes))
}

/// Values that are made when asked for.
fn computed(store: &Store, context: Context<'_>, variable: VarId, selector: &Selector) -> Option<Vec<u8>> {
    use VarId::*;
    let flag = |set: bool| Some(vec![if set { b'1' } else { b'0' }]);
    let header = |name: &[u8]| Store::header(&store.response_headers, name).map(<[u8]>::to_vec);
    match variable {
        StatusLine => {
            let protocol = store.response_protocol.as_ref()?;
            Some([&*protocol.bytes, b" ", store.status?.to_string().as_bytes()].concat())
        }
        AuthType => {
            let header = Store::header(&store.request_headers, b"authorization")?;
            Some(header.split(u8::is_ascii_whitespace).next().unwrap_or_default().to_vec())
        }
        FullRequest => Some(full_request(store)),
        FullRequestLength => Some(full_request(store).len().to_string().into_bytes()),
        ArgsCombinedSize => {
            let members = store.args_get.iter().chain(&store.args_post);
            let size: usize = members.map(|member| member.name.bytes.len() + member.value.bytes.len()).sum();
            Some(size.to_string().into_bytes())
        }
        RequestBodyLength => Some(store.body.len().to_string().into_bytes()),
        // Empty where none is chosen, so that a rule can ask for "none of these".
        ReqbodyProcessor => Some(store.processor.map_or("", |processor| processor.name()).as_bytes().to_vec()),
        ReqbodyError | ReqbodyProcessorError => flag(store.body_error.is_some()),
        ReqbodyErrorMsg | ReqbodyProcessorErrorMsg => store.body_error.map(|text| text.as_bytes().to_vec()),
        FilesCombinedSize => {
            let size: usize = store.file_places.iter().map(Range::len).sum();
            Some(size.to_string().into_bytes())
        }
        MultipartSemicolonMissing => flag(store.flags.contains(&MultipartMissingSemicolon)),
        MultipartStrictError
        | MultipartUnmatchedBoundary
        | MultipartBoundaryQuoted
        | MultipartBoundaryWhitespace
        | MultipartCrlfLfLines
        | MultipartDataAfter
        | MultipartDataBefore
        | MultipartHeaderFolding
        | MultipartInvalidPart
        | MultipartInvalidQuoting
        | MultipartLfLine
        | MultipartFileLimitExceeded
        | MultipartInvalidHeaderFolding
        | MultipartMissingSemicolon => flag(store.flags.contains(&variable)),
        UrlencodedError => flag(store.urlencoded_error),
        InboundDataError => flag(store.inbound_error),
        OutboundDataError => flag(store.outbound_error),
        ResponseStatus | Status => store.status.map(|status| status.to_string().into_bytes()),
        ResponseContentType => header(b"content-type"),
        ResponseContentLength => header(b"content-length"),
        RemoteAddr | RemoteHost => store.client.map(|(address, _)| address.to_string().into_bytes()),
        RemotePort => store.client.map(|(_, port)| port.to_string().into_bytes()),
        ServerAddr => store.server.map(|(address, _)| address.to_string().into_bytes()),
        ServerPort => store.server.map(|(_, port)| port.to_string().into_bytes()),
        MatchedVarName => store.matched.last().map(Candidate::name),
        // 255 stands for "none yet", as in the reference engines.
        HighestSeverity => {
            Some(store.highest_severity.map_or(255, |severity| severity as u32).to_string().into_bytes())
        }
        Duration => flag(false),
        MscPcreError | MscPcreLimitsExceeded => flag(store.steps_exceeded > 0),
        ResbodyProcessor => Some(store.response_processor.map_or("", |processor| processor.name()).as_bytes().to_vec()),
        ResbodyError => flag(store.response_error.is_some()),
        ResbodyErrorMsg => store.response_error.map(|text| text.as_bytes().to_vec()),
        RemoteUser => remote_user(store),
        ModsecBuild => Some(MODSEC_BUILD.to_vec()),
        WebserverErrorLog => None,
        Rule => rule_part(context.rule?, selector),
        Time | TimeDay | TimeEpoch | TimeHour | TimeMin | TimeMon | TimeSec | TimeWday | TimeYear => {
            Some(time::part(variable, context.now.unix_millis).into_bytes())
        }
        _ => None,
    }
}

/// The user name of `Authorization: Basic`, which nobody has checked. Source: RFC 7617 §2.
fn remote_user(store: &Store) -> Option<Vec<u8>> {
    let header = Store::header(&store.request_headers, b"authorization")?;
    let (scheme, rest) = header.split_at_checked(6)?;
    let text = scheme.eq_ignore_ascii_case(b"basic ").then(|| crate::transforms::from_base64(rest.trim_ascii()))?;
    let colon = memchr::memchr(b':', &text)?;
    Some(text[..colon].to_vec())
}

/// The version of the language, as rules compare it: 3.0.15.
const MODSEC_BUILD: &[u8] = b"030015000";

/// Line, headers and body as they would stand on the wire.
fn full_request(store: &Store) -> Vec<u8> {
    let mut text = store.line.as_ref().map(|line| line.bytes.to_vec()).unwrap_or_default();
    text.extend_from_slice(b"\r\n");
    for header in &store.request_headers {
        text.extend_from_slice(&[&*header.name.bytes, b": ", &header.value.bytes, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&store.body);
    text
}

fn rule_part(rule: &Rule, selector: &Selector) -> Option<Vec<u8>> {
    let Selector::Key(key) = selector else { return None };
    match key.as_ref() {
        b"id" => Some(rule.id.to_string().into_bytes()),
        b"rev" => rule.rev.as_ref().map(|rev| rev.to_vec()),
        b"severity" => rule.severity.map(|severity| (severity as u8).to_string().into_bytes()),
        b"msg" => rule.msg.as_ref()?.literal().map(<[u8]>::to_vec),
        b"logdata" => rule.logdata.as_ref()?.literal().map(<[u8]>::to_vec),
        _ => None,
    }
}
