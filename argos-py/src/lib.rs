//! Python's face of Argos: conversion of values and errors, nothing else.
//!
//! What users import is the package `argos` beside this crate; this is its native part, `argos._argos`.
#![forbid(unsafe_code)]

mod client;
mod errors;
mod objects;
mod waf;

#[pyo3::pymodule]
mod _argos {
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::waf::Waf;
}
