//! What a matching link does to its transaction.

use super::expand::expand;
use super::own::HOST_RULE;
use super::resolve::Context;
use super::store::Member;
use super::transaction::Transaction;
use crate::actions::{Act, Change, Sanitise};
use crate::collections::Key;
use crate::operators::number;
use crate::program::{Link, Rule};
use crate::variables::VarId;

impl Transaction {
    pub(super) fn act(&mut self, link: &Link, rule: &Rule) {
        let context = Context { now: self.now, rule: Some(rule) };
        let own;
        let actions = match rule.id {
            HOST_RULE => {
                own = self.own.clone();
                &own.values
            }
            _ => &link.actions,
        };
        for action in actions {
            match action {
                Act::Ctl(change, meant) => {
                    self.control.apply(change, meant.as_deref());
                    self.store.processor = self.control.processor;
                }
                Act::SetVar { collection, name, change } => self.set_var(context, *collection, name, change),
                Act::Open(collection, key) => {
                    let key = expand(key, &mut self.store, context).into_owned();
                    self.open(*collection, &key);
                }
                Act::Expire { collection, name, seconds } => {
                    let name = expand(name, &mut self.store, context);
                    let seconds = number(&expand(seconds, &mut self.store, context));
                    if let Some(key) = self.record_of(*collection) {
                        self.collections.expire(&key, &name, self.now.seconds().saturating_add(seconds));
                    }
                }
                Act::Deprecate { collection, name, amount, period } => {
                    let name = expand(name, &mut self.store, context);
                    if let Some(key) = self.record_of(*collection) {
                        let left = self.collections.deprecate(&key, &name, self.now.seconds(), *amount, *period);
                        if let Some(left) = left {
                            self.store.set(*collection, &name, &left, usize::MAX);
                        }
                    }
                }
                Act::SetEnv { name, value } => {
                    let name = expand(name, &mut self.store, context);
                    let value = expand(value, &mut self.store, context);
                    self.store.set(VarId::Env, &name, &value, self.own.settings.limits.variables);
                }
                Act::Sanitise(what) => self.sanitise(what),
            }
        }
    }

    fn set_var(&mut self, context: Context<'_>, collection: VarId, name: &crate::program::Template, change: &Change) {
        let name = expand(name, &mut self.store, context);
        let most = self.own.settings.limits.variables;
        let operand = match change {
            Change::Unset => None,
            Change::Set(value) | Change::Add(value) | Change::Subtract(value) => {
                Some(expand(value, &mut self.store, context))
            }
        };
        let next = |old: Option<&[u8]>| {
            let operand = operand.as_deref()?;
            let old = number(old.unwrap_or_default());
            Some(match change {
                Change::Add(_) => old.saturating_add(number(operand)).to_string().into_bytes(),
                Change::Subtract(_) => old.saturating_sub(number(operand)).to_string().into_bytes(),
                _ => operand.to_vec(),
            })
        };
        let value = if collection == VarId::Tx {
            next(self.store.tx(&name))
        } else {
            // A collection that nothing opened takes nothing.
            let Some(key) = self.record_of(collection) else { return };
            let times = (self.now.seconds(), self.own.settings.collection_timeout);
            self.collections.change(&key, &name, times, next)
        };
        match value {
            Some(value) => self.store.set(collection, &name, &value, most),
            None => self.store.unset(collection, &name),
        }
    }

    /// Opens the record `key` of `collection`; the first one of a transaction stays.
    fn open(&mut self, collection: VarId, key: &[u8]) {
        match collection {
            VarId::Session => self.store.session_id = Some(self.store.value(key)),
            VarId::User => self.store.user_id = Some(self.store.value(key)),
            _ => {}
        }
        if key.is_empty() || self.record_of(collection).is_some() {
            return;
        }
        let settings = &self.own.settings;
        let application = self.store.web_app.as_ref().map(|id| id.bytes.clone()).unwrap_or_default();
        let key = Key::new(&application, collection, key);
        let members = self.collections.open(&key, self.now.seconds(), settings.collection_timeout);
        let store = &mut self.store;
        let members: Vec<Member> = members.into_iter().map(|(name, value)| store.member(name, value)).collect();
        if let Some(list) = store.list_mut(collection) {
            *list = members;
        }
        self.records.push((collection, key));
    }

    fn record_of(&self, collection: VarId) -> Option<Key> {
        self.records.iter().find(|(id, _)| *id == collection).map(|(_, key)| key.clone())
    }

    fn sanitise(&mut self, what: &Sanitise) {
        let mut push = |variable: VarId, name: &[u8]| {
            let known = self.masked.iter().any(|(id, known)| *id == variable && known.eq_ignore_ascii_case(name));
            if !known && self.masked.len() < MASKED {
                self.masked.push((variable, name.into()));
            }
        };
        match what {
            Sanitise::Arg(name) => push(VarId::Args, name),
            Sanitise::RequestHeader(name) => push(VarId::RequestHeaders, name),
            Sanitise::ResponseHeader(name) => push(VarId::ResponseHeaders, name),
            Sanitise::Matched => {
                for hit in self.store.matched.iter().filter(|hit| !hit.count) {
                    let Some(name) = &hit.key else { continue };
                    match hit.variable {
                        VarId::Args | VarId::ArgsGet | VarId::ArgsPost => push(VarId::Args, name),
                        id @ (VarId::RequestHeaders | VarId::RequestCookies | VarId::ResponseHeaders) => push(id, name),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Names one transaction may mask.
const MASKED: usize = 1000;
