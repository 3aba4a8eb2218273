//! A host's own header rules, applied to a head that is complete otherwise.

use super::cookies::is_argos;
use super::exchange::Exchange;
use super::forward::Lines;
use super::stage::decide;
use crate::snapshot::{FieldChange, FieldRule};

/// A head's fields before they are written, so that rules can change them.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: Box<[u8]>,
    value: Vec<u8>,
    hop: bool,
}

impl Lines for Draft {
    fn with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let mut value = Vec::new();
        write(&mut value);
        self.fields.push(Field { name: name.into(), value, hop: false });
    }

    fn hop(&mut self, name: &str, value: &[u8]) {
        self.fields.push(Field { name: name.as_bytes().into(), value: value.to_vec(), hop: true });
    }
}

impl Draft {
    /// Applies `rules` in their order.
    pub(crate) fn amend(&mut self, rules: &[FieldRule], ex: &Exchange) {
        for rule in rules {
            let name = rule.name.as_bytes();
            match &rule.change {
                FieldChange::Remove => self.remove(name),
                FieldChange::Add(template) => self.add(name, decide::filled(template, ex)),
                FieldChange::Set(template) => {
                    self.remove(name);
                    self.add(name, decide::filled(template, ex));
                }
            }
        }
    }

    fn remove(&mut self, name: &[u8]) {
        self.fields.retain(|field| !field.name.eq_ignore_ascii_case(name));
    }

    // What cannot be a value, and a cookie that is Argos's own, is left out.
    fn add(&mut self, name: &[u8], value: Vec<u8>) {
        let value = value.trim_ascii();
        let control = value.iter().any(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f);
        let cookies = name.eq_ignore_ascii_case(b"cookie") || name.eq_ignore_ascii_case(b"set-cookie");
        if control || (cookies && value.split(|b| *b == b';').any(is_argos)) {
            return;
        }
        self.fields.push(Field { name: name.into(), value: value.to_vec(), hop: false });
    }

    /// Writes the fields.
    pub(crate) fn write(&self, out: &mut impl Lines) {
        for field in &self.fields {
            match std::str::from_utf8(&field.name) {
                Ok(name) if field.hop => out.hop(name, &field.value),
                _ => out.line(&field.name, &field.value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arc_swap::ArcSwap;

    use super::*;
    use crate::clock::{Clock, Timestamp};
    use crate::logs::Queue;
    use crate::proxy::core::{Core, Shared};
    use crate::proxy::stream::Stream;
    use crate::schema::{HeaderOp, HeaderRule};
    use crate::snapshot::{HeaderRules, Snapshot};

    fn exchange<T>(work: impl FnOnce(&mut Exchange) -> T) -> T {
        let live = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let clock = Clock::manual(Timestamp(0));
        let core = Core::new(0, live, Arc::new(Queue::new(|| ())), clock, Arc::new(Shared::default()));
        let address = ([127, 0, 0, 1], 1).into();
        work(&mut Exchange::new(core, Stream::Gone, address, address))
    }

    fn amended(rules: &[(HeaderOp, &str, &str)]) -> String {
        let rule = |(op, name, value): &(HeaderOp, &str, &str)| HeaderRule {
            op: *op,
            name: (*name).into(),
            value: (*op != HeaderOp::Remove).then(|| (*value).into()),
        };
        let rules: Vec<_> = rules.iter().map(rule).collect();
        let rules = HeaderRules::compile(&[], &rules).unwrap();
        exchange(|ex| {
            ex.name.push_str("a.example");
            let mut draft = Draft::default();
            draft.put("A", b"1");
            draft.put("B", b"2");
            draft.put("a", b"3");
            draft.hop("Connection", b"close");
            draft.amend(&rules.reply, ex);
            let mut out = Vec::new();
            draft.write(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn rules_hold_in_their_order() {
        use HeaderOp::{Add, Remove, Set};
        for (rules, expected) in [
            (vec![], "A: 1|B: 2|a: 3|Connection: close|"),
            (vec![(Remove, "A", "")], "B: 2|Connection: close|"),
            (vec![(Set, "a", "x")], "B: 2|Connection: close|a: x|"),
            (vec![(Add, "A", "x"), (Add, "A", "y")], "A: 1|B: 2|a: 3|Connection: close|A: x|A: y|"),
            (vec![(Add, "C", "x"), (Remove, "c", "")], "A: 1|B: 2|a: 3|Connection: close|"),
            (vec![(Remove, "A", ""), (Add, "A", "{host}:{scheme}")], "B: 2|Connection: close|A: a.example:http|"),
            (vec![(Set, "C", "")], "A: 1|B: 2|a: 3|Connection: close|C: |"),
            // Argos's own cookie is no rule's to give.
            (vec![(Add, "Set-Cookie", "argos_session=x; Path=/")], "A: 1|B: 2|a: 3|Connection: close|"),
            (vec![(Add, "Set-Cookie", "s=1")], "A: 1|B: 2|a: 3|Connection: close|Set-Cookie: s=1|"),
        ] {
            assert_eq!(amended(&rules).replace("\r\n", "|"), expected, "{rules:?}");
        }
    }

    #[test]
    fn a_value_that_would_hold_control_bytes_is_left_out() {
        let rules = [HeaderRule { op: HeaderOp::Set, name: "A".into(), value: Some("{host}".into()) }];
        let rules = HeaderRules::compile(&[], &rules).unwrap();
        let names = exchange(|ex| {
            let mut names = Vec::new();
            for bad in ["a\r\nX: 1", "a\nb", "a\0", "\x7f"] {
                ex.name = bad.into();
                let mut draft = Draft::default();
                draft.put("A", b"theirs");
                draft.put("B", b"2");
                draft.amend(&rules.reply, ex);
                let mut out = Vec::new();
                draft.write(&mut out);
                names.push(String::from_utf8(out).unwrap());
            }
            names
        });
        assert!(names.iter().all(|head| head == "B: 2\r\n"), "{names:?}");
    }
}
