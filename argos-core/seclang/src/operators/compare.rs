//! `@eq` `@ge` `@gt` `@le` `@lt`: leading integers compared.

use super::{Captures, Operator, Refusal, number};

macro_rules! comparisons {
    ($($make:ident $compare:ident),*) => {$(
        pub(super) fn $make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
            Ok(Box::new(Compare(i64::$compare)))
        }
    )*};
}

comparisons!(make_eq eq, make_ge ge, make_gt gt, make_le le, make_lt lt);

#[derive(Debug)]
struct Compare(fn(&i64, &i64) -> bool);

impl Operator for Compare {
    fn comparison(&self) -> Option<fn(&i64, &i64) -> bool> {
        Some(self.0)
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = self.0(&number(input), &number(argument));
        if found {
            captures.whole(input);
        }
        found
    }
}
