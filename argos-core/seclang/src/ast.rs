//! The syntax tree of rule text: what is written, not what it means.

use crate::lex::{Mapped, Word};

/// One directive with its place.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: Mapped,
    pub(crate) body: Body,
}

/// What follows a directive's name.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Rule { variables: Vec<VariableText>, operator: OperatorText, actions: Vec<ActionText> },
    Action(Vec<ActionText>),
    Plain(Vec<Word>),
}

/// One member of a variable list.
#[derive(Clone, Debug)]
pub(crate) struct VariableText {
    pub(crate) name: Mapped,
    pub(crate) count: bool,
    pub(crate) exclude: bool,
    pub(crate) selector: SelectorText,
}

/// What follows the colon of a variable.
#[derive(Clone, Debug)]
pub(crate) enum SelectorText {
    None,
    Key(Mapped),
    Regex(Mapped),
}

/// `!@name argument`.
#[derive(Clone, Debug)]
pub(crate) struct OperatorText {
    pub(crate) negate: bool,
    pub(crate) name: Mapped,
    pub(crate) argument: Mapped,
}

/// `name:value`.
#[derive(Clone, Debug)]
pub(crate) struct ActionText {
    pub(crate) name: Mapped,
    pub(crate) value: Option<Mapped>,
}
