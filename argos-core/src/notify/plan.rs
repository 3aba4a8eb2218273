//! Channels and rules as they are now, compiled: who is told of an event, and how.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::{Config, Email, SUBJECT, StoredConfig};
use super::send::Vapid;
use super::template::Template;
use super::web_push;
use crate::error::Result;
use crate::event::{Event, EventKind, NotificationRule};
use crate::schema::{ChannelId, ChannelKind, HostId};
use crate::secret::MasterKey;
use crate::store::channels::{self, StoredChannel};
use crate::store::{Read, Span, notification_rules};

/// Channels and rules as they are now.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Every channel.
    pub channels: BTreeMap<ChannelId, Arc<Channel>>,
    /// Rules that are on, by id.
    pub rules: Vec<Arc<NotificationRule>>,
    /// Settings of all channels.
    pub terms: PlanTerms,
}

/// Settings of all channels.
#[derive(Clone, Debug, Default)]
pub struct PlanTerms {
    /// Whether receivers may lie at addresses that are not public.
    pub private: bool,
    /// What push services are shown; none where no pair of keys is stored.
    pub vapid: Option<Arc<Vapid>>,
}

/// A channel as it is used.
#[derive(Debug)]
pub struct Channel {
    /// Identity.
    pub id: ChannelId,
    /// How it reaches people.
    pub kind: ChannelKind,
    /// Whether it is used.
    pub enabled: bool,
    /// Deliveries in a minute; 0 = as many as come.
    pub rate: u32,
    /// What its type needs and what it sends, or why it can't be used.
    pub ready: Result<Ready, String>,
}

/// What a channel needs and sends.
#[derive(Debug)]
pub struct Ready {
    /// What its type needs.
    pub config: Config,
    /// What it sends.
    pub template: Template,
    /// The default of its type: sent where its own template can't be rendered, so that the event is heard of all the same.
    pub fallback: Template,
}

impl Plan {
    /// Reads all channels and rules. One that can't be opened is kept with its fault.
    ///
    /// # Errors
    /// Those of the database.
    pub fn read(read: &Read<'_>, key: &MasterKey, mut terms: PlanTerms) -> Result<Self> {
        let vapid = web_push::vapid(read, key).map_err(|e| format!("{}: {e}", e.code()));
        terms.vapid = vapid.as_ref().ok().cloned().flatten().map(Arc::new);
        let stored = channels::list(read, Span::ALL)?;
        let channels = stored.iter().map(|row| (row.id, Arc::new(channel(row, key, vapid.as_ref().err())))).collect();
        let mut rules = notification_rules::list(read, None, Span::ALL)?;
        rules.retain(|rule| rule.enabled);
        Ok(Self { channels, rules: rules.into_iter().map(Arc::new).collect(), terms })
    }

    /// The rules that want to hear of `event`, each with its channel.
    pub fn wanting<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a NotificationRule, &'a Arc<Channel>)> {
        let kind: EventKind = event.kind();
        let host: Option<HostId> = event.host.as_ref().map(|(id, _)| *id);
        let wants = move |rule: &&Arc<NotificationRule>| {
            let hosts = &rule.filter_host_ids;
            let severities = &rule.filter_severities;
            rule.event_type == kind
                && (hosts.is_empty() || host.is_some_and(|id| hosts.contains(&id)))
                && (severities.is_empty() || severities.contains(&kind.severity()))
        };
        self.rules.iter().filter(wants).filter_map(|rule| Some((&**rule, self.channels.get(&rule.channel_id)?)))
    }
}

/// A channel; `no_vapid` is why push services can't be shown who sends.
fn channel(row: &StoredChannel, key: &MasterKey, no_vapid: Option<&String>) -> Channel {
    let fields = &row.fields;
    let ready = StoredConfig(fields.config.clone()).open(fields.kind, key).and_then(|config| {
        let template = Template::new(&config, &fields.template)?;
        let plain = match &config {
            Config::Email(mail) => Config::Email(Email { subject: SUBJECT.to_owned(), ..mail.clone() }),
            other => other.clone(),
        };
        let fallback = Template::new(&plain, "")?;
        Ok(Ready { config, template, fallback })
    });
    Channel {
        id: row.id,
        kind: fields.kind,
        enabled: fields.enabled,
        rate: u32::try_from(fields.rate_limit_per_minute).unwrap_or(0),
        ready: match no_vapid.filter(|_| fields.kind == ChannelKind::BrowserPush) {
            Some(error) => Err(error.clone()),
            None => ready.map_err(|e| e.to_string()),
        },
    }
}
