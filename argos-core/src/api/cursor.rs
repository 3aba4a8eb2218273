//! Where the next page of a list begins, in a form that can't be made up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result};
use crate::secret::hmac_sha256;

/// Bytes of the tag that authenticates a cursor.
const TAG: usize = 16;

/// A cursor of list `of` at the given sort key.
pub(crate) fn encode(key: &[u8; 32], of: &str, at: &[i64]) -> String {
    let mut bytes: Vec<u8> = at.iter().flat_map(|n| n.to_be_bytes()).collect();
    let tag = tag(key, of, &bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The sort key of a cursor of list `of`.
pub(crate) fn decode<const N: usize>(key: &[u8; 32], of: &str, text: &str) -> Result<[i64; N]> {
    let refused = || Error::invalid("cursor", "cursor", "not a cursor of this list");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    if bytes.len() != N * 8 + TAG {
        return Err(refused());
    }
    let (at, given) = bytes.split_at(N * 8);
    if !bool::from(tag(key, of, at).ct_eq(given)) {
        return Err(refused());
    }
    let mut out = [0; N];
    for (n, chunk) in out.iter_mut().zip(at.chunks_exact(8)) {
        *n = i64::from_be_bytes(chunk.try_into().expect("chunks_exact gives 8 bytes"));
    }
    Ok(out)
}

fn tag(key: &[u8; 32], of: &str, at: &[u8]) -> [u8; TAG] {
    let full = hmac_sha256(key, &[of.as_bytes(), b"\0", at].concat());
    let mut tag = [0; TAG];
    tag.copy_from_slice(&full[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let key = [7; 32];
        let text = encode(&key, "hosts", &[42]);
        assert_eq!(decode::<1>(&key, "hosts", &text).unwrap(), [42]);
        for (key, of, text) in [
            ([7; 32], "rules", text.clone()),
            ([8; 32], "hosts", text.clone()),
            ([7; 32], "hosts", text.replace(text.chars().next().unwrap(), "_")),
            ([7; 32], "hosts", "42".into()),
        ] {
            assert_eq!(decode::<1>(&key, of, &text).unwrap_err().fields()[0].field, "cursor");
        }
        assert!(decode::<2>(&key, "hosts", &text).is_err());
    }
}
