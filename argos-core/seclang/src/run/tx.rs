//! The variables of `TX`: in order, and found by name in one step.

use super::store::{Member, Value};

/// Named values in the order they were first set. Names compare without case and are kept in lower case.
#[derive(Debug)]
pub(super) struct Tx {
    members: Vec<Member>,
    /// Open addressing: a member's index plus one, 0 for a free slot.
    slots: Vec<u32>,
    /// How often a member came, changed or went; it starts at 1.
    changes: u64,
}

impl Default for Tx {
    fn default() -> Self {
        Self { members: Vec::new(), slots: Vec::new(), changes: 1 }
    }
}

impl Tx {
    pub(super) fn clear(&mut self) {
        self.changes += 1;
        self.members.clear();
        self.slots.fill(0);
    }

    /// A number that differs whenever something has changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member called `name`, in any case.
    pub(super) fn member(&self, name: &[u8]) -> Option<&Member> {
        self.find(name).ok().map(|index| &self.members[index])
    }

    /// The member called `name`, which is in lower case and has this [`hash`].
    pub(super) fn hashed(&self, name: &[u8], hash: usize) -> Option<&Member> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash & mask;
        while let Some(index) = (self.slots[slot] as usize).checked_sub(1) {
            if *self.members[index].name.bytes == *name {
                return Some(&self.members[index]);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Replaces the value called `name`, if there is one.
    pub(super) fn replace(&mut self, name: &[u8], value: &Value) -> bool {
        let found = self.find(name);
        if let Ok(index) = found {
            self.members[index].value = value.clone();
            self.changes += 1;
        }
        found.is_ok()
    }

    /// Adds a member whose name is new.
    pub(super) fn push(&mut self, member: Member) {
        if (self.members.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        if let Err(slot) = self.find(&member.name.bytes) {
            self.slots[slot] = self.members.len() as u32 + 1;
            self.members.push(member);
            self.changes += 1;
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        if let Ok(index) = self.find(name) {
            self.members.remove(index);
            self.changes += 1;
            self.place_again();
        }
    }

    /// The member's index, or the slot that it would take.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(name) & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                known => {
                    let index = known as usize - 1;
                    let known = &*self.members[index].name.bytes;
                    if known == name || known.eq_ignore_ascii_case(name) {
                        return Ok(index);
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        self.slots.resize((self.slots.len() * 2).max(256), 0);
        self.place_again();
    }

    fn place_again(&mut self) {
        self.slots.fill(0);
        for index in 0..self.members.len() {
            if let Err(slot) = self.find(&self.members[index].name.bytes) {
                self.slots[slot] = index as u32 + 1;
            }
        }
    }
}

/// Where the search for `name` begins, in any case of its letters.
pub(crate) fn hash(name: &[u8]) -> usize {
    // Bytes that differ in this bit only, letters among them, count as equal.
    const FOLD: u64 = 0x2020_2020_2020_2020;
    let mix = |hash: u64, bytes: u64| (hash.rotate_left(5) ^ (bytes | FOLD)).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (chunks, rest) = name.as_chunks::<8>();
    let hash = chunks.iter().fold(name.len() as u64, |hash, chunk| mix(hash, u64::from_le_bytes(*chunk)));
    let rest = rest.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    let hash = mix(hash, rest);
    (hash ^ hash >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_replaces_and_removes_among_many() {
        let mut tx = Tx::default();
        let value = |number: u32| Value { bytes: number.to_string().into_bytes().into(), number };
        let name = |number: u32| format!("name_{number}").into_bytes();
        for number in 0..500 {
            tx.push(Member { name: Value { bytes: name(number).into(), number: 0 }, value: value(number) });
        }
        assert!(tx.replace(b"NAME_7", &value(1000)));
        assert!(!tx.replace(b"other", &value(1)));
        (0..500).step_by(3).for_each(|number| tx.remove(&name(number)));
        for number in 0..500 {
            let found = tx.member(&name(number)).map(|member| member.value.number);
            let wanted = if number == 7 { 1000 } else { number };
            assert_eq!(found, (number % 3 != 0).then_some(wanted));
        }
        assert_eq!(tx.members().len(), 333);
        assert_eq!(tx.hashed(b"name_7", hash(b"NAME_7")).map(|member| member.value.number), Some(1000));
        assert!(tx.hashed(b"name_9", hash(b"name_9")).is_none());
        assert!(tx.members().is_sorted_by_key(|member| if member.value.number == 1000 {
            7
        } else {
            member.value.number
        }));
    }
}
