//! What one rule set has of its own over rules that it may share with others.

use std::collections::HashMap;
use std::sync::Arc;

use super::left_out::Leaving;
use super::segment::Segment;
use crate::actions::{Act, Change};
use crate::program::{Part, Program, Settings, Template};
use crate::variables::{Selector, VarId};

/// Targets that a rule must not look at.
pub(crate) type Excluded = Vec<(VarId, Selector)>;

/// What one rule set has of its own over its program.
///
/// Guarantee: a set behaves as if its values stood in rule 500 and its exclusions stood after all rules of the
/// program, compiled afresh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    pub(crate) settings: Settings,
    pub(crate) host: HostValues,
    /// What rule 500 does: `host` as actions.
    pub(crate) values: Vec<Act>,
    /// Rules that are left out, as bits by their place; empty where none is.
    removed: Vec<u64>,
    /// What the first link of a rule must not look at, by the rule's place.
    excluded: HashMap<u32, Excluded>,
    /// What the caller leaves out of every transaction.
    pub(crate) leaving: Leaving,
    /// The host's own rules.
    pub(crate) segment: Option<Arc<Segment>>,
}

impl Own {
    /// Nothing but settings.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Whether the rule at `place` is left out.
    pub(crate) fn removes(&self, place: u32) -> bool {
        self.removed.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// What the first link of the rule at `place` must not look at.
    pub(crate) fn excluded(&self, place: u32) -> &[(VarId, Selector)] {
        match self.excluded.is_empty() {
            true => &[],
            false => self.excluded.get(&place).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// Whether the host's own rules run in `phase`.
    pub(crate) fn has_phase(&self, phase: u8) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.program().has_phase(phase))
    }

    /// Leaves the rule at `place` out.
    pub(crate) fn remove(&mut self, place: u32) {
        let word = place as usize / 64;
        if self.removed.len() <= word {
            self.removed.resize(word + 1, 0);
        }
        self.removed[word] |= 1 << (place % 64);
    }

    /// Has rule 500 of `program` set `values`; without any it is left out.
    pub(crate) fn values(&mut self, program: &Program, values: HostValues) {
        self.host = values;
        self.values = values.acts();
        let Some(place) = program.rules.iter().position(|rule| rule.id == HOST_RULE).map(|place| place as u32) else {
            return;
        };
        match self.values.is_empty() {
            true => self.remove(place),
            false => self.restore(place),
        }
    }

    fn restore(&mut self, place: u32) {
        if let Some(word) = self.removed.get_mut(place as usize / 64) {
            *word &= !(1 << (place % 64));
        }
    }

    /// Hides targets from the first link of the rule at `place`.
    pub(crate) fn exclude(&mut self, place: u32, targets: &[(VarId, Selector)]) {
        self.excluded.entry(place).or_default().extend_from_slice(targets);
    }
}

/// What the host decides, as rule 500 sets it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostValues {
    pub(crate) paranoia: Option<u8>,
    pub(crate) detection_paranoia: Option<u8>,
    pub(crate) thresholds: Option<(u32, u32)>,
}

impl HostValues {
    /// The acts of rule 500.
    pub(crate) fn acts(self) -> Vec<Act> {
        let detection = self.detection_paranoia.or(self.paranoia).map(|level| level.max(self.paranoia.unwrap_or(1)));
        let values = [
            ("blocking_paranoia_level", self.paranoia.map(u32::from)),
            ("detection_paranoia_level", detection.map(u32::from)),
            ("inbound_anomaly_score_threshold", self.thresholds.map(|(inbound, _)| inbound)),
            ("outbound_anomaly_score_threshold", self.thresholds.map(|(_, outbound)| outbound)),
        ];
        let text = |text: &str| Template { parts: vec![Part::Text(text.as_bytes().into())] };
        values
            .into_iter()
            .filter_map(|(name, value)| {
                let change = Change::Set(text(&value?.to_string()));
                Some(Act::SetVar { collection: VarId::Tx, name: text(name), change })
            })
            .collect()
    }
}

/// The rule that carries what the host decides.
pub(crate) const HOST_RULE: u64 = 500;
