//! Frames of HTTP/2 as bytes, for what no proper client sends. Fields are written literally, without compression.

use std::io::{Read, Write};
use std::net::TcpStream;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const ENHANCE_YOUR_CALM: u32 = 11;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field block: each field literal, with a new name. Source: RFC 7541 §6.2.2.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        let mut n = text.len();
        if n < 127 {
            out.push(u8::try_from(n).unwrap());
        } else {
            out.push(127);
            n -= 127;
            while n >= 128 {
                out.push(u8::try_from(n % 128).unwrap() | 128);
                n /= 128;
            }
            out.push(u8::try_from(n).unwrap());
        }
        out.extend(text.as_bytes());
    }
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}

/// A whole `GET` of `path`.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", path)];
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&fields))
}

/// A connection that says what it is told to.
pub struct Raw(pub TcpStream);

impl Raw {
    /// After the preface and an empty SETTINGS.
    pub fn begin(socket: TcpStream) -> Self {
        let mut raw = Self(socket);
        raw.send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
        raw
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends as much as the other side takes before it closes.
    pub fn flood(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.0.write_all(bytes.as_ref());
    }

    /// The next frame: kind, flags, stream, payload; none at the end.
    pub fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let size = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; size as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], stream, payload))
    }

    /// What becomes of `stream`: `status` of its head, the reason of its reset or that of the whole connection.
    pub fn fate(&mut self, stream: u32) -> Fate {
        loop {
            let Some((kind, _, id, payload)) = self.next() else { return Fate::Closed };
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                HEADERS if id == stream => return Fate::Answered(status(&payload)),
                RST_STREAM if id == stream => return Fate::Reset(code(0)),
                GOAWAY => return Fate::GoAway(code(4)),
                _ => {}
            }
        }
    }
}

/// How a stream or its connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Answered(u16),
    Reset(u32),
    GoAway(u32),
    Closed,
}

/// The status at the begin of a field block, as our encoder writes it: indexed, or literal with an indexed name.
fn status(block: &[u8]) -> u16 {
    // A change of the table's size may come first.
    let at = block.iter().position(|b| b & 0xe0 != 0x20).unwrap();
    let known = [200, 204, 206, 304, 400, 404, 500];
    match block[at] {
        b @ 0x88..=0x8e => known[usize::from(b - 0x88)],
        _ => {
            let (size, text) = (usize::from(block[at + 1] & 0x7f), &block[at + 2..]);
            match block[at + 1] & 0x80 {
                0 => std::str::from_utf8(&text[..size]).unwrap().parse().unwrap(),
                _ => digits(&text[..size]),
            }
        }
    }
}

/// Digits by the static code: `0`, `1` and `2` take five bits, the others six. Source: RFC 7541 appendix B.
fn digits(coded: &[u8]) -> u16 {
    let bits: Vec<u8> = coded.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0u16, |n, b| n << 1 | u16::from(*b));
    let (mut at, mut value) = (0, 0);
    for _ in 0..3 {
        let five = number(&bits[at..at + 5]);
        let (digit, size) = if five < 3 { (five, 5) } else { (number(&bits[at..at + 6]) - 0x19 + 3, 6) };
        (value, at) = (value * 10 + digit, at + size);
    }
    value
}
