//! Transformed values, computed once per value and chain node.

use std::collections::HashMap;

use super::store::{Bytes, Value};
use crate::program::{ChainId, Chains};

/// Guarantee: [`Memo::transformed`] gives the same bytes as running the chain afresh. A value's number never
/// names two texts, and transformations are pure.
#[derive(Debug, Default)]
pub(super) struct Memo {
    known: HashMap<(u32, ChainId), Bytes>,
}

impl Memo {
    /// `value` after `chain`.
    pub(super) fn transformed(&mut self, value: &Value, chain: ChainId, chains: &Chains) -> Bytes {
        if chain == ChainId::default() {
            return value.bytes.clone();
        }
        if let Some(known) = self.known.get(&(value.number, chain)) {
            return known.clone();
        }
        let mut bytes = value.bytes.clone();
        for node in chains.path(chain) {
            bytes = match self.known.get(&(value.number, node)) {
                Some(known) => known.clone(),
                None => {
                    let next = match chains.apply(node, &bytes) {
                        Some(changed) => Bytes::from(changed),
                        None => bytes,
                    };
                    self.known.insert((value.number, node), next.clone());
                    next
                }
            };
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transforms::TABLE;

    proptest! {
        /// The guarantee above, against running each chain afresh.
        #[test]
        fn remembering_changes_nothing(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4),
            lists in prop::collection::vec(prop::collection::vec(0..TABLE.len(), 0..5), 1..8),
        ) {
            let mut chains = Chains::default();
            let mut memo = Memo::default();
            for list in &lists {
                let list: Vec<_> = list.iter().map(|index| TABLE[*index]).collect();
                let chain = chains.intern(&list);
                for (number, text) in texts.iter().enumerate() {
                    let value = Value { bytes: text.as_slice().into(), number: number as u32 };
                    let slow = list.iter().fold(text.clone(), |text, (_, step)| step(&text).unwrap_or(text));
                    prop_assert_eq!(&*memo.transformed(&value, chain, &chains), slow.as_slice());
                }
            }
        }
    }
}
