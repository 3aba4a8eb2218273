//! `md5`, `sha1`: the raw digest, as rules compare it after `hexEncode`.

use md5::{Digest as _, Md5};
use sha1::Sha1;

/// 16 bytes.
pub(super) fn md5(input: &[u8]) -> Option<Vec<u8>> {
    Some(Md5::digest(input).to_vec())
}

/// 20 bytes.
pub(super) fn sha1(input: &[u8]) -> Option<Vec<u8>> {
    Some(Sha1::digest(input).to_vec())
}
