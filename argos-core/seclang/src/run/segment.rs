//! A host's own rules, which run among those of a program that it shares with others.

use std::sync::Arc;

use super::pool::{Pool, Scratch};
use super::texts::Texts;
use super::transaction::Transaction;
use super::views::Views;
use crate::program::Program;

/// Rules of one host between those that initialise and the rest.
///
/// Guarantee: a set with them behaves as if they had been compiled together with its program.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) program: Program,
    /// Per phase: how many rules of the shared list run before these.
    pub(super) at: [u32; 6],
    /// The place of the first of these rules; those of the shared program stand before it.
    pub(super) from: u32,
    pool: Arc<Pool>,
}

impl Segment {
    pub(crate) fn new(program: Program, at: [u32; 6], from: u32) -> Self {
        Self { program, at, from, pool: Arc::default() }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The place of the first of these rules.
    pub(crate) fn from(&self) -> u32 {
        self.from
    }

    /// What one transaction works with beside what it has for the shared rules.
    pub(super) fn lane(&self) -> Box<Lane> {
        let Scratch { texts, views, numbers, .. } = self.pool.take();
        Box::new(Lane { texts, views, numbers })
    }

    pub(super) fn give(&self, lane: Lane) {
        let Lane { texts, views, numbers } = lane;
        self.pool.give(Scratch { texts, views, numbers, ..Scratch::default() }, self.program.plan.screen.words());
    }
}

/// Texts and views of the rules that do not run now.
#[derive(Debug, Default)]
pub(super) struct Lane {
    texts: Texts,
    views: Views,
    numbers: Vec<(u64, bool)>,
}

impl Transaction {
    /// Changes between the tables of the shared rules and those of the host's own.
    pub(super) fn change_lane(&mut self) {
        let Some(lane) = &mut self.lane else { return };
        lane.views.keep_pace(&self.views);
        std::mem::swap(&mut self.texts, &mut lane.texts);
        std::mem::swap(&mut self.views, &mut lane.views);
        std::mem::swap(&mut self.numbers, &mut lane.numbers);
    }
}
