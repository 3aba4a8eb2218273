//! Rules in file order to one flat list per phase, with jumps resolved.

use std::collections::HashMap;

use crate::diagnostic::Findings;
use crate::program::{Program, Rule};
use crate::source::Position;

/// A rule with the marker it may jump to, or a marker.
pub(crate) enum Step {
    Rule(Box<(Rule, Option<Box<[u8]>>)>),
    Marker(Box<[u8]>),
    /// Where a host's own rules would stand.
    Border,
}

/// A marker: its step, and how long each phase's list was there.
type Place = (usize, [u32; 6]);

/// Fills `program.rules` and `program.phases`.
pub(crate) fn build(program: &mut Program, steps: Vec<Step>, findings: &mut Findings) {
    // Where each marker stands in each phase: the length of that phase's list when it was met.
    let mut markers: HashMap<Box<[u8]>, Vec<Place>> = HashMap::new();
    let mut lengths = [0_u32; 6];
    let mut border = None;
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Rule(rule) => lengths[usize::from(rule.0.phase)] += 1,
            Step::Border => border = Some((index, lengths)),
            Step::Marker(name) => markers.entry(name.clone()).or_default().push((index, lengths)),
        }
    }
    for (index, step) in steps.into_iter().enumerate() {
        let Step::Rule(rule) = step else { continue };
        let (mut rule, jump) = *rule;
        let phase = usize::from(rule.phase);
        if let (Some((at, lengths)), Some(known)) = (border, &mut program.border)
            && index < at
        {
            known.crossed |= program.phases[phase].len() as u32 + 1 + rule.skip > lengths[phase] && rule.skip > 0;
            known.jumps.extend(jump.clone());
        }
        if let Some(name) = jump {
            let place = markers.get(&name).and_then(|places| places.iter().find(|place| place.0 > index));
            // A jump to a marker that does not follow leaves the phase, as the reference engines do.
            rule.skip_to = Some(place.map_or(lengths[phase], |place| place.1[phase]));
            if place.is_none() {
                let at = Position { file: rule.file.clone(), line: rule.line, column: 1 };
                findings.warn("seclang.marker_missing", &at, &name, "no such marker follows: the phase ends here");
            }
        }
        if let (Some((at, lengths)), Some(known)) = (border, &mut program.border)
            && index < at
        {
            known.crossed |= rule.skip_to.is_some_and(|to| to > lengths[phase]);
        }
        program.phases[phase].push(program.rules.len() as u32);
        program.rules.push(rule);
    }
    if let (Some((_, lengths)), Some(known)) = (border, &mut program.border) {
        known.at = lengths;
    }
}
