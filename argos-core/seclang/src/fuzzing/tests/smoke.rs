//! A short run of properties without a fuzzer: kept inputs, then inputs made of them by dice that fall the same in
//! every run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::super::Property;

/// Runs every target of the package in `package` over its kept inputs and `rounds` made ones.
pub(crate) fn run(package: &Path, targets: &[(&str, Property)], rounds: usize) {
    let fuzz = package.join("fuzz");
    let named: BTreeSet<_> = targets.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in ["fuzz_targets", "seeds", "cases"] {
        let found = names(&fuzz.join(folder));
        assert!(found.is_subset(&named), "{folder} has more than the targets: {found:?}");
        assert!(folder == "cases" || found == named, "{folder} lacks a target: it has {found:?}");
    }
    let mut broken = Vec::new();
    for (name, property) in targets {
        let kept = [kept(&fuzz.join("seeds").join(name)), kept(&fuzz.join("cases").join(name))].concat();
        assert!(!kept.is_empty(), "{name} has no seeds");
        let mut dice = Dice(0x0A26_05F0);
        let made = (0..rounds).map(|_| made(&mut dice, &kept));
        let fails = |input: &Vec<u8>| catch_unwind(AssertUnwindSafe(|| property(input))).is_err();
        if let Some(input) = kept.iter().cloned().chain(made).find(fails) {
            broken.push(format!("{name} does not hold for b\"{}\"", input.escape_ascii()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Names in a folder without their endings; none where there is no folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn kept(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Numbers that look random and are the same in every run: xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides.max(1)
    }
}

/// An input made of kept ones by a few cuts, copies and other bytes.
fn made(dice: &mut Dice, kept: &[Vec<u8>]) -> Vec<u8> {
    let mut input = kept[dice.below(kept.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(input.len() + 1);
        let end = (at + dice.below(12)).min(input.len());
        match dice.below(6) {
            0 => drop(input.drain(at..end)),
            1 => input.insert(at, dice.below(256) as u8),
            2 if at < input.len() => input[at] ^= 1 << dice.below(8),
            3 if at < input.len() => input[at] = b"\0\r\n \t%&=\"'\\/.;:,-_<>[]{}()*+?|^$#@~"[dice.below(35)],
            4 => {
                let copy = input[at..end].to_vec();
                input.splice(at..at, copy);
            }
            _ => {
                let other = &kept[dice.below(kept.len())];
                let from = dice.below(other.len() + 1);
                let piece = other[from..(from + dice.below(40)).min(other.len())].to_vec();
                input.splice(at..end, piece);
            }
        }
    }
    input
}
