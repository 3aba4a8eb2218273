//! Bodies by seed: who knows the seed knows each byte, and those of two requests differ.

use std::sync::LazyLock;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The largest body.
pub const LARGEST: usize = 1 << 20;

static NOISE: LazyLock<Bytes> = LazyLock::new(|| {
    let mut noise = vec![0; 2 * LARGEST];
    StdRng::seed_from_u64(1).fill_bytes(&mut noise);
    noise.into()
});

// A body is a window of the noise, so that making and checking it costs next to nothing.
fn begin(seed: u64) -> usize {
    (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44) as usize
}

/// The body of `size` bytes that belongs to `seed`.
///
/// # Panics
/// When it is larger than [`LARGEST`].
#[must_use]
pub fn body(seed: u64, size: usize) -> Bytes {
    assert!(size <= LARGEST, "a body of {size} bytes");
    NOISE.slice(begin(seed)..begin(seed) + size)
}

/// Whether what comes is the body that was asked for, piece by piece.
#[derive(Debug)]
pub struct Check {
    left: Bytes,
    size: usize,
}

impl Check {
    /// Expects the body of `seed`.
    #[must_use]
    pub fn new(seed: u64, size: usize) -> Self {
        Self { left: body(seed, size), size }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        if self.left.starts_with(piece) {
            let _ = self.left.split_to(piece.len());
            return Ok(());
        }
        let at = self.size - self.left.len();
        if piece.len() > self.left.len() {
            return Err(format!("more than the {} bytes that were asked for", self.size));
        }
        let same = piece.iter().zip(&self.left).take_while(|(a, b)| a == b).count();
        Err(format!("byte {} of {} is not the one that was asked for", at + same, self.size))
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// That it is too short.
    pub fn end(&self) -> Result<(), String> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(format!("the last {left} of {} bytes are missing", self.size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_one_body_from_another() {
        let mut check = Check::new(7, 1000);
        check.take(&body(7, 1000)[..400]).unwrap();
        assert_eq!(check.end().unwrap_err(), "the last 600 of 1000 bytes are missing");
        assert!(check.take(&body(8, 1000)[400..]).unwrap_err().starts_with("byte 4"));
        check.take(&body(7, 1000)[400..]).unwrap();
        check.end().unwrap();
        assert_eq!(check.take(b"x").unwrap_err(), "more than the 1000 bytes that were asked for");
        Check::new(9, 0).end().unwrap();
    }
}
