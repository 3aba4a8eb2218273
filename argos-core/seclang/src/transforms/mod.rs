//! Transformations: pure functions from bytes to bytes. `None` means unchanged, so nothing is copied.

mod base64;
mod case;
mod cmd_line;
mod comments;
mod css_decode;
mod digest;
mod escape_seq_decode;
mod hex;
mod html_entity_decode;
mod js_decode;
mod length;
mod nulls;
mod parity;
mod path;
mod php_args_names;
mod sql_hex_decode;
mod touches;
mod trim;
pub(crate) mod url;
mod utf8_to_unicode;
mod whitespace;

pub(crate) use touches::touches;

/// One transformation.
pub(crate) type Transform = fn(&[u8]) -> Option<Vec<u8>>;

/// Lower-case name to transformation. `none` is no transformation but a reset; the compiler knows it.
pub(crate) const TABLE: &[(&str, Transform)] = &[
    ("base64decode", base64::decode),
    ("base64decodeext", base64::decode_ext),
    ("base64encode", base64::encode),
    ("cmdline", cmd_line::cmd_line),
    ("compresswhitespace", whitespace::compress),
    ("cssdecode", css_decode::css_decode),
    ("escapeseqdecode", escape_seq_decode::escape_seq_decode),
    ("hexdecode", hex::decode),
    ("hexencode", hex::encode),
    ("htmlentitydecode", html_entity_decode::html_entity_decode),
    ("jsdecode", js_decode::js_decode),
    ("length", length::length),
    ("lowercase", case::lower),
    ("md5", digest::md5),
    ("normalisepath", path::normalise),
    ("normalisepathwin", path::normalise_win),
    ("normalizepath", path::normalise),
    ("normalizepathwin", path::normalise_win),
    ("parityeven7bit", parity::even),
    ("parityodd7bit", parity::odd),
    ("parityzero7bit", parity::zero),
    ("phpargsnames", php_args_names::php_args_names),
    ("removecomments", comments::remove),
    ("removecommentschar", comments::remove_char),
    ("removenulls", nulls::remove),
    ("removewhitespace", whitespace::remove),
    ("replacecomments", comments::replace),
    ("replacenulls", nulls::replace),
    ("sha1", digest::sha1),
    ("sqlhexdecode", sql_hex_decode::sql_hex_decode),
    ("trim", trim::both),
    ("trimleft", trim::left),
    ("trimright", trim::right),
    ("uppercase", case::upper),
    ("urldecode", url::decode),
    ("urldecodeuni", url::decode_uni),
    ("urlencode", url::encode),
    ("utf8tounicode", utf8_to_unicode::utf8_to_unicode),
];

/// The bytes that base64 text stands for, up to what is not base64.
pub(crate) fn from_base64(text: &[u8]) -> Vec<u8> {
    base64::decode(text).unwrap_or_else(|| text.to_vec())
}

/// The transformation called `name`, in any case, with its canonical name.
pub(crate) fn by_name(name: &[u8]) -> Option<(&'static str, Transform)> {
    TABLE.iter().find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name)).copied()
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

/// The two hexadecimal digits at `at` as one byte.
pub(crate) fn pair(input: &[u8], at: usize) -> Option<u8> {
    Some(digit(*input.get(at)?)? << 4 | digit(*input.get(at + 1)?)?)
}

/// Gives `output` only where it differs.
fn changed(input: &[u8], output: Vec<u8>) -> Option<Vec<u8>> {
    (output != input).then_some(output)
}

#[cfg(test)]
mod tests;
