//! Node's face of Argos: conversion of values and errors, nothing else.
//!
//! What users require is `index.js` beside this crate; this is its native part, `argos.node`.
#![deny(unsafe_code)]

mod client;
mod errors;
mod waf;
mod work;
