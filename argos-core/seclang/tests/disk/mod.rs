//! What tests read from disk: rule folders, and bodies written in base64.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::path::Path;

use argos_seclang::{LoadError, Loader};

/// Folders on disk. Its globs know one star in the file name.
pub struct Disk;

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

pub fn base64(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut output = Vec::new();
    for group in text.chunks(4) {
        let sextets: Vec<u32> = group
            .iter()
            .map_while(|byte| ALPHABET.iter().position(|letter| letter == byte))
            .map(|n| n as u32)
            .collect();
        let bits = (0..4).fold(0, |bits, index| bits << 6 | sextets.get(index).copied().unwrap_or(0));
        output.extend((1..sextets.len()).map(|index| (bits >> (24 - 8 * index)) as u8));
    }
    output
}
