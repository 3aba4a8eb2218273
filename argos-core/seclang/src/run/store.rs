//! The values of one transaction.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::resolve::Candidate;
use super::tx::Tx;
use crate::actions::{Processor, Severity};
use crate::body::xml::Document;
use crate::operators::number;
use crate::variables::VarId;

/// Shared bytes.
pub(super) type Bytes = Arc<[u8]>;

/// A value with the number that memoised transformations go by. Equal numbers mean equal bytes.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) bytes: Bytes,
    pub(super) number: u32,
}

/// A named member of a collection. Names repeat and keep their order.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Value,
    pub(super) value: Value,
}

/// Everything rules can read that the caller or the engine set.
#[derive(Debug, Default)]
pub(super) struct Store {
    next: u32,
    pub(super) client: Option<(IpAddr, u16)>,
    pub(super) server: Option<(IpAddr, u16)>,
    pub(super) unique_id: Option<Value>,
    pub(super) server_name: Option<Value>,
    pub(super) line: Option<Value>,
    pub(super) method: Option<Value>,
    pub(super) protocol: Option<Value>,
    pub(super) uri: Option<Value>,
    pub(super) uri_raw: Option<Value>,
    pub(super) filename: Option<Value>,
    pub(super) basename: Option<Value>,
    pub(super) query: Option<Value>,
    pub(super) request_headers: Vec<Member>,
    pub(super) cookies: Vec<Member>,
    pub(super) args_get: Vec<Member>,
    pub(super) args_post: Vec<Member>,
    pub(super) body: Vec<u8>,
    /// REQUEST_BODY, once phase 2 begins.
    pub(super) body_value: Option<Value>,
    pub(super) files: Vec<Member>,
    /// Field names of files, as values.
    pub(super) file_fields: Vec<Member>,
    pub(super) file_sizes: Vec<Member>,
    /// Where the contents of files lie in `body`.
    pub(super) file_places: Vec<Range<usize>>,
    /// The same as values, once a rule asks for them: few do, and files are large.
    pub(super) file_contents: Vec<Member>,
    pub(super) part_headers: Vec<Member>,
    pub(super) xml: Option<Document>,
    /// `MULTIPART_*` variables that are 1.
    pub(super) flags: Vec<VarId>,
    pub(super) processor: Option<Processor>,
    pub(super) body_error: Option<&'static str>,
    pub(super) urlencoded_error: bool,
    pub(super) inbound_error: bool,
    pub(super) outbound_error: bool,
    pub(super) status: Option<u16>,
    pub(super) response_protocol: Option<Value>,
    pub(super) response_headers: Vec<Member>,
    pub(super) response_body: Vec<u8>,
    pub(super) response_value: Option<Value>,
    pub(super) tx: Tx,
    pub(super) env: Vec<Member>,
    pub(super) ip: Vec<Member>,
    pub(super) session: Vec<Member>,
    pub(super) user: Vec<Member>,
    pub(super) global: Vec<Member>,
    pub(super) resource: Vec<Member>,
    pub(super) session_id: Option<Value>,
    pub(super) user_id: Option<Value>,
    pub(super) web_app: Option<Value>,
    pub(super) geo: Vec<Member>,
    /// Parts of the path that `@restpath` named.
    pub(super) args_path: Vec<Member>,
    pub(super) json: Vec<Member>,
    pub(super) response_args: Vec<Member>,
    pub(super) response_xml: Option<Document>,
    /// What paths of either document stood for when first asked.
    pub(super) paths: Vec<(VarId, Box<[u8]>, Vec<Value>)>,
    pub(super) response_processor: Option<Processor>,
    pub(super) response_error: Option<&'static str>,
    /// How often a pattern gave up at its step limit.
    pub(super) steps_exceeded: u32,
    /// What the links of the running rule matched.
    pub(super) matched: Vec<Candidate>,
    pub(super) highest_severity: Option<Severity>,
}

impl Store {
    /// A new value.
    pub(super) fn value(&mut self, bytes: impl Into<Bytes>) -> Value {
        self.next += 1;
        Value { bytes: bytes.into(), number: self.next }
    }

    /// Makes values of the contents of files.
    pub(super) fn read_files(&mut self) {
        for index in self.file_contents.len()..self.file_places.len() {
            let name = self.file_fields[index].name.clone();
            let content = Bytes::from(&self.body[self.file_places[index].clone()]);
            let value = self.value(content);
            self.file_contents.push(Member { name, value });
        }
    }

    /// A new member.
    pub(super) fn member(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Member {
        Member { name: self.value(name), value: self.value(value) }
    }

    /// The first member of TX called `name`, in any case.
    pub(super) fn tx(&self, name: &[u8]) -> Option<&[u8]> {
        self.tx.member(name).map(|member| &*member.value.bytes)
    }

    /// The scores that rules keep for categories: members of TX such as `sql_injection_score`.
    pub(super) fn category_scores(&self) -> Vec<(String, i64)> {
        let score = |category: &&str| {
            let score = number(self.tx(format!("{category}_score").as_bytes())?);
            (score != 0).then(|| ((*category).to_owned(), score))
        };
        CATEGORIES.iter().filter_map(score).collect()
    }

    /// The list rules may write to behind `variable`, but for `TX`.
    pub(super) fn list_mut(&mut self, variable: VarId) -> Option<&mut Vec<Member>> {
        Some(match variable {
            VarId::Env => &mut self.env,
            VarId::Ip => &mut self.ip,
            VarId::Session => &mut self.session,
            VarId::User => &mut self.user,
            VarId::Global => &mut self.global,
            VarId::Resource => &mut self.resource,
            _ => return None,
        })
    }

    /// Sets `name`, replacing what was there; `most` bounds how many names a list has.
    pub(super) fn set(&mut self, variable: VarId, name: &[u8], bytes: &[u8], most: usize) {
        let value = self.value(bytes);
        if variable == VarId::Tx {
            if !self.tx.replace(name, &value) && self.tx.members().len() < most {
                let name = self.value(name.to_ascii_lowercase());
                self.tx.push(Member { name, value });
            }
            return;
        }
        let Some(list) = self.list_mut(variable) else { return };
        if let Some(member) = list.iter_mut().find(|member| member.name.bytes.eq_ignore_ascii_case(name)) {
            member.value = value;
        } else if list.len() < most {
            let name = self.value(name.to_ascii_lowercase());
            self.list_mut(variable)
                .into_iter()
                .for_each(|list| list.push(Member { name: name.clone(), value: value.clone() }));
        }
    }

    /// Forgets `name`.
    pub(super) fn unset(&mut self, variable: VarId, name: &[u8]) {
        if variable == VarId::Tx {
            self.tx.remove(name);
        } else if let Some(list) = self.list_mut(variable) {
            list.retain(|member| !member.name.bytes.eq_ignore_ascii_case(name));
        }
    }

    /// The first header called `name` in `headers`.
    pub(super) fn header<'a>(headers: &'a [Member], name: &[u8]) -> Option<&'a [u8]> {
        headers.iter().find(|member| member.name.bytes.eq_ignore_ascii_case(name)).map(|member| &*member.value.bytes)
    }
}

/// Categories of attacks that the core rule set counts apart. Source: its files 901 and 980.
const CATEGORIES: &[&str] =
    &["sql_injection", "xss", "rfi", "lfi", "rce", "php_injection", "http_violation", "session_fixation"];
