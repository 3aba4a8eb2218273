//! Rows of an earlier generation written again, with their ids, as one change.
//!
//! Only rows that differ are touched, and rows that others refer to are changed in place: deleting and making them
//! anew would take sessions and the links of log rows with them. Names that are unique are moved aside first, so
//! that rows can swap them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::Value as Sql;
use rusqlite::{named_params, params_from_iter};
use serde_json::Value;

use super::history::{self, Net, Row, is_object};
use super::tx::{Read, Table, Tx, sql_value, table_named};
use super::{hosts, target_groups};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{GroupId, HostId, Role, RolledBack, RowKey, Setting};

/// A column that names a row of another table; whether the row goes and comes with that one.
struct Reference {
    table: &'static str,
    column: &'static str,
    parent: &'static str,
    owned: bool,
}

const fn owned(table: &'static str, column: &'static str, parent: &'static str) -> Reference {
    Reference { table, column, parent, owned: true }
}

const REFERENCES: &[Reference] = &[
    owned("targets", "target_group_id", "target_groups"),
    owned("rules", "host_id", "hosts"),
    owned("host_security", "host_id", "hosts"),
    owned("waf_exclusions", "host_id", "hosts"),
    owned("waf_custom_rules", "host_id", "hosts"),
    owned("host_access", "host_id", "hosts"),
    owned("certificates", "host_id", "hosts"),
    owned("notification_rules", "channel_id", "notification_channels"),
    Reference { table: "hosts", column: "target_group_id", parent: "target_groups", owned: false },
    Reference { table: "hosts", column: "dns_provider_id", parent: "dns_providers", owned: false },
    Reference { table: "host_access", column: "user_id", parent: "users", owned: false },
];

/// Columns that no two rows share, the code of the refusal, and what moves a row aside.
struct Unique {
    table: &'static str,
    columns: &'static [&'static str],
    code: &'static str,
    aside: &'static str,
}

const UNIQUES: &[Unique] = &[
    Unique { table: "hosts", columns: &["domain"], code: "host.domain_taken", aside: "domain = '#' || id" },
    Unique { table: "target_groups", columns: &["name"], code: "target_group.name_taken", aside: "name = '#' || id" },
    Unique {
        table: "targets",
        columns: &["target_group_id", "host", "port"],
        code: "target.endpoint_taken",
        aside: "host = '#' || id",
    },
    Unique { table: "rules", columns: &["host_id", "priority"], code: "rule.priority_taken", aside: "priority = -id" },
    Unique {
        table: "waf_exclusions",
        columns: &["host_id", "crs_rule_id", "tag", "path_pattern"],
        code: "exclusion.taken",
        aside: "path_pattern = '/#' || id",
    },
    Unique {
        table: "security_whitelist",
        columns: &["scope", "value"],
        code: "store.not_unique",
        aside: "value = '#' || id",
    },
    Unique {
        table: "certificates",
        columns: &["host_id", "fingerprint_sha256"],
        code: "store.not_unique",
        aside: "fingerprint_sha256 = '#' || id",
    },
    Unique { table: "dns_providers", columns: &["name"], code: "store.not_unique", aside: "name = '#' || id" },
    Unique { table: "notification_channels", columns: &["name"], code: "store.not_unique", aside: "name = '#' || id" },
];

/// The one table whose unique columns can't be moved aside; nothing refers to its rows, so they are made anew.
const MADE_ANEW: &str = "host_access";

/// What goes back.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Everything.
    All,
    /// One row, with the rows that belong to it.
    Object(Table, RowKey),
}

impl Scope {
    fn holds(&self, table: Table, key: &RowKey, row: &Row) -> bool {
        let Self::Object(own, id) = self else { return true };
        if table == *own {
            return key == id;
        }
        let mut links = REFERENCES.iter().filter(|r| r.owned && r.table == table.name && r.parent == own.name);
        links.any(|r| row.get(r.column) == Some(&Value::from(id)))
    }
}

/// A row that is to be as it was.
struct Want {
    table: Table,
    key: RowKey,
    now: Option<Row>,
    then: Option<Row>,
}

impl Want {
    fn number(&self, column: &str) -> Option<i64> {
        self.then.as_ref().or(self.now.as_ref())?.get(column)?.as_i64()
    }

    fn name(&self) -> String {
        format!("{} {}", self.table.name, self.key)
    }
}

/// Writes the rows that `since` (generation `to` up to now) changed as they stood at `to`.
///
/// # Errors
/// `config.object_not_found`, `config.unresolved` with the list, the code of a unique name that another row has
/// now, `setting.value`.
pub fn write(tx: &Tx<'_>, since: Net, scope: &Scope, to: u64) -> Result<RolledBack> {
    let mut wants = wanted(tx, since, scope)?;
    let certificates_kept = keep_certificates(tx, &mut wants)?;
    forget_users(tx, &mut wants)?;
    forget_visitors(tx, &mut wants)?;
    check_references(tx, &wants)?;
    check_settings(&wants)?;
    move_aside(tx, &wants)?;
    check_uniques(tx, &wants)?;
    for want in &wants {
        if let Some(row) = &want.then {
            put(tx, want, row)?;
        }
    }
    for want in wants.iter().rev().filter(|w| w.then.is_none()) {
        remove(tx, want)?;
    }
    Ok(RolledBack { to, rows: wants.len(), certificates_kept })
}

/// The rows of the scope that are not as they were, parents before children.
fn wanted(tx: &Tx<'_>, since: Net, scope: &Scope) -> Result<Vec<Want>> {
    let mut wants = Vec::new();
    let mut seen = false;
    for (key, change) in since.into_rows() {
        let (table, then) = (change.table, change.old);
        let in_scope = [&then, &change.new].into_iter().flatten().any(|row| scope.holds(table, &key, row));
        if !in_scope || !is_object(table, &key) {
            continue;
        }
        seen = true;
        let now = tx.row(table, &Value::from(&key))?;
        let then = then.map(|row| known_columns(tx, table, row)).transpose()?;
        let same = match (&now, &then) {
            (Some(now), Some(then)) => then.iter().all(|(column, value)| now.get(column) == Some(value)),
            (now, then) => now.is_none() && then.is_none(),
        };
        if !same {
            wants.push(Want { table, key, now, then });
        }
    }
    if let Scope::Object(table, key) = scope
        && !seen
        && (!is_object(*table, key) || tx.row(*table, &Value::from(key))?.is_none())
    {
        return Err(history::no_object(*table, key));
    }
    Ok(wants)
}

/// A row without the columns that the table no longer has.
fn known_columns(read: &Read<'_>, table: Table, mut row: Row) -> Result<Row> {
    let columns = read.all("SELECT name FROM pragma_table_info(?1)", [table.name], |r| r.get::<_, String>(0))?;
    row.retain(|column, _| columns.contains(column));
    Ok(row)
}

/// Leaves out the certificates of hosts whose present one is not older than that of then; returns how many.
fn keep_certificates(read: &Read<'_>, wants: &mut Vec<Want>) -> Result<usize> {
    let is_certificate = |w: &Want| w.table.name == "certificates";
    let mut then: BTreeMap<Option<i64>, i64> = BTreeMap::new();
    for want in wants.iter().filter(|w| is_certificate(w)) {
        let newest = then.entry(want.number("host_id")).or_insert(i64::MIN);
        let begins = want.then.as_ref().and_then(|row| row.get("not_before")?.as_i64());
        *newest = begins.map_or(*newest, |at| at.max(*newest));
    }
    let mut kept = Vec::new();
    for (host, newest) in then {
        let sql = "SELECT MAX(not_before) FROM certificates WHERE host_id IS :host AND active = 1";
        let present = read.one(sql, named_params! { ":host": host }, |r| r.get::<_, Option<i64>>(0))?.flatten();
        let leaves = wants
            .iter()
            .any(|w| w.table.name == "hosts" && w.then.is_none() && host.is_some_and(|id| w.key == RowKey::Number(id)));
        if !leaves && present.is_some_and(|at| at >= newest) {
            kept.push(host);
        }
    }
    let before = wants.len();
    wants.retain(|w| !is_certificate(w) || !kept.contains(&w.number("host_id")));
    Ok(before - wants.len())
}

/// Who uploaded a certificate is history: a user who is gone is not asked for.
fn forget_users(read: &Read<'_>, wants: &mut [Want]) -> Result<()> {
    for row in wants.iter_mut().filter_map(|w| w.then.as_mut()) {
        if let Some(user) = row.get("uploaded_by").and_then(Value::as_i64)
            && !exists(read, "users", user)?
        {
            row.insert("uploaded_by".into(), Value::Null);
        }
    }
    Ok(())
}

/// A user who is gone is not let in again. A host that then was open to nobody else is left to administrators: without
/// a row it would be open to everybody.
fn forget_visitors(read: &Read<'_>, wants: &mut Vec<Want>) -> Result<()> {
    let mut gone = Vec::new();
    for (place, want) in wants.iter().enumerate().filter(|(_, w)| w.table.name == MADE_ANEW) {
        if let Some(user) = want.then.as_ref().and_then(|row| row.get("user_id")?.as_i64())
            && !exists(read, "users", user)?
        {
            gone.push(place);
        }
    }
    for (n, place) in gone.iter().enumerate() {
        let host = wants[*place].number("host_id");
        let of_host = |w: &&Want| w.table.name == MADE_ANEW && w.number("host_id") == host;
        let others = wants.iter().enumerate().filter(|(at, w)| !gone[n..].contains(at) && of_host(w));
        let planned = others.filter(|(_, w)| w.then.is_some()).count();
        let sql = "SELECT id FROM host_access WHERE host_id IS :host";
        let stored = read.all(sql, named_params! { ":host": host }, |r| r.get(0).map(RowKey::Number))?;
        let kept = stored.iter().filter(|id| !wants.iter().any(|w| w.table.name == MADE_ANEW && w.key == **id));
        let alone = planned + kept.count() == 0 && gone[n + 1..].iter().all(|at| wants[*at].number("host_id") != host);
        match (alone, wants[*place].then.as_mut()) {
            (true, Some(row)) => {
                row.insert("user_id".into(), Value::Null);
                row.insert("role".into(), Role::Admin.as_str().into());
            }
            _ => wants[*place].then = None,
        }
    }
    wants.retain(|w| w.now.is_some() || w.then.is_some());
    Ok(())
}

fn exists(read: &Read<'_>, table: &str, id: i64) -> Result<bool> {
    let sql = format!("SELECT 1 FROM {table} WHERE id = ?1");
    Ok(read.one(&sql, [id], |_| Ok(()))?.is_some())
}

/// Refuses rows that would name a row that is not there, all of them at once.
fn check_references(read: &Read<'_>, wants: &[Want]) -> Result<()> {
    let planned: HashMap<(&str, &RowKey), bool> =
        wants.iter().map(|w| ((w.table.name, &w.key), w.then.is_some())).collect();
    let resolves = |parent: &str, id: i64| match planned.get(&(parent, &RowKey::Number(id))) {
        Some(there) => Ok(*there),
        None => exists(read, parent, id),
    };
    let mut missing = Vec::new();
    for want in wants {
        let Some(row) = &want.then else { continue };
        let links = REFERENCES.iter().filter(|r| r.table == want.table.name);
        let mut named: Vec<(&str, &str, i64)> =
            links.filter_map(|r| Some((r.column, r.parent, row.get(r.column)?.as_i64()?))).collect();
        named.extend(forward(want.table, row).map(|group| ("action_config.target_group_id", "target_groups", group)));
        for (column, parent, id) in named {
            if !resolves(parent, id)? {
                missing.push((format!("{}.{column}", want.name()), format!("{parent} {id} does not exist")));
            }
        }
    }
    refusal(ErrorKind::Conflict, "config.unresolved", missing)
}

/// The group that a rule forwards to.
fn forward(table: Table, row: &Row) -> Option<i64> {
    if table.name != "rules" || row.get("action_type")? != "forward" {
        return None;
    }
    serde_json::from_str::<Value>(row.get("action_config")?.as_str()?).ok()?["target_group_id"].as_i64()
}

/// Refuses values that settings no longer allow.
fn check_settings(wants: &[Want]) -> Result<()> {
    let refused = wants.iter().filter(|w| w.table.name == "settings").filter_map(|w| {
        let value = w.then.as_ref()?.get("value")?.as_str()?;
        let setting = Setting::find(&w.key.to_string())?;
        let reason = format!("allowed: {}; it was {value:?}", setting.range());
        (!setting.may_return(value)).then(|| (setting.key.to_owned(), reason))
    });
    refusal(ErrorKind::Invalid, "setting.value", refused.collect())
}

/// One error that lists every fault; none for an empty list.
fn refusal(kind: ErrorKind, code: &'static str, faults: Vec<(String, String)>) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = faults.iter().map(|(field, reason)| format!("{field}: {reason}")).collect();
    let error = Error::new(kind, code, lines.join("; "));
    Err(faults.into_iter().fold(error, |e, (field, reason)| e.with_field(field, reason)))
}

/// Frees the unique names of every row that changes or goes.
fn move_aside(tx: &Tx<'_>, wants: &[Want]) -> Result<()> {
    for want in wants.iter().filter(|w| w.now.is_some()) {
        let key = Value::from(&want.key);
        if want.table.name == MADE_ANEW {
            tx.delete(want.table, key)?;
        } else if let Some(unique) = UNIQUES.iter().find(|u| u.table == want.table.name) {
            let sql = format!("UPDATE {} SET {} WHERE {} = ?1", unique.table, unique.aside, want.table.key);
            let id = sql_value(&key);
            tx.update(want.table, key, &sql, [id])?;
        }
    }
    Ok(())
}

/// Refuses names that a row outside the rollback has now.
fn check_uniques(read: &Read<'_>, wants: &[Want]) -> Result<()> {
    let (mut code, mut taken) = ("", Vec::new());
    for want in wants {
        let Some(row) = &want.then else { continue };
        for unique in UNIQUES.iter().filter(|u| u.table == want.table.name) {
            let tests: Vec<String> = unique.columns.iter().map(|column| format!("{column} IS ?")).collect();
            let sql = format!("SELECT id FROM {} WHERE {} LIMIT 1", unique.table, tests.join(" AND "));
            let values = unique.columns.iter().map(|column| row.get(*column).map_or(Sql::Null, as_sql));
            let by: Option<i64> = read.one(&sql, params_from_iter(values), |r| r.get(0))?;
            // All rows of the rollback are aside.
            if let Some(by) = by {
                code = unique.code;
                let shown = |column: &&str| format!("{column} {}", row.get(*column).map_or("null".into(), plain));
                let what: Vec<String> = unique.columns.iter().map(shown).collect();
                let last = unique.columns.last().copied().unwrap_or_default();
                let reason = format!("{} is now that of {} {by}", what.join(", "), unique.table.trim_end_matches('s'));
                taken.push((format!("{}.{last}", want.name()), reason));
            }
        }
    }
    refusal(ErrorKind::Conflict, code, taken)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Inserts the row under its key, or gives the stored one its columns.
fn put(tx: &Tx<'_>, want: &Want, row: &Row) -> Result<()> {
    let columns: Vec<&str> = row.keys().map(String::as_str).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let sets: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT ({}) DO UPDATE SET {}",
        want.table.name,
        columns.join(", "),
        want.table.key,
        sets.join(", ")
    );
    tx.update(want.table, &want.key, &sql, params_from_iter(row.values().map(as_sql)))
}

fn as_sql(value: &Value) -> Sql {
    match value {
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().map_or(Sql::Null, Sql::Real), Sql::Integer),
        Value::String(text) => Sql::Text(text.clone()),
        _ => Sql::Null,
    }
}

/// Deletes a row that did not exist then, with what belongs to it.
fn remove(tx: &Tx<'_>, want: &Want) -> Result<()> {
    let key = Value::from(&want.key);
    if want.table.name == MADE_ANEW || tx.row(want.table, &key)?.is_none() {
        return Ok(());
    }
    match (want.table.name, &want.key) {
        ("hosts", RowKey::Number(id)) => hosts::delete(tx, HostId(*id)),
        ("target_groups", RowKey::Number(id)) => target_groups::delete(tx, GroupId(*id)),
        (name, RowKey::Number(id)) => {
            for link in REFERENCES.iter().filter(|r| r.owned && r.parent == name) {
                tx.cascades(table_named(link.table), link.column, *id)?;
            }
            tx.delete(want.table, key)
        }
        _ => tx.delete(want.table, key),
    }
}

/// The domain of a host, now or then.
///
/// # Errors
/// Those of the database.
pub fn domain_of(read: &Read<'_>, id: i64) -> Result<Option<String>> {
    read.one("SELECT domain FROM hosts WHERE id = :id", named_params! { ":id": id }, |r| r.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::CONFIG_TABLES;

    #[test]
    fn the_lists_name_configuration_tables() {
        let known = |name: &str| CONFIG_TABLES.iter().any(|t| t.name == name);
        assert!(REFERENCES.iter().all(|r| known(r.table) && (known(r.parent) || r.parent == "users")));
        assert!(UNIQUES.iter().all(|u| known(u.table)) && known(MADE_ANEW));
        // Parents stand before children, so rows can be written in the order of the tables.
        let position = |name: &str| CONFIG_TABLES.iter().position(|t| t.name == name);
        assert!(REFERENCES.iter().all(|r| position(r.parent) < position(r.table)));
    }
}
