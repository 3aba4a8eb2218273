//! The one list of operations. Every face is made from it.

use super::Described;

/// Calls `$then!` with every operation: `resource: Handle (parent: Id) { verb: kind Operation, … }`,
/// with empty parentheses where a resource has no parent.
macro_rules! for_each_operation {
    ($then:ident) => {
        $then! {
            /// Public names and how they are served.
            hosts: Hosts () {
                list: query ListHosts, get: query GetHost, create: change CreateHost,
                update: change UpdateHost, replace: change ReplaceHost, delete: change DeleteHost,
                toggle: change ToggleHost,
            }
            /// Pools of upstream endpoints.
            target_groups: TargetGroups () {
                list: query ListGroups, get: query GetGroup, create: change CreateGroup,
                update: change UpdateGroup, replace: change ReplaceGroup, delete: change DeleteGroup,
            }
            /// The endpoints of one target group.
            targets: Targets (target_group_id: GroupId) {
                list: query ListTargets, get: query GetTarget, create: change CreateTarget,
                update: change UpdateTarget, replace: change ReplaceTarget, delete: change DeleteTarget,
                toggle: change ToggleTarget,
            }
            /// How the endpoints of all target groups do.
            target_health: TargetHealths () {
                list: query ListTargetHealth,
            }
            /// The rules of one host.
            rules: Rules (host_id: HostId) {
                list: query ListRules, get: query GetRule, create: change CreateRule,
                update: change UpdateRule, replace: change ReplaceRule, delete: change DeleteRule,
                toggle: change ToggleRule, reorder: change ReorderRules, match_request: query MatchRules,
            }
            /// Requests on the way that they would take.
            requests: Requests () {
                explain: query ExplainRoute,
            }
            /// What protects one host.
            security: SecurityOf (host_id: HostId) {
                get: query GetSecurity, update: change UpdateSecurity, replace: change ReplaceSecurity,
            }
            /// Who may open one host that wants a sign-in.
            access: AccessTo (host_id: HostId) {
                get: query GetAccess, replace: change ReplaceAccess,
            }
            /// What one host leaves out of the rules it runs.
            exclusions: Exclusions (host_id: HostId) {
                list: query ListExclusions, get: query GetExclusion, create: change CreateExclusion,
                update: change UpdateExclusion, replace: change ReplaceExclusion, delete: change DeleteExclusion,
                toggle: change ToggleExclusion,
            }
            /// The rules that one host adds.
            custom_rules: CustomRules (host_id: HostId) {
                list: query ListCustomRules, get: query GetCustomRule, create: change CreateCustomRule,
                update: change UpdateCustomRule, replace: change ReplaceCustomRule, delete: change DeleteCustomRule,
                toggle: change ToggleCustomRule,
            }
            /// The rules that all hosts run.
            waf: WafRules () {
                status: query GetWafStatus, reload: change ReloadRules, install: change InstallRules,
                evaluate: query EvaluateRequest, explain: query ExplainRequest,
                check_rules: query CheckRules, rules: query ListWafRules, mode: change SetWafMode,
                propose: query ProposeExclusions, overview: query GetWafOverview,
                would_block: query GetWouldBlock,
            }
            /// Certificates of hosts, and the local CA.
            certificates: Certificates () {
                list: query ListCertificates, get: query GetCertificate, chain: query GetChain,
                local_ca: query GetLocalCa, status: query ListCertStatus, upload: change UploadCertificate,
                renew: change RenewCertificate, check: query CheckCertificate,
                delete: change DeleteCertificate,
            }
            /// Accounts with certificate authorities.
            acme_accounts: AcmeAccounts () {
                list: query ListAcmeAccounts, get: query GetAcmeAccount, create: change CreateAcmeAccount,
                delete: change DeleteAcmeAccount,
            }
            /// Who places the records that prove names to certificate authorities.
            dns_providers: DnsProviders () {
                list: query ListDnsProviders, get: query GetDnsProvider, create: change CreateDnsProvider,
                update: change UpdateDnsProvider, delete: change DeleteDnsProvider, test: change TestDnsProvider,
            }
            /// Where notifications go.
            channels: Channels () {
                list: query ListChannels, get: query GetChannel, create: change CreateChannel,
                update: change UpdateChannel, delete: change DeleteChannel, toggle: change ToggleChannel,
                test: change TestChannel,
            }
            /// What notifications can tell, and how.
            notifications: Notifications () {
                event_types: query ListEventTypes, presets: query ListPresets, render: query RenderTemplate,
            }
            /// Which events go to which channel.
            notification_rules: NotificationRules () {
                list: query ListNotificationRules, get: query GetNotificationRule,
                create: change CreateNotificationRule, update: change UpdateNotificationRule,
                replace: change ReplaceNotificationRule, delete: change DeleteNotificationRule,
                toggle: change ToggleNotificationRule,
            }
            /// What came of events that somebody wanted to hear of.
            deliveries: Deliveries () {
                list: query ListDeliveries, get: query GetDelivery, retry: change RetryDelivery,
                recent_alerts: query ListRecentAlerts,
            }
            /// Settings of the whole installation.
            settings: Settings () {
                list: query ListSettings, get: query GetSetting, set: change SetSetting,
                reset: change ResetSetting, update: change UpdateSettings,
            }
            /// The configuration in time.
            config: ConfigInTime () {
                versions: query ListVersions, diff: query DiffVersions, rollback: change RollBack,
                blame: query BlameObject,
            }
            /// Bearer tokens for the API.
            tokens: Tokens () {
                list: query ListTokens, create: change CreateToken, revoke: change RevokeToken,
            }
            /// Requests, refusals, findings and changes.
            logs: Logs () {
                search: query SearchLogs, get: query GetLog, tail: query TailLogs,
            }
            /// The process itself.
            system: System () {
                version: query GetVersion, health: query GetHealth, openapi: query GetOpenApi,
            }
            /// Signing in and out, and what belongs to whoever asks.
            auth: Auth () {
                login: change SignIn, verify_totp: change VerifyTotp, verify_recovery: change VerifyRecovery,
                logout: change SignOut, me: query GetMe, change_password: change ChangePassword,
                totp: query GetTotp, set_up_totp: change SetUpTotp, activate_totp: change ActivateTotp,
                disable_totp: change DisableTotp, new_recovery_codes: change NewRecoveryCodes,
                oidc_available: query GetOidcAvailable, oidc_login: change StartOidc, oidc_callback: change FinishOidc,
                bind_oidc: change BindOidc, unbind_oidc: change UnbindOidc, oidc_config: query GetOidcConfig,
                set_oidc_config: change UpdateOidcConfig, test_oidc: query TestOidc,
                sessions: query ListOwnSessions, end_session: change EndOwnSession,
                end_other_sessions: change EndOtherSessions,
                return_url: query CheckReturnUrl, ticket: change MakeTicket,
            }
            /// Browsers that whoever asks gets notifications with.
            push: Push () {
                key: query GetPushKey, list: query ListPushSubscriptions, subscribe: change Subscribe,
                unsubscribe: change Unsubscribe,
            }
            /// People who may sign in.
            users: Users () {
                list: query ListUsers, get: query GetUser, create: change CreateUser, update: change UpdateUser,
                delete: change DeleteUser, set_password: change SetUserPassword,
                disable_2fa: change DisableUserTotp, sessions: query ListUserSessions,
                end_sessions: change EndUserSessions,
            }
            /// The first administrator.
            setup: Setup () {
                create: change CreateFirstAdmin,
            }
        }
    };
}
pub(crate) use for_each_operation;

macro_rules! describe_all {
    ($(#[doc = $doc:literal] $resource:ident : $handle:ident $parent:tt {
        $($verb:ident : $kind:ident $op:ident),+ $(,)?
    })+) => {
        vec![$($(Described::$kind::<super::$op>($doc, describe_all!(@parent $parent))),+),+]
    };
    (@parent ()) => { None };
    (@parent ($parent:ident : $id:ident)) => { Some(stringify!($parent)) };
}

pub(super) fn describe() -> Vec<Described> {
    for_each_operation!(describe_all)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_routes_are_unique_and_path_fields_are_fields() {
        let (mut names, mut routes) = (HashSet::new(), HashSet::new());
        for op in describe() {
            assert!(names.insert(op.name), "{} twice", op.name);
            assert!(routes.insert((op.method.as_str(), op.path)), "{} {} twice", op.method.as_str(), op.path);
            for field in op.path_fields().chain(op.positional.iter().copied()) {
                assert!(op.input["properties"].get(field).is_some(), "{}: no field {field}", op.name);
            }
            assert!(op.summary.ends_with('.'), "{}: the summary is a sentence", op.name);
        }
    }
}
