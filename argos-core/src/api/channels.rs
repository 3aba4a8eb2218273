//! Channels: where notifications go.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::not_null;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View, check_name, in_range};
use crate::clock::request_id;
use crate::error::{Error, Result};
use crate::event::{ConfigChange, Event, Severity};
use crate::notify::config::StoredConfig;
use crate::notify::send::Terms;
use crate::notify::{Config, Occasion, Outcome, Parcel, Plan, Rendered, Sender, Subscriber, Template, web_push};
use crate::outbound::{Reach, wait_for};
use crate::schema::{Channel, ChannelConfig, ChannelId, ChannelKind, HostId, Order, PushSubscriptionId};
use crate::store::channels::{self, ChannelFields, StoredChannel};
use crate::store::{Read, Tx, push_subscriptions, settings};

/// Characters of a name.
const MOST_NAME: usize = 64;
/// Bytes of a template.
const MOST_TEMPLATE: usize = 64 * 1024;
/// Deliveries in a minute unless the channel says otherwise.
const RATE: i64 = 10;
/// The most that a channel may say.
const MOST_RATE: i64 = 10_000;
/// Time of a trial.
const TRIAL: Duration = Duration::from_secs(15);

list_input! {
    /// Lists channels by id; their secrets are never shown.
    #[derive(Default)]
    ListChannels {}
}
operation!(ListChannels => Page<Channel>, "channels.list", Get "/notifications/channels", Viewer, 200,
    "Lists channels by id; their secrets are never shown.");

impl Query for ListChannels {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<Channel>> {
        let fetch = |span| channels::list(&view.read, span)?.into_iter().map(|row| shown(row, view.cx)).collect();
        by_number(view, "channels", &self.asked(Order::Asc), fetch, |c: &Channel| c.id.0)
    }
}

/// Shows one channel without its secrets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetChannel {
    /// The channel.
    pub id: ChannelId,
}
operation!(GetChannel => Channel, "channels.get", Get "/notifications/channels/{id}", Viewer, 200,
    "Shows one channel without its secrets.");

impl Query for GetChannel {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Channel> {
        shown(channels::get(&view.read, self.id)?, view.cx)
    }
}

impl From<ChannelId> for GetChannel {
    fn from(id: ChannelId) -> Self {
        Self { id }
    }
}

fn shown(row: StoredChannel, cx: &Context) -> Result<Channel> {
    let fields = row.fields;
    Ok(Channel {
        id: row.id,
        config: StoredConfig(fields.config).shown(fields.kind, &cx.key)?,
        name: fields.name,
        kind: fields.kind,
        enabled: fields.enabled,
        template: fields.template,
        rate_limit_per_minute: fields.rate_limit_per_minute,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Makes a channel.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateChannel {
    /// Unique name, 1–64 characters.
    pub name: String,
    /// How it reaches people; it never changes.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// What its type needs.
    #[serde(default)]
    pub config: ChannelConfig,
    /// What is sent, at most 64 KiB; empty = the default of its type.
    #[serde(default)]
    pub template: String,
    /// Deliveries in a minute, and at once, 0–10,000; 0 = as many as come. Default 10.
    pub rate_limit_per_minute: Option<i64>,
    /// Whether it is used; default true.
    pub enabled: Option<bool>,
}
operation!(CreateChannel => Channel, "channels.create", Post "/notifications/channels", Operator, 201,
    "Makes a channel.", positional ["name", "type"]);

impl CreateChannel {
    fn fields(&self, cx: &Context) -> Result<ChannelFields> {
        Ok(ChannelFields {
            name: self.name.clone(),
            kind: self.kind,
            enabled: self.enabled.unwrap_or(true),
            config: StoredConfig::default().with(self.kind, &self.config, &cx.key)?.0,
            template: self.template.clone(),
            rate_limit_per_minute: self.rate_limit_per_minute.unwrap_or(RATE),
        })
    }
}

impl Mutation for CreateChannel {
    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let fields = self.fields(view.cx)?;
        try_template(&check(&view.read, view.cx, &fields)?, &fields)
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Channel> {
        let fields = self.fields(cx)?;
        check(tx, cx, &fields)?;
        let id = channels::insert(tx, &fields)?;
        tx.about("create", "notification_channel", id, None);
        shown(channels::get(tx, id)?, cx)
    }
}

/// Refuses a channel that nothing could be sent with, but for what only a trial of its template shows.
fn check(read: &Read<'_>, cx: &Context, fields: &ChannelFields) -> Result<Config> {
    check_name("name", &fields.name, MOST_NAME)?;
    in_range("rate_limit_per_minute", fields.rate_limit_per_minute, 0, MOST_RATE)?;
    if fields.template.len() > MOST_TEMPLATE {
        return Err(Error::invalid("channel.template", "template", format!("at most {MOST_TEMPLATE} bytes")));
    }
    let config = StoredConfig(fields.config.clone()).open(fields.kind, &cx.key)?;
    let private = settings::value(read, "notifications.allow_private_targets")?.as_deref() == Some("true");
    config.check(&Reach { private, own: cx.own.clone() })?;
    Template::new(&config, &fields.template)?;
    Ok(config)
}

/// Tries the template with every event: it takes a while, and the writer must not wait for it.
fn try_template(config: &Config, fields: &ChannelFields) -> Result<()> {
    Template::checked(config, &fields.template).map(drop)
}

/// Changes the given fields of a channel; omitted ones stay, also those in `config`. Where it would then send to another
/// server, its secrets are given anew or cleared. Its type never changes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateChannel {
    /// The channel.
    pub id: ChannelId,
    /// Unique name, 1–64 characters.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// Fields of its type that change.
    #[serde(default, deserialize_with = "not_null")]
    pub config: Option<ChannelConfig>,
    /// What is sent, at most 64 KiB; empty = the default of its type.
    #[serde(default, deserialize_with = "not_null")]
    pub template: Option<String>,
    /// Deliveries in a minute, and at once, 0–10,000; 0 = as many as come.
    #[serde(default, deserialize_with = "not_null")]
    pub rate_limit_per_minute: Option<i64>,
    /// Whether it is used.
    #[serde(default, deserialize_with = "not_null")]
    pub enabled: Option<bool>,
}
operation!(UpdateChannel => Channel, "channels.update", Patch "/notifications/channels/{id}", Operator, 200,
    "Changes the given fields of a channel; omitted ones stay, also those in `config`. Where it would then send to \
     another server, its secrets are given anew or cleared.", of GetChannel { id });

impl UpdateChannel {
    /// A change of nothing yet.
    #[must_use]
    pub fn new(id: ChannelId) -> Self {
        Self { id, name: None, config: None, template: None, rate_limit_per_minute: None, enabled: None }
    }

    /// The fields of `row` with those that change.
    fn fields(&self, row: &StoredChannel, cx: &Context) -> Result<ChannelFields> {
        let mut fields = row.fields.clone();
        if let Some(change) = &self.config {
            let stored = StoredConfig(fields.config);
            let next = stored.clone().with(fields.kind, change, &cx.key)?;
            next.check_kept(&stored, fields.kind, change, &cx.key)?;
            fields.config = next.0;
        }
        fields.name = self.name.clone().unwrap_or(fields.name);
        fields.template = self.template.clone().unwrap_or(fields.template);
        fields.rate_limit_per_minute = self.rate_limit_per_minute.unwrap_or(fields.rate_limit_per_minute);
        fields.enabled = self.enabled.unwrap_or(fields.enabled);
        Ok(fields)
    }
}

impl Mutation for UpdateChannel {
    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let row = channels::get(&view.read, self.id)?;
        let fields = self.fields(&row, view.cx)?;
        if (&fields.config, &fields.template) != (&row.fields.config, &row.fields.template) {
            try_template(&check(&view.read, view.cx, &fields)?, &fields)?;
        }
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Channel> {
        let row = channels::get(tx, self.id)?;
        let fields = self.fields(&row, cx)?;
        store(tx, cx, &row, &fields, "update")
    }
}

fn store(
    tx: &Tx<'_>,
    cx: &Context,
    row: &StoredChannel,
    fields: &ChannelFields,
    action: &'static str,
) -> Result<Channel> {
    let switched = ChannelFields { enabled: fields.enabled, ..row.fields.clone() };
    if *fields != row.fields {
        // To switch it off must be possible whatever it holds.
        if *fields != switched || fields.enabled {
            check(tx, cx, fields)?;
        }
        channels::update(tx, row.id, fields)?;
    }
    tx.about(action, "notification_channel", row.id, None);
    shown(channels::get(tx, row.id)?, cx)
}

/// Deletes a channel with its rules; what waits for it is given up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteChannel {
    /// The channel.
    pub id: ChannelId,
}
operation!(DeleteChannel => (), "channels.delete", Delete "/notifications/channels/{id}", Operator, 204,
    "Deletes a channel with its rules; what waits for it is given up.", of GetChannel { id });

impl Mutation for DeleteChannel {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        channels::get(tx, self.id)?;
        channels::delete(tx, self.id)?;
        tx.about("delete", "notification_channel", self.id, None);
        Ok(())
    }
}

impl From<ChannelId> for DeleteChannel {
    fn from(id: ChannelId) -> Self {
        Self { id }
    }
}

/// Switches a channel on or off. What waits for one that is off is given up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleChannel {
    /// The channel.
    pub id: ChannelId,
    /// Whether it is used.
    pub enabled: bool,
}
operation!(ToggleChannel => Channel, "channels.toggle", Post "/notifications/channels/{id}/toggle", Operator, 200,
    "Switches a channel on or off. What waits for one that is off is given up.", positional ["enabled"],
    of GetChannel { id });

impl Mutation for ToggleChannel {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Channel> {
        let row = channels::get(tx, self.id)?;
        let fields = ChannelFields { enabled: self.enabled, ..row.fields.clone() };
        store(tx, cx, &row, &fields, "toggle")
    }
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelTest {
    /// Whether the receiver took it.
    pub success: bool,
    /// What was sent.
    pub payload: String,
    /// Why it was not taken; empty = it was.
    pub error: String,
}

/// Tries a channel: sends a made-up change of the host `test.example`, once, within 15 seconds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestChannel {
    /// The channel.
    pub id: ChannelId,
    #[serde(skip)]
    #[schemars(skip)]
    trial: Option<Trial>,
    #[serde(skip)]
    #[schemars(skip)]
    tried: Option<(ChannelTest, Vec<PushSubscriptionId>)>,
}
operation!(TestChannel => ChannelTest, "channels.test", Post "/notifications/channels/{id}/test", Operator, 200,
    "Tries a channel: sends a made-up change of the host `test.example`, once, within 15 seconds.",
    part of GetChannel { id });

/// What is sent, and how.
#[derive(Clone, Debug)]
struct Trial {
    config: Config,
    terms: Terms,
    text: Rendered,
    subscribers: Vec<Subscriber>,
}

impl From<ChannelId> for TestChannel {
    fn from(id: ChannelId) -> Self {
        Self { id, trial: None, tried: None }
    }
}

impl Mutation for TestChannel {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let fields = channels::get(&view.read, self.id)?.fields;
        let config = StoredConfig(fields.config).open(fields.kind, &view.cx.key)?;
        let template = Template::new(&config, &fields.template)?;
        let facts = ConfigChange {
            user: view.actor.label(),
            action: "test".into(),
            resource_type: "notification_channel".into(),
            resource_id: self.id.to_string(),
            generation: view.live.generation,
            summary: format!("this only tests the channel {}; nothing was changed", fields.name),
        };
        let event = Event::of_host(view.read.now(), (HostId(0), "test.example"), facts);
        let event = serde_json::to_value(&event).unwrap_or_default();
        let panel = view.live.panel_settings.public_url.as_ref().map_or("", |url| url.as_str());
        let generation = view.live.generation;
        let text = template.render(&Occasion { event: &event, delivery_id: 0, panel_url: panel, generation })?;
        let push = fields.kind == ChannelKind::BrowserPush;
        if push && let Err(e) = web_push::vapid(&view.read, &view.cx.key) {
            let error = format!("{}: {e}", e.code());
            self.tried = Some((ChannelTest { success: false, payload: text.to_stored(), error }, Vec::new()));
            return Ok(());
        }
        let subscribers = if push { subscribers(&view.read)? } else { Vec::new() };
        self.trial = Some(Trial { config, terms: sender_terms(view.cx, &view.live.notifications), text, subscribers });
        Ok(())
    }

    fn act(&mut self, _cx: &Context) -> Result<()> {
        if let Some(trial) = self.trial.take() {
            self.tried = Some(tried(trial)?);
        }
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<ChannelTest> {
        let (tried, gone) = self.tried.ok_or_else(|| Error::internal("a channel was tried before that is told"))?;
        push_subscriptions::delete_gone(tx, &gone)?;
        tx.about("test", "notification_channel", self.id, None);
        // It is sent already.
        tx.acted(Box::new(|| {}));
        Ok(tried)
    }
}

/// Sends the trial: how it ended, and the subscriptions that push services said are gone.
fn tried(trial: Trial) -> Result<(ChannelTest, Vec<PushSubscriptionId>)> {
    let payload = trial.text.to_stored();
    let key = request_id();
    let send = async move {
        let mut sender = Sender::new(trial.config, trial.terms);
        let parcel = Parcel {
            delivery: 0,
            idempotency_key: &key,
            event_type: "config_change",
            severity: Severity::Info,
            text: &trial.text,
            subscribers: &trial.subscribers,
        };
        let silent = || Outcome::Failed { error: "no answer within 15 seconds".into(), after: None };
        let outcome = tokio::time::timeout(TRIAL, sender.send(&parcel)).await.unwrap_or_else(|_| silent());
        (outcome, sender.take_gone())
    };
    let (outcome, gone) = wait_for(send)?;
    let (success, error) = match outcome {
        Outcome::Sent => (true, String::new()),
        Outcome::Failed { error, .. } | Outcome::Refused { error } => (false, error),
    };
    Ok((ChannelTest { success, payload, error }, gone))
}

/// What senders are told beside a delivery.
pub(crate) fn sender_terms(cx: &Context, plan: &Plan) -> Terms {
    Terms {
        reach: Reach { private: plan.terms.private, own: cx.own.clone() },
        vapid: plan.terms.vapid.as_deref().cloned(),
        clock: cx.clock.clone(),
    }
}

/// Browsers of all who may be told.
pub(crate) fn subscribers(read: &Read<'_>) -> Result<Vec<Subscriber>> {
    Ok(push_subscriptions::of_listeners(read)?.into_iter().map(Subscriber::from).collect())
}
