//! Rule sets and recordings outside this package, for the tests that use them.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod exchange;

use std::path::{Path, PathBuf};

use argos_seclang::{LoadError, Loader};

/// Files on disk. Its globs know one star in the file name.
pub(crate) struct Disk;

impl Loader for Disk {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(name).map_err(|error| LoadError { name: name.to_owned(), reason: error.to_string() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let Some((before, after)) = pattern.split_once('*') else {
            return Ok(Path::new(pattern).exists().then(|| pattern.to_owned()).into_iter().collect());
        };
        let (folder, start) = before.rsplit_once('/').unwrap();
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names
            .filter(|name| name.starts_with(start) && name.ends_with(after))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// The folder `name` of the shared inputs, if they are there.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join(name);
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return None;
    }
    Some(folder)
}

/// Decodes standard base64.
pub(crate) fn base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut places = [64_u8; 256];
    (0..).zip(ALPHABET).for_each(|(place, letter)| places[usize::from(*letter)] = place);
    let mut output = Vec::new();
    for group in text.chunks(4) {
        let sextets: Vec<u32> =
            group.iter().map(|byte| u32::from(places[usize::from(*byte)])).take_while(|place| *place < 64).collect();
        let bits = (0..4).fold(0, |bits, index| bits << 6 | sextets.get(index).copied().unwrap_or(0));
        output.extend((1..sextets.len()).map(|index| (bits >> (24 - 8 * index)) as u8));
    }
    output
}
