//! The vocabulary: plain records and parsed types, no IO.
//!
//! One file per resource. A record is what operations return and what the store reads; a parsed type (such as
//! [`Hostname`]) can't hold a value that would be refused. Only this module, `api` and `event` derive serde.

mod acme;
mod actor;
mod certificate;
mod channel;
mod cookie;
mod custom_rule;
mod dns_provider;
mod exclusion;
mod header_rule;
mod host;
mod host_security;
mod hostname;
mod ids;
mod log_entry;
mod order;
mod patch;
mod public_address;
mod push_subscription;
mod rule;
mod secret_text;
mod session;
mod setting;
mod status_set;
mod target;
mod target_group;
mod target_health;
mod token;
mod user;
mod version;

pub use acme::{AcmeAccount, CheckResult, Directory, DirectoryError, Finding, PRODUCTION, STAGING, is_mail_address};
pub use actor::{Actor, By, Role, Signed};
pub(crate) use certificate::DAY_MS;
pub use certificate::{CertStatus, Certificate, CertificateKind, CertificateState, Freshness};
pub use channel::{
    Channel, ChannelConfig, ChannelConfigShown, ChannelKind, HeaderChange, HeaderShown, ParseMode, SmtpAuth, SmtpTls,
    WebhookMethod,
};
pub use cookie::{Cookie, CookieName, Cookies, SameSite};
pub use custom_rule::{CustomRule, RuleFinding};
pub(crate) use dns_provider::COMMAND_SECONDS;
pub use dns_provider::{
    DnsConfig, DnsConfigShown, DnsProvider, DnsProviderKind, DnsProviderTest, DnsTestStep, TsigAlgorithm,
};
pub use exclusion::{Exclusion, MOST_PATH};
pub use header_rule::{HeaderOp, HeaderRule};
pub use host::{CertificateSummary, ClientAuth, Host, HostAccess, HostError, SecuritySummary, TlsChallenge, TlsMode};
pub use host_security::{HostSecurity, RateLimitKey, WafMode};
pub(crate) use hostname::covers;
pub use hostname::{Hostname, HostnameError};
pub use ids::{
    AcmeAccountId, CertificateId, ChannelId, CustomRuleId, DeliveryId, DnsProviderId, ExclusionId, GroupId, HostId,
    LogId, NotificationRuleId, PushSubscriptionId, RuleId, SessionId, TargetId, TokenId, UserId,
};
pub use log_entry::{LogEntry, LogSource};
pub use order::Order;
pub(crate) use patch::CLEARABLE;
pub use patch::Patch;
pub use public_address::{carried, is_public};
pub use push_subscription::{PushKey, PushSubscription};
pub(crate) use rule::is_token;
pub use rule::{
    Action, BlockConfig, CookieConfig, CountryConfig, FixedResponseConfig, ForwardConfig, HeaderConfig,
    HostHeaderConfig, Matcher, MethodConfig, PathConfig, PathExactConfig, PathRegexConfig, QueryConfig, RedirectConfig,
    RemoteIpConfig, RewriteConfig, Rule, ValueMode,
};
pub use secret_text::SecretText;
pub use session::{SessionKind, SessionRow};
pub use setting::{
    Access, AppsecMode, MASKED, SETTINGS, Setting, SettingKind, SettingRow, Unit, csv, parse_range, site,
};
pub use status_set::StatusSet;
pub use target::{Target, TargetHost, TargetHostError};
pub use target_group::{Algorithm, GroupName, GroupProtocol, HealthMethod, HttpVersion, TargetGroup};
pub use target_health::{TargetHealth, TargetState};
pub use token::{ApiToken, TokenRole};
pub use user::{Person, Provider, User, Username};
pub use version::{ConfigVersion, FieldBlame, FieldChange, RolledBack, RowKey};

/// A closed set stored as its text: `Display`, `FromStr`, serde and JSON schema from one list.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value whose stored text is `text`.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use text_enum;
