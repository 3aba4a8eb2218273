//! The codings themselves, each with a small window: many answers may be under way at once.

use std::fmt;
use std::io::{self, Write as _};

use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::zstd_safe::CParameter;

use super::choice::Coding;

const GZIP_LEVEL: u32 = 5;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW_LOG: u32 = 16;
const BROTLI_OUTPUT: usize = 4096;
const ZSTD_LEVEL: i32 = 3;
/// Smaller tables than the level's own: they are what an answer takes.
const ZSTD_TABLES: [CParameter; 3] = [CParameter::WindowLog(17), CParameter::HashLog(16), CParameter::ChainLog(15)];

/// Bytes that a coding under way takes, as measured and rounded up.
pub(super) fn cost(coding: Coding) -> usize {
    match coding {
        Coding::Gzip => 512 << 10,
        Coding::Brotli => 1792 << 10,
        Coding::Zstd => 640 << 10,
    }
}

/// One coding under way. What it makes gathers in it until it is taken.
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
    /// Its end is written.
    Over,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Brotli(_) => "Brotli",
            Self::Zstd(_) => "Zstd",
            Self::Over => "Over",
        })
    }
}

impl Encoder {
    pub(super) fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_OUTPUT, BROTLI_QUALITY, BROTLI_WINDOW_LOG);
                Self::Brotli(Box::new(writer))
            }
            Coding::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                for parameter in ZSTD_TABLES {
                    encoder.set_parameter(parameter)?;
                }
                Self::Zstd(encoder)
            }
        })
    }

    /// Takes content.
    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(content),
            Self::Brotli(encoder) => encoder.write_all(content),
            Self::Zstd(encoder) => encoder.write_all(content),
            Self::Over => Ok(()),
        }
    }

    /// Gives all that can be read so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Brotli(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Over => Ok(()),
        }
    }

    /// Moves what was made to `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        let made = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Over => return,
        };
        out.append(made);
    }

    /// Writes the end, and moves what was made to `out`.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let mut made = match std::mem::replace(self, Self::Over) {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Over => return Ok(()),
        };
        out.append(&mut made);
        Ok(())
    }
}
