//! Row identities. Each table has its own type, so that a rule's id can't be given where a host's is meant.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(range(min = 1))] pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let n = <i64 as serde::Deserialize>::deserialize(d)?;
                if n < 1 {
                    return Err(serde::de::Error::custom("an id is a positive whole number"));
                }
                Ok(Self(n))
            }
        }
    )+};
}

ids! {
    /// Identity of a host.
    HostId,
    /// Identity of a target group.
    GroupId,
    /// Identity of a target.
    TargetId,
    /// Identity of a rule.
    RuleId,
    /// Identity of an exclusion.
    ExclusionId,
    /// Identity of an own WAF rule of a host.
    CustomRuleId,
    /// Identity of a certificate.
    CertificateId,
    /// Identity of an account with a certificate authority.
    AcmeAccountId,
    /// Identity of a DNS provider.
    DnsProviderId,
    /// Identity of a user.
    UserId,
    /// Identity of an API token.
    TokenId,
    /// Identity of a session.
    SessionId,
    /// Identity of a notification channel.
    ChannelId,
    /// Identity of a notification rule.
    NotificationRuleId,
    /// Identity of a delivery.
    DeliveryId,
    /// Identity of a subscription to browser notifications.
    PushSubscriptionId,
    /// Identity of a log row.
    LogId,
}
