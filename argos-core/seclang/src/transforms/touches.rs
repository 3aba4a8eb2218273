//! Which bytes a transformation acts on.
//!
//! Guarantee: a value with none of these bytes stays as it is. None where no bytes can be named.

use crate::screen::ByteSet;

/// The bytes at least one of which is in every value that the transformation `name` changes.
pub(crate) fn touches(name: &str) -> Option<ByteSet> {
    let set = |bytes: &[u8]| Some(ByteSet::EMPTY.and(bytes));
    match name {
        "cmdline" => Some(ByteSet::EMPTY.with(b'A', b'Z').and(b"\\\"'^ ,;\t\r\n")),
        "compresswhitespace" | "removewhitespace" => set(b"\t\n\x0b\x0c\r \xa0"),
        "cssdecode" | "escapeseqdecode" | "jsdecode" => set(b"\\"),
        "htmlentitydecode" => set(b"&"),
        "lowercase" => Some(ByteSet::EMPTY.with(b'A', b'Z')),
        "uppercase" => Some(ByteSet::EMPTY.with(b'a', b'z')),
        "normalisepath" | "normalizepath" => set(b"/."),
        "normalisepathwin" | "normalizepathwin" => set(b"/.\\"),
        "parityzero7bit" | "utf8tounicode" => Some(ByteSet::EMPTY.with(0x80, 0xff)),
        "phpargsnames" => set(b"\t\n\x0c\r .[\0"),
        "removecomments" | "removecommentschar" => set(b"#-*"),
        "replacecomments" => set(b"*"),
        "removenulls" | "replacenulls" => set(b"\0"),
        "sqlhexdecode" => set(b"xX"),
        "trim" | "trimleft" | "trimright" => set(b"\t\n\x0b\x0c\r "),
        "urldecode" | "urldecodeuni" => set(b"%+"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transforms::TABLE;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The guarantee above, for each transformation.
        #[test]
        fn values_without_these_bytes_stay(
            text in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"<!-/* ab.[\\x0;&#"[..])], 0..24),
        ) {
            for (name, transform) in TABLE {
                if let Some(set) = touches(name) {
                    let kept: Vec<u8> = text.iter().copied().filter(|byte| !set.has(*byte)).collect();
                    prop_assert_eq!(transform(&kept), None, "{}", name);
                }
            }
        }
    }
}
