//! Reading and writing inside one transaction, with the list of what it changed.
//!
//! [`Read`] may look, [`Tx`] may also write. Every write to a configuration table goes through
//! [`Tx::insert`], [`Tx::update`] or [`Tx::delete`], which keep the row before and after. That list is the audit
//! diff, the `config_versions` row and the work list of the next snapshot, so none of them can miss a change.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};
use serde_json::{Map, Value};

use super::StoreError;
use super::audit::Origin;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::schema::{Actor, Cookie, HostId};

/// A configuration table: a change of it makes a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// The table's name.
    pub name: &'static str,
    /// Its key column.
    pub key: &'static str,
    /// Columns that hold envelopes; shown as `***`.
    pub secrets: &'static [&'static str],
}

const fn table(name: &'static str) -> Table {
    Table { name, key: "id", secrets: &[] }
}

/// `dns_providers`
pub(super) const DNS_PROVIDERS: Table = Table { name: "dns_providers", key: "id", secrets: &["config_encrypted"] };
/// `hosts`
pub(super) const HOSTS: Table = table("hosts");
/// `target_groups`
pub(super) const TARGET_GROUPS: Table = Table { name: "target_groups", key: "id", secrets: &["client_key_encrypted"] };
/// `targets`
pub(super) const TARGETS: Table = table("targets");
/// `rules`
pub(super) const RULES: Table = table("rules");
/// `host_security`
pub(super) const HOST_SECURITY: Table = Table { name: "host_security", key: "host_id", secrets: &[] };
/// `waf_exclusions`
pub(super) const WAF_EXCLUSIONS: Table = table("waf_exclusions");
/// `waf_custom_rules`
pub(super) const WAF_CUSTOM_RULES: Table = table("waf_custom_rules");
/// `certificates`
pub(super) const CERTIFICATES: Table = Table { name: "certificates", key: "id", secrets: &["key_encrypted"] };
/// `notification_channels`
pub(super) const NOTIFICATION_CHANNELS: Table =
    Table { name: "notification_channels", key: "id", secrets: &["config"] };
/// `notification_rules`
pub(super) const NOTIFICATION_RULES: Table = table("notification_rules");
/// `settings`
pub(super) const SETTINGS: Table = Table { name: "settings", key: "key", secrets: &[] };

/// Every configuration table, parents before children.
pub const CONFIG_TABLES: &[Table] = &[
    DNS_PROVIDERS,
    TARGET_GROUPS,
    TARGETS,
    HOSTS,
    RULES,
    HOST_SECURITY,
    WAF_EXCLUSIONS,
    WAF_CUSTOM_RULES,
    table("security_whitelist"),
    table("host_access"),
    CERTIFICATES,
    NOTIFICATION_CHANNELS,
    NOTIFICATION_RULES,
    SETTINGS,
];

/// The configuration table of that name.
///
/// # Panics
/// For a name that is not in [`CONFIG_TABLES`].
pub(crate) fn table_named(name: &'static str) -> Table {
    *CONFIG_TABLES.iter().find(|t| t.name == name).expect("callers name a configuration table")
}

/// One changed row of a configuration table.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The table.
    pub table: Table,
    /// The row's key: a number or a text.
    pub key: Value,
    /// The row before; none when it was inserted.
    pub old: Option<Map<String, Value>>,
    /// The row after; none when it was deleted.
    pub new: Option<Map<String, Value>>,
}

impl Change {
    /// An integer column of the row, after or else before.
    #[must_use]
    pub fn integer(&self, column: &str) -> Option<i64> {
        let row = self.new.as_ref().or(self.old.as_ref())?;
        row.get(column)?.as_i64()
    }
}

/// What the audit row of a change says it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Such as `create` or `reorder`.
    pub action: &'static str,
    /// Such as `host`.
    pub resource_type: &'static str,
    /// The id or key.
    pub resource_id: String,
    /// The host it belongs to.
    pub host: Option<(HostId, String)>,
}

/// May look at the database, from inside one transaction or one read-only connection.
#[derive(Clone, Copy, Debug)]
pub struct Read<'c> {
    conn: &'c Connection,
    now: Timestamp,
}

impl<'c> Read<'c> {
    /// A view through `conn`.
    #[must_use]
    pub fn new(conn: &'c Connection, now: Timestamp) -> Self {
        Self { conn, now }
    }

    /// The moment of this call.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// All rows of a statement.
    pub(crate) fn all<T, P: Params>(
        &self,
        sql: &str,
        params: P,
        map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.conn.prepare_cached(sql).map_err(StoreError::from)?;
        let rows = statement.query_map(params, map).map_err(StoreError::from)?;
        Ok(rows.collect::<rusqlite::Result<_>>().map_err(StoreError::from)?)
    }

    /// The first row of a statement.
    pub(crate) fn one<T, P: Params>(
        &self,
        sql: &str,
        params: P,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.conn.prepare_cached(sql).map_err(StoreError::from)?;
        Ok(statement.query_row(params, map).optional().map_err(StoreError::from)?)
    }

    /// The row of a configuration table as JSON.
    pub(crate) fn row(&self, table: Table, key: &Value) -> Result<Option<Map<String, Value>>> {
        let sql = format!("SELECT * FROM {} WHERE {} = ?1", table.name, table.key);
        self.one(&sql, [sql_value(key)], json_row)
    }

    /// Each row of a configuration table as JSON, by key.
    pub(crate) fn each_row(&self, table: Table, mut see: impl FnMut(Map<String, Value>) -> Result<()>) -> Result<()> {
        let sql = format!("SELECT * FROM {} ORDER BY {}", table.name, table.key);
        let mut statement = self.conn.prepare_cached(&sql).map_err(StoreError::from)?;
        let mut rows = statement.query([]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            see(json_row(row).map_err(StoreError::from)?)?;
        }
        Ok(())
    }
}

/// A key as a parameter.
pub(super) fn sql_value(key: &Value) -> rusqlite::types::Value {
    match key {
        Value::Number(n) => n.as_i64().map_or(rusqlite::types::Value::Null, Into::into),
        Value::String(s) => s.clone().into(),
        _ => rusqlite::types::Value::Null,
    }
}

fn json_row(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let names: Vec<String> = row.as_ref().column_names().map(str::to_owned).collect();
    let mut map = Map::with_capacity(names.len());
    for (i, name) in names.into_iter().enumerate() {
        let value = match row.get_ref(i)? {
            ValueRef::Null | ValueRef::Blob(_) => Value::Null,
            ValueRef::Integer(n) => n.into(),
            ValueRef::Real(f) => f.into(),
            ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned().into(),
        };
        map.insert(name, value);
    }
    Ok(map)
}

/// May write. Dropped without [`Tx::commit`], it leaves no trace.
pub struct Tx<'c> {
    read: Read<'c>,
    actor: Actor,
    origin: Origin,
    cookies: RefCell<Vec<Cookie>>,
    /// What is told once all of it is stored.
    events: RefCell<Vec<Event>>,
    /// Whether rows of its own say what it is about.
    audited: Cell<bool>,
    /// Whether somebody is another one now, or may less, than sessions in memory say.
    people: Cell<bool>,
    changes: RefCell<Vec<Change>>,
    /// Where the change of a row stands in `changes`.
    index: RefCell<HashMap<(&'static str, String), usize>>,
    subject: RefCell<Option<Subject>>,
    wrote: Cell<bool>,
    undo: RefCell<Vec<Undo>>,
}

/// Takes back what was done outside the database.
pub type Undo = Box<dyn FnOnce() + Send>;

impl<'c> Deref for Tx<'c> {
    type Target = Read<'c>;

    fn deref(&self) -> &Read<'c> {
        &self.read
    }
}

impl<'c> Tx<'c> {
    /// A writing view through an open transaction of `conn`.
    #[doc(hidden)]
    pub fn new(conn: &'c Connection, now: Timestamp, actor: Actor) -> Self {
        Self {
            read: Read::new(conn, now),
            actor,
            origin: Origin::default(),
            cookies: RefCell::default(),
            events: RefCell::default(),
            audited: Cell::new(false),
            people: Cell::new(false),
            changes: RefCell::default(),
            index: RefCell::default(),
            subject: RefCell::default(),
            wrote: Cell::new(false),
            undo: RefCell::default(),
        }
    }

    /// The same, asked from `origin`.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Where the call came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Has the caller's browser keep or forget a cookie.
    pub(crate) fn set_cookie(&self, cookie: Cookie) {
        self.cookies.borrow_mut().push(cookie);
    }

    /// The cookies for the caller's browser.
    pub(crate) fn take_cookies(&self) -> Vec<Cookie> {
        self.cookies.take()
    }

    /// Has an event told once the transaction is stored; of one that is rolled back nobody hears.
    pub(crate) fn emit(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }

    /// The events that are to be told.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.events.take()
    }

    /// Says that a row of its own tells what the change is about.
    pub(super) fn audited(&self) {
        self.audited.set(true);
    }

    /// Whether rows of its own tell what the change is about.
    pub(crate) fn is_audited(&self) -> bool {
        self.audited.get()
    }

    /// Says that what memory knows of people and their sessions no longer holds.
    pub(super) fn people_changed(&self) {
        self.people.set(true);
    }

    /// Whether what memory knows of people and their sessions no longer holds.
    pub(crate) fn has_changed_people(&self) -> bool {
        self.people.get()
    }

    /// Who makes the change.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Says what the audit row is about; every change does so once.
    pub fn about(
        &self,
        action: &'static str,
        resource_type: &'static str,
        id: impl ToString,
        host: Option<(HostId, &str)>,
    ) {
        let host = host.map(|(id, domain)| (id, domain.to_owned()));
        let subject = Subject { action, resource_type, resource_id: id.to_string(), host };
        *self.subject.borrow_mut() = Some(subject);
    }

    /// The rows changed so far.
    pub fn changes(&self) -> std::cell::Ref<'_, Vec<Change>> {
        self.changes.borrow()
    }

    /// What the change is about.
    pub fn subject(&self) -> Option<Subject> {
        self.subject.borrow().clone()
    }

    /// Says that something was done outside the database; `undo` takes it back if the change is not stored.
    pub fn acted(&self, undo: Undo) {
        self.wrote.set(true);
        self.undo.borrow_mut().push(undo);
    }

    /// What takes back all that was done outside the database, last things first.
    pub(crate) fn undo(&self) -> impl FnOnce() + use<> {
        let all = self.undo.take();
        move || all.into_iter().rev().for_each(|undo| undo())
    }

    /// Whether anything was written, configuration or not.
    pub fn wrote(&self) -> bool {
        self.wrote.get()
    }

    /// Runs one statement outside the configuration tables and returns how many rows it touched.
    pub(crate) fn execute<P: Params>(&self, sql: &str, params: P) -> Result<usize> {
        self.wrote.set(true);
        let mut statement = self.read.conn.prepare_cached(sql).map_err(StoreError::from)?;
        Ok(statement.execute(params).map_err(StoreError::from)?)
    }

    /// A statement outside the configuration tables that the caller runs itself, many times.
    pub(super) fn prepared(&self, sql: &str) -> Result<CachedStatement<'c>> {
        self.wrote.set(true);
        Ok(self.read.conn.prepare_cached(sql).map_err(StoreError::from)?)
    }

    /// Id of the last inserted row.
    pub(crate) fn last_id(&self) -> i64 {
        self.read.conn.last_insert_rowid()
    }

    /// Inserts one row into a configuration table with an own id, which is returned.
    pub(crate) fn insert<P: Params>(&self, table: Table, sql: &str, params: P) -> Result<i64> {
        self.expect_one(table, "new", self.execute(sql, params)?)?;
        let id = self.last_id();
        let key = Value::from(id);
        let new = self.row(table, &key)?;
        self.push(Change { table, key, old: None, new });
        Ok(id)
    }

    /// Runs a statement that inserts or updates the row `key` of a configuration table.
    pub(crate) fn update<P: Params>(&self, table: Table, key: impl Into<Value>, sql: &str, params: P) -> Result<()> {
        let key = key.into();
        let old = self.row(table, &key)?;
        self.expect_one(table, &key.to_string(), self.execute(sql, params)?)?;
        let new = self.row(table, &key)?;
        self.push(Change { table, key, old, new });
        Ok(())
    }

    /// Deletes the row `key` of a configuration table.
    pub(crate) fn delete(&self, table: Table, key: impl Into<Value>) -> Result<()> {
        let key = key.into();
        let old = self.row(table, &key)?;
        let sql = format!("DELETE FROM {} WHERE {} = ?1", table.name, table.key);
        self.expect_one(table, &key.to_string(), self.execute(&sql, [sql_value(&key)])?)?;
        self.push(Change { table, key, old, new: None });
        Ok(())
    }

    /// Records the rows of `table` whose `column` is `parent`: a foreign key is about to delete them.
    pub(crate) fn cascades(&self, table: Table, column: &str, parent: i64) -> Result<()> {
        let sql = format!("SELECT * FROM {} WHERE {column} = ?1 ORDER BY {}", table.name, table.key);
        for old in self.all(&sql, [parent], json_row)? {
            let key = old.get(table.key).cloned().unwrap_or(Value::Null);
            self.push(Change { table, key, old: Some(old), new: None });
        }
        Ok(())
    }

    // Two writes of one row in one transaction are one change.
    fn push(&self, change: Change) {
        let mut changes = self.changes.borrow_mut();
        let at = *self.index.borrow_mut().entry((change.table.name, change.key.to_string())).or_insert(changes.len());
        match changes.get_mut(at) {
            Some(earlier) => earlier.new = change.new,
            None => changes.push(change),
        }
    }

    /// Forgets changes that cancelled out. Called once, when the operation has run.
    pub(crate) fn settle(&self) {
        self.changes.borrow_mut().retain(|c| c.old != c.new);
        self.index.borrow_mut().clear();
    }

    fn expect_one(&self, table: Table, key: &str, rows: usize) -> Result<()> {
        if rows == 1 {
            return Ok(());
        }
        Err(Error::internal(format!("{} {key}: {rows} rows written where 1 was meant", table.name)))
    }
}
