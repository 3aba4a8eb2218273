//! Spare buffers of one core. A connection borrows them while it has work and keeps none while it is idle.

use std::cell::RefCell;

/// For heads and small bodies.
pub(crate) const SMALL: usize = 16 * 1024;
/// For bodies that are longer.
pub(crate) const LARGE: usize = 256 * 1024;

const SMALL_SPARES: usize = 512;
const LARGE_SPARES: usize = 16;

/// The spare buffers.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    small: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty buffer of at least [`SMALL`] bytes.
    pub(crate) fn small(&self) -> Vec<u8> {
        self.small.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(SMALL))
    }

    /// An empty buffer of at least [`LARGE`] bytes.
    pub(crate) fn large(&self) -> Vec<u8> {
        self.large.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(LARGE))
    }

    /// Takes one back; those of other sizes are freed.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let (list, spares) = match buffer.capacity() {
            SMALL..LARGE if buffer.capacity() <= 2 * SMALL => (&self.small, SMALL_SPARES),
            LARGE.. if buffer.capacity() <= 2 * LARGE => (&self.large, LARGE_SPARES),
            _ => return,
        };
        let mut list = list.borrow_mut();
        if list.len() < spares {
            list.push(buffer);
        }
    }
}
