//! A host's rule: matchers that must all hold, and one action.
//!
//! The stored and the API form are the same JSON: `{"type": …, "config": {…}}`. Patterns are compiled by
//! `snapshot`, in the same change that stores them, so what is stored compiles.

use super::{GroupId, HostId, RuleId, text_enum};
use crate::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule of a host. The first enabled rule in order of priority whose matchers all hold decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rule {
    /// Identity.
    pub id: RuleId,
    /// The host it belongs to.
    pub host_id: HostId,
    /// Order, lowest first, 1–50,000, unique in the host.
    pub priority: i64,
    /// A name for people.
    pub name: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// What happens.
    pub action: Action,
    /// What must hold; empty = always.
    pub matchers: Vec<Matcher>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What its owner should know, such as that another rule leaves it no request.
    pub warnings: Vec<String>,
}

text_enum! {
    /// How a header or cookie value is compared.
    ValueMode {
        /// The whole value, case-sensitive; `*` alone = present.
        Exact = "exact",
        /// A regular expression, searched.
        Regex = "regex",
    }
}

fn exact() -> ValueMode {
    ValueMode::Exact
}

fn no(b: &bool) -> bool {
    !*b
}

macro_rules! configs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
            /// Holds when the comparison does not.
            #[serde(default, skip_serializing_if = "no")]
            pub negate: bool,
        }
    )+};
}

configs! {
    /// Globs on the matching form of the whole path.
    PathConfig {
        /// `*` is any run of characters, `?` one character but `/`; any pattern suffices.
        patterns: Vec<String>,
    }
    /// Equality with the matching form of the path.
    PathExactConfig {
        /// Any of these.
        values: Vec<String>,
    }
    /// A search in the matching form of the path; gives captures 1–9.
    PathRegexConfig {
        /// A linear-time regular expression.
        pattern: String,
    }
    /// The request's method.
    MethodConfig {
        /// Upper-case tokens; any of these.
        methods: Vec<String>,
    }
    /// Any field line of one name.
    HeaderConfig {
        /// The field name.
        name: String,
        /// The value, `*`, or a regular expression.
        value: String,
        /// How it is compared.
        #[serde(default = "exact")]
        mode: ValueMode,
    }
    /// Any decoded occurrence of one query parameter.
    QueryConfig {
        /// The decoded name.
        name: String,
        /// The decoded value, or `*`.
        value: String,
    }
    /// Any cookie of one name.
    CookieConfig {
        /// The cookie's name.
        name: String,
        /// The value, `*`, or a regular expression.
        value: String,
        /// How it is compared.
        #[serde(default = "exact")]
        mode: ValueMode,
    }
    /// The client's address.
    RemoteIpConfig {
        /// Addresses or CIDR ranges; any of these.
        ranges: Vec<String>,
    }
    /// The requested name without port.
    HostHeaderConfig {
        /// Names, or `*.` and a name; any of these.
        values: Vec<String>,
    }
    /// The client's country.
    CountryConfig {
        /// ISO 3166-1 alpha-2 codes; `XX` = unknown.
        codes: Vec<String>,
    }
}

/// One condition. `config.negate` turns it round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "config", rename_all = "snake_case", deny_unknown_fields)]
pub enum Matcher {
    /// Globs on the path.
    Path(PathConfig),
    /// The path exactly.
    PathExact(PathExactConfig),
    /// A regular expression on the path.
    PathRegex(PathRegexConfig),
    /// The method.
    Method(MethodConfig),
    /// A header.
    Header(HeaderConfig),
    /// A query parameter.
    Query(QueryConfig),
    /// A cookie.
    Cookie(CookieConfig),
    /// The client's address.
    RemoteIp(RemoteIpConfig),
    /// The requested name.
    HostHeader(HostHeaderConfig),
    /// The client's country.
    Country(CountryConfig),
}

/// Where `forward` sends to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {
    /// An existing group.
    pub target_group_id: GroupId,
}

/// Where `redirect` points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedirectConfig {
    /// 301, 302, 303, 307 or 308.
    pub status_code: u16,
    /// `Location` with placeholders `{host} {path} {query} {uri} {scheme} {remote_ip} {1}`…`{9}`.
    pub target: String,
    /// Leaves the query out.
    #[serde(default)]
    pub strip_query: bool,
}

fn plain_text() -> String {
    "text/plain; charset=utf-8".into()
}

/// What `fixed_response` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedResponseConfig {
    /// 200–599.
    pub status_code: u16,
    /// Literal text, at most 1 MiB.
    #[serde(default)]
    pub body: String,
    /// `Content-Type` of the answer.
    #[serde(default = "plain_text")]
    pub content_type: String,
}

fn forbidden() -> u16 {
    403
}

/// What `block` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockConfig {
    /// 400–599.
    #[serde(default = "forbidden")]
    pub status: u16,
    /// Literal text; empty = the standard page.
    #[serde(default)]
    pub body: String,
    /// `Content-Type` of `body`.
    #[serde(default = "plain_text")]
    pub content_type: String,
}

/// How `rewrite` changes the target before it goes to the default group. At least one field is given;
/// `strip_prefix` applies first, then `path`, then `query`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RewriteConfig {
    /// The new path; `{path}` and the other placeholders of `redirect` work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Removed from the path's start, on a segment border.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<String>,
    /// The new query; empty = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// What a matching rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "config", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Sends to another group.
    Forward(ForwardConfig),
    /// Answers with a redirect.
    Redirect(RedirectConfig),
    /// Answers with a fixed text.
    FixedResponse(FixedResponseConfig),
    /// Refuses.
    Block(BlockConfig),
    /// Changes the target, then goes to the default group.
    Rewrite(RewriteConfig),
}

/// Whether `text` can be the name of a header, a cookie or a method. Source: RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
