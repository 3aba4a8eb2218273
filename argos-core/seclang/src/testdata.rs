//! Reads the data files of tests.

use std::path::Path;

/// All sheets of a folder of `testdata`, by name.
pub(crate) fn files<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let sheet = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (
            path.display().to_string(),
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    };
    paths.into_iter().map(sheet).collect()
}

/// Text to bytes; `{hh}` is one byte.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let mut output = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, crate::transforms::pair(text, at + 1), text.get(at + 3)) {
            (b'{', Some(value), Some(b'}')) => {
                output.push(value);
                at += 4;
            }
            _ => {
                output.push(byte);
                at += 1;
            }
        }
    }
    output
}
