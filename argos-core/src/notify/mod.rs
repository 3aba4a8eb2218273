//! Notifications: channels, templates, and what sends.
//!
//! ```text
//! Event ──▶ rules of its kind ──▶ throttle ──▶ rate ──▶ Template::render ──▶ row `pending` ──▶ Sender::send ──▶ row
//! ```
//!
//! What is here knows one event or one delivery; the order of things, the rows and the tasks are in `argos/notifier.rs`.

pub mod config;
pub mod detect;
pub mod health;
pub mod plan;
pub mod presets;
pub mod send;
pub mod template;
pub mod throttle;
pub mod web_push;

pub use config::{Config, Email, Telegram, Webhook};
pub use detect::{Lookout, Sighting};
pub use health::{Component, Health};
pub use plan::{Plan, PlanTerms};
pub use presets::{PRESETS, Preset};
pub use send::{Outcome, Parcel, Sender, Subscriber, Terms, Vapid};
pub use template::{Occasion, Rendered, Template};
