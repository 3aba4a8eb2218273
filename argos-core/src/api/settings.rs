//! Settings of the whole installation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::page::{list_input, of_all};
use super::{Context, Mutation, Page, Query, View};
use crate::certs;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{Access, Order, SETTINGS, Setting, SettingKind, SettingRow};
use crate::store::{Tx, hosts, settings};

fn show(cx: &Context, setting: &Setting, stored: Option<&(String, Timestamp)>) -> SettingRow {
    let value = stored.map_or(setting.default, |(value, _)| value).to_owned();
    let secret = setting.kind == SettingKind::Secret;
    let overridden = is_overridden(cx, setting);
    SettingRow {
        overridden: overridden.then_some(true),
        key: setting.key.into(),
        value_set: secret.then_some(!value.is_empty()),
        value: (!secret).then_some(value),
        default: setting.default.into(),
        range: setting.range(),
        writable: setting.access == Access::Writable && !overridden,
        updated_at: stored.map(|(_, at)| *at),
    }
}

/// Whether something else was said where Argos was opened.
fn is_overridden(cx: &Context, setting: &Setting) -> bool {
    setting.key == "panel.public_url" && cx.live.load().given_public_url.is_some()
}

fn known(key: &str) -> Result<&'static Setting> {
    Setting::find(key).ok_or_else(|| Error::not_found("setting.not_found", format!("setting {key:?}")))
}

list_input! {
    /// Lists settings by key.
    #[derive(Default)]
    ListSettings {
        /// Only keys that begin so, such as `proxy.`.
        prefix: Option<String>,
    }
}
operation!(ListSettings => Page<SettingRow>, "settings.list", Get "/settings", Viewer, 200, "Lists settings by key.");

impl Query for ListSettings {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<SettingRow>> {
        let stored = settings::rows(&view.read)?;
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let mut settings: Vec<_> = SETTINGS.iter().filter(|s| s.key.starts_with(prefix)).collect();
        settings.sort_unstable_by_key(|s| s.key);
        let shown = settings.into_iter().map(|s| show(view.cx, s, stored.get(s.key))).collect();
        of_all(view, &format!("settings of {prefix}"), &self.asked(Order::Asc), shown)
    }
}

/// Shows one setting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetSetting {
    /// The key.
    pub key: String,
}
operation!(GetSetting => SettingRow, "settings.get", Get "/settings/{key}", Viewer, 200, "Shows one setting.");

impl Query for GetSetting {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<SettingRow> {
        let setting = known(&self.key)?;
        Ok(show(view.cx, setting, settings::rows(&view.read)?.get(setting.key)))
    }
}

/// Writes one setting.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSetting {
    /// The key.
    pub key: String,
    /// The new value.
    pub value: String,
}
operation!(SetSetting => SettingRow, "settings.set", Put "/settings/{key}", Admin, 200, "Writes one setting.",
    positional ["value"], of GetSetting { key });

fn write(tx: &Tx<'_>, cx: &Context, setting: &'static Setting, value: &str) -> Result<()> {
    let value = if setting.kind == SettingKind::Pem { &*certs::unmarked(value) } else { value };
    setting.check(value)?;
    if is_overridden(cx, setting) {
        let reason = "the environment says another value, such as ARGOS_PANEL_URL; change it there";
        return Err(Error::conflict("setting.overridden", setting.key, reason));
    }
    if setting.key == "acme.eab_hmac_key" && !value.is_empty() && certs::eab_key(value).is_none() {
        // Source: RFC 8555 §7.3.4, where the key is exchanged in base64url.
        return Err(Error::invalid("setting.value", setting.key, "is not base64url, in which authorities give it"));
    }
    if setting.key == "panel.proxy_host"
        && let Some(by) = hosts::by_name(tx, value)?
    {
        return Err(Error::conflict("host.domain_taken", setting.key, format!("host {by} has this name")));
    }
    let value = if setting.kind == SettingKind::Secret { &cx.key.encrypt(value) } else { value };
    let stored = settings::value(tx, setting.key)?;
    if stored.as_deref().unwrap_or(setting.default) == value {
        return Ok(());
    }
    settings::write(tx, setting.key, value)
}

/// Refuses settings that can't stand together.
fn check_together(tx: &Tx<'_>, cx: &Context) -> Result<()> {
    check_timeouts(tx)?;
    super::oidc_config::check_settings(tx, cx)
}

/// Refuses an idle timeout that is longer than the absolute one.
fn check_timeouts(tx: &Tx<'_>) -> Result<()> {
    let (idle, absolute) = ("session.idle_timeout_hours", "session.absolute_timeout_hours");
    let stored = settings::values(tx)?;
    let hours = |key| stored.get(key).map_or_else(|| Setting::find(key).map_or("", |s| s.default), String::as_str);
    let number = |key| hours(key).parse::<u32>().unwrap_or(0);
    if number(idle) <= number(absolute) {
        return Ok(());
    }
    let reason = format!("{idle} ({}) must not be longer than {absolute} ({})", hours(idle), hours(absolute));
    Err(Error::invalid("setting.value", idle, reason))
}

fn shown(tx: &Tx<'_>, cx: &Context, setting: &Setting) -> Result<SettingRow> {
    Ok(show(cx, setting, settings::rows(tx)?.get(setting.key)))
}

impl Mutation for SetSetting {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<SettingRow> {
        let setting = known(&self.key)?;
        write(tx, cx, setting, &self.value)?;
        check_together(tx, cx)?;
        tx.about("update", "setting", setting.key, None);
        shown(tx, cx, setting)
    }
}

/// Puts one setting back to its default.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetSetting {
    /// The key.
    pub key: String,
}
operation!(ResetSetting => (), "settings.reset", Delete "/settings/{key}", Admin, 204,
    "Puts one setting back to its default.", of GetSetting { key });

impl Mutation for ResetSetting {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        let setting = known(&self.key)?;
        write(tx, cx, setting, setting.default)?;
        check_together(tx, cx)?;
        tx.about("update", "setting", setting.key, None);
        Ok(())
    }
}

/// Writes several settings as one change.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct UpdateSettings {
    /// New values by key.
    #[serde(flatten)]
    pub values: BTreeMap<String, String>,
}
operation!(UpdateSettings => Page<SettingRow>, "settings.update", Patch "/settings", Admin, 200,
    "Writes several settings as one change.", 
    part of ListSettings { prefix: None, limit: Some(500), order: None, cursor: None });

impl Mutation for UpdateSettings {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Page<SettingRow>> {
        let mut items = Vec::with_capacity(self.values.len());
        for (key, value) in &self.values {
            let Some(setting) = Setting::find(key) else {
                return Err(Error::invalid("setting.not_found", key.as_str(), "there is no such setting"));
            };
            write(tx, cx, setting, value)?;
            items.push(shown(tx, cx, setting)?);
        }
        check_together(tx, cx)?;
        let keys: Vec<&str> = self.values.keys().map(String::as_str).collect();
        tx.about("update", "setting", keys.join(","), None);
        Ok(Page { items, next_cursor: None })
    }
}
