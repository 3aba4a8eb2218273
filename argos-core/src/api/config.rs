//! Configuration in time: its generations, what differs, since when, and back.

use schemars::JsonSchema;
use serde::Deserialize;

use super::dns_providers::{check_given_at_cli, given_at_cli};
use super::operation::operation;
use super::page::{by_number, list_input, of_all};
use super::{Context, Mutation, Page, Query, View};
use crate::error::{Error, Result};
use crate::schema::{ConfigVersion, FieldBlame, FieldChange, HostId, Order, RolledBack, RowKey};
use crate::store::history::{self, Net};
use crate::store::rollback::{self, Scope};
use crate::store::{Tx, versions};

list_input! {
    /// Lists the kept generations of the configuration, newest first.
    #[derive(Default)]
    ListVersions {}
}
operation!(ListVersions => Page<ConfigVersion>, "config.versions", Get "/config/versions", Viewer, 200,
    "Lists the kept generations of the configuration, newest first.");

impl Query for ListVersions {
    fn run(self, view: &View<'_>) -> Result<Page<ConfigVersion>> {
        let number = |v: &ConfigVersion| i64::try_from(v.generation).unwrap_or(i64::MAX);
        let fetch = |span| versions::list(&view.read, span);
        by_number(view, "config.versions", &self.asked(Order::Desc), fetch, number)
    }
}

list_input! {
    /// Shows what differs between two kept generations, field by field.
    DiffVersions {
        /// The generation of the old values; may be the later one.
        a: u64,
        /// The generation of the new values.
        b: u64,
    }
}
operation!(DiffVersions => Page<FieldChange>, "config.diff", Get "/config/versions/{a}/diff/{b}", Viewer, 200,
    "Shows what differs between two kept generations, field by field; secrets are `***`.");

impl Query for DiffVersions {
    fn run(self, view: &View<'_>) -> Result<Page<FieldChange>> {
        versions::require(&view.read, self.a)?;
        versions::require(&view.read, self.b)?;
        let net = Net::between(&view.read, self.a.min(self.b), self.a.max(self.b))?;
        let net = if self.a > self.b { net.reversed() } else { net };
        of_all(view, &format!("diff of {} and {}", self.a, self.b), &self.asked(Order::Asc), net.fields())
    }
}

list_input! {
    /// Shows since when, and by whom, each field of an object has its value.
    BlameObject {
        /// The configuration table, such as `hosts`.
        table: String,
        /// The row: its number, or the name of a setting.
        key: RowKey,
    }
}
operation!(BlameObject => Page<FieldBlame>, "config.blame", Get "/config/blame", Viewer, 200,
    "Shows since when, and by whom, each field of an object has its value; null before the kept history.",
    positional ["table", "key"]);

impl Query for BlameObject {
    fn run(self, view: &View<'_>) -> Result<Page<FieldBlame>> {
        let table = history::table(&self.table)?;
        let key = history::key_in(table, &self.key)?;
        let fields = history::blame(&view.read, table, &key)?;
        of_all(view, &format!("blame of {} {key}", table.name), &self.asked(Order::Asc), fields)
    }
}

/// Writes the configuration of an earlier generation again, as a new one: all of it, or one object with the rows
/// that belong to it. Users, sessions, tokens, bans and logs stay, and so does a newer certificate. A command of a DNS
/// provider comes back at the command line only.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The generation to go back to.
    pub n: u64,
    /// The configuration table of the one object that goes back, such as `hosts`; omitted = everything.
    pub table: Option<String>,
    /// The row of that object: its number, or the name of a setting.
    pub key: Option<RowKey>,
    /// What was changed since, summed up before the writer's turn, and the generation it was summed up at.
    #[serde(skip)]
    since: Option<(u64, Net)>,
}
operation!(RollBack => RolledBack, "config.rollback", Post "/config/versions/{n}/rollback", Admin, 200,
    "Writes the configuration of an earlier generation again, all of it or one object, as a new generation.");

impl RollBack {
    /// Everything as it was at generation `n`.
    #[must_use]
    pub fn all(n: u64) -> Self {
        Self { n, table: None, key: None, since: None }
    }

    /// One object as it was at generation `n`.
    #[must_use]
    pub fn one(n: u64, table: &str, key: RowKey) -> Self {
        Self { n, table: Some(table.to_owned()), key: Some(key), since: None }
    }

    fn scope(&self) -> Result<Scope> {
        match (&self.table, &self.key) {
            (None, None) => Ok(Scope::All),
            (Some(table), Some(key)) => {
                let table = history::table(table)?;
                Ok(Scope::Object(table, history::key_in(table, key)?))
            }
            (None, _) => Err(Error::invalid("missing_field", "table", "table and key go together")),
            (_, None) => Err(Error::invalid("missing_field", "key", "table and key go together")),
        }
    }
}

impl Mutation for RollBack {
    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        self.scope()?;
        versions::require(&view.read, self.n)?;
        let now = versions::generation(&view.read)?;
        self.since = Some((now, Net::between(&view.read, self.n, now)?));
        Ok(())
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<RolledBack> {
        let scope = self.scope()?;
        versions::require(tx, self.n)?;
        let now = versions::generation(tx)?;
        let since = match self.since.take() {
            Some((at, net)) if at == now => net,
            // Another change came first.
            _ => Net::between(tx, self.n, now)?,
        };
        let host = match &scope {
            Scope::Object(table, RowKey::Number(id)) if table.name == "hosts" => Some(*id),
            _ => None,
        };
        let before = host.map(|id| rollback::domain_of(tx, id)).transpose()?.flatten();
        let given_at_cli = given_at_cli(tx, cx)?;
        let done = rollback::write(tx, since, &scope, self.n)?;
        check_given_at_cli(tx, cx, &given_at_cli)?;
        let domain = host.map(|id| rollback::domain_of(tx, id)).transpose()?.flatten().or(before);
        let what = match &scope {
            Scope::All => self.n.to_string(),
            Scope::Object(table, key) => format!("{} {} {key}", self.n, table.name),
        };
        let host = host.map(HostId).zip(domain.as_deref());
        tx.about("config_rolled_back", "config", what, host);
        Ok(done)
    }
}
