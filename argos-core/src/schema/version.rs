//! Generations of the configuration, and what differs between them.

use serde_json::Value;

use crate::clock::Timestamp;

/// One kept generation of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct ConfigVersion {
    /// Its number.
    pub generation: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: the username, `cli`, `token:<name>` or `system`.
    pub actor: String,
    /// What was done, in short.
    pub summary: String,
}

/// The key of a configuration row: its number, or the name of a setting.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(untagged)]
pub enum RowKey {
    /// The row's id.
    Number(i64),
    /// The setting's name; a number as text is the number.
    Text(String),
}

impl std::fmt::Display for RowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&RowKey> for Value {
    fn from(key: &RowKey) -> Self {
        match key {
            RowKey::Number(n) => (*n).into(),
            RowKey::Text(text) => text.as_str().into(),
        }
    }
}

/// What a column can hold.
fn column(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "number", "null"]})
}

/// One field that differs between two generations.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct FieldChange {
    /// The table.
    pub table: &'static str,
    /// The row.
    pub key: RowKey,
    /// The column.
    pub field: String,
    /// The value in the first generation; null also where the row did not exist; secrets are `***`.
    #[schemars(schema_with = "column")]
    pub old: Value,
    /// The value in the second generation; null also where the row does not exist; secrets are `***`.
    #[schemars(schema_with = "column")]
    pub new: Value,
}

/// Since when a field of an object has its value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct FieldBlame {
    /// The column.
    pub field: String,
    /// Its value; secrets are `***`.
    #[schemars(schema_with = "column")]
    pub value: Value,
    /// The generation that wrote it; null = before the kept history.
    pub generation: Option<u64>,
    /// When that was.
    pub created_at: Option<Timestamp>,
    /// Who did it.
    pub actor: Option<String>,
}

/// What a rollback wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct RolledBack {
    /// The generation whose rows are stored again.
    pub to: u64,
    /// Rows that were written or deleted.
    pub rows: usize,
    /// Certificate rows that stayed because the host's certificate is not older than the one of that generation.
    pub certificates_kept: usize,
}
