//! Files that arguments name. Each is read whole, and no further than what is taken can be long: an argument may name a
//! device that never ends.

use std::fs::File;
use std::io::Read as _;

use argos_core::error::{Error, Result};

/// Bytes of a file at most.
const MOST: u64 = 1024 * 1024;

/// The text of the file `path` that `field` names; `-` is standard input, and no name is no text.
pub(crate) fn text(field: &str, path: &str) -> Result<String> {
    let text = String::from_utf8(bytes(field, path, MOST)?);
    let text = text.map_err(|_| Error::invalid("file", field, format!("{path}: is no UTF-8 text")))?;
    // Some editors put a mark before UTF-8.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// As [`text`], for PEM. What is none is refused where PEM is read, which says what helps.
pub(crate) fn pem(field: &str, path: &str) -> Result<String> {
    let bytes = bytes(field, path, MOST)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// As [`text`], for a secret: whoever gave the secret in place of a file does not find it in the error.
pub(crate) fn secret(field: &str, path: &str) -> Result<String> {
    let hidden = |e: Error| {
        let reason = e.fields().first().map_or("", |f| f.reason.strip_prefix(path).unwrap_or_default());
        let reason = reason.trim_start_matches([':', ' ']);
        let reason = format!("the value names a file that holds the secret, - is standard input; this one: {reason}");
        Error::invalid("file", field, reason)
    };
    let text = text(field, path).map_err(hidden)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The bytes of the file `path` that `field` names, at most `most`.
pub(crate) fn bytes(field: &str, path: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match path {
        "" => Ok(0),
        "-" => std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes),
        path => File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)),
    };
    let refused = |reason: String| Error::invalid("file", field, format!("{path}: {reason}"));
    read.map_err(|e| refused(e.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(refused(format!("has more than {most} bytes, which is the most that is read")));
    }
    Ok(bytes)
}
