//! Log records on their way from the request to the database.
//!
//! A request leaves a compact row in its thread's [`AccessBatch`], or a [`Record`]; both go through the bounded
//! [`Queue`]; the writer takes them out and turns each row into a [`LogEntry`](crate::schema::LogEntry), so that
//! masking and JSON cost the request nothing.

mod batch;
mod drops;
mod markup;
mod mask;
mod queue;
mod record;
mod secrets;

pub use batch::AccessBatch;
pub use drops::{Drops, Figures};
pub use mask::{hides, is_secret_header, mask_uri, masked_path, masked_query};
pub use queue::{Counts, QUEUE_ROWS, Queue, Taken};
pub use record::{Access, AccessAction, Fault, Finding, Masked, OwnTexts, Record, Texts, Timings, Version};
pub use secrets::Secrets;
