//! What protects a host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::changes;
use super::operation::operation;
use super::{Context, Mutation, Query, View, in_range};
use crate::error::{Error, Result};
use crate::schema::{AppsecMode, HostId, HostSecurity, Patch, RateLimitKey, WafMode};
use crate::store::host_security::{self, WafFields};
use crate::store::{Read, Tx, hosts, settings};

/// The security of a host, with what the WAF does in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Security {
    #[allow(missing_docs, reason = "flattened; documented on its type")]
    #[serde(flatten)]
    pub stored: HostSecurity,
    /// What the WAF does under the cap of `appsec.mode`.
    pub effective_mode: AppsecMode,
}

fn load(read: &Read<'_>, host: HostId) -> Result<Security> {
    let stored = host_security::get(read, host)?;
    let cap = settings::value(read, "appsec.mode")?;
    let cap = cap.as_deref().and_then(AppsecMode::parse).unwrap_or(AppsecMode::Block);
    let own = match (stored.waf_enabled, stored.waf_mode) {
        (false, _) => AppsecMode::Disabled,
        (true, WafMode::Detect) => AppsecMode::Detect,
        (true, WafMode::Block) => AppsecMode::Block,
    };
    Ok(Security { stored, effective_mode: own.min(cap) })
}

/// Shows the security of a host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetSecurity {
    /// The host.
    pub host_id: HostId,
}
operation!(GetSecurity => Security, "security.get", Get "/hosts/{host_id}/security", Viewer, 200,
    "Shows the security of a host.");

impl Query for GetSecurity {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Security> {
        load(&view.read, self.host_id)
    }
}

impl From<HostId> for GetSecurity {
    fn from(host_id: HostId) -> Self {
        Self { host_id }
    }
}

changes! {
    /// Changes the given fields of a host's security; omitted ones stay.
    UpdateSecurity,
    /// Replaces every field of a host's security.
    ReplaceSecurity
    at {
        /// The host.
        host_id: HostId,
    }
    fields {
        /// Whether requests are inspected.
        waf_enabled: bool,
        /// Detect or block; capped by `appsec.mode`.
        waf_mode: WafMode,
        /// Blocking paranoia level, 1–4.
        waf_paranoia: i64,
        /// Status of a block answer, 400–599.
        waf_block_status: i64,
        /// Body of a block answer, at most 1 MiB; empty = the standard page.
        waf_block_body: String,
        /// Whether response bodies are inspected.
        waf_response_body: bool,
    }
    nullable {
        /// Recorded paranoia level, 1–4, not below `waf_paranoia`; null = equal to it.
        waf_detection_paranoia: i64,
        /// Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`.
        waf_inbound_threshold: i64,
        /// Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`.
        waf_outbound_threshold: i64,
    }
    later {
        /// Whether requests are limited.
        rate_limit_enabled: bool = false,
        /// Requests per window.
        rate_limit_requests: i64 = 0,
        /// Seconds.
        rate_limit_window_seconds: i64 = 0,
        /// What is counted by.
        rate_limit_key: RateLimitKey = RateLimitKey::Ip,
        /// The header of key `header`.
        rate_limit_header_name: String = String::new(),
        /// Status over the limit.
        rate_limit_status: i64 = 429,
    }
}
operation!(UpdateSecurity => Security, "security.update", Patch "/hosts/{host_id}/security", Operator, 200,
    "Changes the given fields of a host's security.", of GetSecurity { host_id });
operation!(ReplaceSecurity => Security, "security.replace", Put "/hosts/{host_id}/security", Operator, 200,
    "Replaces every field of a host's security.", of GetSecurity { host_id });

fn number<T: TryFrom<i64>>(field: &'static str, value: i64, min: i64, max: i64) -> Result<T> {
    in_range(field, value, min, max)?;
    T::try_from(value).map_err(|_| Error::internal(format!("{field}: its range is wider than its type")))
}

fn nullable<T: TryFrom<i64>>(field: &'static str, patch: Patch<i64>, max: i64, stored: &mut Option<T>) -> Result<()> {
    match patch {
        Patch::Keep => {}
        Patch::Clear => *stored = None,
        Patch::Set(value) => *stored = Some(number(field, value, 1, max)?),
    }
    Ok(())
}

impl Mutation for UpdateSecurity {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Security> {
        let host = hosts::get(tx, self.host_id)?;
        self.refuse_later()?;
        let old = fields_of(host_security::get(tx, self.host_id)?);
        let mut new = old.clone();
        new.waf_enabled = self.waf_enabled.unwrap_or(new.waf_enabled);
        new.waf_mode = self.waf_mode.unwrap_or(new.waf_mode);
        new.waf_response_body = self.waf_response_body.unwrap_or(new.waf_response_body);
        if let Some(level) = self.waf_paranoia {
            new.waf_paranoia = number("waf_paranoia", level, 1, 4)?;
        }
        if let Some(status) = self.waf_block_status {
            new.waf_block_status = number("waf_block_status", status, 400, 599)?;
        }
        if let Some(body) = self.waf_block_body {
            if body.len() > 1 << 20 {
                return Err(Error::invalid("out_of_range", "waf_block_body", "at most 1 MiB"));
            }
            new.waf_block_body = body;
        }
        nullable("waf_detection_paranoia", self.waf_detection_paranoia, 4, &mut new.waf_detection_paranoia)?;
        nullable("waf_inbound_threshold", self.waf_inbound_threshold, 1000, &mut new.waf_inbound_threshold)?;
        nullable("waf_outbound_threshold", self.waf_outbound_threshold, 1000, &mut new.waf_outbound_threshold)?;
        if new.waf_detection_paranoia.is_some_and(|level| level < new.waf_paranoia) {
            let reason = format!("can't be below waf_paranoia, which is {}", new.waf_paranoia);
            return Err(Error::invalid("out_of_range", "waf_detection_paranoia", reason));
        }
        if old != new {
            host_security::update_waf(tx, self.host_id, &new)?;
        }
        tx.about("update", "host_security", self.host_id, Some((self.host_id, host.domain.as_str())));
        load(tx, self.host_id)
    }
}

fn fields_of(s: HostSecurity) -> WafFields {
    WafFields {
        waf_enabled: s.waf_enabled,
        waf_mode: s.waf_mode,
        waf_paranoia: s.waf_paranoia,
        waf_block_status: s.waf_block_status,
        waf_block_body: s.waf_block_body,
        waf_detection_paranoia: s.waf_detection_paranoia,
        waf_inbound_threshold: s.waf_inbound_threshold,
        waf_outbound_threshold: s.waf_outbound_threshold,
        waf_response_body: s.waf_response_body,
    }
}
