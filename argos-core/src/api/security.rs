//! What protects a host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::changes;
use super::operation::operation;
use super::{Context, Mutation, Query, View, in_range};
use crate::error::{Error, Result};
use crate::schema::{AppsecMode, HostId, HostSecurity, Patch, RateLimitKey, WafMode, is_token};
use crate::store::host_security::{self, SecurityFields};
use crate::store::{Read, Tx, hosts, settings};

/// Longest name of a header in bytes.
const MAX_NAME: usize = 256;

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
        /// Whether requests are limited.
        rate_limit_enabled: bool,
        /// Requests per window, 1–1,000,000 when enabled; so many may also come at once.
        rate_limit_requests: i64,
        /// Seconds, 1–86,400 when enabled.
        rate_limit_window_seconds: i64,
        /// What is counted by.
        rate_limit_key: RateLimitKey,
        /// The header of key `header`; requests that do not have it once count by their address.
        rate_limit_header_name: String,
        /// Status over the limit, 400–599.
        rate_limit_status: i64,
    }
    nullable {
        /// Recorded paranoia level, 1–4, not below `waf_paranoia`; null = equal to it.
        waf_detection_paranoia: i64,
        /// Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`.
        waf_inbound_threshold: i64,
        /// Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`.
        waf_outbound_threshold: i64,
    }
    later {}
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
        new.rate_limit_enabled = self.rate_limit_enabled.unwrap_or(new.rate_limit_enabled);
        new.rate_limit_requests = self.rate_limit_requests.unwrap_or(new.rate_limit_requests);
        new.rate_limit_window_seconds = self.rate_limit_window_seconds.unwrap_or(new.rate_limit_window_seconds);
        new.rate_limit_key = self.rate_limit_key.unwrap_or(new.rate_limit_key);
        new.rate_limit_header_name = self.rate_limit_header_name.unwrap_or(new.rate_limit_header_name);
        if let Some(status) = self.rate_limit_status {
            new.rate_limit_status = number("rate_limit_status", status, 400, 599)?;
        }
        check_limit(&new)?;
        if old != new {
            host_security::update(tx, self.host_id, &new)?;
        }
        tx.about("update", "host_security", self.host_id, Some((self.host_id, host.domain.as_str())));
        load(tx, self.host_id)
    }
}

/// Numbers of a limit that is off may be zero, and its header any short text: nothing reads them.
fn check_limit(fields: &SecurityFields) -> Result<()> {
    let least = i64::from(fields.rate_limit_enabled);
    in_range("rate_limit_requests", fields.rate_limit_requests, least, 1_000_000)?;
    in_range("rate_limit_window_seconds", fields.rate_limit_window_seconds, least, 86_400)?;
    let name = &fields.rate_limit_header_name;
    let read = fields.rate_limit_enabled && fields.rate_limit_key == RateLimitKey::Header;
    if read && !is_token(name) {
        let reason =
            format!("not a header name: {name:?}; rate_limit_key is header, which needs one such as X-Api-Key");
        return Err(Error::invalid("wrong_value", "rate_limit_header_name", reason));
    }
    if name.len() > MAX_NAME {
        return Err(Error::invalid("out_of_range", "rate_limit_header_name", format!("at most {MAX_NAME} bytes")));
    }
    Ok(())
}

fn fields_of(s: HostSecurity) -> SecurityFields {
    SecurityFields {
        waf_enabled: s.waf_enabled,
        waf_mode: s.waf_mode,
        waf_paranoia: s.waf_paranoia,
        waf_block_status: s.waf_block_status,
        waf_block_body: s.waf_block_body,
        rate_limit_enabled: s.rate_limit_enabled,
        rate_limit_requests: s.rate_limit_requests,
        rate_limit_window_seconds: s.rate_limit_window_seconds,
        rate_limit_key: s.rate_limit_key,
        rate_limit_header_name: s.rate_limit_header_name,
        rate_limit_status: s.rate_limit_status,
        waf_detection_paranoia: s.waf_detection_paranoia,
        waf_inbound_threshold: s.waf_inbound_threshold,
        waf_outbound_threshold: s.waf_outbound_threshold,
        waf_response_body: s.waf_response_body,
    }
}
