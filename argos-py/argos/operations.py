"""Operations and records. Generated from the registry; a test rewrites this file with ``UPDATE=1``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from argos import records
from argos.records import UNSET, Applied, Page, T, Unset

__all__ = [
    "AccessResource",
    "AcmeAccount",
    "AcmeAccountsResource",
    "Action",
    "Alert",
    "Alerts",
    "Algorithm",
    "ApiToken",
    "AppsecMode",
    "AuthResource",
    "BlockConfig",
    "CandidateShown",
    "CatalogueRule",
    "CertStatus",
    "Certificate",
    "CertificateCheck",
    "CertificateKind",
    "CertificateState",
    "CertificateSummary",
    "CertificatesResource",
    "Channel",
    "ChannelConfig",
    "ChannelConfigShown",
    "ChannelKind",
    "ChannelPreset",
    "ChannelPresets",
    "ChannelTest",
    "ChannelsResource",
    "CheckResult",
    "CheckedRules",
    "ClientAuth",
    "Component",
    "ComponentHealth",
    "ConfigResource",
    "ConfigVersion",
    "CookieConfig",
    "CountryConfig",
    "CreatedToken",
    "CustomRule",
    "CustomRulesResource",
    "DeliveriesResource",
    "Delivery",
    "DeliveryPage",
    "DeliveryStats",
    "DeliveryStatus",
    "DnsConfig",
    "DnsConfigShown",
    "DnsProvider",
    "DnsProviderKind",
    "DnsProviderTest",
    "DnsProvidersResource",
    "DnsTestStep",
    "EndedSessions",
    "EventKind",
    "EventType",
    "EventTypes",
    "ExcludedBy",
    "Exclusion",
    "ExclusionsResource",
    "ExplainedDecision",
    "ExplainedFrom",
    "ExplainedLimits",
    "ExplainedStep",
    "Explanation",
    "FailedMatcher",
    "FaultyHost",
    "FieldBlame",
    "FieldChange",
    "Finding",
    "FirstAdmin",
    "FixedResponseConfig",
    "ForwardConfig",
    "Freshness",
    "GateShown",
    "GroupProtocol",
    "HeaderConfig",
    "HeaderOp",
    "HeaderRule",
    "HeaderShown",
    "Health",
    "HealthMethod",
    "Host",
    "HostAccess",
    "HostFindings",
    "HostHeaderConfig",
    "HostMatch",
    "HostShown",
    "HostsResource",
    "HttpVersion",
    "Installed",
    "InstalledRules",
    "LimitShown",
    "LoadWarning",
    "LogEntry",
    "LogSource",
    "LogsResource",
    "MatchedRule",
    "Matcher",
    "Me",
    "MethodConfig",
    "NewGroup",
    "NewTarget",
    "NewTotp",
    "NotificationRule",
    "NotificationRulesResource",
    "NotificationsResource",
    "OidcAvailable",
    "OidcBinding",
    "OidcConfig",
    "OidcEndpoints",
    "OidcRedirect",
    "OidcTest",
    "Operations",
    "Order",
    "ParseMode",
    "PathConfig",
    "PathExactConfig",
    "PathFormsShown",
    "PathRegexConfig",
    "PresetConfig",
    "Proposal",
    "ProposedExclusion",
    "Provider",
    "PushKey",
    "PushKeys",
    "PushResource",
    "PushSubscription",
    "QueryConfig",
    "RateLimitKey",
    "RedirectConfig",
    "RefusedRule",
    "RemoteIpConfig",
    "RenderedTemplate",
    "Renewal",
    "RequestLine",
    "RequestsResource",
    "ResponseLine",
    "ResultLine",
    "ReturnPlace",
    "RewriteConfig",
    "Role",
    "RolledBack",
    "RouteAction",
    "RouteExplanation",
    "Rule",
    "RuleFinding",
    "RuleMatch",
    "RuleSetSummary",
    "RulesReport",
    "RulesResource",
    "ScoreAdded",
    "Security",
    "SecurityResource",
    "SecuritySummary",
    "SessionKind",
    "SessionRow",
    "SettingRow",
    "SettingsResource",
    "SetupResource",
    "Severity",
    "ShownCodes",
    "SignedIn",
    "SignedOut",
    "SmtpAuth",
    "SmtpTls",
    "SystemResource",
    "Target",
    "TargetChoice",
    "TargetGroup",
    "TargetGroupsResource",
    "TargetHealth",
    "TargetHealthResource",
    "TargetState",
    "TargetsResource",
    "TicketPlace",
    "TlsChallenge",
    "TlsMode",
    "TokenRole",
    "TokensResource",
    "TotpState",
    "TriedRule",
    "TryResult",
    "TsigAlgorithm",
    "UploadedCertificate",
    "User",
    "UsersResource",
    "ValueMode",
    "Version",
    "WafMode",
    "WafOverview",
    "WafResource",
    "WafShown",
    "WafStatus",
    "WafVerdict",
    "WebhookMethod",
    "WouldBlock",
    "WouldBlockRule",
]


class Algorithm(StrEnum):
    """How a target is chosen."""

    ROUND_ROBIN = "round_robin"
    """Smooth weighted round robin."""
    LEAST_CONN = "least_conn"
    """Lowest (in-flight + 1) / weight."""
    IP_HASH = "ip_hash"
    """Weighted rendezvous hash of the client address."""
    RANDOM = "random"
    """Two weighted picks, fewer in-flight wins."""


class AppsecMode(StrEnum):
    """Cap of the WAF over all hosts."""

    DISABLED = "disabled"
    """No host is inspected."""
    DETECT = "detect"
    """No host blocks."""
    BLOCK = "block"
    """Hosts do as they say."""


class CertificateKind(StrEnum):
    """Where a certificate comes from."""

    ACME = "acme"
    """An ACME authority."""
    MANUAL = "manual"
    """Uploaded."""
    LOCAL = "local"
    """The local CA."""
    LOCAL_CA = "local_ca"
    """The local CA itself."""


class CertificateState(StrEnum):
    """How the certificate of a name stands."""

    VALID = "valid"
    """It is good."""
    PENDING = "pending"
    """The first one is awaited; a certificate of the local CA is served."""
    ERROR = "error"
    """It has ended, or none could be had."""
    NONE = "none"
    """There is none."""


class ChannelKind(StrEnum):
    """How a channel reaches people."""

    WEBHOOK = "webhook"
    """An HTTP request."""
    EMAIL = "email"
    """Mail."""
    TELEGRAM = "telegram"
    """A Telegram bot."""
    BROWSER_PUSH = "browser_push"
    """Notifications of browsers that people subscribed with (RFC 8030)."""


class CheckResult(StrEnum):
    """What a check found."""

    OK = "ok"
    """As it must be."""
    WARN = "warn"
    """It may stop an order; from here that can't be told for certain."""
    FAIL = "fail"
    """No order can succeed."""


class ClientAuth(StrEnum):
    """Whether the clients of a host show a certificate."""

    NONE = "none"
    """They are not asked for one."""
    OPTIONAL = "optional"
    """They are asked, and served without one too."""
    REQUIRED = "required"
    """Without one that is trusted they are refused."""


class Component(StrEnum):
    """A part of Argos that is checked."""

    WRITER = "writer"
    """The database takes changes."""
    PROXY = "proxy"
    """Each thread of the proxy goes on."""
    ACME = "acme"
    """The thread that orders certificates goes on."""
    LOG_QUEUE = "log_queue"
    """Log rows are written, and none are dropped."""
    DISK = "disk"
    """The disk of the data folder has room."""


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    """It will be tried, again or for the first time."""
    SENT = "sent"
    """The receiver has it."""
    FAILED = "failed"
    """It was given up; see its error."""
    THROTTLED = "throttled"
    """Held back, because another of its rule came shortly before."""
    RATE_LIMITED = "rate_limited"
    """Not sent, because the channel had sent as many as it may."""


class DnsProviderKind(StrEnum):
    """How a DNS provider is spoken to."""

    RFC2136 = "rfc2136"
    """A name server that takes signed updates."""
    EXEC = "exec"
    """A command of this machine."""
    CLOUDFLARE = "cloudflare"
    """Cloudflare's API."""


class EventKind(StrEnum):
    """What happened."""

    CERT_EXPIRING_SOON = "cert_expiring_soon"
    """The certificate of a host of ``tls_mode`` ``auto`` ends within 14 days."""
    CERT_RENEWAL_FAILED = "cert_renewal_failed"
    """An authority did not sign a certificate: the first failure, then one a day."""
    MANUAL_CERT_EXPIRING_SOON = "manual_cert_expiring_soon"
    """An uploaded certificate has 30, 14, 7 or 1 days left, or has ended."""
    WAF_ATTACK_BURST = "waf_attack_burst"
    """One client made many requests that the WAF takes for attacks, because a rule of severity ERROR or
    worse matched: at least 10 within 60 seconds. Then it is quiet for 60 seconds about this client.
    """
    WAF_DETECT_MODE_REMINDER = "waf_detect_mode_reminder"
    """A host's WAF has only watched for more than a week, with nothing changed about its security. Told
    weekly.
    """
    TARGET_UNHEALTHY = "target_unhealthy"
    """Checks or requests took a target out."""
    TARGET_RECOVERED = "target_recovered"
    """A target that was out gets requests again."""
    RATE_LIMIT_TRIGGERED = "rate_limit_triggered"
    """The rate limit of one host refused at least 5 requests within 30 seconds. Then it is quiet for 60
    seconds about this host.
    """
    CONFIG_CHANGE = "config_change"
    """The configuration was changed: each generation."""
    LOGIN_FAILED = "login_failed"
    """A sign-in failed, by password, second factor or identity provider, or somebody who tried too often
    was locked out. What is refused while they are is not told.
    """
    HEALTH_DEGRADED = "health_degraded"
    """A part of Argos (``writer``, ``proxy``, ``acme``, ``log_queue``, ``disk``) failed two checks in a
    row, 30 seconds apart. Told at most every five minutes for each part.
    """
    BACKUP_COMPLETED = "backup_completed"
    """A backup was made."""
    BACKUP_FAILED = "backup_failed"
    """A backup failed."""
    CONFIG_RESTORED = "config_restored"
    """Argos started for the first time after a backup was restored."""
    THREAT_IP_BANNED = "threat_ip_banned"
    """Somebody was banned, by Argos or by CrowdSec."""
    THREAT_INTEL_UPDATED = "threat_intel_updated"
    """CrowdSec's list changed since the last poll."""
    CROWDSEC_DOWN = "crowdsec_down"
    """CrowdSec could not be reached three times in a row; told once until it can be."""
    CROWDSEC_CREDS_STALE = "crowdsec_creds_stale"
    """CrowdSec refuses our key or password; told once until it takes them."""
    APPSEC_UNAVAILABLE = "appsec_unavailable"
    """The rules of the WAF did not load, or its engine failed. Told once until they load, or until it has
    not failed for five minutes.
    """
    LOG_ROWS_DROPPED = "log_rows_dropped"
    """Rows of the access log were dropped in the last minute, because more came than could be written, or
    none could.
    """


class ExcludedBy(StrEnum):
    """Who left a target or a rule out."""

    CTL = "ctl"
    """``ctl`` of a rule that matched before."""
    EXCLUSION = "exclusion"
    """An exclusion of the host."""


class ExplainedFrom(StrEnum):
    """What an explanation was made from."""

    REQUEST = "request"
    """The request that was given."""
    MEMORY = "memory"
    """A request of the proxy that is still in memory."""
    ROW = "row"
    """The log rows of a request that is not in memory any more: without steps."""


class Freshness(StrEnum):
    """How long a certificate is still good."""

    OK = "ok"
    """More than 30 days."""
    WARNING = "warning"
    """8–30 days."""
    CRITICAL = "critical"
    """At most 7 days."""
    EXPIRED = "expired"
    """It has ended."""


class GroupProtocol(StrEnum):
    """What is spoken to the targets."""

    HTTP = "http"
    """Plain HTTP."""
    HTTPS = "https"
    """HTTP over TLS."""


class HeaderOp(StrEnum):
    """What is done with a header."""

    SET = "set"
    """Every line of the name makes way for one with this value."""
    ADD = "add"
    """One more line."""
    REMOVE = "remove"
    """Every line of the name goes."""


class HealthMethod(StrEnum):
    """The method of a health check."""

    GET = "GET"
    """``GET``"""
    HEAD = "HEAD"
    """``HEAD``"""
    POST = "POST"
    """``POST``"""


class HostMatch(StrEnum):
    """How a host answers for a name."""

    EXACT = "exact"
    """It is its name."""
    WILDCARD = "wildcard"
    """Its wildcard covers the name."""
    ADDRESS = "address"
    """The name is the address that the client reached."""
    CATCH_ALL = "catch_all"
    """It takes names that no other host serves."""


class HttpVersion(StrEnum):
    """The HTTP version spoken to targets."""

    AUTO = "auto"
    """ALPN over TLS, HTTP/1.1 over plain TCP."""
    VERSION_1_1 = "1.1"
    """HTTP/1.1."""
    VERSION_2 = "2"
    """HTTP/2, by prior knowledge over plain TCP."""


class LogSource(StrEnum):
    """Where a row comes from. The stored texts of the first two are labels kept for compatibility on disk."""

    CADDY_ACCESS = "caddy_access"
    """One request of the proxy."""
    CADDY_ERROR = "caddy_error"
    """A refused input or failed upstream."""
    AUDIT = "audit"
    """A change or sign-in."""
    WAF_AUDIT = "waf_audit"
    """A rule of the WAF that matched."""


class Order(StrEnum):
    """The direction of a list."""

    ASC = "asc"
    """Smallest first."""
    DESC = "desc"
    """Greatest first."""


class ParseMode(StrEnum):
    """How Telegram reads the marks in a text."""

    HTML = "HTML"
    """Tags of HTML."""
    MARKDOWNV2 = "MarkdownV2"
    """Its own marks, second form."""
    NONE = "none"
    """As it stands."""


class Provider(StrEnum):
    """Who vouches for a person."""

    LOCAL = "local"
    """Argos, by a password."""
    OIDC = "oidc"
    """The identity provider."""


class RateLimitKey(StrEnum):
    """What a rate limit counts by."""

    IP = "ip"
    """The client address (IPv6: its /64)."""
    HEADER = "header"
    """The value of a request header."""
    GLOBAL = "global"
    """One count for the whole host."""


class Role(StrEnum):
    """A role, from the weakest. Each allows what those before it allow."""

    USER = "user"
    """May open protected hosts, nothing of the panel."""
    VIEWER = "viewer"
    """Reads configuration and logs."""
    OPERATOR = "operator"
    """Changes hosts, groups, rules and security."""
    ADMIN = "admin"
    """Everything."""


class SessionKind(StrEnum):
    """Where a session counts."""

    PANEL = "panel"
    """At the panel, and on the hosts below the parent domain of cookies."""
    HOST = "host"
    """On one protected host."""


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    """Good to know."""
    WARNING = "warning"
    """Will matter."""
    ERROR = "error"
    """Something failed."""
    CRITICAL = "critical"
    """Something failed that others depend on."""


class SmtpAuth(StrEnum):
    """How a mail server is signed in at. Source: RFC 4954, RFC 4616."""

    PLAIN = "plain"
    """PLAIN"""
    LOGIN = "login"
    """LOGIN"""
    NONE = "none"
    """Not at all."""


class SmtpTls(StrEnum):
    """How the way to a mail server is encrypted. Source: RFC 3207, RFC 8314."""

    STARTTLS = "starttls"
    """From ``STARTTLS`` on, which the server must know."""
    IMPLICIT = "implicit"
    """From the first byte."""
    NONE = "none"
    """Not at all."""


class TargetState(StrEnum):
    """Whether an endpoint takes requests."""

    UNKNOWN = "unknown"
    """Nothing is known yet; it takes requests."""
    HEALTHY = "healthy"
    """It does."""
    UNHEALTHY = "unhealthy"
    """Checks or requests failed; it gets none, but a trial now and then."""
    DISABLED = "disabled"
    """It is switched off."""


class TlsChallenge(StrEnum):
    """How an automatic certificate is proven."""

    AUTO = "auto"
    """HTTP-01, then TLS-ALPN-01."""
    HTTP = "http"
    """HTTP-01 only."""
    TLS_ALPN = "tls-alpn"
    """TLS-ALPN-01 only."""
    DNS = "dns"
    """DNS-01 only."""


class TlsMode(StrEnum):
    """Where a host's certificate comes from."""

    AUTO = "auto"
    """Issued and renewed automatically."""
    NONE = "none"
    """Plain HTTP only."""
    MANUAL = "manual"
    """Uploaded."""


class TokenRole(StrEnum):
    """What a token may do."""

    VIEWER = "viewer"
    """Reads configuration and logs."""
    OPERATOR = "operator"
    """Changes hosts, groups, rules and security."""
    ADMIN = "admin"
    """Everything that tokens may."""


class TryResult(StrEnum):
    """What came of one rule on one target."""

    MATCHED = "matched"
    """The value matched."""
    PASSED = "passed"
    """It did not."""
    EXCLUDED = "excluded"
    """The target, or the rule, was left out."""


class TsigAlgorithm(StrEnum):
    """How updates are signed. Source: RFC 8945 §6."""

    HMAC_SHA256 = "hmac-sha256"
    """HMAC with SHA-256."""
    HMAC_SHA384 = "hmac-sha384"
    """HMAC with SHA-384."""
    HMAC_SHA512 = "hmac-sha512"
    """HMAC with SHA-512."""


class ValueMode(StrEnum):
    """How a header or cookie value is compared."""

    EXACT = "exact"
    """The whole value, case-sensitive; ``*`` alone = present."""
    REGEX = "regex"
    """A regular expression, searched."""


class WafMode(StrEnum):
    """What the WAF does with what it finds on one host."""

    DETECT = "detect"
    """Records, never blocks."""
    BLOCK = "block"
    """Blocks."""


class WafVerdict(StrEnum):
    """How a transaction ended."""

    PASSED = "passed"
    """Nothing would have stopped it."""
    DETECTED = "detected"
    """Block mode would have stopped it."""
    BLOCKED = "blocked"
    """It was stopped."""


class WebhookMethod(StrEnum):
    """The method of a webhook."""

    POST = "POST"
    """POST"""
    PUT = "PUT"
    """PUT"""
    PATCH = "PATCH"
    """PATCH"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeAccount(records.Resource):
    """An account with a certificate authority. Its key is never shown."""

    id: int
    """Identity."""
    directory_url: str
    """The authority's directory."""
    email: str
    """The contact; empty = none was given."""
    account_url: str
    """The account's own URL; empty = not yet registered."""
    eab_kid: str
    """Key identifier of the external account it is bound to; empty = none."""
    created_at: datetime
    """When its key was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that mattered, as it was told."""

    event_type: str
    """What happened."""
    severity: Severity
    """How much it matters."""
    timestamp: datetime
    """When."""
    message: str
    """In words."""
    host_id: int | None = None
    """The host that it is about."""
    host_domain: str | None = None
    """Its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What mattered in the last 24 hours."""

    items: Sequence[Alert]
    """The newest first, each once however many channels were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token as it is listed; its text is shown once, when it is made."""

    id: int
    """Identity."""
    name: str
    """Unique name."""
    role: TokenRole
    """What it may do."""
    created_at: datetime
    """When it was made."""
    created_by: int | None = None
    """Who made it; null for the command line."""
    expires_at: datetime | None = None
    """When it ends; null = never."""
    last_used_at: datetime | None = None
    """When it was last used, at most a minute late."""
    revoked_at: datetime | None = None
    """When it was revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockConfig:
    """What ``block`` answers."""

    TYPE: ClassVar[str] = "block"

    status: int = 403
    """400–599."""
    body: str = ""
    """Literal text; empty = the standard page."""
    content_type: str = "text/plain; charset=utf-8"
    """``Content-Type`` of ``body``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateShown:
    """A target that may be chosen."""

    target_id: int
    """The target."""
    address: str
    """Its ``host:port``."""
    share: float
    """Its part of all weights, 0–1."""
    in_flight: int
    """Requests under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRule:
    """A rule that hosts run."""

    id: int
    """Its id."""
    phase: int
    """1 request head, 2 request body, 3 answer's head, 4 answer's body, 5 logging."""
    msg: str
    """Its message as written, with ``%{…}``."""
    tags: Sequence[str]
    """Its tags."""
    file: str
    """The file that it stands in."""
    line: int
    """The line in that file, from 1."""
    paranoia: int | None = None
    """The level from which it takes part, by its tag ``paranoia-level/…``; null = it says none."""
    severity: str | None = None
    """Such as ``CRITICAL``; null = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertStatus:
    """How the certificate of one name stands."""

    host_id: int
    """The host."""
    domain: str
    """Its name."""
    issuer: str
    """Who signed what is served; empty = nothing is."""
    last_checked_at: datetime
    """When this was last looked at."""
    source: str
    """``acme``, ``manual`` or ``local``: where what is served comes from; empty = nothing is."""
    state: CertificateState
    """How it stands."""
    last_error: str
    """Why it is not ``valid``, and what helps; empty = nothing to say."""
    not_after: datetime | None = None
    """The moment at which it ends."""
    days_left: int | None = None
    """Whole days until it ends, negative once it has; null = there is none."""
    status: Freshness | None = None
    """How long it is still good; null = there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(records.Resource):
    """A stored certificate. Its key is never shown."""

    id: int
    """Identity."""
    names: Sequence[str]
    """DNS names and addresses that it is good for."""
    kind: CertificateKind
    """Where it comes from."""
    issuer: str
    """Who signed it."""
    fingerprint_sha256: str
    """SHA-256 of its DER form, in lower-case hexadecimal."""
    not_before: datetime
    """The moment from which it is good."""
    not_after: datetime
    """The moment at which it ends."""
    active: bool
    """Whether it is served."""
    created_at: datetime
    """When it was stored."""
    directory_url: str
    """The directory of the authority that signed it; empty = none did, or it is not known any more."""
    host_id: int | None = None
    """The host that it is for; null = the local CA, or a certificate for names that no host has."""
    ari_window_start: datetime | None = None
    """From when the authority wants it renewed; null = it did not say."""
    ari_window_end: datetime | None = None
    """Until when."""
    uploaded_by: int | None = None
    """The user who uploaded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCheck:
    """Whether a certificate can be ordered."""

    host_id: int
    """The host."""
    domain: str
    """Its name."""
    directory_url: str
    """The directory of the authority that signs it."""
    ok: bool
    """Whether nothing was found that no order can pass."""
    findings: Sequence[Finding]
    """What was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSummary:
    """The certificate that a host is served with, in short."""

    id: int
    """Identity."""
    kind: CertificateKind
    """Where it comes from."""
    issuer: str
    """Who signed it."""
    not_after: datetime
    """The moment at which it ends."""
    names: Sequence[str]
    """DNS names and addresses that it is good for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(records.Resource):
    """A stored channel. Its secrets are never shown."""

    id: int
    """Identity."""
    name: str
    """Unique name."""
    type: ChannelKind
    """How it reaches people; never changes."""
    enabled: bool
    """Whether it is used."""
    config: ChannelConfigShown
    """What its type needs, without secrets."""
    template: str
    """What is sent; empty = the default of its type."""
    rate_limit_per_minute: int
    """Deliveries in a minute, and at once, 0–10,000; 0 = as many as come."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """What a channel's type needs. Omitted fields stay, ``null`` brings the default back; fields of
    another type are refused.
    """

    url: str | None | Unset = field(default=UNSET, repr=False)
    """``webhook``: http or https URL, at most 2048 bytes. What is shown of it later is its scheme and
    host.
    """
    method: WebhookMethod | None | Unset = UNSET
    """``webhook``: its method; default POST."""
    content_type: str | None | Unset = UNSET
    """``webhook``: ``Content-Type`` of the body; default ``application/json``, whose template writes JSON."""
    headers: Mapping[str, Any] | None | Unset = UNSET
    """``webhook``: further header lines, at most 50. A given map is all of them: ``true`` keeps a stored
    value.
    """
    secret: str | None | Unset = field(default=UNSET, repr=False)
    """``webhook``: signs the body, at most 4096 bytes; see ``X-Argos-Signature``."""
    smtp_host: str | None | Unset = UNSET
    """``email``: the mail server's name or address."""
    smtp_port: int | None | Unset = UNSET
    """``email``: its port, 1–65535; default 587."""
    smtp_username: str | None | Unset = UNSET
    """``email``: the name to sign in with."""
    smtp_password: str | None | Unset = field(default=UNSET, repr=False)
    """``email``: the word to sign in with."""
    smtp_auth: SmtpAuth | None | Unset = UNSET
    """``email``: how to sign in; default ``plain`` where a name is given, else ``none``."""
    tls: SmtpTls | None | Unset = UNSET
    """``email``: how the way is encrypted; default ``implicit`` for port 465, else ``starttls``."""
    from_: str | None | Unset = UNSET
    """``email``: the sender, such as ``Argos <argos@example.org>``."""
    to: Sequence[str] | None | Unset = UNSET
    """``email``: who gets it, 1–50 addresses."""
    subject: str | None | Unset = UNSET
    """``email``: template of the subject; default ``[argos] {{ severity }}: {{ type }}``."""
    bot_token: str | None | Unset = field(default=UNSET, repr=False)
    """``telegram``: the bot's token."""
    chat_id: str | None | Unset = UNSET
    """``telegram``: the chat's number, or the ``@name`` of a public channel."""
    parse_mode: ParseMode | None | Unset = UNSET
    """``telegram``: how marks in the text are read; default ``HTML``."""
    thread_id: int | None | Unset = UNSET
    """``telegram``: the topic within the chat."""
    api_url: str | None | Unset = UNSET
    """``telegram``: where the Bot API is; default ``https://api.telegram.org``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfigShown:
    """What a channel's type needs, without its secrets."""

    url: str | None = None
    """``webhook``: scheme and host of its URL."""
    method: WebhookMethod | None = None
    """``webhook``: its method."""
    content_type: str | None = None
    """``webhook``: ``Content-Type`` of the body."""
    headers: Mapping[str, HeaderShown] | None = None
    """``webhook``: names of the further header lines."""
    secret_set: bool | None = None
    """``webhook``: whether the body is signed."""
    smtp_host: str | None = None
    """``email``: the mail server's name or address."""
    smtp_port: int | None = None
    """``email``: its port."""
    smtp_username: str | None = None
    """``email``: the name to sign in with; empty = none."""
    smtp_password_set: bool | None = None
    """``email``: whether the word to sign in with is stored."""
    smtp_auth: SmtpAuth | None = None
    """``email``: how to sign in."""
    tls: SmtpTls | None = None
    """``email``: how the way is encrypted."""
    from_: str | None = None
    """``email``: the sender."""
    to: Sequence[str] = ()
    """``email``: who gets it."""
    subject: str | None = None
    """``email``: template of the subject."""
    bot_token_set: bool | None = None
    """``telegram``: whether the bot's token is stored."""
    chat_id: str | None = None
    """``telegram``: the chat."""
    parse_mode: ParseMode | None = None
    """``telegram``: how marks in the text are read."""
    thread_id: int | None = None
    """``telegram``: the topic within the chat; none = the chat itself."""
    api_url: str | None = None
    """``telegram``: where the Bot API is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPreset:
    """The webhook of a service. What must be filled in stands in capitals."""

    name: str
    """The service."""
    config: PresetConfig
    """The config of a channel of type ``webhook``."""
    template: str
    """The template of the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPresets:
    """Webhooks of known services."""

    items: Sequence[ChannelPreset]
    """Every preset, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTest:
    """What came of a trial."""

    success: bool
    """Whether the receiver took it."""
    payload: str
    """What was sent."""
    error: str
    """Why it was not taken; empty = it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRules:
    """What rules would make, and what to know about them."""

    ok: bool
    """Whether they could be stored."""
    rules: Sequence[int]
    """Ids of the rules, in the order of the text; empty where something is wrong."""
    errors: Sequence[RuleFinding]
    """All that is wrong, at most 100 findings."""
    warnings: Sequence[RuleFinding]
    """What to know although nothing is wrong: what they turn off, and what they leave alone though they
    seem to mean it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """How a part of Argos did when it was last checked."""

    component: Component
    """Which."""
    ok: bool
    """Whether it works."""
    failures: int
    """Failed checks in a row."""
    error: str
    """What is wrong; empty = nothing."""
    checked_at: datetime
    """When it was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigVersion:
    """One kept generation of the configuration."""

    generation: int
    """Its number."""
    created_at: datetime
    """When it was made."""
    actor: str
    """Who made it: the username, ``cli``, ``token:<name>`` or ``system``."""
    summary: str
    """What was done, in short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieConfig:
    """Any cookie of one name."""

    TYPE: ClassVar[str] = "cookie"

    name: str
    """The cookie's name."""
    value: str
    """The value, ``*``, or a regular expression."""
    mode: ValueMode = ValueMode.EXACT
    """How it is compared."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryConfig:
    """The client's country."""

    TYPE: ClassVar[str] = "country"

    codes: Sequence[str]
    """ISO 3166-1 alpha-2 codes; ``XX`` = unknown."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedToken:
    """A new token with its text, which is shown this once."""

    id: int
    """Identity."""
    name: str
    """Unique name."""
    role: TokenRole
    """What it may do."""
    created_at: datetime
    """When it was made."""
    token: str
    """The text for ``Authorization: Bearer``."""
    created_by: int | None = None
    """Who made it; null for the command line."""
    expires_at: datetime | None = None
    """When it ends; null = never."""
    last_used_at: datetime | None = None
    """When it was last used, at most a minute late."""
    revoked_at: datetime | None = None
    """When it was revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRule(records.Resource):
    """Directives that one host runs beside the rules of all."""

    id: int
    """Identity; the host's own rules run in its order."""
    host_id: int
    """The host."""
    name: str
    """A name for people."""
    secrule: str
    """``SecRule``, ``SecAction``, ``SecMarker``, ``SecRuleRemove…`` and ``SecRuleUpdate…``, any number of
    them.
    """
    enabled: bool
    """Whether it takes part."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    warnings: Sequence[RuleFinding]
    """What to know about it: what it turns off, such as ``ctl:ruleEngine=Off`` does, and what it leaves
    alone though it seems to mean it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(records.Resource):
    """One event on its way to one channel."""

    id: int
    """Identity."""
    event_type: str
    """What happened."""
    event: Any
    """The event: ``type``, ``severity``, ``host_id``, ``host_domain``, ``timestamp``, ``message``,
    ``data``.
    """
    status: DeliveryStatus
    """How far it is."""
    error_message: str
    """Why it was not sent, or not yet."""
    attempts: int
    """Attempts so far."""
    created_at: datetime
    """When the event was dispatched."""
    idempotency_key: str
    """The same for each attempt, so that a receiver can tell that it has it."""
    rule_id: int | None = None
    """The rule that wanted it; null once that is deleted."""
    channel_id: int | None = None
    """Where it goes; null once that is deleted."""
    rendered_payload: str | None = None
    """What is or was sent; empty before its first attempt and where it is longer than 64 KiB, and null in
    lists.
    """
    sent_at: datetime | None = None
    """When the receiver took it."""
    next_attempt_at: datetime | None = None
    """When it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """One page of deliveries."""

    items: Sequence[Delivery]
    """The deliveries, newest first unless ``asc`` was asked for, without what was sent."""
    next_cursor: str | None = None
    """Where the next page begins; null at the end."""
    stats: DeliveryStats | None = None
    """All that the filters let through by status; null unless ``stats`` was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStats:
    """Deliveries by status."""

    pending: int
    """Those that will be tried."""
    sent: int
    """Those that receivers have."""
    failed: int
    """Those that were given up."""
    throttled: int
    """Those held back by their rules."""
    rate_limited: int
    """Those that their channels could not send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfig:
    """What a DNS provider needs. Each field belongs to the kind that its text names."""

    server: str | None = None
    """``rfc2136``: name server that takes updates, as ``host`` or ``host:port``; port 53 unless given."""
    zone: str | None = None
    """``rfc2136``: zone to change; empty = asked of the server."""
    tsig_name: str | None = None
    """``rfc2136``: name of the key."""
    tsig_algorithm: TsigAlgorithm | None = None
    """``rfc2136``: how updates are signed; default ``hmac-sha256``."""
    tsig_secret: str | None = field(default=None, repr=False)
    """``rfc2136``: the key in base64."""
    command: str | None = None
    """``exec``: absolute path of a command; it is called with ``present`` or ``cleanup``, a name and a
    value.
    """
    timeout_seconds: int | None = None
    """``exec``: seconds that it may run, 1–600; default 60."""
    api_token: str | None = field(default=None, repr=False)
    """``cloudflare``: API token with DNS:Edit for the zone, and Zone:Read unless ``zone_id`` is given."""
    zone_id: str | None = None
    """``cloudflare``: identity of the zone, 32 hexadecimal digits; empty = found by name."""
    api_url: str | None = None
    """``cloudflare``: where the API is; empty = Cloudflare's. Only at the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfigShown:
    """What a DNS provider needs, without its secrets."""

    server: str | None = None
    """``rfc2136``: name server that takes updates."""
    zone: str | None = None
    """``rfc2136``: zone to change; empty = asked of the server."""
    tsig_name: str | None = None
    """``rfc2136``: name of the key."""
    tsig_algorithm: TsigAlgorithm | None = None
    """``rfc2136``: how updates are signed."""
    tsig_secret_set: bool | None = None
    """``rfc2136``: whether the key is stored."""
    command: str | None = None
    """``exec``: path of the command."""
    timeout_seconds: int | None = None
    """``exec``: seconds that it may run."""
    api_token_set: bool | None = None
    """``cloudflare``: whether the API token is stored."""
    zone_id: str | None = None
    """``cloudflare``: identity of the zone; empty = found by name."""
    api_url: str | None = None
    """``cloudflare``: where the API is; empty = Cloudflare's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsProvider(records.Resource):
    """A stored DNS provider. Its secrets are never shown."""

    id: int
    """Identity."""
    name: str
    """Unique name."""
    kind: DnsProviderKind
    """How it is spoken to."""
    config: DnsConfigShown
    """What its kind needs, without secrets."""
    enabled: bool
    """Whether it may be used."""
    used_by: Sequence[int]
    """Hosts whose certificates it proves."""
    warnings: Sequence[str]
    """What its owner should know, such as that hosts use it though it is switched off."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsProviderTest:
    """What came of a try."""

    ok: bool
    """Whether all of it went well."""
    name: str
    """The name of the record that was placed and removed."""
    steps: Sequence[DnsTestStep]
    """What was done, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsTestStep:
    """One step of a try."""

    step: str
    """``present``, ``seen`` or ``cleanup``."""
    ok: bool
    """Whether it went well."""
    error: str
    """What went wrong, and what helps; empty = nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSessions:
    """How many sessions have ended."""

    revoked: int
    """So many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of event."""

    type: EventKind
    """Its name."""
    severity: Severity
    """How much it matters."""
    text: str
    """When it happens."""
    data_schema: Any
    """JSON Schema of its ``data``."""
    sample: Any
    """An event of this type as it may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypes:
    """The catalogue of events."""

    items: Sequence[EventType]
    """Every type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion(records.Resource):
    """Rules that a host leaves out, or targets that they do not look at, for some requests or for all."""

    id: int
    """Identity."""
    host_id: int
    """The host."""
    tag: str
    """The rules with this tag, in the same letters; empty = the rule ``crs_rule_id``."""
    path_pattern: str
    """The path up to a segment's border, as rules see it: decoded, without dot segments; empty = every
    path. ``/api`` covers ``/api`` and ``/api/x``, ``/api/`` only what lies inside.
    """
    method: str
    """Methods, comma-separated; empty = every method."""
    target: str
    """Targets that the rules do not look at, comma-separated, such as ``ARGS:password``; empty = the whole
    rules.
    """
    reason: str
    """Why, for people."""
    enabled: bool
    """Whether it takes part."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    warnings: Sequence[str]
    """What keeps it from having an effect now, such as no loaded rule with that id."""
    crs_rule_id: int | None = None
    """The rule with this id; null = the rules with ``tag``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedDecision:
    """What a rule demanded."""

    rule_id: int
    """The rule; 0 = the limit of a body."""
    phase: int
    """Its phase."""
    action: str
    """``deny``, ``drop``, ``redirect`` or ``allow``."""
    done: bool
    """Whether it was done: block does it, detect records it."""
    status: int | None = None
    """Status of the answer; null = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLimits:
    """Thresholds and levels that rules read."""

    inbound_threshold: int | None = None
    """Inbound anomaly threshold."""
    outbound_threshold: int | None = None
    """Outbound anomaly threshold."""
    paranoia: int | None = None
    """Blocking paranoia level."""
    detection_paranoia: int | None = None
    """Recorded paranoia level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One rule on one target."""

    rule_id: int
    """The rule."""
    phase: int
    """Its phase."""
    link: int
    """Which link of a chain, from 1."""
    file: str
    """The file."""
    line: int
    """Line in it."""
    variable: str
    """Target, such as ``ARGS:q``; empty where a whole rule was left out, or has no target."""
    transformations: Sequence[str]
    """Transformations, in order."""
    value: str
    """The value behind them, at most 256 bytes; ``***`` where the log hides it."""
    result: TryResult
    """What came of it."""
    scores: Sequence[ScoreAdded]
    """What the match added to scores."""
    excluded_by: ExcludedBy | None = None
    """Who left it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the WAF did what it did with one request."""

    source: ExplainedFrom
    """What it was made from."""
    whole: bool
    """Whether all is there that rules saw; a long body in memory is cut."""
    verdict: WafVerdict
    """How the transaction ended."""
    reason: str
    """Why, in words."""
    result: ResultLine
    """What ``waf.evaluate`` gives; ``nolog`` rules are among the matched ones."""
    limits: ExplainedLimits
    """Thresholds and levels in force; null = the rules set none."""
    decisions: Sequence[ExplainedDecision]
    """What rules demanded, in order."""
    steps: Sequence[ExplainedStep]
    """Each rule on each target that existed, in order."""
    steps_left_out: int
    """Further tries without a match that are not shown."""
    mode: WafMode | None = None
    """What a disruptive outcome does; null = the rows do not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMatcher:
    """A matcher that did not hold."""

    index: int
    """Its place in the rule, from 0."""
    type: str
    """Its type, such as ``path``."""
    expected: str
    """What it wants: its ``config`` as JSON text."""
    found: str | None = None
    """What the request has in its place; of several values all, null = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyHost:
    """A host that can't be served."""

    domain: str
    """Its name."""
    reason: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldBlame:
    """Since when a field of an object has its value."""

    field: str
    """The column."""
    value: str | float | None
    """Its value; secrets are ``***``."""
    generation: int | None = None
    """The generation that wrote it; null = before the kept history."""
    created_at: datetime | None = None
    """When that was."""
    actor: str | None = None
    """Who did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs between two generations."""

    table: str
    """The table."""
    key: str | float
    """The row."""
    field: str
    """The column."""
    old: str | float | None
    """The value in the first generation; null also where the row did not exist; secrets are ``***``."""
    new: str | float | None
    """The value in the second generation; null also where the row does not exist; secrets are ``***``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found before a certificate is ordered."""

    check: str
    """What was looked at: ``authority``, ``caa``, ``address``, ``port_80`` or ``port_443``."""
    result: CheckResult
    """What was found."""
    text: str
    """In words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """The administrator that was made."""

    id: int
    """Identity."""
    username: str
    """The name to sign in with."""
    role: Role
    """Always ``admin``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedResponseConfig:
    """What ``fixed_response`` answers."""

    TYPE: ClassVar[str] = "fixed_response"

    status_code: int
    """200–599."""
    body: str = ""
    """Literal text, at most 1 MiB."""
    content_type: str = "text/plain; charset=utf-8"
    """``Content-Type`` of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardConfig:
    """Where ``forward`` sends to."""

    TYPE: ClassVar[str] = "forward"

    target_group_id: int
    """An existing group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateShown:
    """What the gate of a host that wants a sign-in makes of a request."""

    passes: bool
    """Whether it lets the request pass."""
    reason: str
    """Why it does or does not."""
    user: str | None = None
    """Who is signed in and may come in; null = nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderConfig:
    """Any field line of one name."""

    TYPE: ClassVar[str] = "header"

    name: str
    """The field name."""
    value: str
    """The value, ``*``, or a regular expression."""
    mode: ValueMode = ValueMode.EXACT
    """How it is compared."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """One change of a header."""

    op: HeaderOp
    """What is done."""
    name: str
    """The header's name."""
    value: str | None = None
    """The value, with ``{host} {path} {query} {uri} {scheme} {remote_ip}``; absent for ``remove``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderShown:
    """Whether a header of a webhook has a value."""

    set: bool
    """Whether its value is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of the process."""

    stored_generation: int
    """Generation of the stored configuration."""
    running_generation: int
    """Generation of the configuration that requests use."""
    hosts: int
    """Hosts in the running configuration."""
    faulty_hosts: Sequence[FaultyHost]
    """Hosts that can't be served, with the reason."""
    log_queue_depth: int
    """Rows that wait to be written."""
    log_dropped_access: int
    """Access rows dropped since the start."""
    log_dropped_error: int
    """Error rows dropped since the start."""
    log_dropped_waf_audit: int
    """WAF rows dropped since the start."""
    events_dropped: int
    """Events dropped since the start, because whoever listens was too slow."""
    components: Sequence[ComponentHealth]
    """The parts that are checked every 30 seconds while Argos serves, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host(records.Resource):
    """One public name: where its requests go and what protects it."""

    id: int
    """Identity."""
    domain: str
    """The canonical name."""
    domain_unicode: str
    """The name with readable internationalised labels."""
    target_group_id: int
    """The default target group."""
    tls_mode: TlsMode
    """Where the certificate comes from."""
    tls_email: str
    """Contact of the certificate account; empty = ``acme.email``."""
    enabled: bool
    """Whether it takes traffic."""
    auth_required: bool
    """Whether visitors must sign in."""
    tls_challenge: TlsChallenge
    """How an automatic certificate is proven."""
    tls_directory_url: str
    """ACME directory; empty = ``acme.directory_url``."""
    https_redirect: bool
    """Whether plain HTTP is redirected when the host has a certificate."""
    hsts_max_age_seconds: int
    """Seconds of ``Strict-Transport-Security``; 0 = no header."""
    access_log: bool
    """Whether access rows are written; WAF and error rows always are."""
    client_auth: ClientAuth
    """Whether clients show a certificate."""
    client_ca_pem: str
    """The authorities that vouch for clients, in PEM."""
    request_headers: Sequence[HeaderRule]
    """What is changed about the headers of requests before an upstream gets them, in this order."""
    response_headers: Sequence[HeaderRule]
    """What is changed about the headers of answers, also of Argos's own, in this order."""
    compression: bool
    """Whether answers of upstreams are compressed as clients like it."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    security: SecuritySummary
    """What protects it, in short."""
    warnings: Sequence[str]
    """What its owner should know, such as that no request can reach it."""
    dns_provider_id: int | None = None
    """Provider for DNS-01."""
    max_body_bytes: int | None = None
    """Largest request body in bytes; null = ``proxy.max_body_bytes``, 0 = no limit."""
    certificate: CertificateSummary | None = None
    """The certificate that it is served with, in short; null = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAccess(records.Resource):
    """Who may open a host that wants a sign-in: nobody named = every user who is switched on.
    Administrators always may.
    """

    users: Sequence[int]
    """Users who may."""
    roles: Sequence[Role]
    """Roles whose users may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFindings:
    """What the WAF found at one host."""

    host_id: int
    """The host."""
    domain: str
    """Its name; empty = it is gone."""
    mode: AppsecMode
    """What its WAF does now."""
    blocked: int
    """Requests that were stopped."""
    detected: int
    """Requests that block mode would have stopped."""
    passed: int
    """Requests that passed although rules matched."""
    clients: int
    """Addresses that all of them came from."""
    last_at: datetime
    """The last of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHeaderConfig:
    """The requested name without port."""

    TYPE: ClassVar[str] = "host_header"

    values: Sequence[str]
    """Names, or ``*.`` and a name; any of these."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostShown:
    """Where a request arrived."""

    host_id: int
    """The host."""
    domain: str
    """Its name."""
    matched_by: HostMatch
    """How it answers for the requested name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What lies in the data folder."""

    path: str
    """The folder."""
    version: str
    """How the rules name themselves, such as ``OWASP_CRS/4.28.0``; empty where they do not."""
    rules: int
    """Rules, a chain counting once."""
    warnings: int
    """What has no effect in it, counted."""
    previous: bool
    """Whether there is one before it to go back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledRules:
    """The rule set that was installed, and what hosts run now."""

    installed: Installed
    """What lies in the data folder now."""
    rule_set: RuleSetSummary
    """The rules."""
    load_warnings: Sequence[LoadWarning]
    """What has no effect in them, at most 1,000 findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShown:
    """What is left of a host's rate limit."""

    allowed: bool
    """Whether the request would pass."""
    requests: int
    """Requests in a window."""
    window_seconds: int
    """Its seconds."""
    left: int
    """Requests left after this one."""
    seconds: int
    """Seconds until there is one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWarning:
    """A finding of a load, with its place."""

    file: str
    """The file."""
    line: int
    """Line, from 1."""
    column: int
    """Column in bytes, from 1."""
    code: str
    """Stable code, such as ``seclang.no_effect``."""
    text: str
    """The finding in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A row of ``log_entries``. Texts that do not apply are empty, numbers 0."""

    id: int
    """Identity; grows with time of writing."""
    timestamp: datetime
    """The moment it is about."""
    source: LogSource
    """Where it comes from."""
    level: str
    """``info``, ``warn`` or ``error``."""
    host_domain: str
    """The name asked for."""
    remote_ip: str
    """The client's address, or ``cli``."""
    method: str
    """The request's method."""
    path: str
    """The matching form of the path."""
    query: str
    """The query, masked."""
    status: int
    """The final status."""
    duration_ms: int
    """Milliseconds from the head's arrival to the last byte."""
    size_bytes: int
    """Bytes of the response body."""
    bytes_in: int
    """Bytes of the request body."""
    upstream: str
    """``host:port`` last tried."""
    user_agent: str
    """The client's program."""
    message: str
    """What happened."""
    action: str
    """Which stage answered, or the audit action."""
    waf_rule_id: int
    """The WAF rule."""
    waf_rule_message: str
    """Its message."""
    waf_severity: str
    """Its severity."""
    waf_anomaly_score: int
    """The final score of the transaction."""
    request_id: str
    """The request's id."""
    country: str
    """Country code of the client, if known."""
    http_version: str
    """Such as ``HTTP/1.1``."""
    raw: str
    """Further detail as JSON text, or empty."""
    host_id: int | None = None
    """The host that answered."""
    rule_id: int | None = None
    """The rule of the host that matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedRule:
    """One rule that matched."""

    id: int
    """The rule."""
    phase: int
    """Its phase."""
    msg: str
    """Its text, expanded."""
    tags: Sequence[str]
    """Its tags."""
    data: str
    """Its ``logdata``, expanded."""
    severity: str | None = None
    """Upper-case name, such as ``CRITICAL``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Whoever asks."""

    id: int
    """Identity."""
    username: str
    """The name to sign in with."""
    role: Role
    """What they may do."""
    provider: Provider
    """``oidc`` where an identity of the identity provider is attached."""
    totp_enabled: bool
    """Whether a second factor is asked of them."""
    has_password: bool
    """Whether they can sign in by a password."""
    display_name: str | None = None
    """Name as others read it."""
    email: str | None = None
    """Address of mail."""
    recovery_codes_remaining: int | None = None
    """Recovery codes that are left; null without a second factor. Below 3 it is time for new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodConfig:
    """The request's method."""

    TYPE: ClassVar[str] = "method"

    methods: Sequence[str]
    """Upper-case tokens; any of these."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A target group that is made with its host."""

    targets: Sequence[NewTarget]
    """At least one endpoint."""
    name: str | None = None
    """Unique name; default: the host's domain."""
    preserve_host: bool | None = None
    """Whether the client's ``Host`` is passed on; default true."""
    protocol: GroupProtocol | None = None
    """What is spoken to the targets; default ``http``."""
    verify_tls: bool | None = None
    """Whether target certificates are checked; default true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTarget:
    """An endpoint of a group that is made with its host."""

    host: str
    """Address or name."""
    port: int
    """TCP port, 1–65535."""
    weight: int | None = None
    """1–256, default 1."""
    enabled: bool | None = None
    """Default true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTotp:
    """A second factor that waits for its first code. All of it is shown this once."""

    secret: str
    """The shared secret in base32."""
    otpauth_url: str
    """The address that authenticator programs read."""
    qr_svg: str
    """The address as a QR code, SVG."""
    qr_png_base64: str
    """The address as a QR code, PNG in base64."""
    recovery_codes: Sequence[str]
    """Ten codes, each good once in place of one of the second factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRule(records.Resource):
    """Which events go to which channel."""

    id: int
    """Identity."""
    name: str
    """A name for people; may be empty."""
    channel_id: int
    """Where they go."""
    event_type: EventKind
    """What happened."""
    filter_host_ids: Sequence[int]
    """Only events about these hosts; empty = all events, also those about no host."""
    filter_severities: Sequence[Severity]
    """Only events that matter so much; empty = all."""
    throttle_window_seconds: int
    """Seconds in which one event about the same host is enough, 0–86,400; 0 = none is held back."""
    enabled: bool
    """Whether it is used."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcAvailable:
    """Whether people can sign in by the identity provider."""

    enabled: bool
    """Whether they can."""
    name: str | None = None
    """The provider's name: its host; null when they can't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcBinding:
    """Where whoever asks signs in, so that the identity becomes theirs."""

    url: str
    """The provider's address, for this browser only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConfig(records.Resource):
    """Which identity provider there is, and whom it lets in."""

    enabled: bool
    """Whether people can sign in by it."""
    issuer_url: str
    """Its issuer, as it writes it itself."""
    client_id: str
    """Argos's name there."""
    client_secret_set: bool
    """Whether there is a secret that proves it."""
    scopes: str
    """What is asked for, separated by blanks."""
    cookie_parent_domain: str
    """The domain below which panel sessions count on protected hosts too; empty = none."""
    auto_provision: bool
    """Whether people whom nobody here knows get an account."""
    allowed_emails: Sequence[str]
    """Addresses of mail that may sign in; with ``allowed_domains`` both empty = all."""
    allowed_domains: Sequence[str]
    """What may stand behind the ``@`` of addresses that may sign in."""
    require_email_verified: bool
    """Whether the provider must vouch for addresses of mail."""
    redirect_uri: str | None = None
    """Where browsers come back, to be registered at the provider; null without ``panel.public_url``."""
    post_logout_redirect_uri: str | None = None
    """Where browsers come back from signing out there, to be registered too; null without
    ``panel.public_url``.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcEndpoints:
    """Where an identity provider is asked."""

    authorization: str
    """Where browsers sign in."""
    token: str
    """Where a code becomes tokens."""
    jwks: str
    """Where its public keys are."""
    userinfo: str | None = None
    """Where it tells more about a person."""
    end_session: str | None = None
    """Where browsers sign out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcRedirect:
    """Where the browser goes."""

    location: str
    """The address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcTest:
    """What an identity provider says of itself."""

    endpoints: OidcEndpoints
    """Where it is asked."""
    algorithms: Sequence[str]
    """Its algorithms of signatures that are believed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathConfig:
    """Globs on the matching form of the whole path."""

    TYPE: ClassVar[str] = "path"

    patterns: Sequence[str]
    """``*`` is any run of characters, ``?`` one character but ``/``; any pattern suffices."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathExactConfig:
    """Equality with the matching form of the path."""

    TYPE: ClassVar[str] = "path_exact"

    values: Sequence[str]
    """Any of these."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFormsShown:
    """The three forms of a path."""

    raw: str
    """As received."""
    matching: str
    """Decoded and without dot segments: what rules compare."""
    forwarded: str
    """What the target gets, as far as no rule rewrites it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRegexConfig:
    """A search in the matching form of the path; gives captures 1–9."""

    TYPE: ClassVar[str] = "path_regex"

    pattern: str
    """A linear-time regular expression."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetConfig:
    """The config of a webhook of a service."""

    url: str
    """Where it is sent."""
    method: WebhookMethod
    """Its method."""
    content_type: str
    """``Content-Type`` of the body."""
    headers: Mapping[str, str]
    """Further header lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Exclusions that would let a request pass."""

    passes: bool
    """Whether the request passes with them; tried on it."""
    whole: bool
    """Whether it was tried on all that rules saw; a long body is cut in memory."""
    exclusions: Sequence[ProposedExclusion]
    """What is proposed, each as ``exclusions.create`` takes it; empty where the request passes without."""
    warnings: Sequence[str]
    """What to know before they are saved, such as that one covers more than this request's path."""
    refused: Sequence[RefusedRule]
    """Rules that stop the request and that nothing may leave out."""
    before: ResultLine
    """What block mode finds without them."""
    after: ResultLine
    """What block mode still finds with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedExclusion:
    """One exclusion to be."""

    host_id: int
    """The host."""
    crs_rule_id: int
    """The rule."""
    target: str
    """Targets that the rule does not look at; empty: the whole rule."""
    path_pattern: str
    """The path, and what lies below it; empty: every path."""
    method: str
    """The method; empty: every method."""
    reason: str
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushKey:
    """What browsers subscribe with."""

    public_key: str
    """The public key of this Argos for ``applicationServerKey`` (RFC 8292): a point of the curve P-256,
    uncompressed, in base64url without padding.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PushKeys:
    """The keys of a browser, in base64url."""

    p256dh: str
    """Its public key: a point of the curve P-256, uncompressed, 65 bytes."""
    auth: str = field(repr=False)
    """Its authentication secret: 16 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscription:
    """A browser that its user gets notifications with; its keys are nowhere to be seen."""

    id: int
    """Identity."""
    endpoint: str
    """Where its push service is told, as the browser said: it tells whether a browser is this one."""
    user_agent: str
    """The program that it subscribed with."""
    created_at: datetime
    """When it was subscribed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig:
    """Any decoded occurrence of one query parameter."""

    TYPE: ClassVar[str] = "query"

    name: str
    """The decoded name."""
    value: str
    """The decoded value, or ``*``."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectConfig:
    """Where ``redirect`` points."""

    TYPE: ClassVar[str] = "redirect"

    status_code: int
    """301, 302, 303, 307 or 308."""
    target: str
    """``Location`` with placeholders ``{host} {path} {query} {uri} {scheme} {remote_ip} {1}``…``{9}``."""
    strip_query: bool = False
    """Leaves the query out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRule:
    """A rule that nothing may leave out."""

    rule_id: int
    """The rule; 0 = the limit of a body."""
    reason: str
    """Why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteIpConfig:
    """The client's address."""

    TYPE: ClassVar[str] = "remote_ip"

    ranges: Sequence[str]
    """Addresses or CIDR ranges; any of these."""
    negate: bool = False
    """Holds when the comparison does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedTemplate:
    """What a template makes."""

    output: str
    """The text that is sent."""
    subject: str | None = None
    """``email``: the subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A renewal that was asked for."""

    host_id: int
    """The host."""
    domain: str
    """Its name; ``certificates.status`` shows how its certificate stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """One request to inspect. Source: section "Offline evaluation" of the WAF reference."""

    method: str
    """The method."""
    uri: str
    """The raw target."""
    id: str | float | None = None
    """Echoed."""
    version: str = "HTTP/1.1"
    """Such as ``HTTP/1.1``, which is the default."""
    headers: Sequence[Sequence[str]] = ()
    """Names and values in the order received."""
    body_b64: str = ""
    """The body; standard base64 in JSON."""
    remote_ip: str = "127.0.0.1"
    """The client; default 127.0.0.1."""
    response: ResponseLine | None = None
    """The answer. Without it phases 3 and 4 do not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLine:
    """The answer to an inspected request."""

    status: int
    """The status."""
    headers: Sequence[Sequence[str]] = ()
    """Names and values in the order sent."""
    body_b64: str = ""
    """The body; standard base64 in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """What inspection found."""

    id: str | float | None
    """The request's."""
    interrupted: bool
    """Whether a disruptive action was done; never when only detecting."""
    score_in: int
    """Final inbound anomaly score."""
    score_out: int
    """Final outbound anomaly score."""
    matched: Sequence[MatchedRule]
    """Rules whose whole chain matched, in evaluation order."""
    status: int | None = None
    """Status of the interruption."""
    phase: int | None = None
    """Phase of the interruption."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnPlace:
    """Where a person is sent after signing in."""

    url: str
    """A path of the panel, or the URL of a protected host."""
    ticket_needed: bool
    """Whether that place takes them only with a ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteConfig:
    """How ``rewrite`` changes the target before it goes to the default group. At least one field is given;
    ``strip_prefix`` applies first, then ``path``, then ``query``.
    """

    TYPE: ClassVar[str] = "rewrite"

    path: str | None = None
    """The new path; ``{path}`` and the other placeholders of ``redirect`` work."""
    strip_prefix: str | None = None
    """Removed from the path's start, on a segment border."""
    query: str | None = None
    """The new query; empty = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """What a rollback wrote."""

    to: int
    """The generation whose rows are stored again."""
    rows: int
    """Rows that were written or deleted."""
    certificates_kept: int
    """Certificate rows that stayed because the host's certificate is not older than the one of that
    generation.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteAction:
    """What is done with a request."""

    type: str
    """``forward``, ``redirect``, ``fixed_response``, ``block``, ``rewrite``; ``default`` where no rule
    matched; ``refuse`` where what a rule makes can't be sent.
    """
    status: int | None = None
    """The status of an answer of our own; null = the target answers."""
    location: str | None = None
    """Where a redirect leads."""
    target_group_id: int | None = None
    """The target group that is asked."""
    target_uri: str | None = None
    """Path and query that the target gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteExplanation:
    """Where a request would go, and why."""

    outcome: str
    """What the client gets, in words."""
    name: str
    """The name that is asked for."""
    client: str
    """The client's address, behind trusted proxies."""
    https: bool
    """Whether it comes over https, to us or to a trusted proxy."""
    auth_required: bool
    """Whether the host wants a sign-in."""
    status: int | None = None
    """The status of an answer of our own; null = the target answers."""
    action: str | None = None
    """The log's action of an answer of our own; null = the target answers."""
    host: HostShown | None = None
    """The host that answers; null = none."""
    limit: LimitShown | None = None
    """How the client stands with the host's rate limit; null = it has none."""
    gate: GateShown | None = None
    """Whether its gate lets the request pass; null = it wants no sign-in."""
    waf: WafShown | None = None
    """What the WAF says; null = it was not asked, or is off."""
    rules: RuleMatch | None = None
    """What the rules do; null = no host answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(records.Resource):
    """One rule of a host. The first enabled rule in order of priority whose matchers all hold decides."""

    id: int
    """Identity."""
    host_id: int
    """The host it belongs to."""
    priority: int
    """Order, lowest first, 1–50,000, unique in the host."""
    name: str
    """A name for people."""
    enabled: bool
    """Whether it takes part."""
    action: Action
    """What happens."""
    matchers: Sequence[Matcher]
    """What must hold; empty = always."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    warnings: Sequence[str]
    """What its owner should know, such as that another rule leaves it no request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFinding:
    """Something wrong with a rule's text, or something to know about it."""

    line: int
    """Line, from 1."""
    column: int
    """Column in bytes, from 1."""
    code: str
    """Stable code, such as ``seclang.unknown_operator``."""
    text: str
    """The finding in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMatch:
    """What the rules of a host do with a request."""

    action: RouteAction
    """What is done."""
    captures: Sequence[str]
    """Captures of the rule's first ``path_regex``, from 1."""
    path_forms: PathFormsShown
    """The path that the rules compare."""
    tried: Sequence[TriedRule]
    """Each rule that was tried, in order."""
    rule_id: int | None = None
    """The rule that decides; null = none matches."""
    target: TargetChoice | None = None
    """Which target is asked; null where none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetSummary:
    """A rule set in short."""

    path: str
    """The folder, or ``baseline`` for the built-in rules."""
    version: str
    """How the rules name themselves, such as ``OWASP_CRS/4.28.0``; empty where they do not."""
    rules: int
    """Rules, a chain counting once."""
    fault: str | None = None
    """Why no host can run them; null = they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesReport:
    """The rules that hosts run, and what loading them had to say."""

    rule_set: RuleSetSummary
    """The rules."""
    load_warnings: Sequence[LoadWarning]
    """What has no effect in them, at most 1,000 findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAdded:
    """What a match added to a score."""

    name: str
    """Name of the score in ``TX``."""
    added: int
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security(records.Resource):
    """The security of a host, with what the WAF does in effect."""

    host_id: int
    """The host."""
    waf_enabled: bool
    """Whether requests are inspected."""
    waf_mode: WafMode
    """Detect or block; capped by ``appsec.mode``."""
    waf_paranoia: int
    """Blocking paranoia level, 1–4."""
    waf_block_status: int
    """Status of a block answer, 400–599."""
    waf_block_body: str
    """Body of a block answer; empty = the standard page."""
    rate_limit_enabled: bool
    """Whether requests are limited."""
    rate_limit_requests: int
    """Requests per window, 1–1,000,000 when enabled."""
    rate_limit_window_seconds: int
    """Seconds, 1–86,400 when enabled."""
    rate_limit_key: RateLimitKey
    """What is counted by."""
    rate_limit_header_name: str
    """The header of key ``header``."""
    rate_limit_status: int
    """Status over the limit, 400–599."""
    waf_response_body: bool
    """Whether response bodies are inspected."""
    updated_at: datetime
    """When it was last changed."""
    effective_mode: AppsecMode
    """What the WAF does under the cap of ``appsec.mode``."""
    waf_detection_paranoia: int | None = None
    """Paranoia level that is recorded, 1–4; null = ``waf_paranoia``; never below it."""
    waf_inbound_threshold: int | None = None
    """Inbound anomaly threshold, 1–1000; null = ``appsec.inbound_threshold``."""
    waf_outbound_threshold: int | None = None
    """Outbound anomaly threshold, 1–1000; null = ``appsec.outbound_threshold``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySummary:
    """What protects a host, in short."""

    waf_enabled: bool
    """Whether requests are inspected."""
    waf_mode: WafMode
    """Detect or block; capped by ``appsec.mode``."""
    waf_paranoia: int
    """Blocking paranoia level, 1–4."""
    rate_limit_enabled: bool
    """Whether requests are limited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session; its token is nowhere to be seen."""

    id: int
    """Identity."""
    kind: SessionKind
    """Where it counts."""
    created_at: datetime
    """When it began."""
    last_seen_at: datetime
    """When it was last used, at most a minute late."""
    expires_at: datetime
    """When it ends at the latest."""
    remote_ip: str
    """The address that it began from."""
    user_agent: str
    """The program that it began with."""
    current: bool
    """Whether it is the one that asks."""
    host_id: int | None = None
    """The protected host, for sessions of that kind."""
    host_domain: str | None = None
    """That host's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow(records.Resource):
    """A setting with its value, as it is listed."""

    key: str
    """The key."""
    default: str
    """The value without a stored row."""
    range: str
    """What is allowed."""
    writable: bool
    """Whether the settings operations may write it."""
    value: str | None = None
    """The value; absent for secrets."""
    value_set: bool | None = None
    """For secrets: whether one is stored."""
    overridden: bool | None = None
    """True where the environment says another value, which counts."""
    updated_at: datetime | None = None
    """When it was last written; null = never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCodes:
    """Recovery codes, shown this once."""

    codes: Sequence[str]
    """Ten codes, each good once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What signing in has come to."""

    requires_totp: bool
    """Whether a second factor is asked for."""
    user: Me | None = None
    """Who is signed in; null while a second factor is asked for."""
    challenge_id: str | None = None
    """What the second factor is given with, within 5 minutes, from the same address and browser."""
    recovery_codes_remaining: int | None = None
    """Recovery codes that are left, where a second factor was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """Where to go so that the identity provider signs out too."""

    end_session_url: str
    """The provider's address for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(records.Resource):
    """One endpoint of a target group."""

    id: int
    """Identity."""
    target_group_id: int
    """The group it belongs to."""
    host: str
    """Address or name."""
    port: int
    """TCP port."""
    weight: int
    """Share of the requests, 1–256."""
    enabled: bool
    """Whether it takes requests."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChoice:
    """Which target would be asked, and why."""

    target_group_id: int
    """The group."""
    target_group: str
    """Its name."""
    algorithm: Algorithm
    """How it chooses."""
    reason: str
    """Why."""
    candidates: Sequence[CandidateShown]
    """The targets among which it is chosen."""
    target_id: int | None = None
    """The target; null = that is settled only when the request comes, or there is none."""
    address: str | None = None
    """Its ``host:port``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup(records.Resource):
    """A pool of endpoints with one protocol, one algorithm and one health check."""

    id: int
    """Identity."""
    name: str
    """Unique name."""
    protocol: GroupProtocol
    """What is spoken to the targets."""
    verify_tls: bool
    """Whether target certificates are checked."""
    algorithm: Algorithm
    """How a target is chosen."""
    health_check_enabled: bool
    """Whether targets are checked actively."""
    health_check_path: str
    """Path of the check."""
    health_check_method: HealthMethod
    """Method of the check."""
    health_check_expect_status: str
    """Accepted statuses, such as ``200,2xx,200-204``."""
    health_check_interval_seconds: int
    """Seconds between checks, 1–300."""
    health_check_timeout_seconds: int
    """Seconds until a check fails, 1–60."""
    health_check_fails_to_unhealthy: int
    """Failures in a row until a target is out, 1–10."""
    health_check_passes_to_healthy: int
    """Successes in a row until it is back, 1–10."""
    http_version: HttpVersion
    """HTTP version spoken to the targets."""
    preserve_host: bool
    """Whether the client's ``Host`` is passed on; else ``host:port`` of the target."""
    tls_server_name: str
    """Name for SNI and the certificate check; empty = target host."""
    slow_start_seconds: int
    """Seconds over which the weight of a target grows that recovered or came later, 0–600."""
    sticky_cookie: str
    """Name of the cookie by which a client goes on with the target that it was given; empty = none."""
    sticky_ttl_seconds: int
    """Seconds for which it does, 0–31,536,000; 0 = until the browser is closed."""
    ca_bundle_pem: str
    """Certificates that are trusted for the targets, in PEM; empty = those that the system trusts."""
    client_cert_pem: str
    """The certificate that targets are shown, and those that signed it, in PEM; empty = none."""
    client_key_pem_set: bool
    """Whether its key is stored."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    targets: Sequence[Target]
    """Its endpoints, by id."""
    used_by: Sequence[int]
    """Hosts whose default it is or whose rules forward to it."""
    warnings: Sequence[str]
    """What its owner should know, such as that certificates are not checked."""
    connect_timeout_ms: int | None = None
    """Milliseconds to connect; null = ``proxy.connect_timeout_ms``."""
    response_timeout_ms: int | None = None
    """Milliseconds to the response head; null = ``proxy.response_timeout_ms``."""
    max_retries: int | None = None
    """Further targets tried; null = ``proxy.max_retries``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """How one endpoint does."""

    target_id: int
    """The endpoint."""
    target_group_id: int
    """Its group."""
    target_group: str
    """The name of its group."""
    address: str
    """``host:port``."""
    state: TargetState
    """Whether it takes requests."""
    last_error: str
    """Why the last check or request failed; empty = none did since it was last healthy."""
    in_flight: int
    """Requests under way."""
    effective_weight: float
    """Its weight as it counts now: less while it starts slowly, 0 while it is out."""
    since: datetime | None = None
    """Since when; null = since it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPlace:
    """Where a ticket is spent."""

    url: str
    """The URL to open, which holds the ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpState:
    """The second factor of a person."""

    enabled: bool
    """Whether it is asked for."""
    setup_pending: bool
    """Whether it waits for its first code."""
    enabled_at: datetime | None = None
    """Since when."""
    recovery_codes_remaining: int | None = None
    """Recovery codes that are left; null while it is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRule:
    """How one rule did."""

    rule_id: int
    """The rule."""
    name: str
    """Its name."""
    matched: bool
    """Whether all its matchers held."""
    failed_matcher: FailedMatcher | None = None
    """The first that did not; null = all did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedCertificate:
    """A certificate that was uploaded."""

    id: int
    """Identity."""
    names: Sequence[str]
    """DNS names and addresses that it is good for."""
    kind: CertificateKind
    """Where it comes from."""
    issuer: str
    """Who signed it."""
    fingerprint_sha256: str
    """SHA-256 of its DER form, in lower-case hexadecimal."""
    not_before: datetime
    """The moment from which it is good."""
    not_after: datetime
    """The moment at which it ends."""
    active: bool
    """Whether it is served."""
    created_at: datetime
    """When it was stored."""
    directory_url: str
    """The directory of the authority that signed it; empty = none did, or it is not known any more."""
    warnings: Sequence[str]
    """What its owner should know, such as that it ends soon or that its chain seems to be missing."""
    host_id: int | None = None
    """The host that it is for; null = the local CA, or a certificate for names that no host has."""
    ari_window_start: datetime | None = None
    """From when the authority wants it renewed; null = it did not say."""
    ari_window_end: datetime | None = None
    """Until when."""
    uploaded_by: int | None = None
    """The user who uploaded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User(records.Resource):
    """A person who may sign in."""

    id: int
    """Identity."""
    username: str
    """Unique name; case does not tell two apart."""
    role: Role
    """What they may do."""
    enabled: bool
    """Whether they can sign in."""
    provider: Provider
    """``oidc`` where an identity of the identity provider is attached."""
    created_via: Provider
    """How the person came to be here."""
    has_password: bool
    """Whether they can sign in by a password."""
    totp_enabled: bool
    """Whether a second factor is asked of them."""
    oidc_groups: Sequence[str]
    """Groups at the last sign-in by the identity provider."""
    created_at: datetime
    """When they were made."""
    updated_at: datetime
    """When they were last changed."""
    email: str | None = None
    """Address of mail."""
    display_name: str | None = None
    """Name as others read it."""
    last_login: datetime | None = None
    """When they last signed in."""
    password_changed_at: datetime | None = None
    """When the password was last set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Which build this is."""

    version: str
    """The release."""
    commit: str
    """The commit it was built from, or ``unknown``."""
    built_at: str
    """When it was built, RFC 3339, or ``unknown``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WafOverview:
    """What the WAF found, host by host."""

    from_: datetime
    """The figures begin here: 24 hours ago."""
    hosts: Sequence[HostFindings]
    """Hosts of which rules found something, most stopped requests first; at most 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WafShown:
    """What the WAF says of a request."""

    mode: WafMode
    """Whether a disruptive outcome is done or recorded."""
    verdict: WafVerdict
    """What it comes to."""
    result: ResultLine
    """What the rules found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WafStatus:
    """What the WAF does over all hosts."""

    mode: AppsecMode
    """The cap of every host's mode."""
    last_change_by: str
    """Who changed it; empty = nobody yet."""
    rule_set: RuleSetSummary
    """The rules."""
    load_warnings: Sequence[LoadWarning]
    """What has no effect in them, at most 1,000 findings."""
    previous_mode: AppsecMode | None = None
    """The cap before the last change; null = it was never changed."""
    last_change_at: datetime | None = None
    """When it was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBlock:
    """What block mode would have stopped."""

    from_: datetime
    """The figures begin here."""
    rules: Sequence[WouldBlockRule]
    """Host, rule and path, the most frequent first; at most 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBlockRule:
    """How often one rule took part where block mode would have stopped a request."""

    host_id: int
    """The host."""
    domain: str
    """Its name; empty = it is gone."""
    waf_rule_id: int
    """The WAF rule; the one that decides by the score is among them."""
    message: str
    """What it says."""
    path: str
    """The path, as rules compare it."""
    transactions: int
    """Requests."""
    last_at: datetime
    """The last of them."""

Action = (
    ForwardConfig
    | RedirectConfig
    | FixedResponseConfig
    | BlockConfig
    | RewriteConfig
)
"""What a matching rule does."""

Matcher = (
    PathConfig
    | PathExactConfig
    | PathRegexConfig
    | MethodConfig
    | HeaderConfig
    | QueryConfig
    | CookieConfig
    | RemoteIpConfig
    | HostHeaderConfig
    | CountryConfig
)
"""One condition. ``config.negate`` turns it round."""


class HostsResource:
    """Public names and how they are served."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        q: str | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        target_group_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Host]:
        """Lists hosts by id.

        Arguments:
            q: A part of the name.
            enabled: Only hosts that take traffic, or only those that don't.
            target_group_id: Only hosts of this default group.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Host, "hosts.list", {
            "q": q,
            "enabled": enabled,
            "target_group_id": target_group_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Host:
        """Shows one host.

        Arguments:
            id: The host.
        """
        return records.query(self._caller, Host, "hosts.get", {
            "id": id,
        })

    def create(
        self,
        *,
        domain: str,
        target_group_id: int | None | Unset = UNSET,
        target_group: NewGroup | None | Unset = UNSET,
        tls_mode: TlsMode | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        max_body_bytes: int | None | Unset = UNSET,
        access_log: bool | None | Unset = UNSET,
        client_auth: ClientAuth | None | Unset = UNSET,
        client_ca_pem: str | None | Unset = UNSET,
        https_redirect: bool | None | Unset = UNSET,
        hsts_max_age_seconds: int | None | Unset = UNSET,
        tls_email: str | None | Unset = UNSET,
        tls_challenge: TlsChallenge | None | Unset = UNSET,
        tls_directory_url: str | None | Unset = UNSET,
        dns_provider_id: int | None | Unset = UNSET,
        request_headers: Sequence[HeaderRule] | None | Unset = UNSET,
        response_headers: Sequence[HeaderRule] | None | Unset = UNSET,
        compression: bool | None | Unset = UNSET,
        auth_required: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Host]:
        """Makes a host, and its target group if one is given.

        Arguments:
            domain: DNS name, ``*.`` and a name, IP address, or ``*``.
            target_group_id: An existing target group; else give ``target_group``.
            target_group: A target group to make with the host; else give ``target_group_id``.
            tls_mode: Where the certificate comes from; default ``auto``.
            enabled: Whether it takes traffic; default true.
            max_body_bytes: Largest request body in bytes, 0–2^40; null = ``proxy.max_body_bytes``, 0 = no
                limit.
            access_log: Whether access rows are written; default true.
            client_auth: Whether clients show a certificate; default ``none``.
            client_ca_pem: The authorities that vouch for clients, in PEM, at most 64 KiB; default empty.
            https_redirect: Whether plain HTTP is redirected when the host has a certificate; default
                true.
            hsts_max_age_seconds: Seconds of ``Strict-Transport-Security``, 0–2^31-1; default 0 = no
                header.
            tls_email: Contact of the certificate account, an address; default empty = ``acme.email``.
            tls_challenge: How an automatic certificate is proven; default ``auto``: HTTP-01, then
                TLS-ALPN-01, and DNS-01 for a wildcard.
            tls_directory_url: ACME directory: an https URL, ``production`` or ``staging`` (Let's
                Encrypt's); default empty = ``acme.directory_url``.
            dns_provider_id: Provider for DNS-01; default none.
            request_headers: What is changed about the headers of requests before an upstream gets them,
                at most 64 rules; default none.
            response_headers: What is changed about the headers of answers, also of Argos's own, at most
                64 rules; default none.
            compression: Whether answers of upstreams are compressed as clients like it; default false.
            auth_required: Whether visitors must sign in; default false.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Host, "hosts.create", {
            "domain": domain,
            "target_group_id": target_group_id,
            "target_group": target_group,
            "tls_mode": tls_mode,
            "enabled": enabled,
            "max_body_bytes": max_body_bytes,
            "access_log": access_log,
            "client_auth": client_auth,
            "client_ca_pem": client_ca_pem,
            "https_redirect": https_redirect,
            "hsts_max_age_seconds": hsts_max_age_seconds,
            "tls_email": tls_email,
            "tls_challenge": tls_challenge,
            "tls_directory_url": tls_directory_url,
            "dns_provider_id": dns_provider_id,
            "request_headers": request_headers,
            "response_headers": response_headers,
            "compression": compression,
            "auth_required": auth_required,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        domain: str | Unset = UNSET,
        target_group_id: int | Unset = UNSET,
        tls_mode: TlsMode | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        access_log: bool | Unset = UNSET,
        client_auth: ClientAuth | Unset = UNSET,
        client_ca_pem: str | Unset = UNSET,
        https_redirect: bool | Unset = UNSET,
        hsts_max_age_seconds: int | Unset = UNSET,
        tls_email: str | Unset = UNSET,
        tls_challenge: TlsChallenge | Unset = UNSET,
        tls_directory_url: str | Unset = UNSET,
        request_headers: Sequence[HeaderRule] | Unset = UNSET,
        response_headers: Sequence[HeaderRule] | Unset = UNSET,
        compression: bool | Unset = UNSET,
        auth_required: bool | Unset = UNSET,
        max_body_bytes: int | None | Unset = UNSET,
        dns_provider_id: int | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Host]:
        """Changes the given fields of a host.

        Arguments:
            id: The host.
            domain: DNS name, ``*.`` and a name, IP address, or ``*``.
            target_group_id: The default target group.
            tls_mode: Where the certificate comes from.
            enabled: Whether it takes traffic.
            access_log: Whether access rows are written.
            client_auth: Whether clients show a certificate.
            client_ca_pem: The authorities that vouch for clients, in PEM, at most 64 KiB.
            https_redirect: Whether plain HTTP is redirected when the host has a certificate.
            hsts_max_age_seconds: Seconds of ``Strict-Transport-Security``, 0–2^31-1; 0 = no header.
            tls_email: Contact of the certificate account, an address; empty = ``acme.email``.
            tls_challenge: How an automatic certificate is proven; ``auto``: HTTP-01, then TLS-ALPN-01,
                and DNS-01 for a wildcard.
            tls_directory_url: ACME directory: an https URL, ``production`` or ``staging`` (Let's
                Encrypt's); empty = ``acme.directory_url``.
            request_headers: What is changed about the headers of requests before an upstream gets them,
                in this order, at most 64 rules.
            response_headers: What is changed about the headers of answers, also of Argos's own, in this
                order, at most 64 rules.
            compression: Whether answers of upstreams are compressed as clients like it.
            auth_required: Whether visitors must sign in.
            max_body_bytes: Largest request body in bytes, 0–2^40; null = ``proxy.max_body_bytes``, 0 = no
                limit.
            dns_provider_id: Provider for DNS-01; null = none.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Host, "hosts.update", {
            "id": id,
            "domain": domain,
            "target_group_id": target_group_id,
            "tls_mode": tls_mode,
            "enabled": enabled,
            "access_log": access_log,
            "client_auth": client_auth,
            "client_ca_pem": client_ca_pem,
            "https_redirect": https_redirect,
            "hsts_max_age_seconds": hsts_max_age_seconds,
            "tls_email": tls_email,
            "tls_challenge": tls_challenge,
            "tls_directory_url": tls_directory_url,
            "request_headers": request_headers,
            "response_headers": response_headers,
            "compression": compression,
            "auth_required": auth_required,
            "max_body_bytes": max_body_bytes,
            "dns_provider_id": dns_provider_id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        domain: str,
        target_group_id: int,
        tls_mode: TlsMode,
        enabled: bool,
        access_log: bool,
        client_auth: ClientAuth,
        client_ca_pem: str,
        https_redirect: bool,
        hsts_max_age_seconds: int,
        tls_email: str,
        tls_challenge: TlsChallenge,
        tls_directory_url: str,
        request_headers: Sequence[HeaderRule],
        response_headers: Sequence[HeaderRule],
        compression: bool,
        auth_required: bool,
        max_body_bytes: int | None,
        dns_provider_id: int | None,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Host]:
        """Replaces every field of a host.

        Arguments:
            id: The host.
            domain: DNS name, ``*.`` and a name, IP address, or ``*``.
            target_group_id: The default target group.
            tls_mode: Where the certificate comes from.
            enabled: Whether it takes traffic.
            access_log: Whether access rows are written.
            client_auth: Whether clients show a certificate.
            client_ca_pem: The authorities that vouch for clients, in PEM, at most 64 KiB.
            https_redirect: Whether plain HTTP is redirected when the host has a certificate.
            hsts_max_age_seconds: Seconds of ``Strict-Transport-Security``, 0–2^31-1; 0 = no header.
            tls_email: Contact of the certificate account, an address; empty = ``acme.email``.
            tls_challenge: How an automatic certificate is proven; ``auto``: HTTP-01, then TLS-ALPN-01,
                and DNS-01 for a wildcard.
            tls_directory_url: ACME directory: an https URL, ``production`` or ``staging`` (Let's
                Encrypt's); empty = ``acme.directory_url``.
            request_headers: What is changed about the headers of requests before an upstream gets them,
                in this order, at most 64 rules.
            response_headers: What is changed about the headers of answers, also of Argos's own, in this
                order, at most 64 rules.
            compression: Whether answers of upstreams are compressed as clients like it.
            auth_required: Whether visitors must sign in.
            max_body_bytes: Largest request body in bytes, 0–2^40; null = ``proxy.max_body_bytes``, 0 = no
                limit.
            dns_provider_id: Provider for DNS-01; null = none.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Host, "hosts.replace", {
            "id": id,
            "domain": domain,
            "target_group_id": target_group_id,
            "tls_mode": tls_mode,
            "enabled": enabled,
            "access_log": access_log,
            "client_auth": client_auth,
            "client_ca_pem": client_ca_pem,
            "https_redirect": https_redirect,
            "hsts_max_age_seconds": hsts_max_age_seconds,
            "tls_email": tls_email,
            "tls_challenge": tls_challenge,
            "tls_directory_url": tls_directory_url,
            "request_headers": request_headers,
            "response_headers": response_headers,
            "compression": compression,
            "auth_required": auth_required,
            "max_body_bytes": max_body_bytes,
            "dns_provider_id": dns_provider_id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a host with its rules and security settings; its log rows stay.

        Arguments:
            id: The host.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "hosts.delete", {
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Host]:
        """Switches a host on or off.

        Arguments:
            id: The host.
            enabled: Whether it takes traffic.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Host, "hosts.toggle", {
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})


class TargetGroupsResource:
    """Pools of upstream endpoints."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[TargetGroup]:
        """Lists target groups by id, with their targets.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, TargetGroup, "target_groups.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> TargetGroup:
        """Shows one target group with its targets and users.

        Arguments:
            id: The group.
        """
        return records.query(self._caller, TargetGroup, "target_groups.get", {
            "id": id,
        })

    def create(
        self,
        name: str,
        *,
        targets: Sequence[NewTarget] | Unset = UNSET,
        protocol: GroupProtocol | None | Unset = UNSET,
        verify_tls: bool | None | Unset = UNSET,
        http_version: HttpVersion | None | Unset = UNSET,
        tls_server_name: str | None | Unset = UNSET,
        ca_bundle_pem: str | None | Unset = UNSET,
        client_cert_pem: str | None | Unset = UNSET,
        client_key_pem: str | None | Unset = UNSET,
        preserve_host: bool | None | Unset = UNSET,
        connect_timeout_ms: int | None | Unset = UNSET,
        response_timeout_ms: int | None | Unset = UNSET,
        max_retries: int | None | Unset = UNSET,
        algorithm: Algorithm | None | Unset = UNSET,
        health_check_enabled: bool | None | Unset = UNSET,
        health_check_path: str | None | Unset = UNSET,
        health_check_method: HealthMethod | None | Unset = UNSET,
        health_check_expect_status: str | None | Unset = UNSET,
        health_check_interval_seconds: int | None | Unset = UNSET,
        health_check_timeout_seconds: int | None | Unset = UNSET,
        health_check_fails_to_unhealthy: int | None | Unset = UNSET,
        health_check_passes_to_healthy: int | None | Unset = UNSET,
        slow_start_seconds: int | None | Unset = UNSET,
        sticky_cookie: str | None | Unset = UNSET,
        sticky_ttl_seconds: int | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[TargetGroup]:
        """Makes a target group with its targets.

        Arguments:
            name: Unique name, 1–63 characters.
            targets: Endpoints to make with it.
            protocol: What is spoken to the targets; default ``http``.
            verify_tls: Whether target certificates are checked; default true.
            http_version: HTTP version spoken to the targets: ``auto`` = HTTP/2 where a target agrees to
                it inside TLS, else HTTP/1.1; ``1.1``; ``2`` = HTTP/2 and nothing else, without TLS by prior
                knowledge; default ``auto``.
            tls_server_name: Name for SNI and the certificate check; default empty = target host.
            ca_bundle_pem: Certificates that are trusted for the targets, in PEM, at most 64 KiB:
                authorities, or single certificates as they are; default empty = those that the system trusts.
            client_cert_pem: The certificate that targets are shown, in PEM, at most 64 KiB; those that
                signed it may follow; default empty.
            client_key_pem: Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB.
            preserve_host: Whether the client's ``Host`` is passed on; default true.
            connect_timeout_ms: Milliseconds to connect, 100–86,400,000; null =
                ``proxy.connect_timeout_ms``.
            response_timeout_ms: Milliseconds to the response head, 100–86,400,000; null =
                ``proxy.response_timeout_ms``.
            max_retries: Further targets tried, 0–5; null = ``proxy.max_retries``.
            algorithm: How a target is chosen: ``round_robin`` = in turn by weight, ``least_conn`` =
                fewest requests under way by weight, ``ip_hash`` = by the client's address, ``random`` = the
                less busy of two; default ``round_robin``.
            health_check_enabled: Whether targets are checked actively; default false.
            health_check_path: Path of the check, and its query; default ``/``.
            health_check_method: Method of the check; default ``GET``.
            health_check_expect_status: Accepted statuses, such as ``200,2xx,200-204``; default ``200``.
            health_check_interval_seconds: Seconds between checks, 1–300; default 30.
            health_check_timeout_seconds: Seconds until a check fails, 1–60, less than those between
                checks; default 5.
            health_check_fails_to_unhealthy: Failures in a row until a target is out, 1–10; default 2.
            health_check_passes_to_healthy: Successes in a row until it is back, 1–10; default 2.
            slow_start_seconds: Seconds over which the weight of a target grows that recovered or came
                later, 0–600; default 0.
            sticky_cookie: Name of the cookie by which a client goes on with the target that it was given;
                default empty = none.
            sticky_ttl_seconds: Seconds for which it does, 0–31,536,000; default 0 = until the browser is
                closed.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, TargetGroup, "target_groups.create", {
            "name": name,
            "targets": targets,
            "protocol": protocol,
            "verify_tls": verify_tls,
            "http_version": http_version,
            "tls_server_name": tls_server_name,
            "ca_bundle_pem": ca_bundle_pem,
            "client_cert_pem": client_cert_pem,
            "client_key_pem": client_key_pem,
            "preserve_host": preserve_host,
            "connect_timeout_ms": connect_timeout_ms,
            "response_timeout_ms": response_timeout_ms,
            "max_retries": max_retries,
            "algorithm": algorithm,
            "health_check_enabled": health_check_enabled,
            "health_check_path": health_check_path,
            "health_check_method": health_check_method,
            "health_check_expect_status": health_check_expect_status,
            "health_check_interval_seconds": health_check_interval_seconds,
            "health_check_timeout_seconds": health_check_timeout_seconds,
            "health_check_fails_to_unhealthy": health_check_fails_to_unhealthy,
            "health_check_passes_to_healthy": health_check_passes_to_healthy,
            "slow_start_seconds": slow_start_seconds,
            "sticky_cookie": sticky_cookie,
            "sticky_ttl_seconds": sticky_ttl_seconds,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        name: str | Unset = UNSET,
        protocol: GroupProtocol | Unset = UNSET,
        verify_tls: bool | Unset = UNSET,
        http_version: HttpVersion | Unset = UNSET,
        tls_server_name: str | Unset = UNSET,
        ca_bundle_pem: str | Unset = UNSET,
        client_cert_pem: str | Unset = UNSET,
        preserve_host: bool | Unset = UNSET,
        algorithm: Algorithm | Unset = UNSET,
        health_check_enabled: bool | Unset = UNSET,
        health_check_path: str | Unset = UNSET,
        health_check_method: HealthMethod | Unset = UNSET,
        health_check_expect_status: str | Unset = UNSET,
        health_check_interval_seconds: int | Unset = UNSET,
        health_check_timeout_seconds: int | Unset = UNSET,
        health_check_fails_to_unhealthy: int | Unset = UNSET,
        health_check_passes_to_healthy: int | Unset = UNSET,
        slow_start_seconds: int | Unset = UNSET,
        sticky_cookie: str | Unset = UNSET,
        sticky_ttl_seconds: int | Unset = UNSET,
        connect_timeout_ms: int | None | Unset = UNSET,
        response_timeout_ms: int | None | Unset = UNSET,
        max_retries: int | None | Unset = UNSET,
        client_key_pem: str | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[TargetGroup]:
        """Changes the given fields of a target group.

        Arguments:
            id: The group.
            name: Unique name, 1–63 characters.
            protocol: What is spoken to the targets.
            verify_tls: Whether target certificates are checked.
            http_version: HTTP version spoken to the targets: ``auto``, ``1.1`` or ``2``.
            tls_server_name: Name for SNI and the certificate check; empty = target host.
            ca_bundle_pem: Certificates that are trusted for the targets, in PEM, at most 64 KiB:
                authorities, or single certificates as they are; empty = those that the system trusts.
            client_cert_pem: The certificate that targets are shown, in PEM, at most 64 KiB; those that
                signed it may follow; empty = none.
            preserve_host: Whether the client's ``Host`` is passed on.
            algorithm: How a target is chosen: ``round_robin``, ``least_conn``, ``ip_hash`` or ``random``.
            health_check_enabled: Whether targets are checked actively.
            health_check_path: Path of the check, and its query.
            health_check_method: Method of the check.
            health_check_expect_status: Accepted statuses, such as ``200,2xx,200-204``.
            health_check_interval_seconds: Seconds between checks, 1–300.
            health_check_timeout_seconds: Seconds until a check fails, 1–60, less than those between
                checks.
            health_check_fails_to_unhealthy: Failures in a row until a target is out, 1–10.
            health_check_passes_to_healthy: Successes in a row until it is back, 1–10.
            slow_start_seconds: Seconds over which the weight of a target grows that recovered or came
                later, 0–600.
            sticky_cookie: Name of the cookie by which a client goes on with the target that it was given;
                empty = none.
            sticky_ttl_seconds: Seconds for which it does, 0–31,536,000; 0 = until the browser is closed.
            connect_timeout_ms: Milliseconds to connect, 100–86,400,000; null =
                ``proxy.connect_timeout_ms``.
            response_timeout_ms: Milliseconds to the response head, 100–86,400,000; null =
                ``proxy.response_timeout_ms``.
            max_retries: Further targets tried, 0–5; null = ``proxy.max_retries``.
            client_key_pem: The key of the certificate that targets are shown, in PEM (PKCS#8, PKCS#1 or
                SEC1), not encrypted, at most 64 KiB; omitted = it stays, null = none.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, TargetGroup, "target_groups.update", {
            "id": id,
            "name": name,
            "protocol": protocol,
            "verify_tls": verify_tls,
            "http_version": http_version,
            "tls_server_name": tls_server_name,
            "ca_bundle_pem": ca_bundle_pem,
            "client_cert_pem": client_cert_pem,
            "preserve_host": preserve_host,
            "algorithm": algorithm,
            "health_check_enabled": health_check_enabled,
            "health_check_path": health_check_path,
            "health_check_method": health_check_method,
            "health_check_expect_status": health_check_expect_status,
            "health_check_interval_seconds": health_check_interval_seconds,
            "health_check_timeout_seconds": health_check_timeout_seconds,
            "health_check_fails_to_unhealthy": health_check_fails_to_unhealthy,
            "health_check_passes_to_healthy": health_check_passes_to_healthy,
            "slow_start_seconds": slow_start_seconds,
            "sticky_cookie": sticky_cookie,
            "sticky_ttl_seconds": sticky_ttl_seconds,
            "connect_timeout_ms": connect_timeout_ms,
            "response_timeout_ms": response_timeout_ms,
            "max_retries": max_retries,
            "client_key_pem": client_key_pem,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        name: str,
        protocol: GroupProtocol,
        verify_tls: bool,
        http_version: HttpVersion,
        tls_server_name: str,
        ca_bundle_pem: str,
        client_cert_pem: str,
        preserve_host: bool,
        algorithm: Algorithm,
        health_check_enabled: bool,
        health_check_path: str,
        health_check_method: HealthMethod,
        health_check_expect_status: str,
        health_check_interval_seconds: int,
        health_check_timeout_seconds: int,
        health_check_fails_to_unhealthy: int,
        health_check_passes_to_healthy: int,
        slow_start_seconds: int,
        sticky_cookie: str,
        sticky_ttl_seconds: int,
        connect_timeout_ms: int | None,
        response_timeout_ms: int | None,
        max_retries: int | None,
        client_key_pem: str | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[TargetGroup]:
        """Replaces every field of a target group; its targets are resources of their own.

        Arguments:
            id: The group.
            name: Unique name, 1–63 characters.
            protocol: What is spoken to the targets.
            verify_tls: Whether target certificates are checked.
            http_version: HTTP version spoken to the targets: ``auto``, ``1.1`` or ``2``.
            tls_server_name: Name for SNI and the certificate check; empty = target host.
            ca_bundle_pem: Certificates that are trusted for the targets, in PEM, at most 64 KiB:
                authorities, or single certificates as they are; empty = those that the system trusts.
            client_cert_pem: The certificate that targets are shown, in PEM, at most 64 KiB; those that
                signed it may follow; empty = none.
            preserve_host: Whether the client's ``Host`` is passed on.
            algorithm: How a target is chosen: ``round_robin``, ``least_conn``, ``ip_hash`` or ``random``.
            health_check_enabled: Whether targets are checked actively.
            health_check_path: Path of the check, and its query.
            health_check_method: Method of the check.
            health_check_expect_status: Accepted statuses, such as ``200,2xx,200-204``.
            health_check_interval_seconds: Seconds between checks, 1–300.
            health_check_timeout_seconds: Seconds until a check fails, 1–60, less than those between
                checks.
            health_check_fails_to_unhealthy: Failures in a row until a target is out, 1–10.
            health_check_passes_to_healthy: Successes in a row until it is back, 1–10.
            slow_start_seconds: Seconds over which the weight of a target grows that recovered or came
                later, 0–600.
            sticky_cookie: Name of the cookie by which a client goes on with the target that it was given;
                empty = none.
            sticky_ttl_seconds: Seconds for which it does, 0–31,536,000; 0 = until the browser is closed.
            connect_timeout_ms: Milliseconds to connect, 100–86,400,000; null =
                ``proxy.connect_timeout_ms``.
            response_timeout_ms: Milliseconds to the response head, 100–86,400,000; null =
                ``proxy.response_timeout_ms``.
            max_retries: Further targets tried, 0–5; null = ``proxy.max_retries``.
            client_key_pem: The key of the certificate that targets are shown, in PEM (PKCS#8, PKCS#1 or
                SEC1), not encrypted, at most 64 KiB; omitted = it stays, null = none.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, TargetGroup, "target_groups.replace", {
            "id": id,
            "name": name,
            "protocol": protocol,
            "verify_tls": verify_tls,
            "http_version": http_version,
            "tls_server_name": tls_server_name,
            "ca_bundle_pem": ca_bundle_pem,
            "client_cert_pem": client_cert_pem,
            "preserve_host": preserve_host,
            "algorithm": algorithm,
            "health_check_enabled": health_check_enabled,
            "health_check_path": health_check_path,
            "health_check_method": health_check_method,
            "health_check_expect_status": health_check_expect_status,
            "health_check_interval_seconds": health_check_interval_seconds,
            "health_check_timeout_seconds": health_check_timeout_seconds,
            "health_check_fails_to_unhealthy": health_check_fails_to_unhealthy,
            "health_check_passes_to_healthy": health_check_passes_to_healthy,
            "slow_start_seconds": slow_start_seconds,
            "sticky_cookie": sticky_cookie,
            "sticky_ttl_seconds": sticky_ttl_seconds,
            "connect_timeout_ms": connect_timeout_ms,
            "response_timeout_ms": response_timeout_ms,
            "max_retries": max_retries,
            "client_key_pem": client_key_pem,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a target group that no host and no rule uses.

        Arguments:
            id: The group.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "target_groups.delete", {
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})


class TargetsResource:
    """The endpoints of one target group."""

    __slots__ = ("_caller", "_target_group_id")

    def __init__(self, caller: records.Caller, target_group_id: int) -> None:
        self._caller = caller
        self._target_group_id = target_group_id

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Target]:
        """Lists the targets of a group by id.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Target, "targets.list", {
            "target_group_id": self._target_group_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Target:
        """Shows one target.

        Arguments:
            id: The target.
        """
        return records.query(self._caller, Target, "targets.get", {
            "target_group_id": self._target_group_id,
            "id": id,
        })

    def create(
        self,
        *,
        host: str,
        port: int,
        weight: int | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Target]:
        """Makes a target.

        Arguments:
            host: Address or name.
            port: TCP port, 1–65535.
            weight: Share of the requests, 1–256, default 1.
            enabled: Whether it takes requests; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Target, "targets.create", {
            "target_group_id": self._target_group_id,
            "host": host,
            "port": port,
            "weight": weight,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        host: str | Unset = UNSET,
        port: int | Unset = UNSET,
        weight: int | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Target]:
        """Changes the given fields of a target.

        Arguments:
            id: The target.
            host: Address or name.
            port: TCP port, 1–65535.
            weight: Share of the requests, 1–256.
            enabled: Whether it takes requests.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Target, "targets.update", {
            "target_group_id": self._target_group_id,
            "id": id,
            "host": host,
            "port": port,
            "weight": weight,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        host: str,
        port: int,
        weight: int,
        enabled: bool,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Target]:
        """Replaces every field of a target.

        Arguments:
            id: The target.
            host: Address or name.
            port: TCP port, 1–65535.
            weight: Share of the requests, 1–256.
            enabled: Whether it takes requests.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Target, "targets.replace", {
            "target_group_id": self._target_group_id,
            "id": id,
            "host": host,
            "port": port,
            "weight": weight,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a target.

        Arguments:
            id: The target.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "targets.delete", {
            "target_group_id": self._target_group_id,
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Target]:
        """Switches a target on or off.

        Arguments:
            id: The target.
            enabled: Whether it takes requests.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Target, "targets.toggle", {
            "target_group_id": self._target_group_id,
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})


class TargetHealthResource:
    """How the endpoints of all target groups do."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        target_group_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[TargetHealth]:
        """Lists how the targets of all groups do, as the running proxy knows them.

        Arguments:
            target_group_id: Only those of this group.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, TargetHealth, "target_health.list", {
            "target_group_id": target_group_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })


class RulesResource:
    """The rules of one host."""

    __slots__ = ("_caller", "_host_id")

    def __init__(self, caller: records.Caller, host_id: int) -> None:
        self._caller = caller
        self._host_id = host_id

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Rule]:
        """Lists the rules of a host in order of priority.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Rule, "rules.list", {
            "host_id": self._host_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Rule:
        """Shows one rule.

        Arguments:
            id: The rule.
        """
        return records.query(self._caller, Rule, "rules.get", {
            "host_id": self._host_id,
            "id": id,
        })

    def create(
        self,
        *,
        action: Action,
        priority: int | None | Unset = UNSET,
        name: str | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        matchers: Sequence[Matcher] | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Rule]:
        """Makes a rule.

        Arguments:
            action: What happens.
            priority: 1–50,000, unique in the host; default: 10 after the last.
            name: A name for people, at most 128 characters.
            enabled: Whether it takes part; default true.
            matchers: What must hold; empty = always.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Rule, "rules.create", {
            "host_id": self._host_id,
            "action": action,
            "priority": priority,
            "name": name,
            "enabled": enabled,
            "matchers": matchers,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        priority: int | Unset = UNSET,
        name: str | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        action: Action | Unset = UNSET,
        matchers: Sequence[Matcher] | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Rule]:
        """Changes the given fields of a rule.

        Arguments:
            id: The rule.
            priority: 1–50,000, unique in the host.
            name: A name for people, at most 128 characters.
            enabled: Whether it takes part.
            action: What happens.
            matchers: What must hold; empty = always.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Rule, "rules.update", {
            "host_id": self._host_id,
            "id": id,
            "priority": priority,
            "name": name,
            "enabled": enabled,
            "action": action,
            "matchers": matchers,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        priority: int,
        name: str,
        enabled: bool,
        action: Action,
        matchers: Sequence[Matcher],
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Rule]:
        """Replaces every field of a rule.

        Arguments:
            id: The rule.
            priority: 1–50,000, unique in the host.
            name: A name for people, at most 128 characters.
            enabled: Whether it takes part.
            action: What happens.
            matchers: What must hold; empty = always.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Rule, "rules.replace", {
            "host_id": self._host_id,
            "id": id,
            "priority": priority,
            "name": name,
            "enabled": enabled,
            "action": action,
            "matchers": matchers,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a rule; its log rows stay.

        Arguments:
            id: The rule.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "rules.delete", {
            "host_id": self._host_id,
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Rule]:
        """Switches a rule on or off.

        Arguments:
            id: The rule.
            enabled: Whether it takes part.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Rule, "rules.toggle", {
            "host_id": self._host_id,
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})

    def reorder(
        self,
        *,
        rule_ids: Sequence[int],
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Page[Rule]]:
        """Gives the rules of a host the priorities 10, 20, 30 … in the given order.

        Arguments:
            rule_ids: Every rule of the host exactly once.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change_page(self._caller, Rule, "rules.reorder", {
            "host_id": self._host_id,
            "rule_ids": rule_ids,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})

    def match_request(
        self,
        uri: str,
        *,
        method: str | None | Unset = UNSET,
        headers: Sequence[Sequence[str]] | Unset = UNSET,
        remote_ip: str | None | Unset = UNSET,
    ) -> RuleMatch:
        """Tries a request on the rules of a host: each rule, what of it did not hold, and which target is
        asked.

        Arguments:
            uri: Path and query, or a whole URL.
            method: The method; default ``GET``.
            headers: Names and values; without ``Host`` the host's own name.
            remote_ip: The client; default 127.0.0.1.
        """
        return records.query(self._caller, RuleMatch, "rules.match_request", {
            "host_id": self._host_id,
            "uri": uri,
            "method": method,
            "headers": headers,
            "remote_ip": remote_ip,
        })


class RequestsResource:
    """Requests on the way that they would take."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def explain(
        self,
        *,
        method: str | None | Unset = UNSET,
        url: str | None | Unset = UNSET,
        headers: Sequence[Sequence[str]] | Unset = UNSET,
        remote_ip: str | None | Unset = UNSET,
        curl: str | None | Unset = UNSET,
        waf: bool | None | Unset = UNSET,
    ) -> RouteExplanation:
        """Explains where a request would go: host, rate limit, WAF, rules, target, and why. Nothing is
        sent or counted.

        Arguments:
            method: The method; default ``GET``.
            url: The URL, such as ``https://shop.example/cart?id=1``.
            headers: Names and values.
            remote_ip: The client; default 127.0.0.1.
            curl: The request as a curl command, such as ``curl -X POST -d a=1 http://shop.example/``.
            waf: Whether the WAF judges it, too; default false.
        """
        return records.query(self._caller, RouteExplanation, "requests.explain", {
            "method": method,
            "url": url,
            "headers": headers,
            "remote_ip": remote_ip,
            "curl": curl,
            "waf": waf,
        })


class SecurityResource:
    """What protects one host."""

    __slots__ = ("_caller", "_host_id")

    def __init__(self, caller: records.Caller, host_id: int) -> None:
        self._caller = caller
        self._host_id = host_id

    def get(
        self,
    ) -> Security:
        """Shows the security of a host."""
        return records.query(self._caller, Security, "security.get", {
            "host_id": self._host_id,
        })

    def update(
        self,
        *,
        waf_enabled: bool | Unset = UNSET,
        waf_mode: WafMode | Unset = UNSET,
        waf_paranoia: int | Unset = UNSET,
        waf_block_status: int | Unset = UNSET,
        waf_block_body: str | Unset = UNSET,
        waf_response_body: bool | Unset = UNSET,
        rate_limit_enabled: bool | Unset = UNSET,
        rate_limit_requests: int | Unset = UNSET,
        rate_limit_window_seconds: int | Unset = UNSET,
        rate_limit_key: RateLimitKey | Unset = UNSET,
        rate_limit_header_name: str | Unset = UNSET,
        rate_limit_status: int | Unset = UNSET,
        waf_detection_paranoia: int | None | Unset = UNSET,
        waf_inbound_threshold: int | None | Unset = UNSET,
        waf_outbound_threshold: int | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Security]:
        """Changes the given fields of a host's security.

        Arguments:
            waf_enabled: Whether requests are inspected.
            waf_mode: Detect or block; capped by ``appsec.mode``.
            waf_paranoia: Blocking paranoia level, 1–4.
            waf_block_status: Status of a block answer, 400–599.
            waf_block_body: Body of a block answer, at most 1 MiB; empty = the standard page.
            waf_response_body: Whether response bodies are inspected.
            rate_limit_enabled: Whether requests are limited.
            rate_limit_requests: Requests per window, 1–1,000,000 when enabled; so many may also come at
                once.
            rate_limit_window_seconds: Seconds, 1–86,400 when enabled.
            rate_limit_key: What is counted by.
            rate_limit_header_name: The header of key ``header``; requests that do not have it once count
                by their address.
            rate_limit_status: Status over the limit, 400–599.
            waf_detection_paranoia: Recorded paranoia level, 1–4, not below ``waf_paranoia``; null = equal
                to it.
            waf_inbound_threshold: Inbound anomaly threshold, 1–1000; null = ``appsec.inbound_threshold``.
            waf_outbound_threshold: Outbound anomaly threshold, 1–1000; null =
                ``appsec.outbound_threshold``.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Security, "security.update", {
            "host_id": self._host_id,
            "waf_enabled": waf_enabled,
            "waf_mode": waf_mode,
            "waf_paranoia": waf_paranoia,
            "waf_block_status": waf_block_status,
            "waf_block_body": waf_block_body,
            "waf_response_body": waf_response_body,
            "rate_limit_enabled": rate_limit_enabled,
            "rate_limit_requests": rate_limit_requests,
            "rate_limit_window_seconds": rate_limit_window_seconds,
            "rate_limit_key": rate_limit_key,
            "rate_limit_header_name": rate_limit_header_name,
            "rate_limit_status": rate_limit_status,
            "waf_detection_paranoia": waf_detection_paranoia,
            "waf_inbound_threshold": waf_inbound_threshold,
            "waf_outbound_threshold": waf_outbound_threshold,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        *,
        waf_enabled: bool,
        waf_mode: WafMode,
        waf_paranoia: int,
        waf_block_status: int,
        waf_block_body: str,
        waf_response_body: bool,
        rate_limit_enabled: bool,
        rate_limit_requests: int,
        rate_limit_window_seconds: int,
        rate_limit_key: RateLimitKey,
        rate_limit_header_name: str,
        rate_limit_status: int,
        waf_detection_paranoia: int | None,
        waf_inbound_threshold: int | None,
        waf_outbound_threshold: int | None,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Security]:
        """Replaces every field of a host's security.

        Arguments:
            waf_enabled: Whether requests are inspected.
            waf_mode: Detect or block; capped by ``appsec.mode``.
            waf_paranoia: Blocking paranoia level, 1–4.
            waf_block_status: Status of a block answer, 400–599.
            waf_block_body: Body of a block answer, at most 1 MiB; empty = the standard page.
            waf_response_body: Whether response bodies are inspected.
            rate_limit_enabled: Whether requests are limited.
            rate_limit_requests: Requests per window, 1–1,000,000 when enabled; so many may also come at
                once.
            rate_limit_window_seconds: Seconds, 1–86,400 when enabled.
            rate_limit_key: What is counted by.
            rate_limit_header_name: The header of key ``header``; requests that do not have it once count
                by their address.
            rate_limit_status: Status over the limit, 400–599.
            waf_detection_paranoia: Recorded paranoia level, 1–4, not below ``waf_paranoia``; null = equal
                to it.
            waf_inbound_threshold: Inbound anomaly threshold, 1–1000; null = ``appsec.inbound_threshold``.
            waf_outbound_threshold: Outbound anomaly threshold, 1–1000; null =
                ``appsec.outbound_threshold``.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Security, "security.replace", {
            "host_id": self._host_id,
            "waf_enabled": waf_enabled,
            "waf_mode": waf_mode,
            "waf_paranoia": waf_paranoia,
            "waf_block_status": waf_block_status,
            "waf_block_body": waf_block_body,
            "waf_response_body": waf_response_body,
            "rate_limit_enabled": rate_limit_enabled,
            "rate_limit_requests": rate_limit_requests,
            "rate_limit_window_seconds": rate_limit_window_seconds,
            "rate_limit_key": rate_limit_key,
            "rate_limit_header_name": rate_limit_header_name,
            "rate_limit_status": rate_limit_status,
            "waf_detection_paranoia": waf_detection_paranoia,
            "waf_inbound_threshold": waf_inbound_threshold,
            "waf_outbound_threshold": waf_outbound_threshold,
        }, {"if_match": if_match, "dry_run": dry_run})


class AccessResource:
    """Who may open one host that wants a sign-in."""

    __slots__ = ("_caller", "_host_id")

    def __init__(self, caller: records.Caller, host_id: int) -> None:
        self._caller = caller
        self._host_id = host_id

    def get(
        self,
    ) -> HostAccess:
        """Shows who may open a host that wants a sign-in; empty lists = every user who is switched on."""
        return records.query(self._caller, HostAccess, "access.get", {
            "host_id": self._host_id,
        })

    def replace(
        self,
        *,
        users: Sequence[int],
        roles: Sequence[Role],
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[HostAccess]:
        """Replaces who may open a host that wants a sign-in; empty lists = every user who is switched on.

        Arguments:
            users: Users who may.
            roles: Roles whose users may; each is named itself, whatever it allows elsewhere.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, HostAccess, "access.replace", {
            "host_id": self._host_id,
            "users": users,
            "roles": roles,
        }, {"if_match": if_match, "dry_run": dry_run})


class ExclusionsResource:
    """What one host leaves out of the rules it runs."""

    __slots__ = ("_caller", "_host_id")

    def __init__(self, caller: records.Caller, host_id: int) -> None:
        self._caller = caller
        self._host_id = host_id

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Exclusion]:
        """Lists the exclusions of a host by id.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Exclusion, "exclusions.list", {
            "host_id": self._host_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Exclusion:
        """Shows one exclusion.

        Arguments:
            id: The exclusion.
        """
        return records.query(self._caller, Exclusion, "exclusions.get", {
            "host_id": self._host_id,
            "id": id,
        })

    def create(
        self,
        *,
        crs_rule_id: int | None | Unset = UNSET,
        tag: str | Unset = UNSET,
        path_pattern: str | Unset = UNSET,
        method: str | Unset = UNSET,
        target: str | Unset = UNSET,
        reason: str | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Exclusion]:
        """Makes an exclusion.

        Arguments:
            crs_rule_id: The rule with this id; else ``tag`` is given.
            tag: The rules with this tag; else ``crs_rule_id`` is given.
            path_pattern: The path up to a segment's border, decoded, beginning with ``/``; empty = every
                path.
            method: Methods, comma-separated; empty = every method.
            target: Targets, comma-separated, such as ``ARGS:password``; empty = the whole rules.
            reason: Why, for people, at most 512 characters.
            enabled: Whether it takes part; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Exclusion, "exclusions.create", {
            "host_id": self._host_id,
            "crs_rule_id": crs_rule_id,
            "tag": tag,
            "path_pattern": path_pattern,
            "method": method,
            "target": target,
            "reason": reason,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        tag: str | Unset = UNSET,
        path_pattern: str | Unset = UNSET,
        method: str | Unset = UNSET,
        target: str | Unset = UNSET,
        reason: str | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        crs_rule_id: int | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Exclusion]:
        """Changes the given fields of an exclusion.

        Arguments:
            id: The exclusion.
            tag: The rules with this tag; empty = the rule ``crs_rule_id``.
            path_pattern: The path up to a segment's border, decoded, beginning with ``/``; empty = every
                path.
            method: Methods, comma-separated; empty = every method.
            target: Targets, comma-separated, such as ``ARGS:password``; empty = the whole rules.
            reason: Why, for people, at most 512 characters.
            enabled: Whether it takes part.
            crs_rule_id: The rule with this id; null = the rules with ``tag``.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Exclusion, "exclusions.update", {
            "host_id": self._host_id,
            "id": id,
            "tag": tag,
            "path_pattern": path_pattern,
            "method": method,
            "target": target,
            "reason": reason,
            "enabled": enabled,
            "crs_rule_id": crs_rule_id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        tag: str,
        path_pattern: str,
        method: str,
        target: str,
        reason: str,
        enabled: bool,
        crs_rule_id: int | None,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Exclusion]:
        """Replaces every field of an exclusion.

        Arguments:
            id: The exclusion.
            tag: The rules with this tag; empty = the rule ``crs_rule_id``.
            path_pattern: The path up to a segment's border, decoded, beginning with ``/``; empty = every
                path.
            method: Methods, comma-separated; empty = every method.
            target: Targets, comma-separated, such as ``ARGS:password``; empty = the whole rules.
            reason: Why, for people, at most 512 characters.
            enabled: Whether it takes part.
            crs_rule_id: The rule with this id; null = the rules with ``tag``.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Exclusion, "exclusions.replace", {
            "host_id": self._host_id,
            "id": id,
            "tag": tag,
            "path_pattern": path_pattern,
            "method": method,
            "target": target,
            "reason": reason,
            "enabled": enabled,
            "crs_rule_id": crs_rule_id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes an exclusion.

        Arguments:
            id: The exclusion.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "exclusions.delete", {
            "host_id": self._host_id,
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Exclusion]:
        """Switches an exclusion on or off.

        Arguments:
            id: The exclusion.
            enabled: Whether it takes part.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Exclusion, "exclusions.toggle", {
            "host_id": self._host_id,
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})


class CustomRulesResource:
    """The rules that one host adds."""

    __slots__ = ("_caller", "_host_id")

    def __init__(self, caller: records.Caller, host_id: int) -> None:
        self._caller = caller
        self._host_id = host_id

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[CustomRule]:
        """Lists the own rules of a host by id, the order in which they run.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, CustomRule, "custom_rules.list", {
            "host_id": self._host_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> CustomRule:
        """Shows one own rule.

        Arguments:
            id: The own rule.
        """
        return records.query(self._caller, CustomRule, "custom_rules.get", {
            "host_id": self._host_id,
            "id": id,
        })

    def create(
        self,
        *,
        secrule: str,
        name: str | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[CustomRule]:
        """Makes an own rule.

        Arguments:
            secrule: ``SecRule``, ``SecAction``, ``SecMarker``, ``SecRuleRemove…`` and ``SecRuleUpdate…``;
                at most 64 KiB.
            name: A name for people, at most 128 characters.
            enabled: Whether it takes part; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, CustomRule, "custom_rules.create", {
            "host_id": self._host_id,
            "secrule": secrule,
            "name": name,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        name: str | Unset = UNSET,
        secrule: str | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[CustomRule]:
        """Changes the given fields of an own rule.

        Arguments:
            id: The own rule.
            name: A name for people, at most 128 characters.
            secrule: ``SecRule``, ``SecAction``, ``SecMarker``, ``SecRuleRemove…`` and ``SecRuleUpdate…``;
                at most 64 KiB.
            enabled: Whether it takes part.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, CustomRule, "custom_rules.update", {
            "host_id": self._host_id,
            "id": id,
            "name": name,
            "secrule": secrule,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        name: str,
        secrule: str,
        enabled: bool,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[CustomRule]:
        """Replaces every field of an own rule.

        Arguments:
            id: The own rule.
            name: A name for people, at most 128 characters.
            secrule: ``SecRule``, ``SecAction``, ``SecMarker``, ``SecRuleRemove…`` and ``SecRuleUpdate…``;
                at most 64 KiB.
            enabled: Whether it takes part.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, CustomRule, "custom_rules.replace", {
            "host_id": self._host_id,
            "id": id,
            "name": name,
            "secrule": secrule,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes an own rule.

        Arguments:
            id: The own rule.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "custom_rules.delete", {
            "host_id": self._host_id,
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[CustomRule]:
        """Switches an own rule on or off.

        Arguments:
            id: The own rule.
            enabled: Whether it takes part.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, CustomRule, "custom_rules.toggle", {
            "host_id": self._host_id,
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})


class WafResource:
    """The rules that all hosts run."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def status(
        self,
    ) -> WafStatus:
        """Shows what the WAF does over all hosts, and the rules it runs."""
        return records.query(self._caller, WafStatus, "waf.status", {})

    def reload(
        self,
        *,
        idempotency_key: str | None = None,
    ) -> Applied[RulesReport]:
        """Reads the rules of all hosts anew; rules that do not compile change nothing.

        Arguments:
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, RulesReport, "waf.reload", {}, {"idempotency_key": idempotency_key})

    def install(
        self,
        *,
        sha256: str,
        url: str | None | Unset = UNSET,
        archive: str | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[InstalledRules]:
        """Installs a core rule set into the data folder and reads the rules anew; one that does not
        compile changes nothing.

        Arguments:
            sha256: SHA-256 of the archive in hexadecimal, from where the release is announced.
            url: Where the archive is: https at a public address.
            archive: The archive itself, a gzipped tar of at most 16 MiB, in base64.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, InstalledRules, "waf.install", {
            "sha256": sha256,
            "url": url,
            "archive": archive,
        }, {"idempotency_key": idempotency_key})

    def evaluate(
        self,
        *,
        host_id: int,
        request: RequestLine,
    ) -> ResultLine:
        """Tries a request on the rules that a host runs now, and tells what they find.

        Arguments:
            host_id: The host whose rules judge.
            request: The request, and its answer if there is one.
        """
        return records.query(self._caller, ResultLine, "waf.evaluate", {
            "host_id": host_id,
            "request": request,
        })

    def explain(
        self,
        *,
        host_id: int | None | Unset = UNSET,
        request: RequestLine | None | Unset = UNSET,
        curl: str | None | Unset = UNSET,
        request_id: str | None | Unset = UNSET,
        log_id: int | None | Unset = UNSET,
    ) -> Explanation:
        """Explains what the rules that a host runs now do with a request: each rule on each target, and
        what decided.

        Arguments:
            host_id: The host whose rules judge; a request of the log has its own.
            request: The request, and its answer if there is one.
            curl: The request as a curl command, such as ``curl -X POST -d a=1 http://shop.example/``.
            request_id: A request of the log: it is tried again if it is still in memory, else its rows
                are shown.
            log_id: A row of the log whose request is meant.
        """
        return records.query(self._caller, Explanation, "waf.explain", {
            "host_id": host_id,
            "request": request,
            "curl": curl,
            "request_id": request_id,
            "log_id": log_id,
        })

    def check_rules(
        self,
        *,
        secrule: str,
        host_id: int | None | Unset = UNSET,
    ) -> CheckedRules:
        """Says what is wrong with rules before they are a host's.

        Arguments:
            secrule: The directives, at most 64 KiB.
            host_id: The host whose other own rules they would stand beside; none = no other own rules.
        """
        return records.query(self._caller, CheckedRules, "waf.check_rules", {
            "secrule": secrule,
            "host_id": host_id,
        })

    def rules(
        self,
        *,
        q: str | None | Unset = UNSET,
        tag: str | None | Unset = UNSET,
        paranoia: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[CatalogueRule]:
        """Lists the rules that all hosts run, in the order in which they stand.

        Arguments:
            q: Part of the id or of the message, in any case.
            tag: A tag, in the same letters.
            paranoia: The level of paranoia from which a rule takes part, 1–4.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, CatalogueRule, "waf.rules", {
            "q": q,
            "tag": tag,
            "paranoia": paranoia,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def mode(
        self,
        mode: AppsecMode | Unset = UNSET,
        *,
        dry_run: bool = False,
    ) -> Applied[WafStatus]:
        """Changes the mode over all hosts.

        Arguments:
            mode: The cap of every host's mode: ``disabled``, ``detect`` or ``block``; omitted = it stays.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, WafStatus, "waf.mode", {
            "mode": mode,
        }, {"dry_run": dry_run})

    def propose(
        self,
        *,
        host_id: int | None | Unset = UNSET,
        request: RequestLine | None | Unset = UNSET,
        curl: str | None | Unset = UNSET,
        request_id: str | None | Unset = UNSET,
        log_id: int | None | Unset = UNSET,
    ) -> Proposal:
        """Proposes the narrowest exclusions that let a request pass, tried on it; saves nothing.

        Arguments:
            host_id: The host whose rules judge; a request of the log has its own.
            request: The request, and its answer if there is one.
            curl: The request as a curl command.
            request_id: A request of the log that is still in memory.
            log_id: A row of the log whose request is meant.
        """
        return records.query(self._caller, Proposal, "waf.propose", {
            "host_id": host_id,
            "request": request,
            "curl": curl,
            "request_id": request_id,
            "log_id": log_id,
        })

    def overview(
        self,
    ) -> WafOverview:
        """Shows what the WAF found in the last 24 hours, host by host."""
        return records.query(self._caller, WafOverview, "waf.overview", {})

    def would_block(
        self,
        *,
        window: str | None | Unset = UNSET,
    ) -> WouldBlock:
        """Shows what block mode would have stopped, by host, rule and path.

        Arguments:
            window: How far back: ``15m``, ``24h`` (default), ``7d``; at most ``31d``.
        """
        return records.query(self._caller, WouldBlock, "waf.would_block", {
            "window": window,
        })


class CertificatesResource:
    """Certificates of hosts, and the local CA."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        host_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Certificate]:
        """Lists certificates by id: those of hosts, the local CA and those it signed.

        Arguments:
            host_id: Only those of this host.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Certificate, "certificates.list", {
            "host_id": host_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Certificate:
        """Shows one certificate.

        Arguments:
            id: The certificate.
        """
        return records.query(self._caller, Certificate, "certificates.get", {
            "id": id,
        })

    def chain(
        self,
        id: int,
    ) -> str:
        """Gives a certificate and those that signed it as PEM text.

        Arguments:
            id: The certificate.
        """
        return records.query_text(self._caller, "certificates.chain", {
            "id": id,
        })

    def local_ca(
        self,
    ) -> str:
        """Gives the root of the local CA as PEM text, for clients that are to trust it."""
        return records.query_text(self._caller, "certificates.local_ca", {})

    def status(
        self,
        *,
        host_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[CertStatus]:
        """Shows how the certificate of each host's name stands, by host.

        Arguments:
            host_id: Only this host's.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, CertStatus, "certificates.status", {
            "host_id": host_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def upload(
        self,
        id: int,
        *,
        cert_pem: str,
        key_pem: str,
        chain_pem: str | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[UploadedCertificate]:
        """Stores a certificate with its key for a host and serves it; the host's TLS mode becomes
        ``manual``.

        Arguments:
            id: The host.
            cert_pem: The certificate in PEM, at most 64 KiB; those that signed it may follow.
            key_pem: Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB.
            chain_pem: Those that signed it, nearest first, at most 64 KiB.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, UploadedCertificate, "certificates.upload", {
            "id": id,
            "cert_pem": cert_pem,
            "key_pem": key_pem,
            "chain_pem": chain_pem,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})

    def renew(
        self,
        id: int,
        *,
        revoke: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Renewal]:
        """Renews the certificate of a host before its time.

        Arguments:
            id: The host.
            revoke: Whether the authority is to revoke the old one once there is a new one; default false.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Renewal, "certificates.renew", {
            "id": id,
            "revoke": revoke,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def check(
        self,
        id: int,
    ) -> CertificateCheck:
        """Looks whether the certificate of a host can be ordered, and why not, without ordering it.

        Arguments:
            id: The host.
        """
        return records.query(self._caller, CertificateCheck, "certificates.check", {
            "id": id,
        })

    def delete(
        self,
        id: int,
        *,
        tls_mode: TlsMode | None | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes an uploaded certificate; where it was served, the host goes on with another TLS mode.

        Arguments:
            id: The certificate.
            tls_mode: The host's TLS mode if it was served: ``auto`` or ``none``; default ``auto``, for
                the host ``*`` ``none``.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "certificates.delete", {
            "id": id,
            "tls_mode": tls_mode,
        }, {"if_match": if_match, "dry_run": dry_run})


class AcmeAccountsResource:
    """Accounts with certificate authorities."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[AcmeAccount]:
        """Lists accounts with certificate authorities by id: one for each directory and contact.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, AcmeAccount, "acme_accounts.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> AcmeAccount:
        """Shows one account with a certificate authority.

        Arguments:
            id: The account.
        """
        return records.query(self._caller, AcmeAccount, "acme_accounts.get", {
            "id": id,
        })

    def create(
        self,
        *,
        directory_url: str,
        email: str | None | Unset = UNSET,
        key_pem: str | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[AcmeAccount]:
        """Stores an account before its first order; with a key, one that is registered already, such as
        another client's.

        Arguments:
            directory_url: The authority's directory: an https URL, ``production`` or ``staging`` (Let's
                Encrypt's).
            email: The contact that hosts name; default empty = none.
            key_pem: Its key: P-256 in PKCS#8 PEM; default: a new one.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, AcmeAccount, "acme_accounts.create", {
            "directory_url": directory_url,
            "email": email,
            "key_pem": key_pem,
        }, {"idempotency_key": idempotency_key})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
    ) -> Applied[None]:
        """Forgets an account with a certificate authority and its key; the next order registers a new one.

        Arguments:
            id: The account.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
        """
        return records.change_plain(self._caller, "acme_accounts.delete", {
            "id": id,
        }, {"if_match": if_match})


class DnsProvidersResource:
    """Who places the records that prove names to certificate authorities."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[DnsProvider]:
        """Lists DNS providers by id; their secrets are never shown.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, DnsProvider, "dns_providers.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> DnsProvider:
        """Shows one DNS provider without its secrets.

        Arguments:
            id: The DNS provider.
        """
        return records.query(self._caller, DnsProvider, "dns_providers.get", {
            "id": id,
        })

    def create(
        self,
        name: str,
        *,
        kind: DnsProviderKind,
        config: DnsConfig,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[DnsProvider]:
        """Makes a DNS provider.

        Arguments:
            name: Unique name, 1–64 characters.
            kind: How it is spoken to; ``exec`` only at the command line.
            config: What its kind needs.
            enabled: Whether it may be used; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, DnsProvider, "dns_providers.create", {
            "name": name,
            "kind": kind,
            "config": config,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        name: str | Unset = UNSET,
        config: DnsConfig | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[DnsProvider]:
        """Changes the given fields of a DNS provider; omitted ones stay, also those in ``config``.

        Arguments:
            id: The DNS provider.
            name: Unique name, 1–64 characters.
            config: Fields of its kind that change; a command, and where an API is, only at the command
                line.
            enabled: Whether it may be used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, DnsProvider, "dns_providers.update", {
            "id": id,
            "name": name,
            "config": config,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a DNS provider that no host uses.

        Arguments:
            id: The DNS provider.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "dns_providers.delete", {
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def test(
        self,
        id: int,
        *,
        domain: str | None | Unset = UNSET,
        seconds: int | None | Unset = UNSET,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Applied[DnsProviderTest]:
        """Tries a DNS provider: places a record, waits until the zone's servers have it, and removes it.

        Arguments:
            id: The DNS provider.
            domain: A name that it is to prove; the record is placed at ``_argos-test`` below it. Default:
                the zone of its ``config``.
            seconds: Seconds until the record must be seen, 0–120; default 60.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, DnsProviderTest, "dns_providers.test", {
            "id": id,
            "domain": domain,
            "seconds": seconds,
        }, {"if_match": if_match, "idempotency_key": idempotency_key})


class ChannelsResource:
    """Where notifications go."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[Channel]:
        """Lists channels by id; their secrets are never shown.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, Channel, "channels.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Channel:
        """Shows one channel without its secrets.

        Arguments:
            id: The channel.
        """
        return records.query(self._caller, Channel, "channels.get", {
            "id": id,
        })

    def create(
        self,
        name: str,
        type: ChannelKind,
        *,
        config: ChannelConfig | Unset = UNSET,
        template: str | Unset = UNSET,
        rate_limit_per_minute: int | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Channel]:
        """Makes a channel.

        Arguments:
            name: Unique name, 1–64 characters.
            type: How it reaches people; it never changes.
            config: What its type needs.
            template: What is sent, at most 64 KiB; empty = the default of its type.
            rate_limit_per_minute: Deliveries in a minute, and at once, 0–10,000; 0 = as many as come.
                Default 10.
            enabled: Whether it is used; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Channel, "channels.create", {
            "name": name,
            "type": type,
            "config": config,
            "template": template,
            "rate_limit_per_minute": rate_limit_per_minute,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        name: str | Unset = UNSET,
        config: ChannelConfig | Unset = UNSET,
        template: str | Unset = UNSET,
        rate_limit_per_minute: int | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Channel]:
        """Changes the given fields of a channel; omitted ones stay, also those in ``config``. Where it
        would then send to another server, its secrets are given anew or cleared.

        Arguments:
            id: The channel.
            name: Unique name, 1–64 characters.
            config: Fields of its type that change.
            template: What is sent, at most 64 KiB; empty = the default of its type.
            rate_limit_per_minute: Deliveries in a minute, and at once, 0–10,000; 0 = as many as come.
            enabled: Whether it is used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, Channel, "channels.update", {
            "id": id,
            "name": name,
            "config": config,
            "template": template,
            "rate_limit_per_minute": rate_limit_per_minute,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a channel with its rules; what waits for it is given up.

        Arguments:
            id: The channel.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "channels.delete", {
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[Channel]:
        """Switches a channel on or off. What waits for one that is off is given up.

        Arguments:
            id: The channel.
            enabled: Whether it is used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Channel, "channels.toggle", {
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})

    def test(
        self,
        id: int,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Applied[ChannelTest]:
        """Tries a channel: sends a made-up change of the host ``test.example``, once, within 15 seconds.

        Arguments:
            id: The channel.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, ChannelTest, "channels.test", {
            "id": id,
        }, {"if_match": if_match, "idempotency_key": idempotency_key})


class NotificationsResource:
    """What notifications can tell, and how."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def event_types(
        self,
    ) -> EventTypes:
        """Lists every type of event that a rule can name, with what it tells."""
        return records.query(self._caller, EventTypes, "notifications.event_types", {})

    def presets(
        self,
    ) -> ChannelPresets:
        """Lists webhooks of known services, to be filled in and stored as channels."""
        return records.query(self._caller, ChannelPresets, "notifications.presets", {})

    def render(
        self,
        type: ChannelKind,
        event_type: EventKind,
        *,
        template: str | Unset = UNSET,
        content_type: str | None | Unset = UNSET,
        parse_mode: ParseMode | None | Unset = UNSET,
        subject: str | None | Unset = UNSET,
    ) -> RenderedTemplate:
        """Renders a template with the sample of an event, and tells whether a channel would take what it
        makes.

        Arguments:
            type: The type of the channel that it is for.
            event_type: The type of the event.
            template: The template; empty = the default of the type.
            content_type: ``webhook``: ``Content-Type`` of the body; default ``application/json``.
            parse_mode: ``telegram``: how marks are read; default ``HTML``.
            subject: ``email``: template of the subject.
        """
        return records.query(self._caller, RenderedTemplate, "notifications.render", {
            "type": type,
            "event_type": event_type,
            "template": template,
            "content_type": content_type,
            "parse_mode": parse_mode,
            "subject": subject,
        })


class NotificationRulesResource:
    """Which events go to which channel."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        channel_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[NotificationRule]:
        """Lists notification rules by id.

        Arguments:
            channel_id: Only those to this channel.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, NotificationRule, "notification_rules.list", {
            "channel_id": channel_id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> NotificationRule:
        """Shows one notification rule.

        Arguments:
            id: The rule.
        """
        return records.query(self._caller, NotificationRule, "notification_rules.get", {
            "id": id,
        })

    def create(
        self,
        channel_id: int,
        event_type: EventKind,
        *,
        name: str | Unset = UNSET,
        filter_host_ids: Sequence[int] | Unset = UNSET,
        filter_severities: Sequence[Severity] | Unset = UNSET,
        throttle_window_seconds: int | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[NotificationRule]:
        """Makes a notification rule.

        Arguments:
            channel_id: Where events go.
            event_type: What happened.
            name: A name for people, at most 128 characters.
            filter_host_ids: Only events about these hosts; empty = all events, also those about no host.
            filter_severities: Only events that matter so much; empty = all.
            throttle_window_seconds: Seconds in which one event about the same host is enough, 0–86,400;
                0, the default, holds none back.
            enabled: Whether it is used; default true.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, NotificationRule, "notification_rules.create", {
            "channel_id": channel_id,
            "event_type": event_type,
            "name": name,
            "filter_host_ids": filter_host_ids,
            "filter_severities": filter_severities,
            "throttle_window_seconds": throttle_window_seconds,
            "enabled": enabled,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        name: str | Unset = UNSET,
        channel_id: int | Unset = UNSET,
        event_type: EventKind | Unset = UNSET,
        filter_host_ids: Sequence[int] | Unset = UNSET,
        filter_severities: Sequence[Severity] | Unset = UNSET,
        throttle_window_seconds: int | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[NotificationRule]:
        """Changes the given fields of a notification rule.

        Arguments:
            id: The rule.
            name: A name for people, at most 128 characters.
            channel_id: Where events go.
            event_type: What happened.
            filter_host_ids: Only events about these hosts; empty = all events, also those about no host.
            filter_severities: Only events that matter so much; empty = all.
            throttle_window_seconds: Seconds in which one event about the same host is enough, 0–86,400; 0
                holds none back.
            enabled: Whether it is used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, NotificationRule, "notification_rules.update", {
            "id": id,
            "name": name,
            "channel_id": channel_id,
            "event_type": event_type,
            "filter_host_ids": filter_host_ids,
            "filter_severities": filter_severities,
            "throttle_window_seconds": throttle_window_seconds,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def replace(
        self,
        id: int,
        *,
        name: str,
        channel_id: int,
        event_type: EventKind,
        filter_host_ids: Sequence[int],
        filter_severities: Sequence[Severity],
        throttle_window_seconds: int,
        enabled: bool,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[NotificationRule]:
        """Replaces every field of a notification rule.

        Arguments:
            id: The rule.
            name: A name for people, at most 128 characters.
            channel_id: Where events go.
            event_type: What happened.
            filter_host_ids: Only events about these hosts; empty = all events, also those about no host.
            filter_severities: Only events that matter so much; empty = all.
            throttle_window_seconds: Seconds in which one event about the same host is enough, 0–86,400; 0
                holds none back.
            enabled: Whether it is used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, NotificationRule, "notification_rules.replace", {
            "id": id,
            "name": name,
            "channel_id": channel_id,
            "event_type": event_type,
            "filter_host_ids": filter_host_ids,
            "filter_severities": filter_severities,
            "throttle_window_seconds": throttle_window_seconds,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Deletes a notification rule.

        Arguments:
            id: The rule.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "notification_rules.delete", {
            "id": id,
        }, {"if_match": if_match, "dry_run": dry_run})

    def toggle(
        self,
        id: int,
        enabled: bool,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[NotificationRule]:
        """Switches a notification rule on or off.

        Arguments:
            id: The rule.
            enabled: Whether it is used.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, NotificationRule, "notification_rules.toggle", {
            "id": id,
            "enabled": enabled,
        }, {"if_match": if_match, "dry_run": dry_run, "idempotency_key": idempotency_key})


class DeliveriesResource:
    """What came of events that somebody wanted to hear of."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        channel_id: int | None | Unset = UNSET,
        rule_id: int | None | Unset = UNSET,
        event_type: EventKind | None | Unset = UNSET,
        status: DeliveryStatus | None | Unset = UNSET,
        from_: str | None | Unset = UNSET,
        to: str | None | Unset = UNSET,
        stats: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> DeliveryPage:
        """Lists deliveries, newest first; all filters must hold.

        Arguments:
            channel_id: To this channel.
            rule_id: Wanted by this rule.
            event_type: Of this event.
            status: So far.
            from_: Not before: RFC 3339, or back from now as ``-15m``, ``-24h``, ``-7d``.
            to: Not after, as ``from``.
            stats: 1 = also count them by status; default 0.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query(self._caller, DeliveryPage, "deliveries.list", {
            "channel_id": channel_id,
            "rule_id": rule_id,
            "event_type": event_type,
            "status": status,
            "from": from_,
            "to": to,
            "stats": stats,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> Delivery:
        """Shows one delivery with what is or was sent.

        Arguments:
            id: The delivery.
        """
        return records.query(self._caller, Delivery, "deliveries.get", {
            "id": id,
        })

    def retry(
        self,
        id: int,
        *,
        if_match: str | None = None,
        idempotency_key: str | None = None,
    ) -> Applied[Delivery]:
        """Has a delivery that failed or was held back tried once more, now; throttle and rate don't count.

        Arguments:
            id: The delivery.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, Delivery, "deliveries.retry", {
            "id": id,
        }, {"if_match": if_match, "idempotency_key": idempotency_key})

    def recent_alerts(
        self,
        *,
        limit: int | None | Unset = UNSET,
    ) -> Alerts:
        """Shows what of the last 24 hours was told and is a warning or worse, newest first.

        Arguments:
            limit: 1–50, default 5.
        """
        return records.query(self._caller, Alerts, "deliveries.recent_alerts", {
            "limit": limit,
        })


class SettingsResource:
    """Settings of the whole installation."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        prefix: str | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[SettingRow]:
        """Lists settings by key.

        Arguments:
            prefix: Only keys that begin so, such as ``proxy.``.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, SettingRow, "settings.list", {
            "prefix": prefix,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        key: str,
    ) -> SettingRow:
        """Shows one setting.

        Arguments:
            key: The key.
        """
        return records.query(self._caller, SettingRow, "settings.get", {
            "key": key,
        })

    def set(
        self,
        key: str,
        value: str,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[SettingRow]:
        """Writes one setting.

        Arguments:
            key: The key.
            value: The new value.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, SettingRow, "settings.set", {
            "key": key,
            "value": value,
        }, {"if_match": if_match, "dry_run": dry_run})

    def reset(
        self,
        key: str,
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[None]:
        """Puts one setting back to its default.

        Arguments:
            key: The key.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_plain(self._caller, "settings.reset", {
            "key": key,
        }, {"if_match": if_match, "dry_run": dry_run})

    def update(
        self,
        values: Mapping[str, str],
        *,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[Page[SettingRow]]:
        """Writes several settings as one change.

        Arguments:
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change_page(self._caller, SettingRow, "settings.update", values, {"if_match": if_match, "dry_run": dry_run})


class ConfigResource:
    """The configuration in time."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def versions(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[ConfigVersion]:
        """Lists the kept generations of the configuration, newest first.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, ConfigVersion, "config.versions", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def diff(
        self,
        a: int,
        b: int,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[FieldChange]:
        """Shows what differs between two kept generations, field by field; secrets are ``***``.

        Arguments:
            a: The generation of the old values; may be the later one.
            b: The generation of the new values.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, FieldChange, "config.diff", {
            "a": a,
            "b": b,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def rollback(
        self,
        n: int,
        *,
        table: str | None | Unset = UNSET,
        key: str | float | None | Unset = UNSET,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Applied[RolledBack]:
        """Writes the configuration of an earlier generation again, all of it or one object, as a new
        generation.

        Arguments:
            n: The generation to go back to.
            table: The configuration table of the one object that goes back, such as ``hosts``; omitted =
                everything.
            key: The row of that object: its number, or the name of a setting.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, RolledBack, "config.rollback", {
            "n": n,
            "table": table,
            "key": key,
        }, {"dry_run": dry_run, "idempotency_key": idempotency_key})

    def blame(
        self,
        table: str,
        key: str | float,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[FieldBlame]:
        """Shows since when, and by whom, each field of an object has its value; null before the kept
        history.

        Arguments:
            table: The configuration table, such as ``hosts``.
            key: The row: its number, or the name of a setting.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, FieldBlame, "config.blame", {
            "table": table,
            "key": key,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })


class TokensResource:
    """Bearer tokens for the API."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[ApiToken]:
        """Lists tokens by id; their texts are never shown again.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, ApiToken, "tokens.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def create(
        self,
        name: str,
        *,
        role: TokenRole,
        expires_at: datetime | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[CreatedToken]:
        """Makes a token and shows its text this once.

        Arguments:
            name: Unique name, 1–64 characters.
            role: What it may do; not more than its maker.
            expires_at: When it ends; null = never.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, CreatedToken, "tokens.create", {
            "name": name,
            "role": role,
            "expires_at": expires_at,
        }, {"idempotency_key": idempotency_key})

    def revoke(
        self,
        id: int,
    ) -> Applied[None]:
        """Ends a token at once.

        Arguments:
            id: The token.
        """
        return records.change_plain(self._caller, "tokens.revoke", {
            "id": id,
        }, {})


class LogsResource:
    """Requests, refusals, findings and changes."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def search(
        self,
        *,
        from_: str | None | Unset = UNSET,
        to: str | None | Unset = UNSET,
        source: str | None | Unset = UNSET,
        status: str | None | Unset = UNSET,
        host_id: int | None | Unset = UNSET,
        rule_id: int | None | Unset = UNSET,
        waf_rule_id: str | None | Unset = UNSET,
        method: str | None | Unset = UNSET,
        action: str | None | Unset = UNSET,
        level: str | None | Unset = UNSET,
        request_id: str | None | Unset = UNSET,
        remote_ip: str | None | Unset = UNSET,
        path: str | None | Unset = UNSET,
        min_duration_ms: int | None | Unset = UNSET,
        max_duration_ms: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[LogEntry]:
        """Searches log rows; all filters must hold.

        Arguments:
            from_: Not before: RFC 3339, or back from now as ``-15m``, ``-24h``, ``-7d``.
            to: Not after, as ``from``.
            source: Any of ``access``, ``error``, ``audit``, ``waf_audit``, comma-separated.
            status: Statuses: ``200``, ``4xx``, ``500-504``, comma-separated.
            host_id: The host; rows of its name that were written before it existed are included.
            rule_id: The rule of the host.
            waf_rule_id: WAF rules, comma-separated.
            method: Methods, comma-separated.
            action: Actions, comma-separated.
            level: Any of ``info``, ``warn``, ``error``, comma-separated.
            request_id: One request.
            remote_ip: The client's address.
            path: A part of the path.
            min_duration_ms: At least so many milliseconds.
            max_duration_ms: At most so many milliseconds.
            order: ``desc`` (newest first, default) or ``asc``.
            limit: Items in one page, 1–1000, default 100.
            cursor: Where the page begins.
        """
        return records.query_page(self._caller, LogEntry, "logs.search", {
            "from": from_,
            "to": to,
            "source": source,
            "status": status,
            "host_id": host_id,
            "rule_id": rule_id,
            "waf_rule_id": waf_rule_id,
            "method": method,
            "action": action,
            "level": level,
            "request_id": request_id,
            "remote_ip": remote_ip,
            "path": path,
            "min_duration_ms": min_duration_ms,
            "max_duration_ms": max_duration_ms,
            "order": order,
            "limit": limit,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> LogEntry:
        """Shows one log row.

        Arguments:
            id: The row.
        """
        return records.query(self._caller, LogEntry, "logs.get", {
            "id": id,
        })

    def tail(
        self,
        *,
        after_id: int | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
    ) -> Page[LogEntry]:
        """Rows written after a given one, by id: the next step of a reader that follows the log.

        Arguments:
            after_id: Rows with a greater id; omitted = the newest ``limit`` rows.
            limit: Rows at most, 1–1000, default 100.
        """
        return records.query_page(self._caller, LogEntry, "logs.tail", {
            "after_id": after_id,
            "limit": limit,
        })


class SystemResource:
    """The process itself."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def version(
        self,
    ) -> Version:
        """Shows which build this is."""
        return records.query(self._caller, Version, "system.version", {})

    def health(
        self,
    ) -> Health:
        """Shows the stored and the running generation, the log queue's figures and what health checks
        found.
        """
        return records.query(self._caller, Health, "system.health", {})

    def openapi(
        self,
    ) -> Any:
        """Shows the OpenAPI document of this interface."""
        return records.query_plain(self._caller, "system.openapi", {})


class AuthResource:
    """Signing in and out, and what belongs to whoever asks."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def login(
        self,
        *,
        username: str,
        password: str,
    ) -> Applied[SignedIn]:
        """Signs in by a password: sets the session's cookie, or asks for a second factor.

        Arguments:
            username: The name to sign in with.
            password: The password.
        """
        return records.change(self._caller, SignedIn, "auth.login", {
            "username": username,
            "password": password,
        }, {})

    def verify_totp(
        self,
        *,
        challenge_id: str,
        code: str,
    ) -> Applied[SignedIn]:
        """Ends a sign-in with a code of the second factor.

        Arguments:
            challenge_id: What signing in answered.
            code: Six digits.
        """
        return records.change(self._caller, SignedIn, "auth.verify_totp", {
            "challenge_id": challenge_id,
            "code": code,
        }, {})

    def verify_recovery(
        self,
        *,
        challenge_id: str,
        recovery_code: str,
    ) -> Applied[SignedIn]:
        """Ends a sign-in with a recovery code, which is then used up.

        Arguments:
            challenge_id: What signing in answered.
            recovery_code: A code that was not used yet.
        """
        return records.change(self._caller, SignedIn, "auth.verify_recovery", {
            "challenge_id": challenge_id,
            "recovery_code": recovery_code,
        }, {})

    def logout(
        self,
    ) -> Applied[None]:
        """Signs out: the session and those of protected hosts that hang on it end."""
        return records.change_plain(self._caller, "auth.logout", {}, {})

    def me(
        self,
    ) -> Me:
        """Shows whoever asks."""
        return records.query(self._caller, Me, "auth.me", {})

    def change_password(
        self,
        *,
        current: str,
        new: str,
    ) -> Applied[None]:
        """Sets another password for whoever asks; their other sessions end.

        Arguments:
            current: The password until now.
            new: The new one, at least ``auth.password_min_length`` characters.
        """
        return records.change_plain(self._caller, "auth.change_password", {
            "current": current,
            "new": new,
        }, {})

    def totp(
        self,
    ) -> TotpState:
        """Shows the second factor of whoever asks."""
        return records.query(self._caller, TotpState, "auth.totp", {})

    def set_up_totp(
        self,
        *,
        password: str | None | Unset = UNSET,
    ) -> Applied[NewTotp]:
        """Begins a second factor: shows its secret and recovery codes this once; it is asked for after its
        first code.

        Arguments:
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
        """
        return records.change(self._caller, NewTotp, "auth.set_up_totp", {
            "password": password,
        }, {})

    def activate_totp(
        self,
        *,
        code: str,
        password: str | None | Unset = UNSET,
    ) -> Applied[None]:
        """Switches the second factor on with its first code; other sessions end.

        Arguments:
            code: Six digits.
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
        """
        return records.change_plain(self._caller, "auth.activate_totp", {
            "code": code,
            "password": password,
        }, {})

    def disable_totp(
        self,
        *,
        code: str,
        password: str | None | Unset = UNSET,
    ) -> Applied[None]:
        """Switches the second factor off with one of its codes or a recovery code; other sessions end.

        Arguments:
            code: Six digits, or a recovery code.
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
        """
        return records.change_plain(self._caller, "auth.disable_totp", {
            "code": code,
            "password": password,
        }, {})

    def new_recovery_codes(
        self,
        *,
        password: str | None | Unset = UNSET,
    ) -> Applied[ShownCodes]:
        """Makes ten new recovery codes and shows them this once; the old ones are good for nothing more.

        Arguments:
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
        """
        return records.change(self._caller, ShownCodes, "auth.new_recovery_codes", {
            "password": password,
        }, {})

    def oidc_available(
        self,
    ) -> OidcAvailable:
        """Tells whether people can sign in by the identity provider."""
        return records.query(self._caller, OidcAvailable, "auth.oidc_available", {})

    def oidc_login(
        self,
        *,
        rd: str | None | Unset = UNSET,
        st: str | None | Unset = UNSET,
    ) -> Applied[OidcRedirect]:
        """Sends the browser to the identity provider.

        Arguments:
            rd: Where the person goes on to; the sign-in page reads it, which has it checked.
            st: What a protected host said with the request to sign in.
        """
        return records.change(self._caller, OidcRedirect, "auth.oidc_login", {
            "rd": rd,
            "st": st,
        }, {})

    def oidc_callback(
        self,
        *,
        state: str | None | Unset = UNSET,
        code: str | None | Unset = UNSET,
        iss: str | None | Unset = UNSET,
        error: str | None | Unset = UNSET,
        error_description: str | None | Unset = UNSET,
    ) -> Applied[OidcRedirect]:
        """Ends a sign-in at the identity provider: the browser comes back with its answer.

        Arguments:
            state: Which sign-in it is.
            code: What the provider gave for it.
            iss: Who says that they answer.
            error: Why the provider refused.
            error_description: The same in words.
        """
        return records.change(self._caller, OidcRedirect, "auth.oidc_callback", {
            "state": state,
            "code": code,
            "iss": iss,
            "error": error,
            "error_description": error_description,
        }, {})

    def bind_oidc(
        self,
        *,
        password: str | None | Unset = UNSET,
    ) -> Applied[OidcBinding]:
        """Begins to attach an identity of the identity provider to whoever asks: gives the address to
        open.

        Arguments:
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
        """
        return records.change(self._caller, OidcBinding, "auth.bind_oidc", {
            "password": password,
        }, {})

    def unbind_oidc(
        self,
    ) -> Applied[None]:
        """Takes the identity of the identity provider off whoever asks, within 5 minutes of their sign-in."""
        return records.change_plain(self._caller, "auth.unbind_oidc", {}, {})

    def oidc_config(
        self,
    ) -> OidcConfig:
        """Shows which identity provider there is, and whom it lets in."""
        return records.query(self._caller, OidcConfig, "auth.oidc_config", {})

    def set_oidc_config(
        self,
        *,
        enabled: bool | Unset = UNSET,
        issuer_url: str | Unset = UNSET,
        client_id: str | Unset = UNSET,
        client_secret: str | None | Unset = UNSET,
        scopes: str | Unset = UNSET,
        cookie_parent_domain: str | Unset = UNSET,
        auto_provision: bool | Unset = UNSET,
        allowed_emails: Sequence[str] | Unset = UNSET,
        allowed_domains: Sequence[str] | Unset = UNSET,
        require_email_verified: bool | Unset = UNSET,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> Applied[OidcConfig]:
        """Changes the given fields of the identity provider; to switch it on, the provider must answer.

        Arguments:
            enabled: Whether people can sign in by it. To switch it on, the provider must answer and
                ``panel.public_url`` be set.
            issuer_url: Its issuer, as it writes it itself: an https URL, or http on this machine.
            client_id: Argos's name there, at most 512 bytes.
            client_secret: The secret that proves it, at most 4096 bytes; null = none.
            scopes: What is asked for, separated by blanks; ``openid`` is among it.
            cookie_parent_domain: The domain below which panel sessions count on protected hosts too; the
                panel is in it; empty = none.
            auto_provision: Whether people whom nobody here knows get an account.
            allowed_emails: Addresses of mail that may sign in.
            allowed_domains: What may stand behind the ``@`` of addresses that may sign in; names below
                one are not meant.
            require_email_verified: Whether the provider must vouch for addresses of mail.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
            dry_run: Whether the change is only tried: all checks, and the result it would have.
        """
        return records.change(self._caller, OidcConfig, "auth.set_oidc_config", {
            "enabled": enabled,
            "issuer_url": issuer_url,
            "client_id": client_id,
            "client_secret": client_secret,
            "scopes": scopes,
            "cookie_parent_domain": cookie_parent_domain,
            "auto_provision": auto_provision,
            "allowed_emails": allowed_emails,
            "allowed_domains": allowed_domains,
            "require_email_verified": require_email_verified,
        }, {"if_match": if_match, "dry_run": dry_run})

    def test_oidc(
        self,
        *,
        issuer_url: str | None | Unset = UNSET,
    ) -> OidcTest:
        """Asks an identity provider what it says of itself: the saved one, or another at public addresses.

        Arguments:
            issuer_url: An issuer at public addresses; default: the saved one.
        """
        return records.query(self._caller, OidcTest, "auth.test_oidc", {
            "issuer_url": issuer_url,
        })

    def sessions(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[SessionRow]:
        """Lists the sessions of whoever asks, by id.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, SessionRow, "auth.sessions", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def end_session(
        self,
        id: int,
    ) -> Applied[None]:
        """Ends a session of whoever asks, and those that hang on it.

        Arguments:
            id: The session.
        """
        return records.change_plain(self._caller, "auth.end_session", {
            "id": id,
        }, {})

    def end_other_sessions(
        self,
    ) -> Applied[EndedSessions]:
        """Ends all sessions of whoever asks but this one."""
        return records.change(self._caller, EndedSessions, "auth.end_other_sessions", {}, {})

    def return_url(
        self,
        *,
        rd: str,
    ) -> ReturnPlace:
        """Reads where a link wants a person to be sent after signing in; what is no place of ours is
        ``/``.

        Arguments:
            rd: The place: a path of the panel, or a URL of the panel or of a protected host.
        """
        return records.query(self._caller, ReturnPlace, "auth.return_url", {
            "rd": rd,
        })

    def ticket(
        self,
        *,
        rd: str,
        st: str,
    ) -> Applied[TicketPlace]:
        """Makes a ticket for the person who asks: it lets them in at a protected host, once and within 30
        seconds.

        Arguments:
            rd: Where the person goes.
            st: What the host said with the request to sign in: 64 hex digits.
        """
        return records.change(self._caller, TicketPlace, "auth.ticket", {
            "rd": rd,
            "st": st,
        }, {})


class PushResource:
    """Browsers that whoever asks gets notifications with."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def key(
        self,
    ) -> PushKey:
        """Shows what browsers subscribe with."""
        return records.query(self._caller, PushKey, "push.key", {})

    def list(
        self,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[PushSubscription]:
        """Lists the browsers that whoever asks gets notifications with, by id.

        Arguments:
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, PushSubscription, "push.list", {
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def subscribe(
        self,
        *,
        endpoint: str,
        keys: PushKeys,
        expiration_time: float | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[PushSubscription]:
        """Has whoever asks get notifications with a browser; who did so with it before no longer does.

        Arguments:
            endpoint: Where its push service is told: an https URL of at most 2048 bytes.
            keys: Its keys.
            expiration_time: When the browser ends the subscription by itself, in milliseconds since 1970.
                It is not stored: push services say when a subscription has ended. The browser's own spelling
                ``expirationTime`` is taken too.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, PushSubscription, "push.subscribe", {
            "endpoint": endpoint,
            "keys": keys,
            "expiration_time": expiration_time,
        }, {"idempotency_key": idempotency_key})

    def unsubscribe(
        self,
        id: int,
    ) -> Applied[None]:
        """Ends notifications to a browser of whoever asks.

        Arguments:
            id: The subscription.
        """
        return records.change_plain(self._caller, "push.unsubscribe", {
            "id": id,
        }, {})


class UsersResource:
    """People who may sign in."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def list(
        self,
        *,
        username: str | None | Unset = UNSET,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[User]:
        """Lists people by id.

        Arguments:
            username: Only the one of this name.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, User, "users.list", {
            "username": username,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def get(
        self,
        id: int,
    ) -> User:
        """Shows one person.

        Arguments:
            id: The person.
        """
        return records.query(self._caller, User, "users.get", {
            "id": id,
        })

    def create(
        self,
        username: str,
        *,
        password: str | None | Unset = UNSET,
        email: str | None | Unset = UNSET,
        display_name: str | None | Unset = UNSET,
        role: Role | None | Unset = UNSET,
        enabled: bool | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[User]:
        """Makes a person who may sign in.

        Arguments:
            username: 1–64 ASCII letters, digits and ``_ . - @``; unique, case does not tell two apart.
            password: At least ``auth.password_min_length`` characters; without one they sign in by the
                identity provider only.
            email: Address of mail.
            display_name: Name as others read it, at most 128 characters.
            role: What they may do, default ``user``.
            enabled: Whether they can sign in, default true.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, User, "users.create", {
            "username": username,
            "password": password,
            "email": email,
            "display_name": display_name,
            "role": role,
            "enabled": enabled,
        }, {"idempotency_key": idempotency_key})

    def update(
        self,
        id: int,
        *,
        username: str | Unset = UNSET,
        email: str | None | Unset = UNSET,
        display_name: str | None | Unset = UNSET,
        role: Role | Unset = UNSET,
        enabled: bool | Unset = UNSET,
        if_match: str | None = None,
    ) -> Applied[User]:
        """Changes the given fields of a person; their sessions end with another role or when they are
        disabled.

        Arguments:
            id: The person.
            username: Another name to sign in with.
            email: Address of mail; null = none.
            display_name: Name as others read it; null = none.
            role: What they may do. Their sessions end when it is another one.
            enabled: Whether they can sign in. Their sessions end when they can't.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
        """
        return records.change(self._caller, User, "users.update", {
            "id": id,
            "username": username,
            "email": email,
            "display_name": display_name,
            "role": role,
            "enabled": enabled,
        }, {"if_match": if_match})

    def delete(
        self,
        id: int,
        *,
        if_match: str | None = None,
    ) -> Applied[None]:
        """Deletes a person: sessions and entries of hosts' access lists go too, tokens end.

        Arguments:
            id: The person.
            if_match: The tag that the resource must still have; a Conflict ``stale`` if it was changed
                since.
        """
        return records.change_plain(self._caller, "users.delete", {
            "id": id,
        }, {"if_match": if_match})

    def set_password(
        self,
        id: int,
        *,
        new: str,
        password: str | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[None]:
        """Sets the password of a person, whose sessions all end.

        Arguments:
            id: The person.
            new: Their new password, at least ``auth.password_min_length`` characters.
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change_plain(self._caller, "users.set_password", {
            "id": id,
            "new": new,
            "password": password,
        }, {"idempotency_key": idempotency_key})

    def disable_2fa(
        self,
        id: int,
        *,
        password: str | None | Unset = UNSET,
        idempotency_key: str | None = None,
    ) -> Applied[None]:
        """Switches the second factor of a person off, whose sessions all end.

        Arguments:
            id: The person.
            password: The password of whoever asks; not needed within 5 minutes of the sign-in.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change_plain(self._caller, "users.disable_2fa", {
            "id": id,
            "password": password,
        }, {"idempotency_key": idempotency_key})

    def sessions(
        self,
        id: int,
        *,
        limit: int | None | Unset = UNSET,
        order: Order | None | Unset = UNSET,
        cursor: str | None | Unset = UNSET,
    ) -> Page[SessionRow]:
        """Lists the sessions of a person, by id.

        Arguments:
            id: The person.
            limit: Items in one page, 1–500, default 100.
            order: ``asc`` or ``desc``; without it the list's own.
            cursor: Where the page begins: ``next_cursor`` of the page before.
        """
        return records.query_page(self._caller, SessionRow, "users.sessions", {
            "id": id,
            "limit": limit,
            "order": order,
            "cursor": cursor,
        })

    def end_sessions(
        self,
        id: int,
    ) -> Applied[None]:
        """Ends all sessions of a person.

        Arguments:
            id: The person.
        """
        return records.change_plain(self._caller, "users.end_sessions", {
            "id": id,
        }, {})


class SetupResource:
    """The first administrator."""

    __slots__ = ("_caller",)

    def __init__(self, caller: records.Caller) -> None:
        self._caller = caller

    def create(
        self,
        *,
        token: str,
        username: str,
        password: str,
        idempotency_key: str | None = None,
    ) -> Applied[FirstAdmin]:
        """Makes the first administrator with the token that the start printed.

        Arguments:
            token: The setup token.
            username: 1–64 ASCII letters, digits and ``_ . - @``.
            password: At least ``auth.password_min_length`` characters.
            idempotency_key: 1–255 visible characters; the same call with the same key within 24 hours is
                answered without being done again.
        """
        return records.change(self._caller, FirstAdmin, "setup.create", {
            "token": token,
            "username": username,
            "password": password,
        }, {"idempotency_key": idempotency_key})


class Operations:
    """Every resource of a caller."""

    __slots__ = ()

    def call(
        self,
        name: str,
        fields: Mapping[str, Any] | str | None = None,
        terms: Mapping[str, Any] | None = None,
        /,
    ) -> Applied[Any]:
        """Runs the operation ````name````."""
        raise NotImplementedError

    def _ask(
        self, name: str, fields: Mapping[str, Any], made: Callable[[Any], T], /
    ) -> tuple[T, str | None]:
        done = self.call(name, fields)
        return made(done.value), done.etag

    @property
    def hosts(self) -> HostsResource:
        """Public names and how they are served."""
        return HostsResource(self)

    @property
    def target_groups(self) -> TargetGroupsResource:
        """Pools of upstream endpoints."""
        return TargetGroupsResource(self)

    def targets(self, target_group_id: int) -> TargetsResource:
        """The endpoints of one target group."""
        return TargetsResource(self, target_group_id)

    @property
    def target_health(self) -> TargetHealthResource:
        """How the endpoints of all target groups do."""
        return TargetHealthResource(self)

    def rules(self, host_id: int) -> RulesResource:
        """The rules of one host."""
        return RulesResource(self, host_id)

    @property
    def requests(self) -> RequestsResource:
        """Requests on the way that they would take."""
        return RequestsResource(self)

    def security(self, host_id: int) -> SecurityResource:
        """What protects one host."""
        return SecurityResource(self, host_id)

    def access(self, host_id: int) -> AccessResource:
        """Who may open one host that wants a sign-in."""
        return AccessResource(self, host_id)

    def exclusions(self, host_id: int) -> ExclusionsResource:
        """What one host leaves out of the rules it runs."""
        return ExclusionsResource(self, host_id)

    def custom_rules(self, host_id: int) -> CustomRulesResource:
        """The rules that one host adds."""
        return CustomRulesResource(self, host_id)

    @property
    def waf(self) -> WafResource:
        """The rules that all hosts run."""
        return WafResource(self)

    @property
    def certificates(self) -> CertificatesResource:
        """Certificates of hosts, and the local CA."""
        return CertificatesResource(self)

    @property
    def acme_accounts(self) -> AcmeAccountsResource:
        """Accounts with certificate authorities."""
        return AcmeAccountsResource(self)

    @property
    def dns_providers(self) -> DnsProvidersResource:
        """Who places the records that prove names to certificate authorities."""
        return DnsProvidersResource(self)

    @property
    def channels(self) -> ChannelsResource:
        """Where notifications go."""
        return ChannelsResource(self)

    @property
    def notifications(self) -> NotificationsResource:
        """What notifications can tell, and how."""
        return NotificationsResource(self)

    @property
    def notification_rules(self) -> NotificationRulesResource:
        """Which events go to which channel."""
        return NotificationRulesResource(self)

    @property
    def deliveries(self) -> DeliveriesResource:
        """What came of events that somebody wanted to hear of."""
        return DeliveriesResource(self)

    @property
    def settings(self) -> SettingsResource:
        """Settings of the whole installation."""
        return SettingsResource(self)

    @property
    def config(self) -> ConfigResource:
        """The configuration in time."""
        return ConfigResource(self)

    @property
    def tokens(self) -> TokensResource:
        """Bearer tokens for the API."""
        return TokensResource(self)

    @property
    def logs(self) -> LogsResource:
        """Requests, refusals, findings and changes."""
        return LogsResource(self)

    @property
    def system(self) -> SystemResource:
        """The process itself."""
        return SystemResource(self)

    @property
    def auth(self) -> AuthResource:
        """Signing in and out, and what belongs to whoever asks."""
        return AuthResource(self)

    @property
    def push(self) -> PushResource:
        """Browsers that whoever asks gets notifications with."""
        return PushResource(self)

    @property
    def users(self) -> UsersResource:
        """People who may sign in."""
        return UsersResource(self)

    @property
    def setup(self) -> SetupResource:
        """The first administrator."""
        return SetupResource(self)
