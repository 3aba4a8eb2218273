//! Variables to the values they stand for now.

use super::store::{Member, Store, Value};
use super::{Now, time};
use crate::program::Rule;
use crate::variables::{Selector, Target, VarId};

/// One value a rule looks at. Its full name is built only when it matches.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) variable: VarId,
    pub(super) key: Option<super::store::Bytes>,
    pub(super) value: Value,
    pub(super) count: bool,
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
    let start = found.len();
    if let Some(lists) = collection(store, variable) {
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

/// Whether the values of `variable` are names.
fn is_names(variable: VarId) -> bool {
    use VarId::*;
    matches!(
        variable,
        ArgsNames
            | ArgsGetNames
            | ArgsPostNames
            | RequestHeadersNames
            | RequestCookiesNames
            | ResponseHeadersNames
            | MatchedVarsNames
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
        Xml => [&store.xml, none],
        Tx => [&store.tx, none],
        MatchedVars | MatchedVarsNames => [&store.matched, none],
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
            let size: usize = store.file_contents.iter().map(|member| member.value.bytes.len()).sum();
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
        MatchedVar => store.matched.last().map(|member| member.value.bytes.to_vec()),
        MatchedVarName => store.matched.last().map(|member| member.name.bytes.to_vec()),
        // 255 stands for "none yet", as in the reference engines.
        HighestSeverity => {
            Some(store.highest_severity.map_or(255, |severity| severity as u32).to_string().into_bytes())
        }
        Duration => flag(false),
        Rule => rule_part(context.rule?, selector),
        Time | TimeDay | TimeEpoch | TimeHour | TimeMin | TimeMon | TimeSec | TimeWday | TimeYear => {
            Some(time::part(variable, context.now.unix_millis).into_bytes())
        }
        _ => None,
    }
}

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
