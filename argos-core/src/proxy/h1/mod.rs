//! HTTP/1.0 and 1.1: bytes of a connection become an exchange, and back.
//!
//! Everything that two readers could understand in two ways is refused here, before a byte of it reaches an
//! upstream. Source: RFC 9110, RFC 9112.

pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod connection;
pub(crate) mod field;
pub(crate) mod head;
pub(crate) mod reply_head;
pub(crate) mod response;
