//! What outlives a snapshot: whose turn it is in each target group.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::schema::{GroupId, TargetId};
use crate::snapshot::{Group, Target};

/// Smooth weighted round robin for every group of one core. Over each cycle of the weights' sum every target
/// gets exactly its weight, spread evenly.
#[derive(Debug, Default)]
pub(crate) struct Shares(RefCell<HashMap<GroupId, Vec<Share>>>);

#[derive(Debug)]
struct Share {
    target: TargetId,
    credit: i64,
}

impl Shares {
    /// Whose turn it is among the targets that are not in `tried`.
    pub(crate) fn next<'a>(&self, group: &'a Group, tried: &[TargetId]) -> Option<&'a Target> {
        if let [only] = &*group.targets {
            return (!tried.contains(&only.id)).then_some(only);
        }
        let mut groups = self.0.borrow_mut();
        let shares = groups.entry(group.id).or_default();
        if !shares.iter().map(|s| s.target).eq(group.targets.iter().map(|t| t.id)) {
            // Targets that stay keep their credit.
            let credit = |id| shares.iter().find(|s| s.target == id).map_or(0, |s| s.credit);
            *shares = group.targets.iter().map(|t| Share { target: t.id, credit: credit(t.id) }).collect();
        }
        let mut sum = 0;
        let mut best: Option<usize> = None;
        for (i, target) in group.targets.iter().enumerate() {
            if tried.contains(&target.id) {
                continue;
            }
            shares[i].credit += i64::from(target.weight);
            sum += i64::from(target.weight);
            if best.is_none_or(|b| shares[i].credit > shares[b].credit) {
                best = Some(i);
            }
        }
        let best = best?;
        shares[best].credit -= sum;
        Some(&group.targets[best])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(weights: &[u32]) -> Group {
        let target =
            |(i, weight): (usize, &u32)| Target::plain(TargetId(i as i64 + 1), "127.0.0.1".into(), 80, *weight);
        Group {
            id: GroupId(1),
            name: "g".into(),
            preserve_host: true,
            connect_timeout_ms: None,
            response_timeout_ms: None,
            max_retries: None,
            targets: weights.iter().enumerate().map(target).collect(),
        }
    }

    #[test]
    fn shares_are_exact_over_each_cycle_and_survive_a_new_snapshot() {
        let shares = Shares::default();
        let mut counts = [0; 3];
        for _ in 0..1000 {
            // A new group value each time, as after a swap.
            let group = group(&[1, 2, 5]);
            counts[shares.next(&group, &[]).unwrap().id.0 as usize - 1] += 1;
        }
        assert_eq!(counts, [125, 250, 625]);
    }

    #[test]
    fn tried_targets_are_passed_over() {
        let (shares, group) = (Shares::default(), group(&[1, 1]));
        let first = shares.next(&group, &[]).unwrap().id;
        let second = shares.next(&group, &[first]).unwrap().id;
        assert_ne!(first, second);
        assert!(shares.next(&group, &[first, second]).is_none());
    }
}
