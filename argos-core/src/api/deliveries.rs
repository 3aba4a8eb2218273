//! Deliveries: what came of events that somebody wanted to hear of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::logs::moment;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Query, View, in_range};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{Alert, Delivery, DeliveryStats, DeliveryStatus, EventKind, Severity};
use crate::schema::{ChannelId, DeliveryId, NotificationRuleId, Order};
use crate::store::Tx;
use crate::store::deliveries::{self, DeliveryFilter};

const DAY_MS: i64 = 86_400_000;

/// One page of deliveries.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeliveryPage {
    /// The deliveries, newest first unless `asc` was asked for, without what was sent.
    pub items: Vec<Delivery>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
    /// All that the filters let through by status; null unless `stats` was given.
    pub stats: Option<DeliveryStats>,
}

list_input! {
    /// Lists deliveries, newest first; all filters must hold.
    #[derive(Default)]
    ListDeliveries {
        /// To this channel.
        channel_id: Option<ChannelId>,
        /// Wanted by this rule.
        rule_id: Option<NotificationRuleId>,
        /// Of this event.
        event_type: Option<EventKind>,
        /// So far.
        status: Option<DeliveryStatus>,
        /// Not before: RFC 3339, or back from now as `-15m`, `-24h`, `-7d`.
        from: Option<String>,
        /// Not after, as `from`.
        to: Option<String>,
        /// 1 = also count them by status; default 0.
        stats: Option<i64>,
    }
}
operation!(ListDeliveries => DeliveryPage, "deliveries.list", Get "/notifications/deliveries", Viewer, 200,
    "Lists deliveries, newest first; all filters must hold.");

impl Query for ListDeliveries {
    fn run(self, view: &View<'_>) -> Result<DeliveryPage> {
        let now = view.read.now();
        let at = |field, text: Option<&str>| text.map(|text| moment(field, text, now)).transpose();
        let filter = DeliveryFilter {
            channel: self.channel_id,
            rule: self.rule_id,
            event_type: self.event_type.map(EventKind::as_str),
            status: self.status,
            from: at("from", self.from.as_deref())?,
            to: at("to", self.to.as_deref())?,
        };
        in_range("stats", self.stats.unwrap_or(0), 0, 1)?;
        let fetch = |span| deliveries::list(&view.read, &filter, span);
        let page = by_number(view, "deliveries", &self.asked(Order::Desc), fetch, |d: &Delivery| d.id.0)?;
        let stats = (self.stats == Some(1)).then(|| deliveries::stats(&view.read, &filter)).transpose()?;
        Ok(DeliveryPage { items: page.items, next_cursor: page.next_cursor, stats })
    }
}

/// Shows one delivery with what is or was sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetDelivery {
    /// The delivery.
    pub id: DeliveryId,
}
operation!(GetDelivery => Delivery, "deliveries.get", Get "/notifications/deliveries/{id}", Viewer, 200,
    "Shows one delivery with what is or was sent.");

impl Query for GetDelivery {
    fn run(self, view: &View<'_>) -> Result<Delivery> {
        deliveries::get(&view.read, self.id)
    }
}

impl From<DeliveryId> for GetDelivery {
    fn from(id: DeliveryId) -> Self {
        Self { id }
    }
}

/// Has a delivery that failed or was held back tried once more, now; throttle and rate don't count.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryDelivery {
    /// The delivery.
    pub id: DeliveryId,
}
operation!(RetryDelivery => Delivery, "deliveries.retry", Post "/notifications/deliveries/{id}/retry", Operator, 200,
    "Has a delivery that failed or was held back tried once more, now; throttle and rate don't count.",
    of GetDelivery { id });

impl Mutation for RetryDelivery {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Delivery> {
        deliveries::retry(tx, self.id)?;
        tx.about("retry", "notification_delivery", self.id, None);
        deliveries::get(tx, self.id)
    }

    fn done(cx: &Context) {
        cx.retried.notify_one();
    }
}

impl From<DeliveryId> for RetryDelivery {
    fn from(id: DeliveryId) -> Self {
        Self { id }
    }
}

/// What mattered in the last 24 hours.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Alerts {
    /// The newest first, each once however many channels were told.
    pub items: Vec<Alert>,
}

/// Shows what of the last 24 hours was told and is a warning or worse, newest first.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRecentAlerts {
    /// 1–50, default 5.
    pub limit: Option<i64>,
}
operation!(ListRecentAlerts => Alerts, "deliveries.recent_alerts", Get "/notifications/recent-alerts", Viewer, 200,
    "Shows what of the last 24 hours was told and is a warning or worse, newest first.");

impl Query for ListRecentAlerts {
    fn run(self, view: &View<'_>) -> Result<Alerts> {
        let limit = self.limit.unwrap_or(5);
        in_range("limit", limit, 1, 50)?;
        let since = Timestamp(view.read.now().0 - DAY_MS);
        let severities: Vec<Severity> = Severity::ALL.iter().copied().filter(|s| *s >= Severity::Warning).collect();
        let limit = u32::try_from(limit).unwrap_or(5);
        Ok(Alerts { items: deliveries::alerts(&view.read, since, &severities, limit)? })
    }
}
