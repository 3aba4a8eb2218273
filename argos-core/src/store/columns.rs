//! Reading columns into the vocabulary's types.

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row, RowIndex};

use crate::clock::Timestamp;

/// A stored text that is one of a closed set or a parsed type.
pub(super) fn parsed<T>(row: &Row<'_>, column: impl RowIndex, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    let index = column.idx(row.as_ref())?;
    let text = row.get_ref(index)?.as_str()?;
    parse(text).ok_or_else(|| {
        let column = row.as_ref().column_name(index).unwrap_or_default();
        let fault = format!("{column} holds {text:?}, which this version does not know");
        Error::FromSqlConversionFailure(index, Type::Text, fault.into())
    })
}

/// A stored JSON text.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> Result<T> {
    let index = column.idx(row.as_ref())?;
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|e| Error::FromSqlConversionFailure(index, Type::Text, e.into()))
}

/// A moment that may be absent.
pub(super) fn moment(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// A moment.
pub(super) fn time(row: &Row<'_>, column: impl RowIndex) -> Result<Timestamp> {
    row.get(column).map(Timestamp)
}
