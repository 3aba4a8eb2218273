//! The values of one transaction.

use std::net::IpAddr;
use std::sync::Arc;

use crate::actions::{Processor, Severity};
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
    pub(super) file_contents: Vec<Member>,
    pub(super) part_headers: Vec<Member>,
    /// What `XML` stands for, named by path.
    pub(super) xml: Vec<Member>,
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
    pub(super) tx: Vec<Member>,
    pub(super) matched: Vec<Member>,
    pub(super) highest_severity: Option<Severity>,
}

impl Store {
    /// A new value.
    pub(super) fn value(&mut self, bytes: impl Into<Bytes>) -> Value {
        self.next += 1;
        Value { bytes: bytes.into(), number: self.next }
    }

    /// A new member.
    pub(super) fn member(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) -> Member {
        Member { name: self.value(name), value: self.value(value) }
    }

    /// The first member of TX called `name`, in any case.
    pub(super) fn tx(&self, name: &[u8]) -> Option<&[u8]> {
        self.tx.iter().find(|member| member.name.bytes.eq_ignore_ascii_case(name)).map(|member| &*member.value.bytes)
    }

    /// Sets TX `name`, replacing what was there; `most` bounds how many names there are.
    pub(super) fn set_tx(&mut self, name: &[u8], bytes: &[u8], most: usize) {
        let value = self.value(bytes);
        let known = self.tx.iter().position(|member| member.name.bytes.eq_ignore_ascii_case(name));
        if let Some(index) = known {
            self.tx[index].value = value;
        } else if self.tx.len() < most {
            let name = self.value(name.to_ascii_lowercase());
            self.tx.push(Member { name, value });
        }
    }

    /// Forgets TX `name`.
    pub(super) fn unset_tx(&mut self, name: &[u8]) {
        self.tx.retain(|member| !member.name.bytes.eq_ignore_ascii_case(name));
    }

    /// The first header called `name` in `headers`.
    pub(super) fn header<'a>(headers: &'a [Member], name: &[u8]) -> Option<&'a [u8]> {
        headers.iter().find(|member| member.name.bytes.eq_ignore_ascii_case(name)).map(|member| &*member.value.bytes)
    }
}
