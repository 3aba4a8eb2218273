//! Log records on their way from the request to the database.
//!
//! A request leaves compact [`Record`]s in its thread's batch; batches go through the bounded [`Queue`]; the
//! writer takes them out and turns each into a [`LogEntry`](crate::schema::LogEntry) with
//! [`Record::into_entry`], so that masking and JSON cost the request nothing.

mod mask;
mod queue;
mod record;

pub use mask::masked_query;
pub use queue::{Dropped, QUEUE_ROWS, Queue};
pub use record::{Access, AccessAction, Fault, Finding, Record, Texts, Timings, Version};
