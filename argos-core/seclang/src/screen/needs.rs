//! What a value must have in it for an operator to match.

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};

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

    /// What a pattern needs.
    pub(crate) fn of_pattern(hir: &Hir) -> Self {
        let found = walk(hir);
        let literals = found.required.filter(|literals| usable(literals));
        let calm = match calm(hir) {
            None => Some(Vec::new()),
            Some(hir) => walk(&hir).required.filter(|literals| usable(literals)),
        };
        let length = hir.properties().minimum_len().unwrap_or(0);
        Self { literals, calm, bytes: found.gates, length }
    }
}

/// Literals of one byte are left to the byte sets.
fn usable(literals: &[Vec<u8>]) -> bool {
    !literals.is_empty() && literals.len() <= MOST_LITERALS && literals.iter().all(|literal| literal.len() >= 2)
}

/// Bytes that attacks are full of and most values lack. Patterns allow for many of them between the letters of a word;
/// without them the word stands there as it is.
pub(super) const LOUD: ByteSet = ByteSet::EMPTY.with(0, 0x1f).and(b"\x7f!\"#$%&'()*;<=>?[\\]^`{|}~");

/// The part of a pattern that matches without any byte of [`LOUD`]; None where nothing is left.
///
/// Guarantee: a text without these bytes that the pattern matches, what is left matches too.
fn calm(hir: &Hir) -> Option<Hir> {
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => {
            return (!literal.0.iter().any(|byte| LOUD.has(*byte))).then(|| hir.clone());
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new(LOUD.iter().map(|byte| ClassBytesRange::new(byte, byte))));
            if class.ranges().is_empty() {
                return None;
            }
            Hir::class(Class::Bytes(class))
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            let loud = LOUD.iter().map(|byte| ClassUnicodeRange::new(char::from(byte), char::from(byte)));
            class.difference(&ClassUnicode::new(loud));
            if class.ranges().is_empty() {
                return None;
            }
            Hir::class(Class::Unicode(class))
        }
        HirKind::Repetition(repetition) => match calm(&repetition.sub) {
            Some(part) => Hir::repetition(repetition.with(part)),
            None if repetition.min == 0 => Hir::empty(),
            None => return None,
        },
        HirKind::Capture(capture) => calm(&capture.sub)?,
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(calm).collect::<Option<_>>()?),
        HirKind::Alternation(parts) => {
            let left: Vec<Hir> = parts.iter().filter_map(calm).collect();
            if left.is_empty() {
                return None;
            }
            Hir::alternation(left)
        }
    })
}

/// What is known about a part of a pattern.
struct Found {
    /// All texts that the part matches, folded.
    exact: Option<Vec<Vec<u8>>>,
    /// One of these occurs in each text that the part matches, folded.
    required: Option<Vec<Vec<u8>>>,
    /// Of each set, one byte occurs in each text that the part matches; the most telling first, at most [`GATES`].
    gates: Vec<ByteSet>,
}

impl Found {
    fn nothing() -> Self {
        Self { exact: None, required: None, gates: Vec::new() }
    }

    fn empty() -> Self {
        Self { exact: Some(vec![Vec::new()]), required: None, gates: Vec::new() }
    }
}

fn walk(hir: &Hir) -> Found {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Found::empty(),
        HirKind::Literal(literal) => {
            let folded = literal.0.to_ascii_lowercase();
            let gates = best_gates(literal.0.iter().map(|byte| ByteSet::EMPTY.and(&[*byte])).collect());
            Found { exact: Some(vec![folded.clone()]), required: Some(vec![folded]), gates }
        }
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => walk(&capture.sub),
        HirKind::Repetition(repetition) => of_repetition(repetition),
        HirKind::Concat(parts) => of_sequence(parts.iter().map(walk)),
        HirKind::Alternation(parts) => of_choice(parts.iter().map(walk)),
    }
}

fn of_class(class: &Class) -> Found {
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
            false => return Found::nothing(),
        },
    };
    let mut texts: Vec<Vec<u8>> = set.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
    texts.sort_unstable();
    texts.dedup();
    let exact = (texts.len() <= CLASS_AS_TEXTS).then_some(texts);
    Found { required: exact.clone(), exact, gates: vec![set] }
}

fn of_repetition(repetition: &Repetition) -> Found {
    let part = walk(&repetition.sub);
    match (repetition.min, repetition.max) {
        (0, Some(1)) => {
            let mut exact = part.exact;
            if let Some(texts) = &mut exact {
                texts.push(Vec::new());
            }
            Found { exact, required: None, gates: Vec::new() }
        }
        (0, _) => Found::nothing(),
        (1, Some(1)) => part,
        (min, max) if max == Some(min) && min <= 4 => {
            let copies = (0..min).map(|_| Found {
                exact: part.exact.clone(),
                required: part.required.clone(),
                gates: part.gates.clone(),
            });
            of_sequence(copies)
        }
        _ => Found { exact: None, required: part.required, gates: part.gates },
    }
}

fn of_sequence(parts: impl Iterator<Item = Found>) -> Found {
    // Texts that end where we are; they grow while what follows is known exactly.
    let mut run = vec![Vec::new()];
    let mut whole = true;
    let mut best: Option<Vec<Vec<u8>>> = None;
    let mut gates = Vec::new();
    for part in parts {
        gates.extend(part.gates);
        let product = part.exact.as_ref().map(|exact| exact.len() * run.len());
        match (part.exact, product) {
            (Some(exact), Some(count)) if count <= MOST_LITERALS => run = cross(&run, &exact),
            (exact, _) => {
                whole = false;
                offer(&mut best, Some(std::mem::replace(&mut run, vec![Vec::new()])));
                offer(&mut best, part.required);
                if let Some(exact) = exact.filter(|exact| exact.len() <= MOST_LITERALS) {
                    run = exact;
                }
            }
        }
        if run.iter().any(|text| text.len() > LONGEST) {
            whole = false;
            offer(&mut best, Some(std::mem::replace(&mut run, vec![Vec::new()])));
        }
    }
    let exact = whole.then(|| run.clone());
    offer(&mut best, Some(run));
    Found { exact, required: best, gates: best_gates(gates) }
}

fn of_choice(parts: impl Iterator<Item = Found>) -> Found {
    let mut exact = Some(Vec::new());
    let mut required = Some(Vec::new());
    let mut gates: Option<[ByteSet; GATES]> = Some([ByteSet::EMPTY; GATES]);
    for part in parts {
        exact = join(exact, part.exact);
        required = join(required, part.required);
        gates = match (gates, part.gates.first()) {
            (Some(mut all), Some(first)) => {
                for (index, gate) in all.iter_mut().enumerate() {
                    *gate = gate.or(part.gates.get(index).unwrap_or(first));
                }
                Some(all)
            }
            _ => None,
        };
    }
    let gates = gates.map(|gates| best_gates(gates.to_vec())).unwrap_or_default();
    Found { exact, required, gates }
}

fn join(all: Option<Vec<Vec<u8>>>, part: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let (mut all, part) = (all?, part?);
    all.extend(part);
    all.sort_unstable();
    all.dedup();
    (all.len() <= MOST_LITERALS).then_some(all)
}

fn cross(before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> =
        before.iter().flat_map(|start| after.iter().map(|end| [start.as_slice(), end].concat())).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Keeps the set of texts that is less likely to occur by chance.
fn offer(best: &mut Option<Vec<Vec<u8>>>, offered: Option<Vec<Vec<u8>>>) {
    let Some(offered) = offered.filter(|texts| usable(texts)) else { return };
    if best.as_ref().is_none_or(|best| chance(&offered) < chance(best)) {
        *best = Some(offered);
    }
}

fn chance(texts: &[Vec<u8>]) -> f64 {
    texts.iter().map(|text| text.iter().map(|byte| likely(*byte)).product::<f64>()).sum()
}

/// The sets whose bytes are least likely in ordinary text, at most [`GATES`].
fn best_gates(mut sets: Vec<ByteSet>) -> Vec<ByteSet> {
    let weight = |set: &ByteSet| set.iter().map(likely).sum::<f64>();
    sets.sort_by(|a, b| weight(a).total_cmp(&weight(b)));
    sets.dedup();
    sets.truncate(GATES);
    sets
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
        Needs::of_pattern(&parser.parse(pattern).unwrap())
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
            let needs = needs(&pattern);
            for text in texts {
                if regex.is_match(text.as_bytes()) {
                    prop_assert!(!lacks(&needs, text.as_bytes()), "{pattern} {text:?} {needs:?}");
                }
            }
        }
    }
}
