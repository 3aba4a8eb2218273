//! Configuration in time: what differs between two generations, what stood at one, since when a field stands so.
//!
//! What differs is the sum of the changes between, so it costs what was changed and not what is stored. A whole
//! state is what is stored now with the changes since undone.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::tx::{CONFIG_TABLES, Change, Read, Table};
use super::{audit, versions};
use crate::error::{Error, Result};
use crate::schema::{FieldBlame, FieldChange, RowKey, Setting};

/// A row of a configuration table.
pub(super) type Row = Map<String, Value>;

/// The configuration table that a caller names.
///
/// # Errors
/// `config.table`, naming those that exist.
pub fn table(name: &str) -> Result<Table> {
    CONFIG_TABLES.iter().find(|t| t.name == name).copied().ok_or_else(|| {
        let names: Vec<&str> = CONFIG_TABLES.iter().map(|t| t.name).collect();
        Error::invalid("config.table", "table", format!("no configuration table; allowed: {}", names.join(", ")))
    })
}

/// The key of a row of `table`, as it is stored.
///
/// # Errors
/// `config.key`.
pub fn key_in(table: Table, given: &RowKey) -> Result<RowKey> {
    let textual = table.key == "key";
    match given {
        RowKey::Text(text) if !textual => {
            let number = text.parse().map(RowKey::Number);
            number.map_err(|_| Error::invalid("config.key", "key", format!("a row of {} has a number", table.name)))
        }
        RowKey::Number(_) if textual => Err(Error::invalid("config.key", "key", "a setting has a name")),
        _ => Ok(given.clone()),
    }
}

/// Where a table stands among all, parents before children.
pub(super) fn position(table: Table) -> usize {
    CONFIG_TABLES.iter().position(|t| *t == table).unwrap_or(CONFIG_TABLES.len())
}

fn as_key(key: &Value) -> Option<RowKey> {
    match key {
        Value::Number(n) => n.as_i64().map(RowKey::Number),
        Value::String(text) => Some(RowKey::Text(text.clone())),
        _ => None,
    }
}

/// The rows that differ between two generations, by table and key.
#[derive(Clone, Debug, Default)]
pub struct Net {
    rows: BTreeMap<(usize, RowKey), Change>,
}

impl Net {
    /// What differs between `from` and the later `to`.
    ///
    /// # Errors
    /// `config.history_corrupt`.
    pub fn between(read: &Read<'_>, from: u64, to: u64) -> Result<Self> {
        let mut net = Self::default();
        for recorded in versions::recorded(read, from, to)? {
            for change in recorded.changes {
                let key = as_key(&change.key);
                let key = key.ok_or_else(|| versions::corrupt(recorded.version.generation, "a row has no key"))?;
                match net.rows.entry((position(change.table), key)) {
                    std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().new = change.new,
                    std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(change)),
                }
            }
        }
        net.rows.retain(|_, change| change.old != change.new);
        Ok(net)
    }

    /// The same seen from the other end.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        for change in self.rows.values_mut() {
            std::mem::swap(&mut change.old, &mut change.new);
        }
        self
    }

    /// Field by field, without the rows' own times; secrets are `***`.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        let rows = self.rows.iter().flat_map(|((_, key), change)| {
            // A column that is null in a row that was not there before tells nothing.
            let fields = audit::shown(change).into_iter().filter(|(_, old, new)| !old.is_null() || !new.is_null());
            fields.map(|(field, old, new)| FieldChange { table: change.table.name, key: key.clone(), field, old, new })
        });
        rows.collect()
    }

    /// The rows, parents before children.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (RowKey, Change)> {
        self.rows.into_iter().map(|((_, key), change)| (key, change))
    }
}

/// Since when each field of a row has its value.
///
/// # Errors
/// `config.object_not_found`, `config.history_corrupt`.
pub fn blame(read: &Read<'_>, table: Table, key: &RowKey) -> Result<Vec<FieldBlame>> {
    let stored = Value::from(key);
    let row = read.row(table, &stored)?.filter(|_| is_object(table, key)).ok_or_else(|| no_object(table, key))?;
    let mut fields: Vec<FieldBlame> = row
        .into_iter()
        .map(|(field, value)| {
            let hidden = table.secrets.contains(&field.as_str());
            let value = audit::masked(Some(value), hidden);
            FieldBlame { field, value, generation: None, created_at: None, actor: None }
        })
        .collect();
    for generation in versions::numbers(read)? {
        if fields.iter().all(|f| f.generation.is_some()) {
            break;
        }
        let recorded = versions::one(read, generation)?;
        let Some(change) = recorded.changes.iter().find(|c| c.table == table && c.key == stored) else { continue };
        let side = |row: &Option<Row>, field: &str| row.as_ref().and_then(|r| r.get(field)).cloned();
        for field in fields.iter_mut().filter(|f| f.generation.is_none()) {
            // A row that was made then has every value from then, also null.
            if change.old.is_none() || side(&change.old, &field.field) != side(&change.new, &field.field) {
                field.generation = Some(generation);
                field.created_at = Some(recorded.version.created_at);
                field.actor = Some(recorded.version.actor.clone());
            }
        }
    }
    Ok(fields)
}

/// Whether the row is configuration: what Argos itself keeps among the settings is not.
pub(super) fn is_object(table: Table, key: &RowKey) -> bool {
    match key {
        RowKey::Text(name) if table.key == "key" => Setting::find(name).is_some_and(Setting::is_configuration),
        _ => true,
    }
}

/// The refusal of an object that does not exist.
pub(super) fn no_object(table: Table, key: &RowKey) -> Error {
    Error::not_found("config.object_not_found", format!("{} {key}", table.name))
}

/// The full copy of `generation`: gzip JSON of every configuration table as it stood then, rows by key.
///
/// It is what is stored now with the changes since then undone. Rows stream through, so what it holds in memory is
/// the compressed copy and the rows that changed since.
///
/// # Errors
/// `config.history_corrupt`.
pub(super) fn copy_at(read: &Read<'_>, generation: u64) -> Result<Vec<u8>> {
    let since = Net::between(read, generation, versions::generation(read)?)?;
    let mut undone: BTreeMap<(usize, RowKey), Option<Row>> =
        since.rows.into_iter().map(|(at, change)| (at, change.old)).collect();
    // No change of configuration, but a row of its table.
    let own = Value::from("config.generation");
    let mut copy = Copy::new();
    for (i, table) in CONFIG_TABLES.iter().enumerate() {
        copy.begin(table.name)?;
        read.each_row(*table, |mut row| {
            let key = row.get(table.key).and_then(as_key).ok_or_else(|| Error::internal("a row without a key"))?;
            // Rows that are gone since come where their keys belong.
            while let Some(gone) = undone.first_entry().filter(|e| *e.key() < (i, key.clone())) {
                copy.row(gone.remove().as_ref())?;
            }
            if let Some(then) = undone.remove(&(i, key)) {
                return copy.row(then.as_ref());
            }
            if row.get(table.key) == Some(&own) {
                row.insert("value".into(), json!(generation.to_string()));
            }
            copy.row(Some(&row))
        })?;
        while let Some(gone) = undone.first_entry().filter(|e| e.key().0 == i) {
            copy.row(gone.remove().as_ref())?;
        }
    }
    copy.finish()
}

/// A full copy on its way into gzip.
struct Copy {
    out: GzEncoder<Vec<u8>>,
    text: Vec<u8>,
    tables: usize,
    rows: usize,
}

impl Copy {
    fn new() -> Self {
        Self { out: GzEncoder::new(Vec::new(), Compression::fast()), text: Vec::new(), tables: 0, rows: 0 }
    }

    /// Ends the table before and begins the next.
    fn begin(&mut self, table: &str) -> Result<()> {
        self.text.extend_from_slice(if self.tables == 0 { b"{" } else { b"]," });
        self.text.extend_from_slice(json!(table).to_string().as_bytes());
        self.text.extend_from_slice(b":[");
        self.tables += 1;
        self.rows = 0;
        self.pack()
    }

    fn row(&mut self, row: Option<&Row>) -> Result<()> {
        let Some(row) = row else { return Ok(()) };
        if self.rows > 0 {
            self.text.push(b',');
        }
        self.rows += 1;
        serde_json::to_writer(&mut self.text, row).map_err(|e| Error::internal(format!("writing a row: {e}")))?;
        self.pack()
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        self.text.extend_from_slice(b"]}");
        self.pack()?;
        self.out.finish().map_err(|e| Error::internal(format!("compressing a full copy: {e}")))
    }

    fn pack(&mut self) -> Result<()> {
        let written = self.out.write_all(&self.text);
        self.text.clear();
        written.map_err(|e| Error::internal(format!("compressing a full copy: {e}")))
    }
}
