//! Clients of our own in each version of HTTP, the upstream whose bodies they know byte for byte, and the Argos between
//! them.

pub mod ask;
pub mod content;
pub mod gateway;
mod h1;
mod h2;
mod h3;
pub mod link;
pub mod pieces;
pub mod socket;
pub mod upstream;
