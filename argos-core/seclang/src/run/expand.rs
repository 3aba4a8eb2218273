//! Macros to text.

use std::borrow::Cow;

use super::resolve::{Context, resolve};
use super::store::Store;
use crate::program::{Part, Template};
use crate::variables::{Selector, Target};

/// `template` with its macros filled in; a macro without a value is empty.
pub(super) fn expand<'a>(template: &'a Template, store: &mut Store, context: Context<'_>) -> Cow<'a, [u8]> {
    if let Some(text) = template.literal() {
        return Cow::Borrowed(text);
    }
    let mut output = Vec::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => output.extend_from_slice(text),
            Part::Variable(variable, key) => {
                let selector = key.as_ref().map_or(Selector::All, |key| Selector::Key(key.clone()));
                let target = Target { variable: *variable, selector, count: false };
                let mut found = Vec::new();
                resolve(store, context, &target, &|_, _| false, &mut found);
                if let Some(first) = found.first() {
                    output.extend_from_slice(&first.value.bytes);
                }
            }
        }
    }
    Cow::Owned(output)
}
