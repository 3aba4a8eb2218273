//! What a value must have in it for an operator to match.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::ByteSet;

/// What every value has that the operator matches. Guarantee: a value that lacks any of it never matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// One of these texts occurs in the value, both folded to lower case.
    pub(crate) literals: Option<Vec<Vec<u8>>>,
    /// The same for values without any byte of [`LOUD`], where it says more: one of these texts occurs in such a value;
    /// none means that no such value matches.
    pub(crate) calm: Option<Vec<Vec<u8>>>,
    /// Of each set, at least one byte occurs in the value.
    pub(crate) bytes: Vec<ByteSet>,
    /// The value is at least this long.
    pub(crate) length: usize,
}

impl Needs {
    /// One of `literals` occurs in the value, in any case.
    pub(crate) fn one_of<T: AsRef<[u8]>>(literals: impl IntoIterator<Item = T>) -> Self {
        let literals: Vec<Vec<u8>> =
            literals.into_iter().map(|literal| literal.as_ref().to_ascii_lowercase()).collect();
        let length = literals.iter().map(Vec::len).min().unwrap_or(0);
        let usable = !literals.is_empty() && length >= 2;
        Self { literals: usable.then_some(literals), calm: None, bytes: Vec::new(), length }
    }

    /// One byte of `set` occurs in the value.
    pub(crate) fn byte_of(set: ByteSet) -> Self {
        Self { literals: None, calm: None, bytes: vec![set], length: 1 }
    }

    /// What a pattern needs. Where it is `caseless`, letters in it stand for both cases.
    pub(crate) fn of_pattern(hir: &Hir, caseless: bool) -> Self {
        let scope = |without| Scope { without, caseless };
        // Of a pattern that matches nothing at all, nothing is claimed.
        let found = walk(hir, &scope(ByteSet::EMPTY)).unwrap_or_else(Found::nothing);
        let calm = match walk(hir, &scope(LOUD)) {
            None => Some(Vec::new()),
            Some(found) => found.into_required().filter(|literals| usable(literals)).map(sorted),
        };
        let length = hir.properties().minimum_len().unwrap_or(0);
        let mut bytes = Vec::with_capacity(found.gates.len);
        found.gates.each(|gate| bytes.push(gate));
        let literals = found.into_required().filter(|literals| usable(literals)).map(sorted);
        Self { literals, calm, bytes, length }
    }
}

/// Literals of one byte are left to the byte sets.
fn usable(literals: &[Vec<u8>]) -> bool {
    !literals.is_empty() && literals.len() <= MOST_LITERALS && literals.iter().all(|literal| literal.len() >= 2)
}

/// Bytes that attacks are full of and most values lack. Patterns allow for many of them between the letters of a word;
/// without them the word stands there as it is.
pub(super) const LOUD: ByteSet = ByteSet::EMPTY.with(0, 0x1f).and(b"\x7f!\"#$%&'()*;<=>?[\\]^`{|}~");

/// What is known about a part of a pattern.
#[derive(Clone)]
struct Found {
    /// All texts that the part matches, folded.
    exact: Option<Vec<Vec<u8>>>,
    /// One of these occurs in each text that the part matches, folded; none = what is in `exact`.
    required: Option<Vec<Vec<u8>>>,
    /// Of each set, one byte occurs in each text that the part matches.
    gates: Gates,
}

impl Found {
    fn into_required(self) -> Option<Vec<Vec<u8>>> {
        self.required.or(self.exact)
    }

    fn nothing() -> Self {
        Self { exact: None, required: None, gates: Gates::default() }
    }

    fn empty() -> Self {
        Self { exact: Some(vec![Vec::new()]), required: None, gates: Gates::default() }
    }
}

/// Which texts are asked about.
struct Scope {
    /// Only those without any of these bytes, among which are no letters.
    without: ByteSet,
    /// Letters of the pattern stand for both cases.
    caseless: bool,
}

impl Scope {
    /// What bytes of the pattern stand for.
    fn read(&self, set: ByteSet) -> ByteSet {
        if self.caseless { set.both_cases() } else { set }
    }
}

/// What is known of the texts in `scope` that a part of a pattern matches; none where there are no such texts.
fn walk(hir: &Hir, scope: &Scope) -> Option<Found> {
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Found::empty(),
        HirKind::Literal(literal) => {
            if literal.0.iter().any(|byte| scope.without.has(*byte)) {
                return None;
            }
            let folded = literal.0.to_ascii_lowercase();
            let mut gates = Gates::default();
            literal.0.iter().for_each(|byte| gates.offer(scope.read(ByteSet::EMPTY.and(&[*byte]))));
            Found { exact: Some(vec![folded]), required: None, gates }
        }
        HirKind::Class(class) => return of_class(class, scope),
        HirKind::Capture(capture) => return walk(&capture.sub, scope),
        HirKind::Repetition(repetition) => match walk(&repetition.sub, scope) {
            Some(part) => of_repetition(repetition, part),
            None if repetition.min == 0 => Found::empty(),
            None => return None,
        },
        HirKind::Concat(parts) => {
            let mut sequence = Sequence::default();
            for part in parts {
                sequence.push(walk(part, scope)?);
            }
            sequence.found()
        }
        HirKind::Alternation(parts) => {
            let mut left = parts.iter().filter_map(|part| walk(part, scope)).peekable();
            left.peek()?;
            of_choice(left)
        }
    })
}

fn of_class(class: &Class, scope: &Scope) -> Option<Found> {
    let set = match class {
        Class::Bytes(class) => {
            class.ranges().iter().fold(ByteSet::EMPTY, |set, range| set.with(range.start(), range.end()))
        }
        Class::Unicode(class) => match class.ranges().iter().all(|range| range.end().is_ascii()) {
            true => class
                .ranges()
                .iter()
                .fold(ByteSet::EMPTY, |set, range| set.with(range.start() as u8, range.end() as u8)),
            // Characters of several bytes: nothing is claimed.
            false => return Some(Found::nothing()),
        },
    };
    let set = scope.read(set).minus(&scope.without);
    if set == ByteSet::EMPTY {
        return None;
    }
    // A letter in both cases is one text.
    let mut exact = None;
    if set.len() <= 2 * CLASS_AS_TEXTS {
        let mut texts: Vec<Vec<u8>> = set.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
        texts.sort_unstable();
        texts.dedup();
        exact = (texts.len() <= CLASS_AS_TEXTS).then_some(texts);
    }
    let mut gates = Gates::default();
    gates.offer(set);
    Some(Found { exact, required: None, gates })
}

fn of_repetition(repetition: &Repetition, part: Found) -> Found {
    match (repetition.min, repetition.max) {
        (0, Some(1)) => {
            let mut exact = part.exact;
            if let Some(texts) = &mut exact {
                texts.push(Vec::new());
            }
            // One of them is empty: it occurs in every text, as it must.
            Found { exact, required: None, gates: Gates::default() }
        }
        (0, _) => Found::nothing(),
        (1, Some(1)) => part,
        (min, max) if max == Some(min) && min <= 4 => {
            let mut sequence = Sequence::default();
            (1..min).for_each(|_| sequence.push(part.clone()));
            sequence.push(part);
            sequence.found()
        }
        _ => {
            let gates = part.gates;
            Found { exact: None, required: part.into_required(), gates }
        }
    }
}

/// Parts one behind the other.
struct Sequence {
    /// Texts that end where we are; they grow while what follows is known exactly.
    run: Vec<Vec<u8>>,
    whole: bool,
    best: Best,
    gates: Gates,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { run: vec![Vec::new()], whole: true, best: Best::default(), gates: Gates::default() }
    }
}

impl Sequence {
    fn push(&mut self, part: Found) {
        part.gates.each(|gate| self.gates.offer(gate));
        match part.exact {
            Some(exact) if exact.len() * self.run.len() <= MOST_LITERALS => cross(&mut self.run, exact),
            exact => {
                self.end_run();
                self.best.offer(part.required);
                // A run of its own is offered when it ends.
                if let Some(exact) = exact.filter(|exact| exact.len() <= MOST_LITERALS) {
                    self.run = exact;
                }
            }
        }
        if self.run.iter().any(|text| text.len() > LONGEST) {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        self.whole = false;
        self.best.offer(Some(std::mem::replace(&mut self.run, vec![Vec::new()])));
    }

    fn found(mut self) -> Found {
        if self.whole {
            return Found { exact: Some(self.run), required: None, gates: self.gates };
        }
        self.best.offer(Some(self.run));
        Found { exact: None, required: self.best.texts, gates: self.gates }
    }
}

fn of_choice(parts: impl Iterator<Item = Found>) -> Found {
    let mut exact = Some(Vec::new());
    let mut required = Some(Vec::new());
    let mut gates: Option<[ByteSet; GATES]> = Some([ByteSet::EMPTY; GATES]);
    for part in parts {
        required = match (required, &part.required, &part.exact) {
            (Some(all), Some(texts), _) | (Some(all), None, Some(texts)) => join(all, texts),
            _ => None,
        };
        exact = exact.zip(part.exact.as_deref()).and_then(|(all, texts)| join(all, texts));
        gates = match (gates, part.gates.first()) {
            (Some(mut all), Some(first)) => {
                for (index, gate) in all.iter_mut().enumerate() {
                    *gate = gate.or(&part.gates.get(index).unwrap_or(first));
                }
                Some(all)
            }
            _ => None,
        };
    }
    let sorted = |texts: Vec<Vec<u8>>| Some(sorted(texts)).filter(|texts| texts.len() <= MOST_LITERALS);
    let mut best = Gates::default();
    gates.into_iter().flatten().for_each(|gate| best.offer(gate));
    Found { exact: exact.and_then(sorted), required: required.and_then(sorted), gates: best }
}

/// All texts of both; none where they are far too many already.
fn join(mut all: Vec<Vec<u8>>, part: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    all.extend_from_slice(part);
    // Equal ones among them count once, in the end.
    (all.len() <= 4 * MOST_LITERALS).then_some(all)
}

/// Each text of `run` with each of `after` behind it.
fn cross(run: &mut Vec<Vec<u8>>, after: Vec<Vec<u8>>) {
    if let [only] = &after[..] {
        return run.iter_mut().for_each(|text| text.extend_from_slice(only));
    }
    if matches!(&run[..], [only] if only.is_empty()) {
        *run = after;
        return;
    }
    *run = sorted(run.iter().flat_map(|start| after.iter().map(|end| [start.as_slice(), end].concat())).collect());
}

fn sorted(mut texts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The set of texts that is least likely to occur by chance.
#[derive(Default)]
struct Best {
    texts: Option<Vec<Vec<u8>>>,
    chance: f64,
}

impl Best {
    fn offer(&mut self, offered: Option<Vec<Vec<u8>>>) {
        let Some(offered) = offered.filter(|texts| usable(texts)) else { return };
        let chance = chance(&offered);
        if self.texts.is_none() || chance < self.chance {
            *self = Self { texts: Some(offered), chance };
        }
    }
}

fn chance(texts: &[Vec<u8>]) -> f64 {
    texts.iter().map(|text| text.iter().map(|byte| likely(*byte)).product::<f64>()).sum()
}

/// The sets of those offered whose bytes are least likely in ordinary text, the most telling first, at most [`GATES`].
#[derive(Clone, Copy, Debug, Default)]
struct Gates {
    sets: [(f64, ByteSet); GATES],
    len: usize,
}

impl Gates {
    fn offer(&mut self, set: ByteSet) {
        let weight = set.iter().map(likely).sum::<f64>();
        let held = &self.sets[..self.len];
        if held.iter().any(|(_, other)| *other == set) {
            return;
        }
        let place = held.iter().position(|(other, _)| weight < *other).unwrap_or(self.len);
        if place == GATES {
            return;
        }
        self.sets[place..].rotate_right(1);
        self.sets[place] = (weight, set);
        self.len = (self.len + 1).min(GATES);
    }

    fn get(&self, index: usize) -> Option<ByteSet> {
        self.sets[..self.len].get(index).map(|(_, set)| *set)
    }

    fn first(&self) -> Option<ByteSet> {
        self.get(0)
    }

    fn each(&self, see: impl FnMut(ByteSet)) {
        self.sets[..self.len].iter().map(|(_, set)| *set).for_each(see);
    }
}

/// How likely a byte is in ordinary values. Only the order of choices hangs on it.
fn likely(byte: u8) -> f64 {
    match byte {
        b'e' | b'a' | b't' | b'i' | b'n' | b'o' | b'r' | b's' => 0.07,
        b'a'..=b'z' => 0.025,
        b'0'..=b'9' | b' ' | b'.' | b'-' | b'_' | b'/' => 0.03,
        b'A'..=b'Z' | b',' | b':' | b';' | b'(' | b')' | b'=' | b'?' | b'&' | b'%' | b'+' | b'@' => 0.01,
        _ => 0.002,
    }
}

/// Texts of one operator.
const MOST_LITERALS: usize = 600;
/// Bytes of a text that is still grown.
const LONGEST: usize = 24;
/// Classes of so many bytes, case folded, are taken apart into texts.
const CLASS_AS_TEXTS: usize = 4;
/// Byte sets of one operator.
pub(super) const GATES: usize = 2;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use regex_syntax::ParserBuilder;

    use super::*;

    fn needs(pattern: &str) -> Needs {
        let mut parser =
            ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).multi_line(true).build();
        Needs::of_pattern(&parser.parse(pattern).unwrap(), false)
    }

    fn literals(pattern: &str) -> Vec<String> {
        let texts = needs(pattern).literals.unwrap_or_default();
        texts.into_iter().map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn finds_what_must_be_there() {
        assert_eq!(literals(r"(?i)\bunion\s+select\b"), ["select"]);
        assert_eq!(literals(r"(?:foo|bar)\d+baz"), ["baz"]);
        assert_eq!(literals(r"x(?:foo|bar)"), ["xbar", "xfoo"]);
        assert_eq!(literals(r"ab?c"), ["abc", "ac"]);
        assert_eq!(literals(r"(?:foo|b)"), [""; 0]);
        assert_eq!(literals(r"(?:foo)?"), [""; 0]);
        assert_eq!(literals(r"[a-z]+"), [""; 0]);
        assert_eq!(needs(r"[0-9]+\.[a-z]").bytes[0], ByteSet::of(b"."));
        assert_eq!(needs(r"ab{3}c+").length, 5);
        assert!(needs(r"a*").bytes.is_empty());
    }

    #[test]
    fn finds_what_must_be_there_where_nothing_disguises_it() {
        let calm = |pattern: &str| needs(pattern).calm;
        assert_eq!(calm(r#"l['"\\]*s['"\\$(]*o"#), Some(vec![b"lso".to_vec()]));
        assert_eq!(needs(r#"l['"\\]*s['"\\$(]*o"#).literals, None);
        assert_eq!(calm(r"\$\(|;\s*id"), Some(Vec::new()));
        assert_eq!(calm(r"(?:['(]|x)[a-z]*;?/etc"), Some(vec![b"/etc".to_vec()]));
        assert_eq!(calm(r"[a-z]+"), None);
    }

    /// Pieces that patterns are made of here.
    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(
            &[
                "a", "B", "ab", "(?i:Cd)", "[a-c]", "[^a]", ".", "\\b", "^", "$", "\\s", "x.", "[ab]c", "\\xff", "",
                "['b;]", "\\(a", "[(']",
            ][..],
        )
        .prop_map(str::to_owned);
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner, prop::sample::select(&["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{5}"][..]))
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
            ]
        })
    }

    fn lacks(needs: &Needs, text: &[u8]) -> bool {
        let folded = text.to_ascii_lowercase();
        let holds = |literal: &Vec<u8>| memchr::memmem::find(&folded, literal).is_some();
        let seen = ByteSet::of(text);
        let quiet = needs.calm.as_ref().filter(|_| !seen.meets(&LOUD));
        needs.literals.as_ref().is_some_and(|literals| !literals.iter().any(holds))
            || quiet.is_some_and(|literals| !literals.iter().any(holds))
            || needs.bytes.iter().any(|set| !set.meets(&seen))
            || text.len() < needs.length
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The guarantee of [`Needs`].
        #[test]
        fn what_lacks_something_never_matches(
            pattern in pattern(),
            texts in prop::collection::vec("[aAbBcCdDx \u{ff}\n';(]{0,8}", 1..20),
        ) {
            let regex = regex::bytes::RegexBuilder::new(&pattern)
                .unicode(false).dot_matches_new_line(true).multi_line(true).build().unwrap();
            let caseless = regex::bytes::RegexBuilder::new(&pattern)
                .unicode(false).dot_matches_new_line(true).multi_line(true).case_insensitive(true).build().unwrap();
            let mut parser =
                ParserBuilder::new().unicode(false).utf8(false).dot_matches_new_line(true).multi_line(true).build();
            let wide = Needs::of_pattern(&parser.parse(&pattern).unwrap(), true);
            let needs = needs(&pattern);
            for text in texts {
                if regex.is_match(text.as_bytes()) {
                    prop_assert!(!lacks(&needs, text.as_bytes()), "{pattern} {text:?} {needs:?}");
                }
                if caseless.is_match(text.as_bytes()) {
                    prop_assert!(!lacks(&wide, text.as_bytes()), "(?i){pattern} {text:?} {wide:?}");
                }
            }
        }
    }
}
