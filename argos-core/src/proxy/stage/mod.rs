//! The stages of a request, in the order of `pipeline`: each is one file with one main function.

pub(crate) mod admit;
pub(crate) mod balance;
pub(crate) mod decide;
pub(crate) mod inspect;
pub(crate) mod limit;
pub(crate) mod prove;
pub(crate) mod route;
pub(crate) mod upstream;
