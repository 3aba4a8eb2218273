//! Field sections of HTTP/3, compressed by QPACK without a dynamic table: clients are told that there is room for none,
//! so that one stream never waits for another and no memory is held for them. Source: RFC 9204.

use std::ops::Range;

use httlib_huffman::DecoderSpeed;

use super::FIELD_ADDS;

/// Why a section can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The compression is broken, which is the end of the connection. Source: RFC 9204 §2.2.
    Compression,
    /// It is larger than allowed.
    TooLarge,
}

/// Fields in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Section {
    text: Vec<u8>,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl Section {
    /// Reads a section whose fields count no more than `most` bytes.
    pub(crate) fn decode(mut bytes: &[u8], most: usize) -> Result<Self, Fault> {
        // Neither entries of the dynamic table nor a base among them: there are none.
        let required = integer(&mut bytes, 8)?.1;
        let (sign, _) = integer(&mut bytes, 7)?;
        if required != 0 || sign & 0x80 != 0 {
            return Err(Fault::Compression);
        }
        // As much as most heads need, so that nothing grows on the way.
        let mut section = Self { text: Vec::with_capacity(bytes.len() * 2 + 64), fields: Vec::with_capacity(16) };
        let mut size = 0;
        while let Some(first) = bytes.first().copied() {
            let begin = section.text.len();
            let middle = match first {
                // Indexed, from the static table.
                0xc0.. => {
                    let (name, value) = entry(integer(&mut bytes, 6)?.1)?;
                    section.text.extend_from_slice(name);
                    let middle = section.text.len();
                    section.text.extend_from_slice(value);
                    middle
                }
                // The name from the static table.
                _ if first & 0xd0 == 0x50 => {
                    let (name, _) = entry(integer(&mut bytes, 4)?.1)?;
                    section.text.extend_from_slice(name);
                    let middle = section.text.len();
                    string(&mut bytes, 7, &mut section.text)?;
                    middle
                }
                // Both literally.
                _ if first & 0xe0 == 0x20 => {
                    string(&mut bytes, 3, &mut section.text)?;
                    let middle = section.text.len();
                    string(&mut bytes, 7, &mut section.text)?;
                    middle
                }
                _ => return Err(Fault::Compression),
            };
            size += section.text.len() - begin + FIELD_ADDS;
            if size > most {
                return Err(Fault::TooLarge);
            }
            section.fields.push((begin..middle, middle..section.text.len()));
        }
        Ok(section)
    }

    /// Name and value of each field.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.fields.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }
}

/// Reads an integer that begins in the last `prefix` bits of a byte, which is returned too. Source: RFC 7541 §5.1.
fn integer(bytes: &mut &[u8], prefix: u32) -> Result<(u8, usize), Fault> {
    let (first, mut rest) = bytes.split_first().ok_or(Fault::Compression)?;
    let most = (1usize << prefix) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        // Four bytes more than suffice for all that is allowed.
        for shift in [0, 7, 14, 21, 28] {
            let (byte, next) = rest.split_first().ok_or(Fault::Compression)?;
            rest = next;
            value = usize::from(byte & 0x7f)
                .checked_shl(shift)
                .and_then(|more| value.checked_add(more))
                .unwrap_or(usize::MAX);
            if byte & 0x80 == 0 {
                *bytes = rest;
                return Ok((*first, value));
            }
        }
        return Err(Fault::Compression);
    }
    *bytes = rest;
    Ok((*first, value))
}

/// Reads a string whose length has `prefix` bits in its first byte, after the bit that says whether it is Huffman's.
fn string(bytes: &mut &[u8], prefix: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
    let (first, size) = integer(bytes, prefix)?;
    let coded = bytes.get(..size).ok_or(Fault::Compression)?;
    *bytes = &bytes[size..];
    if first & (1 << prefix) == 0 {
        out.extend_from_slice(coded);
        return Ok(());
    }
    let begin = out.len();
    httlib_huffman::decode(coded, out, DecoderSpeed::FourBits).map_err(|_| Fault::Compression)?;
    // The library takes any bits at the end, and there is one right way to write a string. Source: RFC 7541 §5.2.
    let mut again = Vec::with_capacity(size);
    httlib_huffman::encode(&out[begin..], &mut again).map_err(|_| Fault::Compression)?;
    if again == coded { Ok(()) } else { Err(Fault::Compression) }
}

fn entry(index: usize) -> Result<(&'static [u8], &'static [u8]), Fault> {
    let (name, value) = STATIC.get(index).ok_or(Fault::Compression)?;
    Ok((name.as_bytes(), value.as_bytes()))
}

/// Begins a section.
pub(crate) fn begin(out: &mut Vec<u8>) {
    // No entry of a dynamic table is needed.
    out.extend_from_slice(&[0, 0]);
}

/// Appends a field; `name` is in lower case.
pub(crate) fn encode(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let Some((first, count)) = place(name) else {
        write_integer(out, 0x20, 3, name.len());
        out.extend_from_slice(name);
        write_integer(out, 0, 7, value.len());
        return out.extend_from_slice(value);
    };
    let known = STATIC[first..first + count].iter().position(|(n, v)| n.as_bytes() == name && v.as_bytes() == value);
    match known {
        Some(at) => write_integer(out, 0xc0, 6, first + at),
        None => {
            write_integer(out, 0x50, 4, first);
            write_integer(out, 0, 7, value.len());
            out.extend_from_slice(value);
        }
    }
}

fn write_integer(out: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let most = (1usize << prefix) - 1;
    if value < most {
        return out.push(pattern | value as u8);
    }
    out.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        out.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Where in the static table the entries of a name in answers begin, and how far to look: entries of one name are
/// not always beside each other.
fn place(name: &[u8]) -> Option<(usize, usize)> {
    Some(match name {
        b":status" => (24, 48),
        b"accept-ranges" => (32, 1),
        b"access-control-allow-credentials" => (73, 2),
        b"access-control-allow-headers" => (33, 43),
        b"access-control-allow-methods" => (76, 3),
        b"access-control-allow-origin" => (35, 1),
        b"access-control-expose-headers" => (79, 1),
        b"age" => (2, 1),
        b"alt-svc" => (83, 1),
        b"cache-control" => (36, 6),
        b"content-disposition" => (3, 1),
        b"content-encoding" => (42, 2),
        b"content-length" => (4, 1),
        b"content-security-policy" => (85, 1),
        b"content-type" => (44, 11),
        b"date" => (6, 1),
        b"etag" => (7, 1),
        b"last-modified" => (10, 1),
        b"link" => (11, 1),
        b"location" => (12, 1),
        b"server" => (92, 1),
        b"set-cookie" => (14, 1),
        b"strict-transport-security" => (56, 3),
        b"vary" => (59, 2),
        b"x-content-type-options" => (61, 1),
        b"x-frame-options" => (97, 2),
        b"x-xss-protection" => (62, 1),
        _ => return None,
    })
}

/// The static table. Source: RFC 9204 Appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 99] = [
    (":authority", ""),
    (":path", "/"),
    ("age", "0"),
    ("content-disposition", ""),
    ("content-length", "0"),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("referer", ""),
    ("set-cookie", ""),
    (":method", "CONNECT"),
    (":method", "DELETE"),
    (":method", "GET"),
    (":method", "HEAD"),
    (":method", "OPTIONS"),
    (":method", "POST"),
    (":method", "PUT"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "103"),
    (":status", "200"),
    (":status", "304"),
    (":status", "404"),
    (":status", "503"),
    ("accept", "*/*"),
    ("accept", "application/dns-message"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-ranges", "bytes"),
    ("access-control-allow-headers", "cache-control"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-age=2592000"),
    ("cache-control", "max-age=604800"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "public, max-age=31536000"),
    ("content-encoding", "br"),
    ("content-encoding", "gzip"),
    ("content-type", "application/dns-message"),
    ("content-type", "application/javascript"),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "image/gif"),
    ("content-type", "image/jpeg"),
    ("content-type", "image/png"),
    ("content-type", "text/css"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-type", "text/plain"),
    ("content-type", "text/plain;charset=utf-8"),
    ("range", "bytes=0-"),
    ("strict-transport-security", "max-age=31536000"),
    ("strict-transport-security", "max-age=31536000; includesubdomains"),
    ("strict-transport-security", "max-age=31536000; includesubdomains; preload"),
    ("vary", "accept-encoding"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    (":status", "100"),
    (":status", "204"),
    (":status", "206"),
    (":status", "302"),
    (":status", "400"),
    (":status", "403"),
    (":status", "421"),
    (":status", "425"),
    (":status", "500"),
    ("accept-language", ""),
    ("access-control-allow-credentials", "FALSE"),
    ("access-control-allow-credentials", "TRUE"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "get"),
    ("access-control-allow-methods", "get, post, options"),
    ("access-control-allow-methods", "options"),
    ("access-control-expose-headers", "content-length"),
    ("access-control-request-headers", "content-type"),
    ("access-control-request-method", "get"),
    ("access-control-request-method", "post"),
    ("alt-svc", "clear"),
    ("authorization", ""),
    ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"),
    ("early-data", "1"),
    ("expect-ct", ""),
    ("forwarded", ""),
    ("if-range", ""),
    ("origin", ""),
    ("purpose", "prefetch"),
    ("server", ""),
    ("timing-allow-origin", "*"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", ""),
    ("x-forwarded-for", ""),
    ("x-frame-options", "deny"),
    ("x-frame-options", "sameorigin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, Fault> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Section::decode(bytes, 1000).map(|s| s.iter().map(|(n, v)| (text(n), text(v))).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "v".repeat(300);
        let fields = [
            (":status", "200"),
            (":status", "418"),
            (":status", "500"),
            ("content-type", "text/plain"),
            ("content-type", "text/other"),
            ("access-control-allow-headers", "*"),
            ("x-own", ""),
            ("a-name-that-is-longer-than-seven-bytes", &long),
            ("x-frame-options", "sameorigin"),
        ];
        let mut out = Vec::new();
        begin(&mut out);
        for (name, value) in fields {
            encode(&mut out, name.as_bytes(), value.as_bytes());
        }
        assert_eq!(read(&out).unwrap(), fields.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn every_name_is_found_at_its_place() {
        for (index, (name, value)) in STATIC.iter().enumerate() {
            if let Some((first, _)) = place(name.as_bytes()) {
                assert_eq!(STATIC[first].0, *name);
                let mut out = Vec::new();
                encode(&mut out, name.as_bytes(), value.as_bytes());
                assert_eq!(integer(&mut &out[..], 6).unwrap(), (out[0], index), "{name}: {value}");
            }
        }
    }

    #[test]
    fn reads_huffman_code() {
        // RFC 9204 Appendix B.1, and its string once more in the code of RFC 7541 Appendix C.4.1.
        assert_eq!(read(b"\0\0\x51\x0b/index.html").unwrap(), [(":path".into(), "/index.html".into())]);
        let coded = [0, 0, 0x50, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(read(&coded).unwrap(), [(":authority".into(), "www.example.com".into())]);
    }

    #[test]
    fn refuses_what_is_broken() {
        let broken: &[&[u8]] = &[
            b"",
            b"\0",
            // Entries of a dynamic table.
            b"\x01\0\x80",
            b"\0\0\x80",
            b"\0\0\x10",
            b"\0\0\x40\x01a",
            b"\0\0\x00\x01a",
            // A base before the first entry.
            b"\0\x80\xd1",
            // Beyond the static table.
            b"\0\0\xff\x24",
            b"\0\0\x5f\x54\x01a",
            // A string that is cut off, and lengths that never end or are too large for anything.
            b"\0\0\x50\x05ab",
            b"\0\0\x50\x7f\xff\xff\xff\xff\xff\x01",
            b"\0\0\x50\x7f\xff\xff\xff\x7f",
            // Huffman's padding of zeros, of more than seven bits, and its end of string.
            &[0, 0, 0x50, 0x81, 0x00],
            &[0, 0, 0x50, 0x82, 0x1f, 0xff],
            &[0, 0, 0x50, 0x84, 0xff, 0xff, 0xff, 0xff],
        ];
        for bytes in broken {
            assert_eq!(read(bytes), Err(Fault::Compression), "{bytes:x?}");
        }
        assert_eq!(Section::decode(b"\0\0\xd1\xd1", 84).map(|s| s.iter().count()), Ok(2));
        assert_eq!(Section::decode(b"\0\0\xd1\xd1", 83).err(), Some(Fault::TooLarge));
    }
}
