//! Python's face of Argos: conversion of values and errors, nothing else.
//!
//! What users import is the package `argos` beside this crate; this is its native part, `argos._argos`.
#![forbid(unsafe_code)]

mod client;
mod errors;

#[pyo3::pymodule]
mod _argos {
    #[pymodule_export]
    use crate::client::Client;
}
