//! `@unconditionalMatch` and `@noMatch`.

use super::{Captures, Operator, Refusal};

pub(super) fn make_always(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Constant(true)))
}

pub(super) fn make_never(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Constant(false)))
}

#[derive(Debug)]
struct Constant(bool);

impl Operator for Constant {
    fn matches(&self, _: &[u8], _: &[u8], _: &mut Captures) -> bool {
        self.0
    }
}
