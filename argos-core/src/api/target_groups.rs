//! Target groups.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, NewTarget, Page, Query, View, in_range, input_with_later, upstream_tls};
use crate::error::{Error, Result};
use crate::schema::{
    Algorithm, GroupId, GroupName, GroupProtocol, HealthMethod, HttpVersion, Order, Patch, SecretText, StatusSet,
    TargetGroup,
};
use crate::store::target_groups::{self, CheckFields, GroupFields};
use crate::store::{Tx, targets};

list_input! {
    /// Lists target groups by id.
    #[derive(Default)]
    ListGroups {}
}
operation!(ListGroups => Page<TargetGroup>, "target_groups.list", Get "/target-groups", Viewer, 200,
    "Lists target groups by id, with their targets.");

impl Query for ListGroups {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<TargetGroup>> {
        let fetch = |span| target_groups::list(&view.read, span);
        by_number(view, "target_groups", &self.asked(Order::Asc), fetch, |g| g.id.0)
    }
}

/// Shows one target group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetGroup {
    /// The group.
    pub id: GroupId,
}
operation!(GetGroup => TargetGroup, "target_groups.get", Get "/target-groups/{id}", Viewer, 200,
    "Shows one target group with its targets and users.");

impl Query for GetGroup {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<TargetGroup> {
        target_groups::get(&view.read, self.id)
    }
}

impl From<GroupId> for GetGroup {
    fn from(id: GroupId) -> Self {
        Self { id }
    }
}

input_with_later! {
    /// Makes a target group.
    CreateGroup {
        /// Unique name, 1–63 characters.
        name: GroupName,
        /// Endpoints to make with it.
        #[serde(default)]
        targets: Vec<NewTarget>,
        /// What is spoken to the targets; default `http`.
        protocol: Option<GroupProtocol>,
        /// Whether target certificates are checked; default true.
        verify_tls: Option<bool>,
        /// HTTP version spoken to the targets: `auto` = HTTP/2 where a target agrees to it inside TLS, else HTTP/1.1;
        /// `1.1`; `2` = HTTP/2 and nothing else, without TLS by prior knowledge; default `auto`.
        http_version: Option<HttpVersion>,
        /// Name for SNI and the certificate check; default empty = target host.
        tls_server_name: Option<String>,
        /// Certificates that are trusted for the targets, in PEM, at most 64 KiB: authorities, or single certificates
        /// as they are; default empty = those that the system trusts.
        ca_bundle_pem: Option<String>,
        /// The certificate that targets are shown, in PEM, at most 64 KiB; those that signed it may follow;
        /// default empty.
        client_cert_pem: Option<String>,
        /// Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB.
        client_key_pem: Option<SecretText>,
        /// Whether the client's `Host` is passed on; default true.
        preserve_host: Option<bool>,
        /// Milliseconds to connect, 100–86,400,000; null = `proxy.connect_timeout_ms`.
        connect_timeout_ms: Option<i64>,
        /// Milliseconds to the response head, 100–86,400,000; null = `proxy.response_timeout_ms`.
        response_timeout_ms: Option<i64>,
        /// Further targets tried, 0–5; null = `proxy.max_retries`.
        max_retries: Option<i64>,
        /// How a target is chosen: `round_robin` = in turn by weight, `least_conn` = fewest requests under way by weight,
        /// `ip_hash` = by the client's address, `random` = the less busy of two; default `round_robin`.
        algorithm: Option<Algorithm>,
        /// Whether targets are checked actively; default false.
        health_check_enabled: Option<bool>,
        /// Path of the check, and its query; default `/`.
        health_check_path: Option<String>,
        /// Method of the check; default `GET`.
        health_check_method: Option<HealthMethod>,
        /// Accepted statuses, such as `200,2xx,200-204`; default `200`.
        health_check_expect_status: Option<String>,
        /// Seconds between checks, 1–300; default 30.
        health_check_interval_seconds: Option<i64>,
        /// Seconds until a check fails, 1–60, less than those between checks; default 5.
        health_check_timeout_seconds: Option<i64>,
        /// Failures in a row until a target is out, 1–10; default 2.
        health_check_fails_to_unhealthy: Option<i64>,
        /// Successes in a row until it is back, 1–10; default 2.
        health_check_passes_to_healthy: Option<i64>,
        /// Seconds over which the weight of a target grows that recovered or came later, 0–600; default 0.
        slow_start_seconds: Option<i64>,
        /// Name of the cookie by which a client goes on with the target that it was given; default empty = none.
        sticky_cookie: Option<String>,
        /// Seconds for which it does, 0–31,536,000; default 0 = until the browser is closed.
        sticky_ttl_seconds: Option<i64>,
    }
    later {}
}
operation!(CreateGroup => TargetGroup, "target_groups.create", Post "/target-groups", Operator, 201,
    "Makes a target group with its targets.", positional ["name"]);

impl CreateGroup {
    /// A group of plain HTTP, all else at its default.
    #[must_use]
    pub fn new(name: GroupName, targets: Vec<NewTarget>) -> Self {
        Self {
            name,
            targets,
            preserve_host: None,
            connect_timeout_ms: None,
            response_timeout_ms: None,
            max_retries: None,
            protocol: None,
            verify_tls: None,
            tls_server_name: None,
            ca_bundle_pem: None,
            client_cert_pem: None,
            client_key_pem: None,
            algorithm: None,
            health_check_enabled: None,
            health_check_path: None,
            health_check_method: None,
            health_check_expect_status: None,
            health_check_interval_seconds: None,
            health_check_timeout_seconds: None,
            health_check_fails_to_unhealthy: None,
            health_check_passes_to_healthy: None,
            http_version: None,
            slow_start_seconds: None,
            sticky_cookie: None,
            sticky_ttl_seconds: None,
        }
    }
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

/// Checks what is about to be stored, and brings it into the form that is.
fn check_group(fields: &mut GroupFields) -> Result<()> {
    let timeouts =
        [("connect_timeout_ms", fields.connect_timeout_ms), ("response_timeout_ms", fields.response_timeout_ms)];
    for (field, value) in timeouts {
        value.map_or(Ok(()), |ms| in_range(field, ms, 100, 86_400_000))?;
    }
    fields.max_retries.map_or(Ok(()), |n| in_range("max_retries", n, 0, 5))?;
    let check = &mut fields.check;
    in_range("health_check_interval_seconds", check.interval_seconds, 1, 300)?;
    in_range("health_check_timeout_seconds", check.timeout_seconds, 1, 60)?;
    in_range("health_check_fails_to_unhealthy", check.fails_to_unhealthy, 1, 10)?;
    in_range("health_check_passes_to_healthy", check.passes_to_healthy, 1, 10)?;
    let expect = StatusSet::parse(&check.expect_status)
        .map_err(|reason| Error::invalid("target_group.expect_status", "health_check_expect_status", reason))?;
    check.expect_status = expect.as_str().to_owned();
    let path = check.path.as_bytes();
    if path.len() > MOST_CHECK_PATH
        || path.first() != Some(&b'/')
        || !path.iter().all(|b| b.is_ascii_graphic() && *b != b'#')
    {
        let reason =
            format!("begins with /, without blanks and #, others than ASCII as %XX, at most {MOST_CHECK_PATH} bytes");
        return Err(Error::invalid("target_group.check_path", "health_check_path", reason));
    }
    if check.timeout_seconds >= check.interval_seconds {
        let reason = format!("less than the {} seconds between checks", check.interval_seconds);
        return Err(Error::invalid("target_group.check_timeout", "health_check_timeout_seconds", reason));
    }
    in_range("slow_start_seconds", fields.slow_start_seconds, 0, 600)?;
    in_range("sticky_ttl_seconds", fields.sticky_ttl_seconds, 0, 31_536_000)?;
    check_cookie_name(&fields.sticky_cookie)
}

/// Most bytes of a check's path.
const MOST_CHECK_PATH: usize = 2048;

/// A cookie's name is a token. Source: RFC 6265 §4.1.1.
fn check_cookie_name(name: &str) -> Result<()> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    // Only what is set without these names' terms could take a client's word for them. Source: RFC 6265bis §4.1.3.
    let prefixed = ["__secure-", "__host-"].iter().any(|p| name.to_ascii_lowercase().starts_with(p));
    let reason = match name {
        _ if name.len() > 64 => "at most 64 characters",
        _ if !name.bytes().all(token) => "letters, digits and !#$%&'*+-.^_`|~ only",
        _ if prefixed => "the prefixes __Host- and __Secure- are not for it: it is set over plain HTTP, too",
        _ if name.eq_ignore_ascii_case("argos_session") => "argos_session is Argos's own cookie",
        _ => return Ok(()),
    };
    Err(Error::invalid("target_group.sticky_cookie", "sticky_cookie", reason))
}

/// Stores a group and its targets; errors name fields of a group.
pub(super) fn store_new_group(tx: &Tx<'_>, mut fields: GroupFields, new: Vec<NewTarget>) -> Result<GroupId> {
    check_group(&mut fields)?;
    let id = target_groups::insert(tx, &fields)?;
    for (i, target) in new.into_iter().enumerate() {
        let stored = target.fields().and_then(|fields| targets::insert(tx, id, &fields));
        stored.map_err(|e| e.under(&format!("targets[{i}]")))?;
    }
    Ok(id)
}

impl Mutation for CreateGroup {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<TargetGroup> {
        self.refuse_later()?;
        let bare = GroupFields::new(self.name);
        let mut fields = GroupFields {
            protocol: self.protocol.unwrap_or(bare.protocol),
            verify_tls: self.verify_tls.unwrap_or(bare.verify_tls),
            http_version: self.http_version.unwrap_or(bare.http_version),
            tls_server_name: self.tls_server_name.unwrap_or_default(),
            ca_bundle_pem: self.ca_bundle_pem.unwrap_or_default(),
            client_cert_pem: self.client_cert_pem.unwrap_or_default(),
            preserve_host: self.preserve_host.unwrap_or(bare.preserve_host),
            connect_timeout_ms: self.connect_timeout_ms,
            response_timeout_ms: self.response_timeout_ms,
            max_retries: self.max_retries,
            algorithm: self.algorithm.unwrap_or(bare.algorithm),
            check: CheckFields {
                enabled: self.health_check_enabled.unwrap_or(bare.check.enabled),
                path: self.health_check_path.unwrap_or(bare.check.path.clone()),
                method: self.health_check_method.unwrap_or(bare.check.method),
                expect_status: self.health_check_expect_status.unwrap_or(bare.check.expect_status.clone()),
                interval_seconds: self.health_check_interval_seconds.unwrap_or(bare.check.interval_seconds),
                timeout_seconds: self.health_check_timeout_seconds.unwrap_or(bare.check.timeout_seconds),
                fails_to_unhealthy: self.health_check_fails_to_unhealthy.unwrap_or(bare.check.fails_to_unhealthy),
                passes_to_healthy: self.health_check_passes_to_healthy.unwrap_or(bare.check.passes_to_healthy),
            },
            slow_start_seconds: self.slow_start_seconds.unwrap_or_default(),
            sticky_cookie: self.sticky_cookie.unwrap_or_default(),
            sticky_ttl_seconds: self.sticky_ttl_seconds.unwrap_or_default(),
            ..bare.clone()
        };
        let key = self.client_key_pem.map_or(Patch::Keep, Patch::Set);
        upstream_tls::settle(tx, cx, &bare, &mut fields, key)?;
        let id = store_new_group(tx, fields, self.targets)?;
        tx.about("create", "target_group", id, None);
        target_groups::get(tx, id)
    }
}

changes! {
    /// Changes the given fields of a target group; omitted ones stay.
    UpdateGroup,
    /// Replaces every field of a target group; its targets are resources of their own.
    ReplaceGroup
    at {
        /// The group.
        id: GroupId,
    }
    fields {
        /// Unique name, 1–63 characters.
        name: GroupName,
        /// What is spoken to the targets.
        protocol: GroupProtocol,
        /// Whether target certificates are checked.
        verify_tls: bool,
        /// HTTP version spoken to the targets: `auto`, `1.1` or `2`.
        http_version: HttpVersion,
        /// Name for SNI and the certificate check; empty = target host.
        tls_server_name: String,
        /// Certificates that are trusted for the targets, in PEM, at most 64 KiB: authorities, or single certificates
        /// as they are; empty = those that the system trusts.
        ca_bundle_pem: String,
        /// The certificate that targets are shown, in PEM, at most 64 KiB; those that signed it may follow;
        /// empty = none.
        client_cert_pem: String,
        /// Whether the client's `Host` is passed on.
        preserve_host: bool,
        /// How a target is chosen: `round_robin`, `least_conn`, `ip_hash` or `random`.
        algorithm: Algorithm,
        /// Whether targets are checked actively.
        health_check_enabled: bool,
        /// Path of the check, and its query.
        health_check_path: String,
        /// Method of the check.
        health_check_method: HealthMethod,
        /// Accepted statuses, such as `200,2xx,200-204`.
        health_check_expect_status: String,
        /// Seconds between checks, 1–300.
        health_check_interval_seconds: i64,
        /// Seconds until a check fails, 1–60, less than those between checks.
        health_check_timeout_seconds: i64,
        /// Failures in a row until a target is out, 1–10.
        health_check_fails_to_unhealthy: i64,
        /// Successes in a row until it is back, 1–10.
        health_check_passes_to_healthy: i64,
        /// Seconds over which the weight of a target grows that recovered or came later, 0–600.
        slow_start_seconds: i64,
        /// Name of the cookie by which a client goes on with the target that it was given; empty = none.
        sticky_cookie: String,
        /// Seconds for which it does, 0–31,536,000; 0 = until the browser is closed.
        sticky_ttl_seconds: i64,
    }
    nullable {
        /// Milliseconds to connect, 100–86,400,000; null = `proxy.connect_timeout_ms`.
        connect_timeout_ms: i64,
        /// Milliseconds to the response head, 100–86,400,000; null = `proxy.response_timeout_ms`.
        response_timeout_ms: i64,
        /// Further targets tried, 0–5; null = `proxy.max_retries`.
        max_retries: i64,
    }
    secrets {
        /// The key of the certificate that targets are shown, in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most
        /// 64 KiB; omitted = it stays, null = none.
        client_key_pem,
    }
    later {}
}
operation!(ReplaceGroup => TargetGroup, "target_groups.replace", Put "/target-groups/{id}", Operator, 200,
    "Replaces every field of a target group; its targets are resources of their own.", of GetGroup { id });
operation!(UpdateGroup => TargetGroup, "target_groups.update", Patch "/target-groups/{id}", Operator, 200,
    "Changes the given fields of a target group.", of GetGroup { id });

impl Mutation for UpdateGroup {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<TargetGroup> {
        self.refuse_later()?;
        let group = target_groups::get(tx, self.id)?;
        let old = GroupFields::of(group, target_groups::client_key(tx, self.id)?);
        let mut new = old.clone();
        new.name = self.name.unwrap_or(new.name);
        new.protocol = self.protocol.unwrap_or(new.protocol);
        new.verify_tls = self.verify_tls.unwrap_or(new.verify_tls);
        new.http_version = self.http_version.unwrap_or(new.http_version);
        new.tls_server_name = self.tls_server_name.unwrap_or(new.tls_server_name);
        new.ca_bundle_pem = self.ca_bundle_pem.unwrap_or(new.ca_bundle_pem);
        new.client_cert_pem = self.client_cert_pem.unwrap_or(new.client_cert_pem);
        upstream_tls::settle(tx, cx, &old, &mut new, self.client_key_pem)?;
        new.preserve_host = self.preserve_host.unwrap_or(new.preserve_host);
        self.connect_timeout_ms.apply(&mut new.connect_timeout_ms);
        self.response_timeout_ms.apply(&mut new.response_timeout_ms);
        self.max_retries.apply(&mut new.max_retries);
        new.algorithm = self.algorithm.unwrap_or(new.algorithm);
        let check = &mut new.check;
        check.enabled = self.health_check_enabled.unwrap_or(check.enabled);
        check.method = self.health_check_method.unwrap_or(check.method);
        replace(&mut check.path, self.health_check_path);
        replace(&mut check.expect_status, self.health_check_expect_status);
        replace(&mut check.interval_seconds, self.health_check_interval_seconds);
        replace(&mut check.timeout_seconds, self.health_check_timeout_seconds);
        replace(&mut check.fails_to_unhealthy, self.health_check_fails_to_unhealthy);
        replace(&mut check.passes_to_healthy, self.health_check_passes_to_healthy);
        replace(&mut new.slow_start_seconds, self.slow_start_seconds);
        replace(&mut new.sticky_cookie, self.sticky_cookie);
        replace(&mut new.sticky_ttl_seconds, self.sticky_ttl_seconds);
        check_group(&mut new)?;
        if old != new {
            target_groups::update(tx, self.id, &new)?;
        }
        tx.about("update", "target_group", self.id, None);
        target_groups::get(tx, self.id)
    }
}

/// Deletes a target group that nothing uses, with its targets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteGroup {
    /// The group.
    pub id: GroupId,
}
operation!(DeleteGroup => (), "target_groups.delete", Delete "/target-groups/{id}", Operator, 204,
    "Deletes a target group that no host and no rule uses.", of GetGroup { id });

impl Mutation for DeleteGroup {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        target_groups::get(tx, self.id)?;
        target_groups::delete(tx, self.id)?;
        tx.about("delete", "target_group", self.id, None);
        Ok(())
    }
}

impl From<GroupId> for DeleteGroup {
    fn from(id: GroupId) -> Self {
        Self { id }
    }
}
