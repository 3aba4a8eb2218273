//! What protects one host: its WAF and its rate limit.

use super::{HostId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// What the WAF does with what it finds on one host.
    WafMode {
        /// Records, never blocks.
        Detect = "detect",
        /// Blocks.
        Block = "block",
    }
}
text_enum! {
    /// What a rate limit counts by.
    RateLimitKey {
        /// The client address (IPv6: its /64).
        Ip = "ip",
        /// The value of a request header.
        Header = "header",
        /// One count for the whole host.
        Global = "global",
    }
}

/// The security settings of one host; made with the host.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct HostSecurity {
    /// The host.
    pub host_id: HostId,
    /// Whether requests are inspected.
    pub waf_enabled: bool,
    /// Detect or block; capped by `appsec.mode`.
    pub waf_mode: WafMode,
    /// Blocking paranoia level, 1–4.
    pub waf_paranoia: u8,
    /// Status of a block answer, 400–599.
    pub waf_block_status: u16,
    /// Body of a block answer; empty = the standard page.
    pub waf_block_body: String,
    /// Whether requests are limited.
    pub rate_limit_enabled: bool,
    /// Requests per window, 1–1,000,000 when enabled.
    pub rate_limit_requests: i64,
    /// Seconds, 1–86,400 when enabled.
    pub rate_limit_window_seconds: i64,
    /// What is counted by.
    pub rate_limit_key: RateLimitKey,
    /// The header of key `header`.
    pub rate_limit_header_name: String,
    /// Status over the limit, 400–599.
    pub rate_limit_status: u16,
    /// Paranoia level that is recorded, 1–4; null = `waf_paranoia`; never below it.
    pub waf_detection_paranoia: Option<u8>,
    /// Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`.
    pub waf_inbound_threshold: Option<u32>,
    /// Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`.
    pub waf_outbound_threshold: Option<u32>,
    /// Whether response bodies are inspected.
    pub waf_response_body: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
