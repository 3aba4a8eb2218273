// Generated from the registry; a test rewrites this file with UPDATE=1.

import { Applied, Page, Tagged } from './records'

/** An account with a certificate authority. Its key is never shown. */
export interface AcmeAccount extends Tagged {
  /** Identity. */
  id: number
  /** The authority's directory. */
  directoryUrl: string
  /** The contact; empty = none was given. */
  email: string
  /** The account's own URL; empty = not yet registered. */
  accountUrl: string
  /** Key identifier of the external account it is bound to; empty = none. */
  eabKid: string
  /** When its key was made. */
  createdAt: string
}

/** What a matching rule does. */
export type Action =
  /** Sends to another group. */
  | { type: 'forward'; config: ForwardConfig }
  /** Answers with a redirect. */
  | { type: 'redirect'; config: RedirectConfig }
  /** Answers with a fixed text. */
  | { type: 'fixed_response'; config: FixedResponseConfig }
  /** Refuses. */
  | { type: 'block'; config: BlockConfig }
  /** Changes the target, then goes to the default group. */
  | { type: 'rewrite'; config: RewriteConfig }

/** Something that mattered, as it was told. */
export interface Alert {
  /** What happened. */
  eventType: string
  /** How much it matters. */
  severity: Severity
  /** When. */
  timestamp: string
  /** In words. */
  message: string
  /** The host that it is about. */
  hostId?: number | null
  /** Its name. */
  hostDomain?: string | null
}

/** What mattered in the last 24 hours. */
export interface Alerts {
  /** The newest first, each once however many channels were told. */
  items: Alert[]
}

/** How a target is chosen. */
export type Algorithm =
  /** Smooth weighted round robin. */
  | 'round_robin'
  /** Lowest (in-flight + 1) / weight. */
  | 'least_conn'
  /** Weighted rendezvous hash of the client address. */
  | 'ip_hash'
  /** Two weighted picks, fewer in-flight wins. */
  | 'random'

/** A token as it is listed; its text is shown once, when it is made. */
export interface ApiToken {
  /** Identity. */
  id: number
  /** Unique name. */
  name: string
  /** What it may do. */
  role: TokenRole
  /** When it was made. */
  createdAt: string
  /** Who made it; null for the command line. */
  createdBy?: number | null
  /** When it ends; null = never. */
  expiresAt?: string | null
  /** When it was last used, at most a minute late. */
  lastUsedAt?: string | null
  /** When it was revoked. */
  revokedAt?: string | null
}

/** Cap of the WAF over all hosts. */
export type AppsecMode =
  /** No host is inspected. */
  | 'disabled'
  /** No host blocks. */
  | 'detect'
  /** Hosts do as they say. */
  | 'block'

/** What `block` answers. */
export interface BlockConfig {
  /** 400–599. */
  status?: number
  /** Literal text; empty = the standard page. */
  body?: string
  /** `Content-Type` of `body`. */
  contentType?: string
}

/** A target that may be chosen. */
export interface CandidateShown {
  /** The target. */
  targetId: number
  /** Its `host:port`. */
  address: string
  /** Its part of all weights, 0–1. */
  share: number
  /** Requests under way. */
  inFlight: number
}

/** A rule that hosts run. */
export interface CatalogueRule {
  /** Its id. */
  id: number
  /** 1 request head, 2 request body, 3 answer's head, 4 answer's body, 5 logging. */
  phase: number
  /** Its message as written, with `%{…}`. */
  msg: string
  /** Its tags. */
  tags: string[]
  /** The file that it stands in. */
  file: string
  /** The line in that file, from 1. */
  line: number
  /** The level from which it takes part, by its tag `paranoia-level/…`; null = it says none. */
  paranoia?: number | null
  /** Such as `CRITICAL`; null = none. */
  severity?: string | null
}

/** How the certificate of one name stands. */
export interface CertStatus {
  /** The host. */
  hostId: number
  /** Its name. */
  domain: string
  /** Who signed what is served; empty = nothing is. */
  issuer: string
  /** When this was last looked at. */
  lastCheckedAt: string
  /** `acme`, `manual` or `local`: where what is served comes from; empty = nothing is. */
  source: string
  /** How it stands. */
  state: CertificateState
  /** Why it is not `valid`, and what helps; empty = nothing to say. */
  lastError: string
  /** The moment at which it ends. */
  notAfter?: string | null
  /** Whole days until it ends, negative once it has; null = there is none. */
  daysLeft?: number | null
  /** How long it is still good; null = there is none. */
  status?: Freshness | null
}

/** A stored certificate. Its key is never shown. */
export interface Certificate extends Tagged {
  /** Identity. */
  id: number
  /** DNS names and addresses that it is good for. */
  names: string[]
  /** Where it comes from. */
  kind: CertificateKind
  /** Who signed it. */
  issuer: string
  /** SHA-256 of its DER form, in lower-case hexadecimal. */
  fingerprintSha256: string
  /** The moment from which it is good. */
  notBefore: string
  /** The moment at which it ends. */
  notAfter: string
  /** Whether it is served. */
  active: boolean
  /** When it was stored. */
  createdAt: string
  /** The directory of the authority that signed it; empty = none did, or it is not known any more. */
  directoryUrl: string
  /** The host that it is for; null = the local CA, or a certificate for names that no host has. */
  hostId?: number | null
  /** From when the authority wants it renewed; null = it did not say. */
  ariWindowStart?: string | null
  /** Until when. */
  ariWindowEnd?: string | null
  /** The user who uploaded it. */
  uploadedBy?: number | null
}

/** Whether a certificate can be ordered. */
export interface CertificateCheck {
  /** The host. */
  hostId: number
  /** Its name. */
  domain: string
  /** The directory of the authority that signs it. */
  directoryUrl: string
  /** Whether nothing was found that no order can pass. */
  ok: boolean
  /** What was found. */
  findings: Finding[]
}

/** Where a certificate comes from. */
export type CertificateKind =
  /** An ACME authority. */
  | 'acme'
  /** Uploaded. */
  | 'manual'
  /** The local CA. */
  | 'local'
  /** The local CA itself. */
  | 'local_ca'

/** How the certificate of a name stands. */
export type CertificateState =
  /** It is good. */
  | 'valid'
  /** The first one is awaited; a certificate of the local CA is served. */
  | 'pending'
  /** It has ended, or none could be had. */
  | 'error'
  /** There is none. */
  | 'none'

/** The certificate that a host is served with, in short. */
export interface CertificateSummary {
  /** Identity. */
  id: number
  /** Where it comes from. */
  kind: CertificateKind
  /** Who signed it. */
  issuer: string
  /** The moment at which it ends. */
  notAfter: string
  /** DNS names and addresses that it is good for. */
  names: string[]
}

/** A stored channel. Its secrets are never shown. */
export interface Channel extends Tagged {
  /** Identity. */
  id: number
  /** Unique name. */
  name: string
  /** How it reaches people; never changes. */
  type: ChannelKind
  /** Whether it is used. */
  enabled: boolean
  /** What its type needs, without secrets. */
  config: ChannelConfigShown
  /** What is sent; empty = the default of its type. */
  template: string
  /** Deliveries in a minute, and at once, 0–10,000; 0 = as many as come. */
  rateLimitPerMinute: number
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
}

/** What a channel's type needs. Omitted fields stay, `null` brings the default back; fields of another type are refused. */
export interface ChannelConfig {
  /** `webhook`: http or https URL, at most 2048 bytes. What is shown of it later is its scheme and host. */
  url?: string | null
  /** `webhook`: its method; default POST. */
  method?: WebhookMethod | null
  /** `webhook`: `Content-Type` of the body; default `application/json`, whose template writes JSON. */
  contentType?: string | null
  /** `webhook`: further header lines, at most 50. A given map is all of them: `true` keeps a stored value. */
  headers?: Record<string, unknown> | null
  /** `webhook`: signs the body, at most 4096 bytes; see `X-Argos-Signature`. */
  secret?: string | null
  /** `email`: the mail server's name or address. */
  smtpHost?: string | null
  /** `email`: its port, 1–65535; default 587. */
  smtpPort?: number | null
  /** `email`: the name to sign in with. */
  smtpUsername?: string | null
  /** `email`: the word to sign in with. */
  smtpPassword?: string | null
  /** `email`: how to sign in; default `plain` where a name is given, else `none`. */
  smtpAuth?: SmtpAuth | null
  /** `email`: how the way is encrypted; default `implicit` for port 465, else `starttls`. */
  tls?: SmtpTls | null
  /** `email`: the sender, such as `Argos <argos@example.org>`. */
  from?: string | null
  /** `email`: who gets it, 1–50 addresses. */
  to?: string[] | null
  /** `email`: template of the subject; default `[argos] {{ severity }}: {{ type }}`. */
  subject?: string | null
  /** `telegram`: the bot's token. */
  botToken?: string | null
  /** `telegram`: the chat's number, or the `@name` of a public channel. */
  chatId?: string | null
  /** `telegram`: how marks in the text are read; default `HTML`. */
  parseMode?: ParseMode | null
  /** `telegram`: the topic within the chat. */
  threadId?: number | null
  /** `telegram`: where the Bot API is; default `https://api.telegram.org`. */
  apiUrl?: string | null
}

/** What a channel's type needs, without its secrets. */
export interface ChannelConfigShown {
  /** `webhook`: scheme and host of its URL. */
  url?: string | null
  /** `webhook`: its method. */
  method?: WebhookMethod | null
  /** `webhook`: `Content-Type` of the body. */
  contentType?: string | null
  /** `webhook`: names of the further header lines. */
  headers?: Record<string, HeaderShown> | null
  /** `webhook`: whether the body is signed. */
  secretSet?: boolean | null
  /** `email`: the mail server's name or address. */
  smtpHost?: string | null
  /** `email`: its port. */
  smtpPort?: number | null
  /** `email`: the name to sign in with; empty = none. */
  smtpUsername?: string | null
  /** `email`: whether the word to sign in with is stored. */
  smtpPasswordSet?: boolean | null
  /** `email`: how to sign in. */
  smtpAuth?: SmtpAuth | null
  /** `email`: how the way is encrypted. */
  tls?: SmtpTls | null
  /** `email`: the sender. */
  from?: string | null
  /** `email`: who gets it. */
  to?: string[]
  /** `email`: template of the subject. */
  subject?: string | null
  /** `telegram`: whether the bot's token is stored. */
  botTokenSet?: boolean | null
  /** `telegram`: the chat. */
  chatId?: string | null
  /** `telegram`: how marks in the text are read. */
  parseMode?: ParseMode | null
  /** `telegram`: the topic within the chat; none = the chat itself. */
  threadId?: number | null
  /** `telegram`: where the Bot API is. */
  apiUrl?: string | null
}

/** How a channel reaches people. */
export type ChannelKind =
  /** An HTTP request. */
  | 'webhook'
  /** Mail. */
  | 'email'
  /** A Telegram bot. */
  | 'telegram'
  /** Notifications of browsers that people subscribed with (RFC 8030). */
  | 'browser_push'

/** The webhook of a service. What must be filled in stands in capitals. */
export interface ChannelPreset {
  /** The service. */
  name: string
  /** The config of a channel of type `webhook`. */
  config: PresetConfig
  /** The template of the channel. */
  template: string
}

/** Webhooks of known services. */
export interface ChannelPresets {
  /** Every preset, by name. */
  items: ChannelPreset[]
}

/** What came of a trial. */
export interface ChannelTest {
  /** Whether the receiver took it. */
  success: boolean
  /** What was sent. */
  payload: string
  /** Why it was not taken; empty = it was. */
  error: string
}

/** What a check found. */
export type CheckResult =
  /** As it must be. */
  | 'ok'
  /** It may stop an order; from here that can't be told for certain. */
  | 'warn'
  /** No order can succeed. */
  | 'fail'

/** What rules would make, and what to know about them. */
export interface CheckedRules {
  /** Whether they could be stored. */
  ok: boolean
  /** Ids of the rules, in the order of the text; empty where something is wrong. */
  rules: number[]
  /** All that is wrong, at most 100 findings. */
  errors: RuleFinding[]
  /** What to know although nothing is wrong: what they turn off, and what they leave alone though they seem to mean it. */
  warnings: RuleFinding[]
}

/** Whether the clients of a host show a certificate. */
export type ClientAuth =
  /** They are not asked for one. */
  | 'none'
  /** They are asked, and served without one too. */
  | 'optional'
  /** Without one that is trusted they are refused. */
  | 'required'

/** A part of Argos that is checked. */
export type Component =
  /** The database takes changes. */
  | 'writer'
  /** Each thread of the proxy goes on. */
  | 'proxy'
  /** The thread that orders certificates goes on. */
  | 'acme'
  /** Log rows are written, and none are dropped. */
  | 'log_queue'
  /** The disk of the data folder has room. */
  | 'disk'

/** How a part of Argos did when it was last checked. */
export interface ComponentHealth {
  /** Which. */
  component: Component
  /** Whether it works. */
  ok: boolean
  /** Failed checks in a row. */
  failures: number
  /** What is wrong; empty = nothing. */
  error: string
  /** When it was checked. */
  checkedAt: string
}

/** One kept generation of the configuration. */
export interface ConfigVersion {
  /** Its number. */
  generation: number
  /** When it was made. */
  createdAt: string
  /** Who made it: the username, `cli`, `token:<name>` or `system`. */
  actor: string
  /** What was done, in short. */
  summary: string
}

/** Any cookie of one name. */
export interface CookieConfig {
  /** The cookie's name. */
  name: string
  /** The value, `*`, or a regular expression. */
  value: string
  /** How it is compared. */
  mode?: ValueMode
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** The client's country. */
export interface CountryConfig {
  /** ISO 3166-1 alpha-2 codes; `XX` = unknown. */
  codes: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** A new token with its text, which is shown this once. */
export interface CreatedToken {
  /** Identity. */
  id: number
  /** Unique name. */
  name: string
  /** What it may do. */
  role: TokenRole
  /** When it was made. */
  createdAt: string
  /** The text for `Authorization: Bearer`. */
  token: string
  /** Who made it; null for the command line. */
  createdBy?: number | null
  /** When it ends; null = never. */
  expiresAt?: string | null
  /** When it was last used, at most a minute late. */
  lastUsedAt?: string | null
  /** When it was revoked. */
  revokedAt?: string | null
}

/** Directives that one host runs beside the rules of all. */
export interface CustomRule extends Tagged {
  /** Identity; the host's own rules run in its order. */
  id: number
  /** The host. */
  hostId: number
  /** A name for people. */
  name: string
  /** `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`, any number of them. */
  secrule: string
  /** Whether it takes part. */
  enabled: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
  /** What to know about it: what it turns off, such as `ctl:ruleEngine=Off` does, and what it leaves alone though it seems to mean it. */
  warnings: RuleFinding[]
}

/** One event on its way to one channel. */
export interface Delivery extends Tagged {
  /** Identity. */
  id: number
  /** What happened. */
  eventType: string
  /** The event: `type`, `severity`, `host_id`, `host_domain`, `timestamp`, `message`, `data`. */
  event: unknown
  /** How far it is. */
  status: DeliveryStatus
  /** Why it was not sent, or not yet. */
  errorMessage: string
  /** Attempts so far. */
  attempts: number
  /** When the event was dispatched. */
  createdAt: string
  /** The same for each attempt, so that a receiver can tell that it has it. */
  idempotencyKey: string
  /** The rule that wanted it; null once that is deleted. */
  ruleId?: number | null
  /** Where it goes; null once that is deleted. */
  channelId?: number | null
  /** What is or was sent; empty before its first attempt and where it is longer than 64 KiB, and null in lists. */
  renderedPayload?: string | null
  /** When the receiver took it. */
  sentAt?: string | null
  /** When it is tried again. */
  nextAttemptAt?: string | null
}

/** One page of deliveries. */
export interface DeliveryPage {
  /** The deliveries, newest first unless `asc` was asked for, without what was sent. */
  items: Delivery[]
  /** Where the next page begins; null at the end. */
  nextCursor?: string | null
  /** All that the filters let through by status; null unless `stats` was given. */
  stats?: DeliveryStats | null
}

/** Deliveries by status. */
export interface DeliveryStats {
  /** Those that will be tried. */
  pending: number
  /** Those that receivers have. */
  sent: number
  /** Those that were given up. */
  failed: number
  /** Those held back by their rules. */
  throttled: number
  /** Those that their channels could not send. */
  rateLimited: number
}

/** How far a delivery is. */
export type DeliveryStatus =
  /** It will be tried, again or for the first time. */
  | 'pending'
  /** The receiver has it. */
  | 'sent'
  /** It was given up; see its error. */
  | 'failed'
  /** Held back, because another of its rule came shortly before. */
  | 'throttled'
  /** Not sent, because the channel had sent as many as it may. */
  | 'rate_limited'

/** What a DNS provider needs. Each field belongs to the kind that its text names. */
export interface DnsConfig {
  /** `rfc2136`: name server that takes updates, as `host` or `host:port`; port 53 unless given. */
  server?: string | null
  /** `rfc2136`: zone to change; empty = asked of the server. */
  zone?: string | null
  /** `rfc2136`: name of the key. */
  tsigName?: string | null
  /** `rfc2136`: how updates are signed; default `hmac-sha256`. */
  tsigAlgorithm?: TsigAlgorithm | null
  /** `rfc2136`: the key in base64. */
  tsigSecret?: string | null
  /** `exec`: absolute path of a command; it is called with `present` or `cleanup`, a name and a value. */
  command?: string | null
  /** `exec`: seconds that it may run, 1–600; default 60. */
  timeoutSeconds?: number | null
  /** `cloudflare`: API token with DNS:Edit for the zone, and Zone:Read unless `zone_id` is given. */
  apiToken?: string | null
  /** `cloudflare`: identity of the zone, 32 hexadecimal digits; empty = found by name. */
  zoneId?: string | null
  /** `cloudflare`: where the API is; empty = Cloudflare's. Only at the command line. */
  apiUrl?: string | null
}

/** What a DNS provider needs, without its secrets. */
export interface DnsConfigShown {
  /** `rfc2136`: name server that takes updates. */
  server?: string | null
  /** `rfc2136`: zone to change; empty = asked of the server. */
  zone?: string | null
  /** `rfc2136`: name of the key. */
  tsigName?: string | null
  /** `rfc2136`: how updates are signed. */
  tsigAlgorithm?: TsigAlgorithm | null
  /** `rfc2136`: whether the key is stored. */
  tsigSecretSet?: boolean | null
  /** `exec`: path of the command. */
  command?: string | null
  /** `exec`: seconds that it may run. */
  timeoutSeconds?: number | null
  /** `cloudflare`: whether the API token is stored. */
  apiTokenSet?: boolean | null
  /** `cloudflare`: identity of the zone; empty = found by name. */
  zoneId?: string | null
  /** `cloudflare`: where the API is; empty = Cloudflare's. */
  apiUrl?: string | null
}

/** A stored DNS provider. Its secrets are never shown. */
export interface DnsProvider extends Tagged {
  /** Identity. */
  id: number
  /** Unique name. */
  name: string
  /** How it is spoken to. */
  kind: DnsProviderKind
  /** What its kind needs, without secrets. */
  config: DnsConfigShown
  /** Whether it may be used. */
  enabled: boolean
  /** Hosts whose certificates it proves. */
  usedBy: number[]
  /** What its owner should know, such as that hosts use it though it is switched off. */
  warnings: string[]
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
}

/** How a DNS provider is spoken to. */
export type DnsProviderKind =
  /** A name server that takes signed updates. */
  | 'rfc2136'
  /** A command of this machine. */
  | 'exec'
  /** Cloudflare's API. */
  | 'cloudflare'

/** What came of a try. */
export interface DnsProviderTest {
  /** Whether all of it went well. */
  ok: boolean
  /** The name of the record that was placed and removed. */
  name: string
  /** What was done, in order. */
  steps: DnsTestStep[]
}

/** One step of a try. */
export interface DnsTestStep {
  /** `present`, `seen` or `cleanup`. */
  step: string
  /** Whether it went well. */
  ok: boolean
  /** What went wrong, and what helps; empty = nothing did. */
  error: string
}

/** How many sessions have ended. */
export interface EndedSessions {
  /** So many. */
  revoked: number
}

/** What happened. */
export type EventKind =
  /** The certificate of a host of `tls_mode` `auto` ends within 14 days. */
  | 'cert_expiring_soon'
  /** An authority did not sign a certificate: the first failure, then one a day. */
  | 'cert_renewal_failed'
  /** An uploaded certificate has 30, 14, 7 or 1 days left, or has ended. */
  | 'manual_cert_expiring_soon'
  /** One client made many requests that the WAF takes for attacks, because a rule of severity ERROR or worse matched: at least 10 within 60 seconds. Then it is quiet for 60 seconds about this client. */
  | 'waf_attack_burst'
  /** A host's WAF has only watched for more than a week, with nothing changed about its security. Told weekly. */
  | 'waf_detect_mode_reminder'
  /** Checks or requests took a target out. */
  | 'target_unhealthy'
  /** A target that was out gets requests again. */
  | 'target_recovered'
  /** The rate limit of one host refused at least 5 requests within 30 seconds. Then it is quiet for 60 seconds about this host. */
  | 'rate_limit_triggered'
  /** The configuration was changed: each generation. */
  | 'config_change'
  /** A sign-in failed, by password, second factor or identity provider, or somebody who tried too often was locked out. What is refused while they are is not told. */
  | 'login_failed'
  /** A part of Argos (`writer`, `proxy`, `acme`, `log_queue`, `disk`) failed two checks in a row, 30 seconds apart. Told at most every five minutes for each part. */
  | 'health_degraded'
  /** A backup was made. */
  | 'backup_completed'
  /** A backup failed. */
  | 'backup_failed'
  /** Argos started for the first time after a backup was restored. */
  | 'config_restored'
  /** Somebody was banned, by Argos or by CrowdSec. */
  | 'threat_ip_banned'
  /** CrowdSec's list changed since the last poll. */
  | 'threat_intel_updated'
  /** CrowdSec could not be reached three times in a row; told once until it can be. */
  | 'crowdsec_down'
  /** CrowdSec refuses our key or password; told once until it takes them. */
  | 'crowdsec_creds_stale'
  /** The rules of the WAF did not load, or its engine failed. Told once until they load, or until it has not failed for five minutes. */
  | 'appsec_unavailable'
  /** Rows of the access log were dropped in the last minute, because more came than could be written, or none could. */
  | 'log_rows_dropped'

/** A type of event. */
export interface EventType {
  /** Its name. */
  type: EventKind
  /** How much it matters. */
  severity: Severity
  /** When it happens. */
  text: string
  /** JSON Schema of its `data`. */
  dataSchema: unknown
  /** An event of this type as it may come. */
  sample: unknown
}

/** The catalogue of events. */
export interface EventTypes {
  /** Every type. */
  items: EventType[]
}

/** Who left a target or a rule out. */
export type ExcludedBy =
  /** `ctl` of a rule that matched before. */
  | 'ctl'
  /** An exclusion of the host. */
  | 'exclusion'

/** Rules that a host leaves out, or targets that they do not look at, for some requests or for all. */
export interface Exclusion extends Tagged {
  /** Identity. */
  id: number
  /** The host. */
  hostId: number
  /** The rules with this tag, in the same letters; empty = the rule `crs_rule_id`. */
  tag: string
  /** The path up to a segment's border, as rules see it: decoded, without dot segments; empty = every path. `/api` covers `/api` and `/api/x`, `/api/` only what lies inside. */
  pathPattern: string
  /** Methods, comma-separated; empty = every method. */
  method: string
  /** Targets that the rules do not look at, comma-separated, such as `ARGS:password`; empty = the whole rules. */
  target: string
  /** Why, for people. */
  reason: string
  /** Whether it takes part. */
  enabled: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
  /** What keeps it from having an effect now, such as no loaded rule with that id. */
  warnings: string[]
  /** The rule with this id; null = the rules with `tag`. */
  crsRuleId?: number | null
}

/** What a rule demanded. */
export interface ExplainedDecision {
  /** The rule; 0 = the limit of a body. */
  ruleId: number
  /** Its phase. */
  phase: number
  /** `deny`, `drop`, `redirect` or `allow`. */
  action: string
  /** Whether it was done: block does it, detect records it. */
  done: boolean
  /** Status of the answer; null = none. */
  status?: number | null
}

/** What an explanation was made from. */
export type ExplainedFrom =
  /** The request that was given. */
  | 'request'
  /** A request of the proxy that is still in memory. */
  | 'memory'
  /** The log rows of a request that is not in memory any more: without steps. */
  | 'row'

/** Thresholds and levels that rules read. */
export interface ExplainedLimits {
  /** Inbound anomaly threshold. */
  inboundThreshold?: number | null
  /** Outbound anomaly threshold. */
  outboundThreshold?: number | null
  /** Blocking paranoia level. */
  paranoia?: number | null
  /** Recorded paranoia level. */
  detectionParanoia?: number | null
}

/** One rule on one target. */
export interface ExplainedStep {
  /** The rule. */
  ruleId: number
  /** Its phase. */
  phase: number
  /** Which link of a chain, from 1. */
  link: number
  /** The file. */
  file: string
  /** Line in it. */
  line: number
  /** Target, such as `ARGS:q`; empty where a whole rule was left out, or has no target. */
  variable: string
  /** Transformations, in order. */
  transformations: string[]
  /** The value behind them, at most 256 bytes; `***` where the log hides it. */
  value: string
  /** What came of it. */
  result: TryResult
  /** What the match added to scores. */
  scores: ScoreAdded[]
  /** Who left it out. */
  excludedBy?: ExcludedBy | null
}

/** Why the WAF did what it did with one request. */
export interface Explanation {
  /** What it was made from. */
  source: ExplainedFrom
  /** Whether all is there that rules saw; a long body in memory is cut. */
  whole: boolean
  /** How the transaction ended. */
  verdict: WafVerdict
  /** Why, in words. */
  reason: string
  /** What `waf.evaluate` gives; `nolog` rules are among the matched ones. */
  result: ResultLine
  /** Thresholds and levels in force; null = the rules set none. */
  limits: ExplainedLimits
  /** What rules demanded, in order. */
  decisions: ExplainedDecision[]
  /** Each rule on each target that existed, in order. */
  steps: ExplainedStep[]
  /** Further tries without a match that are not shown. */
  stepsLeftOut: number
  /** What a disruptive outcome does; null = the rows do not tell. */
  mode?: WafMode | null
}

/** A matcher that did not hold. */
export interface FailedMatcher {
  /** Its place in the rule, from 0. */
  index: number
  /** Its type, such as `path`. */
  type: string
  /** What it wants: its `config` as JSON text. */
  expected: string
  /** What the request has in its place; of several values all, null = none. */
  found?: string | null
}

/** A host that can't be served. */
export interface FaultyHost {
  /** Its name. */
  domain: string
  /** Why. */
  reason: string
}

/** Since when a field of an object has its value. */
export interface FieldBlame {
  /** The column. */
  field: string
  /** Its value; secrets are `***`. */
  value: string | number | null
  /** The generation that wrote it; null = before the kept history. */
  generation?: number | null
  /** When that was. */
  createdAt?: string | null
  /** Who did it. */
  actor?: string | null
}

/** One field that differs between two generations. */
export interface FieldChange {
  /** The table. */
  table: string
  /** The row. */
  key: string | number
  /** The column. */
  field: string
  /** The value in the first generation; null also where the row did not exist; secrets are `***`. */
  old: string | number | null
  /** The value in the second generation; null also where the row does not exist; secrets are `***`. */
  new: string | number | null
}

/** What was found before a certificate is ordered. */
export interface Finding {
  /** What was looked at: `authority`, `caa`, `address`, `port_80` or `port_443`. */
  check: string
  /** What was found. */
  result: CheckResult
  /** In words. */
  text: string
}

/** The administrator that was made. */
export interface FirstAdmin {
  /** Identity. */
  id: number
  /** The name to sign in with. */
  username: string
  /** Always `admin`. */
  role: Role
}

/** What `fixed_response` answers. */
export interface FixedResponseConfig {
  /** 200–599. */
  statusCode: number
  /** Literal text, at most 1 MiB. */
  body?: string
  /** `Content-Type` of the answer. */
  contentType?: string
}

/** Where `forward` sends to. */
export interface ForwardConfig {
  /** An existing group. */
  targetGroupId: number
}

/** How long a certificate is still good. */
export type Freshness =
  /** More than 30 days. */
  | 'ok'
  /** 8–30 days. */
  | 'warning'
  /** At most 7 days. */
  | 'critical'
  /** It has ended. */
  | 'expired'

/** What the gate of a host that wants a sign-in makes of a request. */
export interface GateShown {
  /** Whether it lets the request pass. */
  passes: boolean
  /** Why it does or does not. */
  reason: string
  /** Who is signed in and may come in; null = nobody. */
  user?: string | null
}

/** What is spoken to the targets. */
export type GroupProtocol =
  /** Plain HTTP. */
  | 'http'
  /** HTTP over TLS. */
  | 'https'

/** Any field line of one name. */
export interface HeaderConfig {
  /** The field name. */
  name: string
  /** The value, `*`, or a regular expression. */
  value: string
  /** How it is compared. */
  mode?: ValueMode
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** What is done with a header. */
export type HeaderOp =
  /** Every line of the name makes way for one with this value. */
  | 'set'
  /** One more line. */
  | 'add'
  /** Every line of the name goes. */
  | 'remove'

/** One change of a header. */
export interface HeaderRule {
  /** What is done. */
  op: HeaderOp
  /** The header's name. */
  name: string
  /** The value, with `{host} {path} {query} {uri} {scheme} {remote_ip}`; absent for `remove`. */
  value?: string | null
}

/** Whether a header of a webhook has a value. */
export interface HeaderShown {
  /** Whether its value is stored. */
  set: boolean
}

/** The state of the process. */
export interface Health {
  /** Generation of the stored configuration. */
  storedGeneration: number
  /** Generation of the configuration that requests use. */
  runningGeneration: number
  /** Hosts in the running configuration. */
  hosts: number
  /** Hosts that can't be served, with the reason. */
  faultyHosts: FaultyHost[]
  /** Rows that wait to be written. */
  logQueueDepth: number
  /** Access rows dropped since the start. */
  logDroppedAccess: number
  /** Error rows dropped since the start. */
  logDroppedError: number
  /** WAF rows dropped since the start. */
  logDroppedWafAudit: number
  /** Events dropped since the start, because whoever listens was too slow. */
  eventsDropped: number
  /** The parts that are checked every 30 seconds while Argos serves, by name. */
  components: ComponentHealth[]
}

/** The method of a health check. */
export type HealthMethod =
  /** `GET` */
  | 'GET'
  /** `HEAD` */
  | 'HEAD'
  /** `POST` */
  | 'POST'

/** One public name: where its requests go and what protects it. */
export interface Host extends Tagged {
  /** Identity. */
  id: number
  /** The canonical name. */
  domain: string
  /** The name with readable internationalised labels. */
  domainUnicode: string
  /** The default target group. */
  targetGroupId: number
  /** Where the certificate comes from. */
  tlsMode: TlsMode
  /** Contact of the certificate account; empty = `acme.email`. */
  tlsEmail: string
  /** Whether it takes traffic. */
  enabled: boolean
  /** Whether visitors must sign in. */
  authRequired: boolean
  /** How an automatic certificate is proven. */
  tlsChallenge: TlsChallenge
  /** ACME directory; empty = `acme.directory_url`. */
  tlsDirectoryUrl: string
  /** Whether plain HTTP is redirected when the host has a certificate. */
  httpsRedirect: boolean
  /** Seconds of `Strict-Transport-Security`; 0 = no header. */
  hstsMaxAgeSeconds: number
  /** Whether access rows are written; WAF and error rows always are. */
  accessLog: boolean
  /** Whether clients show a certificate. */
  clientAuth: ClientAuth
  /** The authorities that vouch for clients, in PEM. */
  clientCaPem: string
  /** What is changed about the headers of requests before an upstream gets them, in this order. */
  requestHeaders: HeaderRule[]
  /** What is changed about the headers of answers, also of Argos's own, in this order. */
  responseHeaders: HeaderRule[]
  /** Whether answers of upstreams are compressed as clients like it. */
  compression: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
  /** What protects it, in short. */
  security: SecuritySummary
  /** What its owner should know, such as that no request can reach it. */
  warnings: string[]
  /** Provider for DNS-01. */
  dnsProviderId?: number | null
  /** Largest request body in bytes; null = `proxy.max_body_bytes`, 0 = no limit. */
  maxBodyBytes?: number | null
  /** The certificate that it is served with, in short; null = none. */
  certificate?: CertificateSummary | null
}

/** Who may open a host that wants a sign-in: nobody named = every user who is switched on. Administrators always may. */
export interface HostAccess extends Tagged {
  /** Users who may. */
  users: number[]
  /** Roles whose users may. */
  roles: Role[]
}

/** What the WAF found at one host. */
export interface HostFindings {
  /** The host. */
  hostId: number
  /** Its name; empty = it is gone. */
  domain: string
  /** What its WAF does now. */
  mode: AppsecMode
  /** Requests that were stopped. */
  blocked: number
  /** Requests that block mode would have stopped. */
  detected: number
  /** Requests that passed although rules matched. */
  passed: number
  /** Addresses that all of them came from. */
  clients: number
  /** The last of them. */
  lastAt: string
}

/** The requested name without port. */
export interface HostHeaderConfig {
  /** Names, or `*.` and a name; any of these. */
  values: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** How a host answers for a name. */
export type HostMatch =
  /** It is its name. */
  | 'exact'
  /** Its wildcard covers the name. */
  | 'wildcard'
  /** The name is the address that the client reached. */
  | 'address'
  /** It takes names that no other host serves. */
  | 'catch_all'

/** Where a request arrived. */
export interface HostShown {
  /** The host. */
  hostId: number
  /** Its name. */
  domain: string
  /** How it answers for the requested name. */
  matchedBy: HostMatch
}

/** The HTTP version spoken to targets. */
export type HttpVersion =
  /** ALPN over TLS, HTTP/1.1 over plain TCP. */
  | 'auto'
  /** HTTP/1.1. */
  | '1.1'
  /** HTTP/2, by prior knowledge over plain TCP. */
  | '2'

/** What lies in the data folder. */
export interface Installed {
  /** The folder. */
  path: string
  /** How the rules name themselves, such as `OWASP_CRS/4.28.0`; empty where they do not. */
  version: string
  /** Rules, a chain counting once. */
  rules: number
  /** What has no effect in it, counted. */
  warnings: number
  /** Whether there is one before it to go back to. */
  previous: boolean
}

/** The rule set that was installed, and what hosts run now. */
export interface InstalledRules {
  /** What lies in the data folder now. */
  installed: Installed
  /** The rules. */
  ruleSet: RuleSetSummary
  /** What has no effect in them, at most 1,000 findings. */
  loadWarnings: LoadWarning[]
}

/** What is left of a host's rate limit. */
export interface LimitShown {
  /** Whether the request would pass. */
  allowed: boolean
  /** Requests in a window. */
  requests: number
  /** Its seconds. */
  windowSeconds: number
  /** Requests left after this one. */
  left: number
  /** Seconds until there is one more. */
  seconds: number
}

/** A finding of a load, with its place. */
export interface LoadWarning {
  /** The file. */
  file: string
  /** Line, from 1. */
  line: number
  /** Column in bytes, from 1. */
  column: number
  /** Stable code, such as `seclang.no_effect`. */
  code: string
  /** The finding in words. */
  text: string
}

/** A row of `log_entries`. Texts that do not apply are empty, numbers 0. */
export interface LogEntry {
  /** Identity; grows with time of writing. */
  id: number
  /** The moment it is about. */
  timestamp: string
  /** Where it comes from. */
  source: LogSource
  /** `info`, `warn` or `error`. */
  level: string
  /** The name asked for. */
  hostDomain: string
  /** The client's address, or `cli`. */
  remoteIp: string
  /** The request's method. */
  method: string
  /** The matching form of the path. */
  path: string
  /** The query, masked. */
  query: string
  /** The final status. */
  status: number
  /** Milliseconds from the head's arrival to the last byte. */
  durationMs: number
  /** Bytes of the response body. */
  sizeBytes: number
  /** Bytes of the request body. */
  bytesIn: number
  /** `host:port` last tried. */
  upstream: string
  /** The client's program. */
  userAgent: string
  /** What happened. */
  message: string
  /** Which stage answered, or the audit action. */
  action: string
  /** The WAF rule. */
  wafRuleId: number
  /** Its message. */
  wafRuleMessage: string
  /** Its severity. */
  wafSeverity: string
  /** The final score of the transaction. */
  wafAnomalyScore: number
  /** The request's id. */
  requestId: string
  /** Country code of the client, if known. */
  country: string
  /** Such as `HTTP/1.1`. */
  httpVersion: string
  /** Further detail as JSON text, or empty. */
  raw: string
  /** The host that answered. */
  hostId?: number | null
  /** The rule of the host that matched. */
  ruleId?: number | null
}

/** Where a row comes from. The stored texts of the first two are labels kept for compatibility on disk. */
export type LogSource =
  /** One request of the proxy. */
  | 'caddy_access'
  /** A refused input or failed upstream. */
  | 'caddy_error'
  /** A change or sign-in. */
  | 'audit'
  /** A rule of the WAF that matched. */
  | 'waf_audit'

/** One rule that matched. */
export interface MatchedRule {
  /** The rule. */
  id: number
  /** Its phase. */
  phase: number
  /** Its text, expanded. */
  msg: string
  /** Its tags. */
  tags: string[]
  /** Its `logdata`, expanded. */
  data: string
  /** Upper-case name, such as `CRITICAL`. */
  severity?: string | null
}

/** One condition. `config.negate` turns it round. */
export type Matcher =
  /** Globs on the path. */
  | { type: 'path'; config: PathConfig }
  /** The path exactly. */
  | { type: 'path_exact'; config: PathExactConfig }
  /** A regular expression on the path. */
  | { type: 'path_regex'; config: PathRegexConfig }
  /** The method. */
  | { type: 'method'; config: MethodConfig }
  /** A header. */
  | { type: 'header'; config: HeaderConfig }
  /** A query parameter. */
  | { type: 'query'; config: QueryConfig }
  /** A cookie. */
  | { type: 'cookie'; config: CookieConfig }
  /** The client's address. */
  | { type: 'remote_ip'; config: RemoteIpConfig }
  /** The requested name. */
  | { type: 'host_header'; config: HostHeaderConfig }
  /** The client's country. */
  | { type: 'country'; config: CountryConfig }

/** Whoever asks. */
export interface Me {
  /** Identity. */
  id: number
  /** The name to sign in with. */
  username: string
  /** What they may do. */
  role: Role
  /** `oidc` where an identity of the identity provider is attached. */
  provider: Provider
  /** Whether a second factor is asked of them. */
  totpEnabled: boolean
  /** Whether they can sign in by a password. */
  hasPassword: boolean
  /** Name as others read it. */
  displayName?: string | null
  /** Address of mail. */
  email?: string | null
  /** Recovery codes that are left; null without a second factor. Below 3 it is time for new ones. */
  recoveryCodesRemaining?: number | null
}

/** The request's method. */
export interface MethodConfig {
  /** Upper-case tokens; any of these. */
  methods: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** A target group that is made with its host. */
export interface NewGroup {
  /** At least one endpoint. */
  targets: NewTarget[]
  /** Unique name; default: the host's domain. */
  name?: string | null
  /** Whether the client's `Host` is passed on; default true. */
  preserveHost?: boolean | null
  /** What is spoken to the targets; default `http`. */
  protocol?: GroupProtocol | null
  /** Whether target certificates are checked; default true. */
  verifyTls?: boolean | null
}

/** An endpoint of a group that is made with its host. */
export interface NewTarget {
  /** Address or name. */
  host: string
  /** TCP port, 1–65535. */
  port: number
  /** 1–256, default 1. */
  weight?: number | null
  /** Default true. */
  enabled?: boolean | null
}

/** A second factor that waits for its first code. All of it is shown this once. */
export interface NewTotp {
  /** The shared secret in base32. */
  secret: string
  /** The address that authenticator programs read. */
  otpauthUrl: string
  /** The address as a QR code, SVG. */
  qrSvg: string
  /** The address as a QR code, PNG in base64. */
  qrPngBase64: string
  /** Ten codes, each good once in place of one of the second factor. */
  recoveryCodes: string[]
}

/** Which events go to which channel. */
export interface NotificationRule extends Tagged {
  /** Identity. */
  id: number
  /** A name for people; may be empty. */
  name: string
  /** Where they go. */
  channelId: number
  /** What happened. */
  eventType: EventKind
  /** Only events about these hosts; empty = all events, also those about no host. */
  filterHostIds: number[]
  /** Only events that matter so much; empty = all. */
  filterSeverities: Severity[]
  /** Seconds in which one event about the same host is enough, 0–86,400; 0 = none is held back. */
  throttleWindowSeconds: number
  /** Whether it is used. */
  enabled: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
}

/** Whether people can sign in by the identity provider. */
export interface OidcAvailable {
  /** Whether they can. */
  enabled: boolean
  /** The provider's name: its host; null when they can't. */
  name?: string | null
}

/** Where whoever asks signs in, so that the identity becomes theirs. */
export interface OidcBinding {
  /** The provider's address, for this browser only. */
  url: string
}

/** Which identity provider there is, and whom it lets in. */
export interface OidcConfig extends Tagged {
  /** Whether people can sign in by it. */
  enabled: boolean
  /** Its issuer, as it writes it itself. */
  issuerUrl: string
  /** Argos's name there. */
  clientId: string
  /** Whether there is a secret that proves it. */
  clientSecretSet: boolean
  /** What is asked for, separated by blanks. */
  scopes: string
  /** The domain below which panel sessions count on protected hosts too; empty = none. */
  cookieParentDomain: string
  /** Whether people whom nobody here knows get an account. */
  autoProvision: boolean
  /** Addresses of mail that may sign in; with `allowed_domains` both empty = all. */
  allowedEmails: string[]
  /** What may stand behind the `@` of addresses that may sign in. */
  allowedDomains: string[]
  /** Whether the provider must vouch for addresses of mail. */
  requireEmailVerified: boolean
  /** Where browsers come back, to be registered at the provider; null without `panel.public_url`. */
  redirectUri?: string | null
  /** Where browsers come back from signing out there, to be registered too; null without `panel.public_url`. */
  postLogoutRedirectUri?: string | null
}

/** Where an identity provider is asked. */
export interface OidcEndpoints {
  /** Where browsers sign in. */
  authorization: string
  /** Where a code becomes tokens. */
  token: string
  /** Where its public keys are. */
  jwks: string
  /** Where it tells more about a person. */
  userinfo?: string | null
  /** Where browsers sign out. */
  endSession?: string | null
}

/** Where the browser goes. */
export interface OidcRedirect {
  /** The address. */
  location: string
}

/** What an identity provider says of itself. */
export interface OidcTest {
  /** Where it is asked. */
  endpoints: OidcEndpoints
  /** Its algorithms of signatures that are believed here. */
  algorithms: string[]
}

/** The direction of a list. */
export type Order =
  /** Smallest first. */
  | 'asc'
  /** Greatest first. */
  | 'desc'

/** How Telegram reads the marks in a text. */
export type ParseMode =
  /** Tags of HTML. */
  | 'HTML'
  /** Its own marks, second form. */
  | 'MarkdownV2'
  /** As it stands. */
  | 'none'

/** Globs on the matching form of the whole path. */
export interface PathConfig {
  /** `*` is any run of characters, `?` one character but `/`; any pattern suffices. */
  patterns: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** Equality with the matching form of the path. */
export interface PathExactConfig {
  /** Any of these. */
  values: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** The three forms of a path. */
export interface PathFormsShown {
  /** As received. */
  raw: string
  /** Decoded and without dot segments: what rules compare. */
  matching: string
  /** What the target gets, as far as no rule rewrites it. */
  forwarded: string
}

/** A search in the matching form of the path; gives captures 1–9. */
export interface PathRegexConfig {
  /** A linear-time regular expression. */
  pattern: string
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** The config of a webhook of a service. */
export interface PresetConfig {
  /** Where it is sent. */
  url: string
  /** Its method. */
  method: WebhookMethod
  /** `Content-Type` of the body. */
  contentType: string
  /** Further header lines. */
  headers: Record<string, string>
}

/** Exclusions that would let a request pass. */
export interface Proposal {
  /** Whether the request passes with them; tried on it. */
  passes: boolean
  /** Whether it was tried on all that rules saw; a long body is cut in memory. */
  whole: boolean
  /** What is proposed, each as `exclusions.create` takes it; empty where the request passes without. */
  exclusions: ProposedExclusion[]
  /** What to know before they are saved, such as that one covers more than this request's path. */
  warnings: string[]
  /** Rules that stop the request and that nothing may leave out. */
  refused: RefusedRule[]
  /** What block mode finds without them. */
  before: ResultLine
  /** What block mode still finds with them. */
  after: ResultLine
}

/** One exclusion to be. */
export interface ProposedExclusion {
  /** The host. */
  hostId: number
  /** The rule. */
  crsRuleId: number
  /** Targets that the rule does not look at; empty: the whole rule. */
  target: string
  /** The path, and what lies below it; empty: every path. */
  pathPattern: string
  /** The method; empty: every method. */
  method: string
  /** Why. */
  reason: string
}

/** Who vouches for a person. */
export type Provider =
  /** Argos, by a password. */
  | 'local'
  /** The identity provider. */
  | 'oidc'

/** What browsers subscribe with. */
export interface PushKey {
  /** The public key of this Argos for `applicationServerKey` (RFC 8292): a point of the curve P-256, uncompressed, in base64url without padding. */
  publicKey: string
}

/** The keys of a browser, in base64url. */
export interface PushKeys {
  /** Its public key: a point of the curve P-256, uncompressed, 65 bytes. */
  p256dh: string
  /** Its authentication secret: 16 bytes. */
  auth: string
}

/** A browser that its user gets notifications with; its keys are nowhere to be seen. */
export interface PushSubscription {
  /** Identity. */
  id: number
  /** Where its push service is told, as the browser said: it tells whether a browser is this one. */
  endpoint: string
  /** The program that it subscribed with. */
  userAgent: string
  /** When it was subscribed with. */
  createdAt: string
}

/** Any decoded occurrence of one query parameter. */
export interface QueryConfig {
  /** The decoded name. */
  name: string
  /** The decoded value, or `*`. */
  value: string
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** What a rate limit counts by. */
export type RateLimitKey =
  /** The client address (IPv6: its /64). */
  | 'ip'
  /** The value of a request header. */
  | 'header'
  /** One count for the whole host. */
  | 'global'

/** Where `redirect` points. */
export interface RedirectConfig {
  /** 301, 302, 303, 307 or 308. */
  statusCode: number
  /** `Location` with placeholders `{host} {path} {query} {uri} {scheme} {remote_ip} {1}`…`{9}`. */
  target: string
  /** Leaves the query out. */
  stripQuery?: boolean
}

/** A rule that nothing may leave out. */
export interface RefusedRule {
  /** The rule; 0 = the limit of a body. */
  ruleId: number
  /** Why not. */
  reason: string
}

/** The client's address. */
export interface RemoteIpConfig {
  /** Addresses or CIDR ranges; any of these. */
  ranges: string[]
  /** Holds when the comparison does not. */
  negate?: boolean
}

/** What a template makes. */
export interface RenderedTemplate {
  /** The text that is sent. */
  output: string
  /** `email`: the subject. */
  subject?: string | null
}

/** A renewal that was asked for. */
export interface Renewal {
  /** The host. */
  hostId: number
  /** Its name; `certificates.status` shows how its certificate stands. */
  domain: string
}

/** One request to inspect. Source: section "Offline evaluation" of the WAF reference. */
export interface RequestLine {
  /** The method. */
  method: string
  /** The raw target. */
  uri: string
  /** Echoed. */
  id?: string | number | null
  /** Such as `HTTP/1.1`, which is the default. */
  version?: string
  /** Names and values in the order received. */
  headers?: string[][]
  /** The body; standard base64 in JSON. */
  bodyB64?: string
  /** The client; default 127.0.0.1. */
  remoteIp?: string
  /** The answer. Without it phases 3 and 4 do not run. */
  response?: ResponseLine | null
}

/** The answer to an inspected request. */
export interface ResponseLine {
  /** The status. */
  status: number
  /** Names and values in the order sent. */
  headers?: string[][]
  /** The body; standard base64 in JSON. */
  bodyB64?: string
}

/** What inspection found. */
export interface ResultLine {
  /** The request's. */
  id: string | number | null
  /** Whether a disruptive action was done; never when only detecting. */
  interrupted: boolean
  /** Final inbound anomaly score. */
  scoreIn: number
  /** Final outbound anomaly score. */
  scoreOut: number
  /** Rules whose whole chain matched, in evaluation order. */
  matched: MatchedRule[]
  /** Status of the interruption. */
  status?: number | null
  /** Phase of the interruption. */
  phase?: number | null
}

/** Where a person is sent after signing in. */
export interface ReturnPlace {
  /** A path of the panel, or the URL of a protected host. */
  url: string
  /** Whether that place takes them only with a ticket. */
  ticketNeeded: boolean
}

/** How `rewrite` changes the target before it goes to the default group. At least one field is given; `strip_prefix` applies first, then `path`, then `query`. */
export interface RewriteConfig {
  /** The new path; `{path}` and the other placeholders of `redirect` work. */
  path?: string | null
  /** Removed from the path's start, on a segment border. */
  stripPrefix?: string | null
  /** The new query; empty = none. */
  query?: string | null
}

/** A role, from the weakest. Each allows what those before it allow. */
export type Role =
  /** May open protected hosts, nothing of the panel. */
  | 'user'
  /** Reads configuration and logs. */
  | 'viewer'
  /** Changes hosts, groups, rules and security. */
  | 'operator'
  /** Everything. */
  | 'admin'

/** What a rollback wrote. */
export interface RolledBack {
  /** The generation whose rows are stored again. */
  to: number
  /** Rows that were written or deleted. */
  rows: number
  /** Certificate rows that stayed because the host's certificate is not older than the one of that generation. */
  certificatesKept: number
}

/** What is done with a request. */
export interface RouteAction {
  /** `forward`, `redirect`, `fixed_response`, `block`, `rewrite`; `default` where no rule matched; `refuse` where what a rule makes can't be sent. */
  type: string
  /** The status of an answer of our own; null = the target answers. */
  status?: number | null
  /** Where a redirect leads. */
  location?: string | null
  /** The target group that is asked. */
  targetGroupId?: number | null
  /** Path and query that the target gets. */
  targetUri?: string | null
}

/** Where a request would go, and why. */
export interface RouteExplanation {
  /** What the client gets, in words. */
  outcome: string
  /** The name that is asked for. */
  name: string
  /** The client's address, behind trusted proxies. */
  client: string
  /** Whether it comes over https, to us or to a trusted proxy. */
  https: boolean
  /** Whether the host wants a sign-in. */
  authRequired: boolean
  /** The status of an answer of our own; null = the target answers. */
  status?: number | null
  /** The log's action of an answer of our own; null = the target answers. */
  action?: string | null
  /** The host that answers; null = none. */
  host?: HostShown | null
  /** How the client stands with the host's rate limit; null = it has none. */
  limit?: LimitShown | null
  /** Whether its gate lets the request pass; null = it wants no sign-in. */
  gate?: GateShown | null
  /** What the WAF says; null = it was not asked, or is off. */
  waf?: WafShown | null
  /** What the rules do; null = no host answers. */
  rules?: RuleMatch | null
}

/** One rule of a host. The first enabled rule in order of priority whose matchers all hold decides. */
export interface Rule extends Tagged {
  /** Identity. */
  id: number
  /** The host it belongs to. */
  hostId: number
  /** Order, lowest first, 1–50,000, unique in the host. */
  priority: number
  /** A name for people. */
  name: string
  /** Whether it takes part. */
  enabled: boolean
  /** What happens. */
  action: Action
  /** What must hold; empty = always. */
  matchers: Matcher[]
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
  /** What its owner should know, such as that another rule leaves it no request. */
  warnings: string[]
}

/** Something wrong with a rule's text, or something to know about it. */
export interface RuleFinding {
  /** Line, from 1. */
  line: number
  /** Column in bytes, from 1. */
  column: number
  /** Stable code, such as `seclang.unknown_operator`. */
  code: string
  /** The finding in words. */
  text: string
}

/** What the rules of a host do with a request. */
export interface RuleMatch {
  /** What is done. */
  action: RouteAction
  /** Captures of the rule's first `path_regex`, from 1. */
  captures: string[]
  /** The path that the rules compare. */
  pathForms: PathFormsShown
  /** Each rule that was tried, in order. */
  tried: TriedRule[]
  /** The rule that decides; null = none matches. */
  ruleId?: number | null
  /** Which target is asked; null where none is. */
  target?: TargetChoice | null
}

/** A rule set in short. */
export interface RuleSetSummary {
  /** The folder, or `baseline` for the built-in rules. */
  path: string
  /** How the rules name themselves, such as `OWASP_CRS/4.28.0`; empty where they do not. */
  version: string
  /** Rules, a chain counting once. */
  rules: number
  /** Why no host can run them; null = they can. */
  fault?: string | null
}

/** The rules that hosts run, and what loading them had to say. */
export interface RulesReport {
  /** The rules. */
  ruleSet: RuleSetSummary
  /** What has no effect in them, at most 1,000 findings. */
  loadWarnings: LoadWarning[]
}

/** What a match added to a score. */
export interface ScoreAdded {
  /** Name of the score in `TX`. */
  name: string
  /** How much. */
  added: number
}

/** The security of a host, with what the WAF does in effect. */
export interface Security extends Tagged {
  /** The host. */
  hostId: number
  /** Whether requests are inspected. */
  wafEnabled: boolean
  /** Detect or block; capped by `appsec.mode`. */
  wafMode: WafMode
  /** Blocking paranoia level, 1–4. */
  wafParanoia: number
  /** Status of a block answer, 400–599. */
  wafBlockStatus: number
  /** Body of a block answer; empty = the standard page. */
  wafBlockBody: string
  /** Whether requests are limited. */
  rateLimitEnabled: boolean
  /** Requests per window, 1–1,000,000 when enabled. */
  rateLimitRequests: number
  /** Seconds, 1–86,400 when enabled. */
  rateLimitWindowSeconds: number
  /** What is counted by. */
  rateLimitKey: RateLimitKey
  /** The header of key `header`. */
  rateLimitHeaderName: string
  /** Status over the limit, 400–599. */
  rateLimitStatus: number
  /** Whether response bodies are inspected. */
  wafResponseBody: boolean
  /** When it was last changed. */
  updatedAt: string
  /** What the WAF does under the cap of `appsec.mode`. */
  effectiveMode: AppsecMode
  /** Paranoia level that is recorded, 1–4; null = `waf_paranoia`; never below it. */
  wafDetectionParanoia?: number | null
  /** Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`. */
  wafInboundThreshold?: number | null
  /** Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`. */
  wafOutboundThreshold?: number | null
}

/** What protects a host, in short. */
export interface SecuritySummary {
  /** Whether requests are inspected. */
  wafEnabled: boolean
  /** Detect or block; capped by `appsec.mode`. */
  wafMode: WafMode
  /** Blocking paranoia level, 1–4. */
  wafParanoia: number
  /** Whether requests are limited. */
  rateLimitEnabled: boolean
}

/** Where a session counts. */
export type SessionKind =
  /** At the panel, and on the hosts below the parent domain of cookies. */
  | 'panel'
  /** On one protected host. */
  | 'host'

/** A session; its token is nowhere to be seen. */
export interface SessionRow {
  /** Identity. */
  id: number
  /** Where it counts. */
  kind: SessionKind
  /** When it began. */
  createdAt: string
  /** When it was last used, at most a minute late. */
  lastSeenAt: string
  /** When it ends at the latest. */
  expiresAt: string
  /** The address that it began from. */
  remoteIp: string
  /** The program that it began with. */
  userAgent: string
  /** Whether it is the one that asks. */
  current: boolean
  /** The protected host, for sessions of that kind. */
  hostId?: number | null
  /** That host's name. */
  hostDomain?: string | null
}

/** A setting with its value, as it is listed. */
export interface SettingRow extends Tagged {
  /** The key. */
  key: string
  /** The value without a stored row. */
  default: string
  /** What is allowed. */
  range: string
  /** Whether the settings operations may write it. */
  writable: boolean
  /** The value; absent for secrets. */
  value?: string | null
  /** For secrets: whether one is stored. */
  valueSet?: boolean | null
  /** True where the environment says another value, which counts. */
  overridden?: boolean | null
  /** When it was last written; null = never. */
  updatedAt?: string | null
}

/** How much it matters. */
export type Severity =
  /** Good to know. */
  | 'info'
  /** Will matter. */
  | 'warning'
  /** Something failed. */
  | 'error'
  /** Something failed that others depend on. */
  | 'critical'

/** Recovery codes, shown this once. */
export interface ShownCodes {
  /** Ten codes, each good once. */
  codes: string[]
}

/** What signing in has come to. */
export interface SignedIn {
  /** Whether a second factor is asked for. */
  requiresTotp: boolean
  /** Who is signed in; null while a second factor is asked for. */
  user?: Me | null
  /** What the second factor is given with, within 5 minutes, from the same address and browser. */
  challengeId?: string | null
  /** Recovery codes that are left, where a second factor was given. */
  recoveryCodesRemaining?: number | null
}

/** Where to go so that the identity provider signs out too. */
export interface SignedOut {
  /** The provider's address for it. */
  endSessionUrl: string
}

/** How a mail server is signed in at. Source: RFC 4954, RFC 4616. */
export type SmtpAuth =
  /** PLAIN */
  | 'plain'
  /** LOGIN */
  | 'login'
  /** Not at all. */
  | 'none'

/** How the way to a mail server is encrypted. Source: RFC 3207, RFC 8314. */
export type SmtpTls =
  /** From `STARTTLS` on, which the server must know. */
  | 'starttls'
  /** From the first byte. */
  | 'implicit'
  /** Not at all. */
  | 'none'

/** One endpoint of a target group. */
export interface Target extends Tagged {
  /** Identity. */
  id: number
  /** The group it belongs to. */
  targetGroupId: number
  /** Address or name. */
  host: string
  /** TCP port. */
  port: number
  /** Share of the requests, 1–256. */
  weight: number
  /** Whether it takes requests. */
  enabled: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
}

/** Which target would be asked, and why. */
export interface TargetChoice {
  /** The group. */
  targetGroupId: number
  /** Its name. */
  targetGroup: string
  /** How it chooses. */
  algorithm: Algorithm
  /** Why. */
  reason: string
  /** The targets among which it is chosen. */
  candidates: CandidateShown[]
  /** The target; null = that is settled only when the request comes, or there is none. */
  targetId?: number | null
  /** Its `host:port`. */
  address?: string | null
}

/** A pool of endpoints with one protocol, one algorithm and one health check. */
export interface TargetGroup extends Tagged {
  /** Identity. */
  id: number
  /** Unique name. */
  name: string
  /** What is spoken to the targets. */
  protocol: GroupProtocol
  /** Whether target certificates are checked. */
  verifyTls: boolean
  /** How a target is chosen. */
  algorithm: Algorithm
  /** Whether targets are checked actively. */
  healthCheckEnabled: boolean
  /** Path of the check. */
  healthCheckPath: string
  /** Method of the check. */
  healthCheckMethod: HealthMethod
  /** Accepted statuses, such as `200,2xx,200-204`. */
  healthCheckExpectStatus: string
  /** Seconds between checks, 1–300. */
  healthCheckIntervalSeconds: number
  /** Seconds until a check fails, 1–60. */
  healthCheckTimeoutSeconds: number
  /** Failures in a row until a target is out, 1–10. */
  healthCheckFailsToUnhealthy: number
  /** Successes in a row until it is back, 1–10. */
  healthCheckPassesToHealthy: number
  /** HTTP version spoken to the targets. */
  httpVersion: HttpVersion
  /** Whether the client's `Host` is passed on; else `host:port` of the target. */
  preserveHost: boolean
  /** Name for SNI and the certificate check; empty = target host. */
  tlsServerName: string
  /** Seconds over which the weight of a target grows that recovered or came later, 0–600. */
  slowStartSeconds: number
  /** Name of the cookie by which a client goes on with the target that it was given; empty = none. */
  stickyCookie: string
  /** Seconds for which it does, 0–31,536,000; 0 = until the browser is closed. */
  stickyTtlSeconds: number
  /** Certificates that are trusted for the targets, in PEM; empty = those that the system trusts. */
  caBundlePem: string
  /** The certificate that targets are shown, and those that signed it, in PEM; empty = none. */
  clientCertPem: string
  /** Whether its key is stored. */
  clientKeyPemSet: boolean
  /** When it was made. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
  /** Its endpoints, by id. */
  targets: Target[]
  /** Hosts whose default it is or whose rules forward to it. */
  usedBy: number[]
  /** What its owner should know, such as that certificates are not checked. */
  warnings: string[]
  /** Milliseconds to connect; null = `proxy.connect_timeout_ms`. */
  connectTimeoutMs?: number | null
  /** Milliseconds to the response head; null = `proxy.response_timeout_ms`. */
  responseTimeoutMs?: number | null
  /** Further targets tried; null = `proxy.max_retries`. */
  maxRetries?: number | null
}

/** How one endpoint does. */
export interface TargetHealth {
  /** The endpoint. */
  targetId: number
  /** Its group. */
  targetGroupId: number
  /** The name of its group. */
  targetGroup: string
  /** `host:port`. */
  address: string
  /** Whether it takes requests. */
  state: TargetState
  /** Why the last check or request failed; empty = none did since it was last healthy. */
  lastError: string
  /** Requests under way. */
  inFlight: number
  /** Its weight as it counts now: less while it starts slowly, 0 while it is out. */
  effectiveWeight: number
  /** Since when; null = since it is known. */
  since?: string | null
}

/** Whether an endpoint takes requests. */
export type TargetState =
  /** Nothing is known yet; it takes requests. */
  | 'unknown'
  /** It does. */
  | 'healthy'
  /** Checks or requests failed; it gets none, but a trial now and then. */
  | 'unhealthy'
  /** It is switched off. */
  | 'disabled'

/** Where a ticket is spent. */
export interface TicketPlace {
  /** The URL to open, which holds the ticket. */
  url: string
}

/** How an automatic certificate is proven. */
export type TlsChallenge =
  /** HTTP-01, then TLS-ALPN-01. */
  | 'auto'
  /** HTTP-01 only. */
  | 'http'
  /** TLS-ALPN-01 only. */
  | 'tls-alpn'
  /** DNS-01 only. */
  | 'dns'

/** Where a host's certificate comes from. */
export type TlsMode =
  /** Issued and renewed automatically. */
  | 'auto'
  /** Plain HTTP only. */
  | 'none'
  /** Uploaded. */
  | 'manual'

/** What a token may do. */
export type TokenRole =
  /** Reads configuration and logs. */
  | 'viewer'
  /** Changes hosts, groups, rules and security. */
  | 'operator'
  /** Everything that tokens may. */
  | 'admin'

/** The second factor of a person. */
export interface TotpState {
  /** Whether it is asked for. */
  enabled: boolean
  /** Whether it waits for its first code. */
  setupPending: boolean
  /** Since when. */
  enabledAt?: string | null
  /** Recovery codes that are left; null while it is off. */
  recoveryCodesRemaining?: number | null
}

/** How one rule did. */
export interface TriedRule {
  /** The rule. */
  ruleId: number
  /** Its name. */
  name: string
  /** Whether all its matchers held. */
  matched: boolean
  /** The first that did not; null = all did. */
  failedMatcher?: FailedMatcher | null
}

/** What came of one rule on one target. */
export type TryResult =
  /** The value matched. */
  | 'matched'
  /** It did not. */
  | 'passed'
  /** The target, or the rule, was left out. */
  | 'excluded'

/** How updates are signed. Source: RFC 8945 §6. */
export type TsigAlgorithm =
  /** HMAC with SHA-256. */
  | 'hmac-sha256'
  /** HMAC with SHA-384. */
  | 'hmac-sha384'
  /** HMAC with SHA-512. */
  | 'hmac-sha512'

/** A certificate that was uploaded. */
export interface UploadedCertificate {
  /** Identity. */
  id: number
  /** DNS names and addresses that it is good for. */
  names: string[]
  /** Where it comes from. */
  kind: CertificateKind
  /** Who signed it. */
  issuer: string
  /** SHA-256 of its DER form, in lower-case hexadecimal. */
  fingerprintSha256: string
  /** The moment from which it is good. */
  notBefore: string
  /** The moment at which it ends. */
  notAfter: string
  /** Whether it is served. */
  active: boolean
  /** When it was stored. */
  createdAt: string
  /** The directory of the authority that signed it; empty = none did, or it is not known any more. */
  directoryUrl: string
  /** What its owner should know, such as that it ends soon or that its chain seems to be missing. */
  warnings: string[]
  /** The host that it is for; null = the local CA, or a certificate for names that no host has. */
  hostId?: number | null
  /** From when the authority wants it renewed; null = it did not say. */
  ariWindowStart?: string | null
  /** Until when. */
  ariWindowEnd?: string | null
  /** The user who uploaded it. */
  uploadedBy?: number | null
}

/** A person who may sign in. */
export interface User extends Tagged {
  /** Identity. */
  id: number
  /** Unique name; case does not tell two apart. */
  username: string
  /** What they may do. */
  role: Role
  /** Whether they can sign in. */
  enabled: boolean
  /** `oidc` where an identity of the identity provider is attached. */
  provider: Provider
  /** How the person came to be here. */
  createdVia: Provider
  /** Whether they can sign in by a password. */
  hasPassword: boolean
  /** Whether a second factor is asked of them. */
  totpEnabled: boolean
  /** Groups at the last sign-in by the identity provider. */
  oidcGroups: string[]
  /** When they were made. */
  createdAt: string
  /** When they were last changed. */
  updatedAt: string
  /** Address of mail. */
  email?: string | null
  /** Name as others read it. */
  displayName?: string | null
  /** When they last signed in. */
  lastLogin?: string | null
  /** When the password was last set. */
  passwordChangedAt?: string | null
}

/** How a header or cookie value is compared. */
export type ValueMode =
  /** The whole value, case-sensitive; `*` alone = present. */
  | 'exact'
  /** A regular expression, searched. */
  | 'regex'

/** Which build this is. */
export interface Version {
  /** The release. */
  version: string
  /** The commit it was built from, or `unknown`. */
  commit: string
  /** When it was built, RFC 3339, or `unknown`. */
  builtAt: string
}

/** What the WAF does with what it finds on one host. */
export type WafMode =
  /** Records, never blocks. */
  | 'detect'
  /** Blocks. */
  | 'block'

/** What the WAF found, host by host. */
export interface WafOverview {
  /** The figures begin here: 24 hours ago. */
  from: string
  /** Hosts of which rules found something, most stopped requests first; at most 1,000. */
  hosts: HostFindings[]
}

/** What the WAF says of a request. */
export interface WafShown {
  /** Whether a disruptive outcome is done or recorded. */
  mode: WafMode
  /** What it comes to. */
  verdict: WafVerdict
  /** What the rules found. */
  result: ResultLine
}

/** What the WAF does over all hosts. */
export interface WafStatus {
  /** The cap of every host's mode. */
  mode: AppsecMode
  /** Who changed it; empty = nobody yet. */
  lastChangeBy: string
  /** The rules. */
  ruleSet: RuleSetSummary
  /** What has no effect in them, at most 1,000 findings. */
  loadWarnings: LoadWarning[]
  /** The cap before the last change; null = it was never changed. */
  previousMode?: AppsecMode | null
  /** When it was changed. */
  lastChangeAt?: string | null
}

/** How a transaction ended. */
export type WafVerdict =
  /** Nothing would have stopped it. */
  | 'passed'
  /** Block mode would have stopped it. */
  | 'detected'
  /** It was stopped. */
  | 'blocked'

/** The method of a webhook. */
export type WebhookMethod =
  /** POST */
  | 'POST'
  /** PUT */
  | 'PUT'
  /** PATCH */
  | 'PATCH'

/** What block mode would have stopped. */
export interface WouldBlock {
  /** The figures begin here. */
  from: string
  /** Host, rule and path, the most frequent first; at most 1,000. */
  rules: WouldBlockRule[]
}

/** How often one rule took part where block mode would have stopped a request. */
export interface WouldBlockRule {
  /** The host. */
  hostId: number
  /** Its name; empty = it is gone. */
  domain: string
  /** The WAF rule; the one that decides by the score is among them. */
  wafRuleId: number
  /** What it says. */
  message: string
  /** The path, as rules compare it. */
  path: string
  /** Requests. */
  transactions: number
  /** The last of them. */
  lastAt: string
}

/** Public names and how they are served. */
export class HostsResource {
  private constructor()
  /** Lists hosts by id. */
  list(fields?: {
    /** A part of the name. */
    q?: string | null
    /** Only hosts that take traffic, or only those that don't. */
    enabled?: boolean | null
    /** Only hosts of this default group. */
    targetGroupId?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Host>>
  /** Shows one host. */
  get(id: number): Promise<Host>
  /** Makes a host, and its target group if one is given. */
  create(fields: {
    /** DNS name, `*.` and a name, IP address, or `*`. */
    domain: string
    /** An existing target group; else give `target_group`. */
    targetGroupId?: number | null
    /** A target group to make with the host; else give `target_group_id`. */
    targetGroup?: NewGroup | null
    /** Where the certificate comes from; default `auto`. */
    tlsMode?: TlsMode | null
    /** Whether it takes traffic; default true. */
    enabled?: boolean | null
    /** Largest request body in bytes, 0–2^40; null = `proxy.max_body_bytes`, 0 = no limit. */
    maxBodyBytes?: number | null
    /** Whether access rows are written; default true. */
    accessLog?: boolean | null
    /** Whether clients show a certificate; default `none`. */
    clientAuth?: ClientAuth | null
    /** The authorities that vouch for clients, in PEM, at most 64 KiB; default empty. */
    clientCaPem?: string | null
    /** Whether plain HTTP is redirected when the host has a certificate; default true. */
    httpsRedirect?: boolean | null
    /** Seconds of `Strict-Transport-Security`, 0–2^31-1; default 0 = no header. */
    hstsMaxAgeSeconds?: number | null
    /** Contact of the certificate account, an address; default empty = `acme.email`. */
    tlsEmail?: string | null
    /** How an automatic certificate is proven; default `auto`: HTTP-01, then TLS-ALPN-01, and DNS-01 for a wildcard. */
    tlsChallenge?: TlsChallenge | null
    /** ACME directory: an https URL, `production` or `staging` (Let's Encrypt's); default empty = `acme.directory_url`. */
    tlsDirectoryUrl?: string | null
    /** Provider for DNS-01; default none. */
    dnsProviderId?: number | null
    /** What is changed about the headers of requests before an upstream gets them, at most 64 rules; default none. */
    requestHeaders?: HeaderRule[] | null
    /** What is changed about the headers of answers, also of Argos's own, at most 64 rules; default none. */
    responseHeaders?: HeaderRule[] | null
    /** Whether answers of upstreams are compressed as clients like it; default false. */
    compression?: boolean | null
    /** Whether visitors must sign in; default false. */
    authRequired?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Host>>
  /** Changes the given fields of a host. */
  update(id: number, fields?: {
    /** DNS name, `*.` and a name, IP address, or `*`. */
    domain?: string
    /** The default target group. */
    targetGroupId?: number
    /** Where the certificate comes from. */
    tlsMode?: TlsMode
    /** Whether it takes traffic. */
    enabled?: boolean
    /** Whether access rows are written. */
    accessLog?: boolean
    /** Whether clients show a certificate. */
    clientAuth?: ClientAuth
    /** The authorities that vouch for clients, in PEM, at most 64 KiB. */
    clientCaPem?: string
    /** Whether plain HTTP is redirected when the host has a certificate. */
    httpsRedirect?: boolean
    /** Seconds of `Strict-Transport-Security`, 0–2^31-1; 0 = no header. */
    hstsMaxAgeSeconds?: number
    /** Contact of the certificate account, an address; empty = `acme.email`. */
    tlsEmail?: string
    /** How an automatic certificate is proven; `auto`: HTTP-01, then TLS-ALPN-01, and DNS-01 for a wildcard. */
    tlsChallenge?: TlsChallenge
    /** ACME directory: an https URL, `production` or `staging` (Let's Encrypt's); empty = `acme.directory_url`. */
    tlsDirectoryUrl?: string
    /** What is changed about the headers of requests before an upstream gets them, in this order, at most 64 rules. */
    requestHeaders?: HeaderRule[]
    /** What is changed about the headers of answers, also of Argos's own, in this order, at most 64 rules. */
    responseHeaders?: HeaderRule[]
    /** Whether answers of upstreams are compressed as clients like it. */
    compression?: boolean
    /** Whether visitors must sign in. */
    authRequired?: boolean
    /** Largest request body in bytes, 0–2^40; null = `proxy.max_body_bytes`, 0 = no limit. */
    maxBodyBytes?: number | null
    /** Provider for DNS-01; null = none. */
    dnsProviderId?: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Host>>
  /** Replaces every field of a host. */
  replace(id: number, fields: {
    /** DNS name, `*.` and a name, IP address, or `*`. */
    domain: string
    /** The default target group. */
    targetGroupId: number
    /** Where the certificate comes from. */
    tlsMode: TlsMode
    /** Whether it takes traffic. */
    enabled: boolean
    /** Whether access rows are written. */
    accessLog: boolean
    /** Whether clients show a certificate. */
    clientAuth: ClientAuth
    /** The authorities that vouch for clients, in PEM, at most 64 KiB. */
    clientCaPem: string
    /** Whether plain HTTP is redirected when the host has a certificate. */
    httpsRedirect: boolean
    /** Seconds of `Strict-Transport-Security`, 0–2^31-1; 0 = no header. */
    hstsMaxAgeSeconds: number
    /** Contact of the certificate account, an address; empty = `acme.email`. */
    tlsEmail: string
    /** How an automatic certificate is proven; `auto`: HTTP-01, then TLS-ALPN-01, and DNS-01 for a wildcard. */
    tlsChallenge: TlsChallenge
    /** ACME directory: an https URL, `production` or `staging` (Let's Encrypt's); empty = `acme.directory_url`. */
    tlsDirectoryUrl: string
    /** What is changed about the headers of requests before an upstream gets them, in this order, at most 64 rules. */
    requestHeaders: HeaderRule[]
    /** What is changed about the headers of answers, also of Argos's own, in this order, at most 64 rules. */
    responseHeaders: HeaderRule[]
    /** Whether answers of upstreams are compressed as clients like it. */
    compression: boolean
    /** Whether visitors must sign in. */
    authRequired: boolean
    /** Largest request body in bytes, 0–2^40; null = `proxy.max_body_bytes`, 0 = no limit. */
    maxBodyBytes: number | null
    /** Provider for DNS-01; null = none. */
    dnsProviderId: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Host>>
  /** Deletes a host with its rules and security settings; its log rows stay. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches a host on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Host>>
}

/** Pools of upstream endpoints. */
export class TargetGroupsResource {
  private constructor()
  /** Lists target groups by id, with their targets. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<TargetGroup>>
  /** Shows one target group with its targets and users. */
  get(id: number): Promise<TargetGroup>
  /** Makes a target group with its targets. */
  create(name: string, fields?: {
    /** Endpoints to make with it. */
    targets?: NewTarget[]
    /** What is spoken to the targets; default `http`. */
    protocol?: GroupProtocol | null
    /** Whether target certificates are checked; default true. */
    verifyTls?: boolean | null
    /** HTTP version spoken to the targets: `auto` = HTTP/2 where a target agrees to it inside TLS, else HTTP/1.1; `1.1`; `2` = HTTP/2 and nothing else, without TLS by prior knowledge; default `auto`. */
    httpVersion?: HttpVersion | null
    /** Name for SNI and the certificate check; default empty = target host. */
    tlsServerName?: string | null
    /** Certificates that are trusted for the targets, in PEM, at most 64 KiB: authorities, or single certificates as they are; default empty = those that the system trusts. */
    caBundlePem?: string | null
    /** The certificate that targets are shown, in PEM, at most 64 KiB; those that signed it may follow; default empty. */
    clientCertPem?: string | null
    /** Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB. */
    clientKeyPem?: string | null
    /** Whether the client's `Host` is passed on; default true. */
    preserveHost?: boolean | null
    /** Milliseconds to connect, 100–86,400,000; null = `proxy.connect_timeout_ms`. */
    connectTimeoutMs?: number | null
    /** Milliseconds to the response head, 100–86,400,000; null = `proxy.response_timeout_ms`. */
    responseTimeoutMs?: number | null
    /** Further targets tried, 0–5; null = `proxy.max_retries`. */
    maxRetries?: number | null
    /** How a target is chosen: `round_robin` = in turn by weight, `least_conn` = fewest requests under way by weight, `ip_hash` = by the client's address, `random` = the less busy of two; default `round_robin`. */
    algorithm?: Algorithm | null
    /** Whether targets are checked actively; default false. */
    healthCheckEnabled?: boolean | null
    /** Path of the check, and its query; default `/`. */
    healthCheckPath?: string | null
    /** Method of the check; default `GET`. */
    healthCheckMethod?: HealthMethod | null
    /** Accepted statuses, such as `200,2xx,200-204`; default `200`. */
    healthCheckExpectStatus?: string | null
    /** Seconds between checks, 1–300; default 30. */
    healthCheckIntervalSeconds?: number | null
    /** Seconds until a check fails, 1–60, less than those between checks; default 5. */
    healthCheckTimeoutSeconds?: number | null
    /** Failures in a row until a target is out, 1–10; default 2. */
    healthCheckFailsToUnhealthy?: number | null
    /** Successes in a row until it is back, 1–10; default 2. */
    healthCheckPassesToHealthy?: number | null
    /** Seconds over which the weight of a target grows that recovered or came later, 0–600; default 0. */
    slowStartSeconds?: number | null
    /** Name of the cookie by which a client goes on with the target that it was given; default empty = none. */
    stickyCookie?: string | null
    /** Seconds for which it does, 0–31,536,000; default 0 = until the browser is closed. */
    stickyTtlSeconds?: number | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<TargetGroup>>
  /** Changes the given fields of a target group. */
  update(id: number, fields?: {
    /** Unique name, 1–63 characters. */
    name?: string
    /** What is spoken to the targets. */
    protocol?: GroupProtocol
    /** Whether target certificates are checked. */
    verifyTls?: boolean
    /** HTTP version spoken to the targets: `auto`, `1.1` or `2`. */
    httpVersion?: HttpVersion
    /** Name for SNI and the certificate check; empty = target host. */
    tlsServerName?: string
    /** Certificates that are trusted for the targets, in PEM, at most 64 KiB: authorities, or single certificates as they are; empty = those that the system trusts. */
    caBundlePem?: string
    /** The certificate that targets are shown, in PEM, at most 64 KiB; those that signed it may follow; empty = none. */
    clientCertPem?: string
    /** Whether the client's `Host` is passed on. */
    preserveHost?: boolean
    /** How a target is chosen: `round_robin`, `least_conn`, `ip_hash` or `random`. */
    algorithm?: Algorithm
    /** Whether targets are checked actively. */
    healthCheckEnabled?: boolean
    /** Path of the check, and its query. */
    healthCheckPath?: string
    /** Method of the check. */
    healthCheckMethod?: HealthMethod
    /** Accepted statuses, such as `200,2xx,200-204`. */
    healthCheckExpectStatus?: string
    /** Seconds between checks, 1–300. */
    healthCheckIntervalSeconds?: number
    /** Seconds until a check fails, 1–60, less than those between checks. */
    healthCheckTimeoutSeconds?: number
    /** Failures in a row until a target is out, 1–10. */
    healthCheckFailsToUnhealthy?: number
    /** Successes in a row until it is back, 1–10. */
    healthCheckPassesToHealthy?: number
    /** Seconds over which the weight of a target grows that recovered or came later, 0–600. */
    slowStartSeconds?: number
    /** Name of the cookie by which a client goes on with the target that it was given; empty = none. */
    stickyCookie?: string
    /** Seconds for which it does, 0–31,536,000; 0 = until the browser is closed. */
    stickyTtlSeconds?: number
    /** Milliseconds to connect, 100–86,400,000; null = `proxy.connect_timeout_ms`. */
    connectTimeoutMs?: number | null
    /** Milliseconds to the response head, 100–86,400,000; null = `proxy.response_timeout_ms`. */
    responseTimeoutMs?: number | null
    /** Further targets tried, 0–5; null = `proxy.max_retries`. */
    maxRetries?: number | null
    /** The key of the certificate that targets are shown, in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB; omitted = it stays, null = none. */
    clientKeyPem?: string | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<TargetGroup>>
  /** Replaces every field of a target group; its targets are resources of their own. */
  replace(id: number, fields: {
    /** Unique name, 1–63 characters. */
    name: string
    /** What is spoken to the targets. */
    protocol: GroupProtocol
    /** Whether target certificates are checked. */
    verifyTls: boolean
    /** HTTP version spoken to the targets: `auto`, `1.1` or `2`. */
    httpVersion: HttpVersion
    /** Name for SNI and the certificate check; empty = target host. */
    tlsServerName: string
    /** Certificates that are trusted for the targets, in PEM, at most 64 KiB: authorities, or single certificates as they are; empty = those that the system trusts. */
    caBundlePem: string
    /** The certificate that targets are shown, in PEM, at most 64 KiB; those that signed it may follow; empty = none. */
    clientCertPem: string
    /** Whether the client's `Host` is passed on. */
    preserveHost: boolean
    /** How a target is chosen: `round_robin`, `least_conn`, `ip_hash` or `random`. */
    algorithm: Algorithm
    /** Whether targets are checked actively. */
    healthCheckEnabled: boolean
    /** Path of the check, and its query. */
    healthCheckPath: string
    /** Method of the check. */
    healthCheckMethod: HealthMethod
    /** Accepted statuses, such as `200,2xx,200-204`. */
    healthCheckExpectStatus: string
    /** Seconds between checks, 1–300. */
    healthCheckIntervalSeconds: number
    /** Seconds until a check fails, 1–60, less than those between checks. */
    healthCheckTimeoutSeconds: number
    /** Failures in a row until a target is out, 1–10. */
    healthCheckFailsToUnhealthy: number
    /** Successes in a row until it is back, 1–10. */
    healthCheckPassesToHealthy: number
    /** Seconds over which the weight of a target grows that recovered or came later, 0–600. */
    slowStartSeconds: number
    /** Name of the cookie by which a client goes on with the target that it was given; empty = none. */
    stickyCookie: string
    /** Seconds for which it does, 0–31,536,000; 0 = until the browser is closed. */
    stickyTtlSeconds: number
    /** Milliseconds to connect, 100–86,400,000; null = `proxy.connect_timeout_ms`. */
    connectTimeoutMs: number | null
    /** Milliseconds to the response head, 100–86,400,000; null = `proxy.response_timeout_ms`. */
    responseTimeoutMs: number | null
    /** Further targets tried, 0–5; null = `proxy.max_retries`. */
    maxRetries: number | null
    /** The key of the certificate that targets are shown, in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB; omitted = it stays, null = none. */
    clientKeyPem?: string | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<TargetGroup>>
  /** Deletes a target group that no host and no rule uses. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
}

/** The endpoints of one target group. */
export class TargetsResource {
  private constructor()
  /** Lists the targets of a group by id. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Target>>
  /** Shows one target. */
  get(id: number): Promise<Target>
  /** Makes a target. */
  create(fields: {
    /** Address or name. */
    host: string
    /** TCP port, 1–65535. */
    port: number
    /** Share of the requests, 1–256, default 1. */
    weight?: number | null
    /** Whether it takes requests; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Target>>
  /** Changes the given fields of a target. */
  update(id: number, fields?: {
    /** Address or name. */
    host?: string
    /** TCP port, 1–65535. */
    port?: number
    /** Share of the requests, 1–256. */
    weight?: number
    /** Whether it takes requests. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Target>>
  /** Replaces every field of a target. */
  replace(id: number, fields: {
    /** Address or name. */
    host: string
    /** TCP port, 1–65535. */
    port: number
    /** Share of the requests, 1–256. */
    weight: number
    /** Whether it takes requests. */
    enabled: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Target>>
  /** Deletes a target. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches a target on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Target>>
}

/** How the endpoints of all target groups do. */
export class TargetHealthResource {
  private constructor()
  /** Lists how the targets of all groups do, as the running proxy knows them. */
  list(fields?: {
    /** Only those of this group. */
    targetGroupId?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<TargetHealth>>
}

/** The rules of one host. */
export class RulesResource {
  private constructor()
  /** Lists the rules of a host in order of priority. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Rule>>
  /** Shows one rule. */
  get(id: number): Promise<Rule>
  /** Makes a rule. */
  create(fields: {
    /** What happens. */
    action: Action
    /** 1–50,000, unique in the host; default: 10 after the last. */
    priority?: number | null
    /** A name for people, at most 128 characters. */
    name?: string
    /** Whether it takes part; default true. */
    enabled?: boolean | null
    /** What must hold; empty = always. */
    matchers?: Matcher[]
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Rule>>
  /** Changes the given fields of a rule. */
  update(id: number, fields?: {
    /** 1–50,000, unique in the host. */
    priority?: number
    /** A name for people, at most 128 characters. */
    name?: string
    /** Whether it takes part. */
    enabled?: boolean
    /** What happens. */
    action?: Action
    /** What must hold; empty = always. */
    matchers?: Matcher[]
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Rule>>
  /** Replaces every field of a rule. */
  replace(id: number, fields: {
    /** 1–50,000, unique in the host. */
    priority: number
    /** A name for people, at most 128 characters. */
    name: string
    /** Whether it takes part. */
    enabled: boolean
    /** What happens. */
    action: Action
    /** What must hold; empty = always. */
    matchers: Matcher[]
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Rule>>
  /** Deletes a rule; its log rows stay. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches a rule on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Rule>>
  /** Gives the rules of a host the priorities 10, 20, 30 … in the given order. */
  reorder(fields: {
    /** Every rule of the host exactly once. */
    ruleIds: number[]
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Page<Rule>>>
  /** Tries a request on the rules of a host: each rule, what of it did not hold, and which target is asked. */
  matchRequest(uri: string, fields?: {
    /** The method; default `GET`. */
    method?: string | null
    /** Names and values; without `Host` the host's own name. */
    headers?: string[][]
    /** The client; default 127.0.0.1. */
    remoteIp?: string | null
  }): Promise<RuleMatch>
}

/** Requests on the way that they would take. */
export class RequestsResource {
  private constructor()
  /** Explains where a request would go: host, rate limit, WAF, rules, target, and why. Nothing is sent or counted. */
  explain(fields?: {
    /** The method; default `GET`. */
    method?: string | null
    /** The URL, such as `https://shop.example/cart?id=1`. */
    url?: string | null
    /** Names and values. */
    headers?: string[][]
    /** The client; default 127.0.0.1. */
    remoteIp?: string | null
    /** The request as a curl command, such as `curl -X POST -d a=1 http://shop.example/`. */
    curl?: string | null
    /** Whether the WAF judges it, too; default false. */
    waf?: boolean | null
  }): Promise<RouteExplanation>
}

/** What protects one host. */
export class SecurityResource {
  private constructor()
  /** Shows the security of a host. */
  get(): Promise<Security>
  /** Changes the given fields of a host's security. */
  update(fields?: {
    /** Whether requests are inspected. */
    wafEnabled?: boolean
    /** Detect or block; capped by `appsec.mode`. */
    wafMode?: WafMode
    /** Blocking paranoia level, 1–4. */
    wafParanoia?: number
    /** Status of a block answer, 400–599. */
    wafBlockStatus?: number
    /** Body of a block answer, at most 1 MiB; empty = the standard page. */
    wafBlockBody?: string
    /** Whether response bodies are inspected. */
    wafResponseBody?: boolean
    /** Whether requests are limited. */
    rateLimitEnabled?: boolean
    /** Requests per window, 1–1,000,000 when enabled; so many may also come at once. */
    rateLimitRequests?: number
    /** Seconds, 1–86,400 when enabled. */
    rateLimitWindowSeconds?: number
    /** What is counted by. */
    rateLimitKey?: RateLimitKey
    /** The header of key `header`; requests that do not have it once count by their address. */
    rateLimitHeaderName?: string
    /** Status over the limit, 400–599. */
    rateLimitStatus?: number
    /** Recorded paranoia level, 1–4, not below `waf_paranoia`; null = equal to it. */
    wafDetectionParanoia?: number | null
    /** Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`. */
    wafInboundThreshold?: number | null
    /** Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`. */
    wafOutboundThreshold?: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Security>>
  /** Replaces every field of a host's security. */
  replace(fields: {
    /** Whether requests are inspected. */
    wafEnabled: boolean
    /** Detect or block; capped by `appsec.mode`. */
    wafMode: WafMode
    /** Blocking paranoia level, 1–4. */
    wafParanoia: number
    /** Status of a block answer, 400–599. */
    wafBlockStatus: number
    /** Body of a block answer, at most 1 MiB; empty = the standard page. */
    wafBlockBody: string
    /** Whether response bodies are inspected. */
    wafResponseBody: boolean
    /** Whether requests are limited. */
    rateLimitEnabled: boolean
    /** Requests per window, 1–1,000,000 when enabled; so many may also come at once. */
    rateLimitRequests: number
    /** Seconds, 1–86,400 when enabled. */
    rateLimitWindowSeconds: number
    /** What is counted by. */
    rateLimitKey: RateLimitKey
    /** The header of key `header`; requests that do not have it once count by their address. */
    rateLimitHeaderName: string
    /** Status over the limit, 400–599. */
    rateLimitStatus: number
    /** Recorded paranoia level, 1–4, not below `waf_paranoia`; null = equal to it. */
    wafDetectionParanoia: number | null
    /** Inbound anomaly threshold, 1–1000; null = `appsec.inbound_threshold`. */
    wafInboundThreshold: number | null
    /** Outbound anomaly threshold, 1–1000; null = `appsec.outbound_threshold`. */
    wafOutboundThreshold: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Security>>
}

/** Who may open one host that wants a sign-in. */
export class AccessResource {
  private constructor()
  /** Shows who may open a host that wants a sign-in; empty lists = every user who is switched on. */
  get(): Promise<HostAccess>
  /** Replaces who may open a host that wants a sign-in; empty lists = every user who is switched on. */
  replace(fields: {
    /** Users who may. */
    users: number[]
    /** Roles whose users may; each is named itself, whatever it allows elsewhere. */
    roles: Role[]
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<HostAccess>>
}

/** What one host leaves out of the rules it runs. */
export class ExclusionsResource {
  private constructor()
  /** Lists the exclusions of a host by id. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Exclusion>>
  /** Shows one exclusion. */
  get(id: number): Promise<Exclusion>
  /** Makes an exclusion. */
  create(fields?: {
    /** The rule with this id; else `tag` is given. */
    crsRuleId?: number | null
    /** The rules with this tag; else `crs_rule_id` is given. */
    tag?: string
    /** The path up to a segment's border, decoded, beginning with `/`; empty = every path. */
    pathPattern?: string
    /** Methods, comma-separated; empty = every method. */
    method?: string
    /** Targets, comma-separated, such as `ARGS:password`; empty = the whole rules. */
    target?: string
    /** Why, for people, at most 512 characters. */
    reason?: string
    /** Whether it takes part; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Exclusion>>
  /** Changes the given fields of an exclusion. */
  update(id: number, fields?: {
    /** The rules with this tag; empty = the rule `crs_rule_id`. */
    tag?: string
    /** The path up to a segment's border, decoded, beginning with `/`; empty = every path. */
    pathPattern?: string
    /** Methods, comma-separated; empty = every method. */
    method?: string
    /** Targets, comma-separated, such as `ARGS:password`; empty = the whole rules. */
    target?: string
    /** Why, for people, at most 512 characters. */
    reason?: string
    /** Whether it takes part. */
    enabled?: boolean
    /** The rule with this id; null = the rules with `tag`. */
    crsRuleId?: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Exclusion>>
  /** Replaces every field of an exclusion. */
  replace(id: number, fields: {
    /** The rules with this tag; empty = the rule `crs_rule_id`. */
    tag: string
    /** The path up to a segment's border, decoded, beginning with `/`; empty = every path. */
    pathPattern: string
    /** Methods, comma-separated; empty = every method. */
    method: string
    /** Targets, comma-separated, such as `ARGS:password`; empty = the whole rules. */
    target: string
    /** Why, for people, at most 512 characters. */
    reason: string
    /** Whether it takes part. */
    enabled: boolean
    /** The rule with this id; null = the rules with `tag`. */
    crsRuleId: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Exclusion>>
  /** Deletes an exclusion. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches an exclusion on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Exclusion>>
}

/** The rules that one host adds. */
export class CustomRulesResource {
  private constructor()
  /** Lists the own rules of a host by id, the order in which they run. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<CustomRule>>
  /** Shows one own rule. */
  get(id: number): Promise<CustomRule>
  /** Makes an own rule. */
  create(fields: {
    /** `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`; at most 64 KiB. */
    secrule: string
    /** A name for people, at most 128 characters. */
    name?: string
    /** Whether it takes part; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<CustomRule>>
  /** Changes the given fields of an own rule. */
  update(id: number, fields?: {
    /** A name for people, at most 128 characters. */
    name?: string
    /** `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`; at most 64 KiB. */
    secrule?: string
    /** Whether it takes part. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<CustomRule>>
  /** Replaces every field of an own rule. */
  replace(id: number, fields: {
    /** A name for people, at most 128 characters. */
    name: string
    /** `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`; at most 64 KiB. */
    secrule: string
    /** Whether it takes part. */
    enabled: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<CustomRule>>
  /** Deletes an own rule. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches an own rule on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<CustomRule>>
}

/** The rules that all hosts run. */
export class WafResource {
  private constructor()
  /** Shows what the WAF does over all hosts, and the rules it runs. */
  status(): Promise<WafStatus>
  /** Reads the rules of all hosts anew; rules that do not compile change nothing. */
  reload(terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<RulesReport>>
  /** Installs a core rule set into the data folder and reads the rules anew; one that does not compile changes nothing. */
  install(fields: {
    /** SHA-256 of the archive in hexadecimal, from where the release is announced. */
    sha256: string
    /** Where the archive is: https at a public address. */
    url?: string | null
    /** The archive itself, a gzipped tar of at most 16 MiB, in base64. */
    archive?: string | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<InstalledRules>>
  /** Tries a request on the rules that a host runs now, and tells what they find. */
  evaluate(fields: {
    /** The host whose rules judge. */
    hostId: number
    /** The request, and its answer if there is one. */
    request: RequestLine
  }): Promise<ResultLine>
  /** Explains what the rules that a host runs now do with a request: each rule on each target, and what decided. */
  explain(fields?: {
    /** The host whose rules judge; a request of the log has its own. */
    hostId?: number | null
    /** The request, and its answer if there is one. */
    request?: RequestLine | null
    /** The request as a curl command, such as `curl -X POST -d a=1 http://shop.example/`. */
    curl?: string | null
    /** A request of the log: it is tried again if it is still in memory, else its rows are shown. */
    requestId?: string | null
    /** A row of the log whose request is meant. */
    logId?: number | null
  }): Promise<Explanation>
  /** Says what is wrong with rules before they are a host's. */
  checkRules(fields: {
    /** The directives, at most 64 KiB. */
    secrule: string
    /** The host whose other own rules they would stand beside; none = no other own rules. */
    hostId?: number | null
  }): Promise<CheckedRules>
  /** Lists the rules that all hosts run, in the order in which they stand. */
  rules(fields?: {
    /** Part of the id or of the message, in any case. */
    q?: string | null
    /** A tag, in the same letters. */
    tag?: string | null
    /** The level of paranoia from which a rule takes part, 1–4. */
    paranoia?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<CatalogueRule>>
  /** Changes the mode over all hosts. */
  mode(mode: AppsecMode, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<WafStatus>>
  /** Proposes the narrowest exclusions that let a request pass, tried on it; saves nothing. */
  propose(fields?: {
    /** The host whose rules judge; a request of the log has its own. */
    hostId?: number | null
    /** The request, and its answer if there is one. */
    request?: RequestLine | null
    /** The request as a curl command. */
    curl?: string | null
    /** A request of the log that is still in memory. */
    requestId?: string | null
    /** A row of the log whose request is meant. */
    logId?: number | null
  }): Promise<Proposal>
  /** Shows what the WAF found in the last 24 hours, host by host. */
  overview(): Promise<WafOverview>
  /** Shows what block mode would have stopped, by host, rule and path. */
  wouldBlock(fields?: {
    /** How far back: `15m`, `24h` (default), `7d`; at most `31d`. */
    window?: string | null
  }): Promise<WouldBlock>
}

/** Certificates of hosts, and the local CA. */
export class CertificatesResource {
  private constructor()
  /** Lists certificates by id: those of hosts, the local CA and those it signed. */
  list(fields?: {
    /** Only those of this host. */
    hostId?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Certificate>>
  /** Shows one certificate. */
  get(id: number): Promise<Certificate>
  /** Gives a certificate and those that signed it as PEM text. */
  chain(id: number): Promise<string>
  /** Gives the root of the local CA as PEM text, for clients that are to trust it. */
  localCa(): Promise<string>
  /** Shows how the certificate of each host's name stands, by host. */
  status(fields?: {
    /** Only this host's. */
    hostId?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<CertStatus>>
  /** Stores a certificate with its key for a host and serves it; the host's TLS mode becomes `manual`. */
  upload(id: number, fields: {
    /** The certificate in PEM, at most 64 KiB; those that signed it may follow. */
    certPem: string
    /** Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB. */
    keyPem: string
    /** Those that signed it, nearest first, at most 64 KiB. */
    chainPem?: string | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<UploadedCertificate>>
  /** Renews the certificate of a host before its time. */
  renew(id: number, fields?: {
    /** Whether the authority is to revoke the old one once there is a new one; default false. */
    revoke?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Renewal>>
  /** Looks whether the certificate of a host can be ordered, and why not, without ordering it. */
  check(id: number): Promise<CertificateCheck>
  /** Deletes an uploaded certificate; where it was served, the host goes on with another TLS mode. */
  delete(id: number, fields?: {
    /** The host's TLS mode if it was served: `auto` or `none`; default `auto`, for the host `*` `none`. */
    tlsMode?: TlsMode | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
}

/** Accounts with certificate authorities. */
export class AcmeAccountsResource {
  private constructor()
  /** Lists accounts with certificate authorities by id: one for each directory and contact. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<AcmeAccount>>
  /** Shows one account with a certificate authority. */
  get(id: number): Promise<AcmeAccount>
  /** Stores an account before its first order; with a key, one that is registered already, such as another client's. */
  create(fields: {
    /** The authority's directory: an https URL, `production` or `staging` (Let's Encrypt's). */
    directoryUrl: string
    /** The contact that hosts name; default empty = none. */
    email?: string | null
    /** Its key: P-256 in PKCS#8 PEM; default: a new one. */
    keyPem?: string | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<AcmeAccount>>
  /** Forgets an account with a certificate authority and its key; the next order registers a new one. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
  }): Promise<Applied<null>>
}

/** Who places the records that prove names to certificate authorities. */
export class DnsProvidersResource {
  private constructor()
  /** Lists DNS providers by id; their secrets are never shown. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<DnsProvider>>
  /** Shows one DNS provider without its secrets. */
  get(id: number): Promise<DnsProvider>
  /** Makes a DNS provider. */
  create(name: string, fields: {
    /** How it is spoken to; `exec` only at the command line. */
    kind: DnsProviderKind
    /** What its kind needs. */
    config: DnsConfig
    /** Whether it may be used; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<DnsProvider>>
  /** Changes the given fields of a DNS provider; omitted ones stay, also those in `config`. */
  update(id: number, fields?: {
    /** Unique name, 1–64 characters. */
    name?: string
    /** Fields of its kind that change; a command, and where an API is, only at the command line. */
    config?: DnsConfig
    /** Whether it may be used. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<DnsProvider>>
  /** Deletes a DNS provider that no host uses. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Tries a DNS provider: places a record, waits until the zone's servers have it, and removes it. */
  test(id: number, fields?: {
    /** A name that it is to prove; the record is placed at `_argos-test` below it. Default: the zone of its `config`. */
    domain?: string | null
    /** Seconds until the record must be seen, 0–120; default 60. */
    seconds?: number | null
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<DnsProviderTest>>
}

/** Where notifications go. */
export class ChannelsResource {
  private constructor()
  /** Lists channels by id; their secrets are never shown. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<Channel>>
  /** Shows one channel without its secrets. */
  get(id: number): Promise<Channel>
  /** Makes a channel. */
  create(name: string, type: ChannelKind, fields?: {
    /** What its type needs. */
    config?: ChannelConfig
    /** What is sent, at most 64 KiB; empty = the default of its type. */
    template?: string
    /** Deliveries in a minute, and at once, 0–10,000; 0 = as many as come. Default 10. */
    rateLimitPerMinute?: number | null
    /** Whether it is used; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Channel>>
  /** Changes the given fields of a channel; omitted ones stay, also those in `config`. Where it would then send to another server, its secrets are given anew or cleared. */
  update(id: number, fields?: {
    /** Unique name, 1–64 characters. */
    name?: string
    /** Fields of its type that change. */
    config?: ChannelConfig
    /** What is sent, at most 64 KiB; empty = the default of its type. */
    template?: string
    /** Deliveries in a minute, and at once, 0–10,000; 0 = as many as come. */
    rateLimitPerMinute?: number
    /** Whether it is used. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Channel>>
  /** Deletes a channel with its rules; what waits for it is given up. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches a channel on or off. What waits for one that is off is given up. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Channel>>
  /** Tries a channel: sends a made-up change of the host `test.example`, once, within 15 seconds. */
  test(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<ChannelTest>>
}

/** What notifications can tell, and how. */
export class NotificationsResource {
  private constructor()
  /** Lists every type of event that a rule can name, with what it tells. */
  eventTypes(): Promise<EventTypes>
  /** Lists webhooks of known services, to be filled in and stored as channels. */
  presets(): Promise<ChannelPresets>
  /** Renders a template with the sample of an event, and tells whether a channel would take what it makes. */
  render(type: ChannelKind, eventType: EventKind, fields?: {
    /** The template; empty = the default of the type. */
    template?: string
    /** `webhook`: `Content-Type` of the body; default `application/json`. */
    contentType?: string | null
    /** `telegram`: how marks are read; default `HTML`. */
    parseMode?: ParseMode | null
    /** `email`: template of the subject. */
    subject?: string | null
  }): Promise<RenderedTemplate>
}

/** Which events go to which channel. */
export class NotificationRulesResource {
  private constructor()
  /** Lists notification rules by id. */
  list(fields?: {
    /** Only those to this channel. */
    channelId?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<NotificationRule>>
  /** Shows one notification rule. */
  get(id: number): Promise<NotificationRule>
  /** Makes a notification rule. */
  create(channelId: number, eventType: EventKind, fields?: {
    /** A name for people, at most 128 characters. */
    name?: string
    /** Only events about these hosts; empty = all events, also those about no host. */
    filterHostIds?: number[]
    /** Only events that matter so much; empty = all. */
    filterSeverities?: Severity[]
    /** Seconds in which one event about the same host is enough, 0–86,400; 0, the default, holds none back. */
    throttleWindowSeconds?: number | null
    /** Whether it is used; default true. */
    enabled?: boolean | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<NotificationRule>>
  /** Changes the given fields of a notification rule. */
  update(id: number, fields?: {
    /** A name for people, at most 128 characters. */
    name?: string
    /** Where events go. */
    channelId?: number
    /** What happened. */
    eventType?: EventKind
    /** Only events about these hosts; empty = all events, also those about no host. */
    filterHostIds?: number[]
    /** Only events that matter so much; empty = all. */
    filterSeverities?: Severity[]
    /** Seconds in which one event about the same host is enough, 0–86,400; 0 holds none back. */
    throttleWindowSeconds?: number
    /** Whether it is used. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<NotificationRule>>
  /** Replaces every field of a notification rule. */
  replace(id: number, fields: {
    /** A name for people, at most 128 characters. */
    name: string
    /** Where events go. */
    channelId: number
    /** What happened. */
    eventType: EventKind
    /** Only events about these hosts; empty = all events, also those about no host. */
    filterHostIds: number[]
    /** Only events that matter so much; empty = all. */
    filterSeverities: Severity[]
    /** Seconds in which one event about the same host is enough, 0–86,400; 0 holds none back. */
    throttleWindowSeconds: number
    /** Whether it is used. */
    enabled: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<NotificationRule>>
  /** Deletes a notification rule. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Switches a notification rule on or off. */
  toggle(id: number, enabled: boolean, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<NotificationRule>>
}

/** What came of events that somebody wanted to hear of. */
export class DeliveriesResource {
  private constructor()
  /** Lists deliveries, newest first; all filters must hold. */
  list(fields?: {
    /** To this channel. */
    channelId?: number | null
    /** Wanted by this rule. */
    ruleId?: number | null
    /** Of this event. */
    eventType?: EventKind | null
    /** So far. */
    status?: DeliveryStatus | null
    /** Not before: RFC 3339, or back from now as `-15m`, `-24h`, `-7d`. */
    from?: string | null
    /** Not after, as `from`. */
    to?: string | null
    /** 1 = also count them by status; default 0. */
    stats?: number | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<DeliveryPage>
  /** Shows one delivery with what is or was sent. */
  get(id: number): Promise<Delivery>
  /** Has a delivery that failed or was held back tried once more, now; throttle and rate don't count. */
  retry(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<Delivery>>
  /** Shows what of the last 24 hours was told and is a warning or worse, newest first. */
  recentAlerts(fields?: {
    /** 1–50, default 5. */
    limit?: number | null
  }): Promise<Alerts>
}

/** Settings of the whole installation. */
export class SettingsResource {
  private constructor()
  /** Lists settings by key. */
  list(fields?: {
    /** Only keys that begin so, such as `proxy.`. */
    prefix?: string | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<SettingRow>>
  /** Shows one setting. */
  get(key: string): Promise<SettingRow>
  /** Writes one setting. */
  set(key: string, value: string, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<SettingRow>>
  /** Puts one setting back to its default. */
  reset(key: string, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<null>>
  /** Writes several settings as one change. */
  update(values: Record<string, string>, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<Page<SettingRow>>>
}

/** The configuration in time. */
export class ConfigResource {
  private constructor()
  /** Lists the kept generations of the configuration, newest first. */
  versions(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<ConfigVersion>>
  /** Shows what differs between two kept generations, field by field; secrets are `***`. */
  diff(a: number, b: number, fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<FieldChange>>
  /** Writes the configuration of an earlier generation again, all of it or one object, as a new generation. */
  rollback(n: number, fields?: {
    /** The configuration table of the one object that goes back, such as `hosts`; omitted = everything. */
    table?: string | null
    /** The row of that object: its number, or the name of a setting. */
    key?: string | number | null
  }, terms?: {
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<RolledBack>>
  /** Shows since when, and by whom, each field of an object has its value; null before the kept history. */
  blame(table: string, key: string | number, fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<FieldBlame>>
}

/** Bearer tokens for the API. */
export class TokensResource {
  private constructor()
  /** Lists tokens by id; their texts are never shown again. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<ApiToken>>
  /** Makes a token and shows its text this once. */
  create(name: string, fields: {
    /** What it may do; not more than its maker. */
    role: TokenRole
    /** When it ends; null = never. */
    expiresAt?: string | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<CreatedToken>>
  /** Ends a token at once. */
  revoke(id: number): Promise<Applied<null>>
}

/** Requests, refusals, findings and changes. */
export class LogsResource {
  private constructor()
  /** Searches log rows; all filters must hold. */
  search(fields?: {
    /** Not before: RFC 3339, or back from now as `-15m`, `-24h`, `-7d`. */
    from?: string | null
    /** Not after, as `from`. */
    to?: string | null
    /** Any of `access`, `error`, `audit`, `waf_audit`, comma-separated. */
    source?: string | null
    /** Statuses: `200`, `4xx`, `500-504`, comma-separated. */
    status?: string | null
    /** The host; rows of its name that were written before it existed are included. */
    hostId?: number | null
    /** The rule of the host. */
    ruleId?: number | null
    /** WAF rules, comma-separated. */
    wafRuleId?: string | null
    /** Methods, comma-separated. */
    method?: string | null
    /** Actions, comma-separated. */
    action?: string | null
    /** Any of `info`, `warn`, `error`, comma-separated. */
    level?: string | null
    /** One request. */
    requestId?: string | null
    /** The client's address. */
    remoteIp?: string | null
    /** A part of the path. */
    path?: string | null
    /** At least so many milliseconds. */
    minDurationMs?: number | null
    /** At most so many milliseconds. */
    maxDurationMs?: number | null
    /** `desc` (newest first, default) or `asc`. */
    order?: Order | null
    /** Items in one page, 1–1000, default 100. */
    limit?: number | null
    /** Where the page begins. */
    cursor?: string | null
  }): Promise<Page<LogEntry>>
  /** Shows one log row. */
  get(id: number): Promise<LogEntry>
  /** Rows written after a given one, by id: the next step of a reader that follows the log. */
  tail(fields?: {
    /** Rows with a greater id; omitted = the newest `limit` rows. */
    afterId?: number | null
    /** Rows at most, 1–1000, default 100. */
    limit?: number | null
  }): Promise<Page<LogEntry>>
}

/** The process itself. */
export class SystemResource {
  private constructor()
  /** Shows which build this is. */
  version(): Promise<Version>
  /** Shows the stored and the running generation, the log queue's figures and what health checks found. */
  health(): Promise<Health>
  /** Shows the OpenAPI document of this interface. */
  openapi(): Promise<unknown>
}

/** Signing in and out, and what belongs to whoever asks. */
export class AuthResource {
  private constructor()
  /** Signs in by a password: sets the session's cookie, or asks for a second factor. */
  login(fields: {
    /** The name to sign in with. */
    username: string
    /** The password. */
    password: string
  }): Promise<Applied<SignedIn>>
  /** Ends a sign-in with a code of the second factor. */
  verifyTotp(fields: {
    /** What signing in answered. */
    challengeId: string
    /** Six digits. */
    code: string
  }): Promise<Applied<SignedIn>>
  /** Ends a sign-in with a recovery code, which is then used up. */
  verifyRecovery(fields: {
    /** What signing in answered. */
    challengeId: string
    /** A code that was not used yet. */
    recoveryCode: string
  }): Promise<Applied<SignedIn>>
  /** Signs out: the session and those of protected hosts that hang on it end. */
  logout(): Promise<Applied<null>>
  /** Shows whoever asks. */
  me(): Promise<Me>
  /** Sets another password for whoever asks; their other sessions end. */
  changePassword(fields: {
    /** The password until now. */
    current: string
    /** The new one, at least `auth.password_min_length` characters. */
    new: string
  }): Promise<Applied<null>>
  /** Shows the second factor of whoever asks. */
  totp(): Promise<TotpState>
  /** Begins a second factor: shows its secret and recovery codes this once; it is asked for after its first code. */
  setUpTotp(fields?: {
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }): Promise<Applied<NewTotp>>
  /** Switches the second factor on with its first code; other sessions end. */
  activateTotp(fields: {
    /** Six digits. */
    code: string
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }): Promise<Applied<null>>
  /** Switches the second factor off with one of its codes or a recovery code; other sessions end. */
  disableTotp(fields: {
    /** Six digits, or a recovery code. */
    code: string
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }): Promise<Applied<null>>
  /** Makes ten new recovery codes and shows them this once; the old ones are good for nothing more. */
  newRecoveryCodes(fields?: {
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }): Promise<Applied<ShownCodes>>
  /** Tells whether people can sign in by the identity provider. */
  oidcAvailable(): Promise<OidcAvailable>
  /** Sends the browser to the identity provider. */
  oidcLogin(fields?: {
    /** Where the person goes on to; the sign-in page reads it, which has it checked. */
    rd?: string | null
    /** What a protected host said with the request to sign in. */
    st?: string | null
  }): Promise<Applied<OidcRedirect>>
  /** Ends a sign-in at the identity provider: the browser comes back with its answer. */
  oidcCallback(fields?: {
    /** Which sign-in it is. */
    state?: string | null
    /** What the provider gave for it. */
    code?: string | null
    /** Who says that they answer. */
    iss?: string | null
    /** Why the provider refused. */
    error?: string | null
    /** The same in words. */
    errorDescription?: string | null
  }): Promise<Applied<OidcRedirect>>
  /** Begins to attach an identity of the identity provider to whoever asks: gives the address to open. */
  bindOidc(fields?: {
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }): Promise<Applied<OidcBinding>>
  /** Takes the identity of the identity provider off whoever asks, within 5 minutes of their sign-in. */
  unbindOidc(): Promise<Applied<null>>
  /** Shows which identity provider there is, and whom it lets in. */
  oidcConfig(): Promise<OidcConfig>
  /** Changes the given fields of the identity provider; to switch it on, the provider must answer. */
  setOidcConfig(fields?: {
    /** Whether people can sign in by it. To switch it on, the provider must answer and `panel.public_url` be set. */
    enabled?: boolean
    /** Its issuer, as it writes it itself: an https URL, or http on this machine. */
    issuerUrl?: string
    /** Argos's name there, at most 512 bytes. */
    clientId?: string
    /** The secret that proves it, at most 4096 bytes; null = none. */
    clientSecret?: string | null
    /** What is asked for, separated by blanks; `openid` is among it. */
    scopes?: string
    /** The domain below which panel sessions count on protected hosts too; the panel is in it; empty = none. */
    cookieParentDomain?: string
    /** Whether people whom nobody here knows get an account. */
    autoProvision?: boolean
    /** Addresses of mail that may sign in. */
    allowedEmails?: string[]
    /** What may stand behind the `@` of addresses that may sign in; names below one are not meant. */
    allowedDomains?: string[]
    /** Whether the provider must vouch for addresses of mail. */
    requireEmailVerified?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
    /** Whether the change is only tried: all checks, and the result it would have. */
    dryRun?: boolean
  }): Promise<Applied<OidcConfig>>
  /** Asks an identity provider what it says of itself: the saved one, or another at public addresses. */
  testOidc(fields?: {
    /** An issuer at public addresses; default: the saved one. */
    issuerUrl?: string | null
  }): Promise<OidcTest>
  /** Lists the sessions of whoever asks, by id. */
  sessions(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<SessionRow>>
  /** Ends a session of whoever asks, and those that hang on it. */
  endSession(id: number): Promise<Applied<null>>
  /** Ends all sessions of whoever asks but this one. */
  endOtherSessions(): Promise<Applied<EndedSessions>>
  /** Reads where a link wants a person to be sent after signing in; what is no place of ours is `/`. */
  returnUrl(fields: {
    /** The place: a path of the panel, or a URL of the panel or of a protected host. */
    rd: string
  }): Promise<ReturnPlace>
  /** Makes a ticket for the person who asks: it lets them in at a protected host, once and within 30 seconds. */
  ticket(fields: {
    /** Where the person goes. */
    rd: string
    /** What the host said with the request to sign in: 64 hex digits. */
    st: string
  }): Promise<Applied<TicketPlace>>
}

/** Browsers that whoever asks gets notifications with. */
export class PushResource {
  private constructor()
  /** Shows what browsers subscribe with. */
  key(): Promise<PushKey>
  /** Lists the browsers that whoever asks gets notifications with, by id. */
  list(fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<PushSubscription>>
  /** Has whoever asks get notifications with a browser; who did so with it before no longer does. */
  subscribe(fields: {
    /** Where its push service is told: an https URL of at most 2048 bytes. */
    endpoint: string
    /** Its keys. */
    keys: PushKeys
    /** When the browser ends the subscription by itself, in milliseconds since 1970. It is not stored: push services say when a subscription has ended. The browser's own spelling `expirationTime` is taken too. */
    expirationTime?: number | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<PushSubscription>>
  /** Ends notifications to a browser of whoever asks. */
  unsubscribe(id: number): Promise<Applied<null>>
}

/** People who may sign in. */
export class UsersResource {
  private constructor()
  /** Lists people by id. */
  list(fields?: {
    /** Only the one of this name. */
    username?: string | null
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<User>>
  /** Shows one person. */
  get(id: number): Promise<User>
  /** Makes a person who may sign in. */
  create(username: string, fields?: {
    /** At least `auth.password_min_length` characters; without one they sign in by the identity provider only. */
    password?: string | null
    /** Address of mail. */
    email?: string | null
    /** Name as others read it, at most 128 characters. */
    displayName?: string | null
    /** What they may do, default `user`. */
    role?: Role | null
    /** Whether they can sign in, default true. */
    enabled?: boolean | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<User>>
  /** Changes the given fields of a person; their sessions end with another role or when they are disabled. */
  update(id: number, fields?: {
    /** Another name to sign in with. */
    username?: string
    /** Address of mail; null = none. */
    email?: string | null
    /** Name as others read it; null = none. */
    displayName?: string | null
    /** What they may do. Their sessions end when it is another one. */
    role?: Role
    /** Whether they can sign in. Their sessions end when they can't. */
    enabled?: boolean
  }, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
  }): Promise<Applied<User>>
  /** Deletes a person: sessions and entries of hosts' access lists go too, tokens end. */
  delete(id: number, terms?: {
    /** The tag that the resource must still have; a Conflict `stale` if it was changed since. */
    ifMatch?: string
  }): Promise<Applied<null>>
  /** Sets the password of a person, whose sessions all end. */
  setPassword(id: number, fields: {
    /** Their new password, at least `auth.password_min_length` characters. */
    new: string
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<null>>
  /** Switches the second factor of a person off, whose sessions all end. */
  disable2fa(id: number, fields?: {
    /** The password of whoever asks; not needed within 5 minutes of the sign-in. */
    password?: string | null
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<null>>
  /** Lists the sessions of a person, by id. */
  sessions(id: number, fields?: {
    /** Items in one page, 1–500, default 100. */
    limit?: number | null
    /** `asc` or `desc`; without it the list's own. */
    order?: Order | null
    /** Where the page begins: `next_cursor` of the page before. */
    cursor?: string | null
  }): Promise<Page<SessionRow>>
  /** Ends all sessions of a person. */
  endSessions(id: number): Promise<Applied<null>>
}

/** The first administrator. */
export class SetupResource {
  private constructor()
  /** Makes the first administrator with the token that the start printed. */
  create(fields: {
    /** The setup token. */
    token: string
    /** 1–64 ASCII letters, digits and `_ . - @`. */
    username: string
    /** At least `auth.password_min_length` characters. */
    password: string
  }, terms?: {
    /** 1–255 visible characters; the same call with the same key within 24 hours is answered without being done again. */
    idempotencyKey?: string
  }): Promise<Applied<FirstAdmin>>
}

/** Every resource. */
export class Operations {
  protected constructor()
  /** Public names and how they are served. */
  readonly hosts: HostsResource
  /** Pools of upstream endpoints. */
  readonly targetGroups: TargetGroupsResource
  /** The endpoints of one target group. */
  targets(targetGroupId: number): TargetsResource
  /** How the endpoints of all target groups do. */
  readonly targetHealth: TargetHealthResource
  /** The rules of one host. */
  rules(hostId: number): RulesResource
  /** Requests on the way that they would take. */
  readonly requests: RequestsResource
  /** What protects one host. */
  security(hostId: number): SecurityResource
  /** Who may open one host that wants a sign-in. */
  access(hostId: number): AccessResource
  /** What one host leaves out of the rules it runs. */
  exclusions(hostId: number): ExclusionsResource
  /** The rules that one host adds. */
  customRules(hostId: number): CustomRulesResource
  /** The rules that all hosts run. */
  readonly waf: WafResource
  /** Certificates of hosts, and the local CA. */
  readonly certificates: CertificatesResource
  /** Accounts with certificate authorities. */
  readonly acmeAccounts: AcmeAccountsResource
  /** Who places the records that prove names to certificate authorities. */
  readonly dnsProviders: DnsProvidersResource
  /** Where notifications go. */
  readonly channels: ChannelsResource
  /** What notifications can tell, and how. */
  readonly notifications: NotificationsResource
  /** Which events go to which channel. */
  readonly notificationRules: NotificationRulesResource
  /** What came of events that somebody wanted to hear of. */
  readonly deliveries: DeliveriesResource
  /** Settings of the whole installation. */
  readonly settings: SettingsResource
  /** The configuration in time. */
  readonly config: ConfigResource
  /** Bearer tokens for the API. */
  readonly tokens: TokensResource
  /** Requests, refusals, findings and changes. */
  readonly logs: LogsResource
  /** The process itself. */
  readonly system: SystemResource
  /** Signing in and out, and what belongs to whoever asks. */
  readonly auth: AuthResource
  /** Browsers that whoever asks gets notifications with. */
  readonly push: PushResource
  /** People who may sign in. */
  readonly users: UsersResource
  /** The first administrator. */
  readonly setup: SetupResource
}
