//! Bodies to what rules read of them.

use super::store::{Member, Store};
use super::transaction::{TOO_MANY, Transaction, members};
use crate::actions::Processor;
use crate::body::{json, multipart, urlencoded, xml};
use crate::program::Settings;
use crate::variables::VarId;

impl Transaction {
    pub(super) fn read_body(&mut self) {
        let own = self.own.clone();
        let settings = &own.settings;
        let processor = self.control.processor;
        if !self.control.body_access.unwrap_or(settings.request_body) || self.store.body.is_empty() {
            return;
        }
        let room = settings.limits.arguments.saturating_sub(self.store.args_get.len());
        let body = std::mem::take(&mut self.store.body);
        match processor {
            Some(Processor::Urlencoded) => {
                let parsed = urlencoded::parse(&body, settings.argument_separator, room);
                self.store.urlencoded_error |= parsed.invalid;
                if parsed.too_many {
                    self.store.body_error = Some(TOO_MANY);
                }
                self.store.args_post = members(&mut self.store, parsed.pairs);
            }
            Some(Processor::Json) => {
                let parsed = json::parse(&body, settings.limits.json_depth, room);
                // A body that was cut at the limit can't be whole; what is there was inspected.
                if !self.request_over {
                    self.store.body_error = self.store.body_error.or(parsed.error);
                }
                self.store.args_post = members(&mut self.store, parsed.pairs);
                self.store.json = self.store.args_post.clone();
            }
            Some(Processor::Multipart) => self.read_multipart(&body, room),
            Some(Processor::Xml) => self.read_xml(&body, settings),
            Some(Processor::Raw) | None => {}
        }
        let visible = matches!(processor, Some(Processor::Urlencoded | Processor::Json | Processor::Raw))
            || self.control.force_body;
        if visible {
            self.store.body_value = Some(self.store.value(body.as_slice()));
        }
        self.store.body = body;
    }

    fn read_xml(&mut self, body: &[u8], settings: &Settings) {
        let (document, error) = xml::parse(body, XML_DEPTH, settings.limits.arguments);
        if !self.request_over {
            self.store.body_error = self.store.body_error.or(error);
        }
        self.store.xml = Some(document);
    }

    fn read_multipart(&mut self, body: &[u8], room: usize) {
        let kind = Store::header(&self.store.request_headers, b"content-type").unwrap_or_default();
        let parsed = multipart::parse(kind, body, room, self.request_over);
        let store = &mut self.store;
        store.body_error = store.body_error.or(parsed.error);
        store.flags = parsed.flags;
        store.args_post = members(store, parsed.pairs);
        store.part_headers = members(store, parsed.part_headers);
        if parsed.files.len() > self.own.settings.upload_files {
            store.flags.push(VarId::MultipartFileLimitExceeded);
        }
        for file in parsed.files {
            let field = store.value(file.field.as_slice());
            let size = store.value(file.content.len().to_string().into_bytes());
            let name = store.value(file.name);
            let member = |value| Member { name: field.clone(), value };
            store.files.push(member(name));
            store.file_fields.push(member(field.clone()));
            store.file_sizes.push(member(size));
            store.file_places.push(file.content);
        }
    }

    /// Reads the answer's body where `ctl:responseBodyProcessor` says how.
    pub(super) fn read_response(&mut self, body: &[u8]) {
        self.store.response_processor = self.control.response_processor;
        let limits = &self.own.settings.limits;
        let (depth, most) = (limits.json_depth, limits.arguments);
        let error = match self.control.response_processor {
            Some(Processor::Json) => {
                let parsed = json::parse(body, depth, most);
                self.store.response_args = members(&mut self.store, parsed.pairs);
                parsed.error
            }
            Some(Processor::Xml) => {
                let (document, error) = xml::parse(body, XML_DEPTH, most);
                self.store.response_xml = Some(document);
                error
            }
            _ => None,
        };
        if !self.response_over {
            self.store.response_error = error;
        }
    }
}

/// Nesting of XML bodies.
const XML_DEPTH: usize = 512;
