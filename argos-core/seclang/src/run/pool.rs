//! Memory of finished transactions, for the next ones.

use std::sync::{Mutex, PoisonError};

use super::resolve::Candidate;
use super::texts::Texts;
use super::tx::Tx;
use super::views::Views;

/// What a transaction works with. Between transactions it keeps its room and the texts that are remembered.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) texts: Texts,
    pub(super) views: Views,
    pub(super) candidates: Vec<Candidate>,
    pub(super) tx: Tx,
    pub(super) numbers: Vec<(u64, bool)>,
}

/// Spare [`Scratch`]es of one rule set.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Scratch>>);

impl Pool {
    pub(super) fn take(&self) -> Scratch {
        self.lock().pop().unwrap_or_default()
    }

    /// Takes `scratch` back, emptied. What a large body made grow is given up instead of kept.
    pub(super) fn give(&self, mut scratch: Scratch, words: usize) {
        if scratch.texts.memory() > KEPT_BYTES {
            return;
        }
        scratch.texts.clear(words);
        scratch.views.clear();
        scratch.candidates.clear();
        scratch.tx.clear();
        scratch.numbers.fill((0, false));
        let mut spare = self.lock();
        if spare.len() < KEPT {
            spare.push(scratch);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        // A panic elsewhere leaves at worst a scratch missing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spare scratches of one rule set.
const KEPT: usize = 16;
/// Bytes of tables in a scratch that is kept.
const KEPT_BYTES: usize = 1 << 20;
