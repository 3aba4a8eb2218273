//! Transformations: pure, bounded, honest about "unchanged", and their own inverses where two are.

use crate::transforms::{TABLE, Transform, by_name};

/// Done twice, these give what they gave.
const SETTLED: &[&str] = &[
    "compresswhitespace",
    "lowercase",
    "normalisepath",
    "normalisepathwin",
    "parityeven7bit",
    "parityodd7bit",
    "parityzero7bit",
    "removenulls",
    "removewhitespace",
    "replacenulls",
    "trim",
    "trimleft",
    "trimright",
    "uppercase",
];

/// The second undoes the first.
const INVERSE: &[(&str, &str)] = &[
    ("base64encode", "base64decode"),
    ("base64encode", "base64decodeext"),
    ("hexencode", "hexdecode"),
    ("urlencode", "urldecode"),
    ("urlencode", "urldecodeuni"),
];

/// No transformation makes more of a value than six bytes of one, and a digest of nothing.
const MOST: usize = 6;
const DIGEST: usize = 20;

pub(super) fn transforms(bytes: &[u8]) {
    for (name, transform) in TABLE {
        let once = transform(bytes);
        assert_eq!(once, transform(bytes), "{name} is not pure");
        if let Some(changed) = &once {
            assert_ne!(changed.as_slice(), bytes, "{name} says changed");
            assert!(changed.len() <= MOST * bytes.len() + DIGEST, "{name} gave {} bytes", changed.len());
        }
        if SETTLED.contains(name) {
            let once = once.unwrap_or_else(|| bytes.to_vec());
            assert_eq!(transform(&once), None, "{name} of {:?}", once.escape_ascii().to_string());
        }
    }
    for (there, back) in INVERSE {
        assert_eq!(run(back, &run(there, bytes)), bytes, "{back} of {there}");
    }
    assert_eq!(run("trim", bytes), run("trimleft", &run("trimright", bytes)));
    assert_eq!(run("length", bytes), bytes.len().to_string().into_bytes());
}

fn run(name: &str, bytes: &[u8]) -> Vec<u8> {
    let (_, transform): (_, Transform) = by_name(name.as_bytes()).expect("the lists name what the table has");
    transform(bytes).unwrap_or_else(|| bytes.to_vec())
}
