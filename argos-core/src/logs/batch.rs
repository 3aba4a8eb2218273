//! Access rows on their way to the writer.

use std::sync::Arc;

use super::record::{Access, Masked, TEXTS, Texts, unpack};
use crate::schema::LogEntry;

/// Access rows of one core, one after the other in two pieces of memory, which are used again: a row costs its
/// request no allocation and touches memory in order.
#[derive(Debug, Default)]
pub struct AccessBatch {
    rows: Vec<(Access, [u32; TEXTS])>,
    bytes: Vec<u8>,
    /// Rows at the front that are gone.
    gone: usize,
    /// What all of them mask; none as long as it has no row.
    masked: Option<Masked>,
}

impl AccessBatch {
    /// Room for `rows` rows of common size.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), bytes: Vec::with_capacity(rows * 320), ..Self::default() }
    }

    /// Whether a row that masks these parameters may be added: the rows of a batch were asked under one list.
    #[must_use]
    pub fn suits(&self, masked: &Masked) -> bool {
        self.masked.as_ref().is_none_or(|known| Arc::ptr_eq(known, masked))
    }

    /// Adds a row. The first one decides what all rows mask.
    pub fn push(&mut self, access: Access, texts: Texts<'_>, masked: &Masked) {
        debug_assert!(self.suits(masked), "a batch with another list is handed over first");
        self.masked.get_or_insert_with(|| Arc::clone(masked));
        let ends = texts.pack(&mut self.bytes);
        self.rows.push((access, ends));
    }

    /// Rows in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() - self.gone
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the texts in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets all rows, keeps the memory unless it grew out of proportion.
    pub(super) fn clear(&mut self) {
        if self.bytes.capacity() > MOST_KEPT {
            self.bytes = Vec::new();
        }
        self.rows.clear();
        self.bytes.clear();
        self.gone = 0;
        self.masked = None;
    }

    /// Drops the oldest row.
    pub(super) fn drop_first(&mut self) {
        self.gone = (self.gone + 1).min(self.rows.len());
    }

    /// Keeps the `most` oldest rows; how many had to go.
    pub(super) fn truncate(&mut self, most: usize) -> usize {
        let gone = self.len().saturating_sub(most);
        self.rows.truncate(self.rows.len() - gone);
        gone
    }

    /// Moves the oldest row into `row`, the values of masked parameters as `***`; whether there was one.
    pub fn next_into(&mut self, row: &mut LogEntry) -> bool {
        let Some((access, ends)) = self.rows.get(self.gone) else { return false };
        let start = self.gone.checked_sub(1).map_or(0, |before| self.rows[before].1[TEXTS - 1] as usize);
        access.fill(row, unpack(&self.bytes, start, *ends), self.masked.as_deref().unwrap_or_default());
        self.gone += 1;
        true
    }
}

/// Bytes of texts that an empty batch may keep.
const MOST_KEPT: usize = 1 << 20;
