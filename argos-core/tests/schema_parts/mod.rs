//! The written schema as lists.

/// Tables and their columns as `name:shorthand`. `PK` is the own id, `KEY` a text that is the primary key, `NOW` a
/// time whose default is the moment of the insert, `T0` a text that is empty by default; `?` may be NULL; `=` gives
/// the default.
pub(crate) const COLUMNS: &[(&str, &str)] = &[
    (
        "users",
        " id:PK username:TEXT password_hash:TEXT? email:TEXT? display_name:TEXT? external_provider:TEXT?
          external_id:TEXT? created_via:TEXT=local totp_secret_encrypted:TEXT? totp_recovery_codes_encrypted:TEXT?
          totp_enabled:BOOL0 totp_enabled_at:TS? last_login:TS? created_at:NOW updated_at:NOW role:TEXT=user
          enabled:BOOL1 totp_last_step:INT=0 oidc_groups:TEXT=[] password_changed_at:TS? ",
    ),
    (
        "sessions",
        " id:PK token:TEXT user_id:INT created_at:NOW last_seen_at:TS? expires_at:TS kind:TEXT=panel parent_id:INT?
          host_id:INT? remote_ip:T0 user_agent:T0 ",
    ),
    ("login_attempts", " id:PK remote_ip:TEXT username:TEXT success:BOOL0 timestamp:NOW "),
    ("totp_attempts", " id:PK user_id:INT ip:TEXT success:BOOL0 attempted_at:NOW "),
    ("auth_bans", " id:PK scope:TEXT key:TEXT banned_until:TS created_at:NOW "),
    (
        "api_tokens",
        " id:PK name:TEXT token_hash:TEXT role:TEXT created_by:INT? created_at:NOW expires_at:TS? last_used_at:TS?
          revoked_at:TS? ",
    ),
    ("host_access", " id:PK host_id:INT user_id:INT? role:TEXT? created_at:NOW "),
    (
        "hosts",
        " id:PK created_at:NOW updated_at:NOW domain:TEXT target_group_id:INT tls_mode:TEXT=auto tls_email:T0
          enabled:BOOL1 auth_required:BOOL0 tls_challenge:TEXT=auto tls_directory_url:T0 dns_provider_id:INT?
          https_redirect:BOOL1 hsts_max_age_seconds:INT=0 max_body_bytes:INT? access_log:BOOL1
          client_auth:TEXT=none client_ca_pem:T0 request_headers:TEXT=[] response_headers:TEXT=[]
          compression:BOOL0 ",
    ),
    (
        "target_groups",
        " id:PK created_at:NOW updated_at:NOW name:TEXT protocol:TEXT=http verify_tls:BOOL1 algorithm:TEXT=round_robin
          health_check_enabled:BOOL0 health_check_path:TEXT=/ health_check_method:TEXT=GET
          health_check_expect_status:TEXT=200 health_check_interval_seconds:INT=30 health_check_timeout_seconds:INT=5
          health_check_fails_to_unhealthy:INT=2 health_check_passes_to_healthy:INT=2 http_version:TEXT=auto
          preserve_host:BOOL1 tls_server_name:T0 slow_start_seconds:INT=0 connect_timeout_ms:INT?
          response_timeout_ms:INT? max_retries:INT? ca_bundle_pem:T0 client_cert_pem:T0 client_key_encrypted:T0
          sticky_cookie:T0 sticky_ttl_seconds:INT=0 ",
    ),
    (
        "targets",
        " id:PK target_group_id:INT host:TEXT port:INT weight:INT=1 enabled:BOOL1 created_at:NOW updated_at:NOW ",
    ),
    (
        "rules",
        " id:PK host_id:INT priority:INT action_type:TEXT action_config:TEXT={} matchers_config:TEXT=[] enabled:BOOL1
          name:T0 created_at:NOW updated_at:NOW ",
    ),
    ("cert_status", " domain:KEY issuer:T0 not_after:TS? last_checked_at:NOW source:T0 state:T0 last_error:T0 "),
    (
        "certificates",
        " id:PK host_id:INT? names:TEXT kind:TEXT cert_pem:TEXT chain_pem:T0 key_encrypted:TEXT issuer:T0
          fingerprint_sha256:TEXT not_before:TS not_after:TS ari_window_start:TS? ari_window_end:TS? active:BOOL1
          uploaded_by:INT? created_at:NOW directory_url:T0 ",
    ),
    (
        "acme_accounts",
        " id:PK directory_url:TEXT email:TEXT account_url:T0 key_encrypted:TEXT eab_kid:T0 created_at:NOW ",
    ),
    (
        "acme_orders",
        " host_id:PK domain:TEXT directory_url:TEXT email:T0 next_attempt_at:TS order_url:T0 challenge:T0
          key_encrypted:T0 dns_record:T0 revokes:INT? failures:INT=0 last_error:T0 reported_at:TS? ari_next_at:TS?
          hurried:INT=0 ",
    ),
    ("acme_pauses", " directory_url:KEY until:TS "),
    ("dns_providers", " id:PK name:TEXT kind:TEXT config_encrypted:TEXT enabled:BOOL1 created_at:NOW updated_at:NOW "),
    (
        "config_versions",
        " generation:PK created_at:NOW user_id:INT? actor:T0 summary:T0 changes:BLOB checkpoint:BLOB? sha256:TEXT ",
    ),
    (
        "host_security",
        " host_id:PK waf_enabled:BOOL1 waf_mode:TEXT=detect waf_paranoia:INT=1 waf_block_status:INT=403
          waf_block_body:T0 rate_limit_enabled:BOOL0 rate_limit_requests:INT=0 rate_limit_window_seconds:INT=0
          rate_limit_key:TEXT=ip rate_limit_header_name:T0 rate_limit_status:INT=429 waf_detection_paranoia:INT?
          waf_inbound_threshold:INT? waf_outbound_threshold:INT? waf_response_body:BOOL1 updated_at:NOW ",
    ),
    (
        "waf_exclusions",
        " id:PK host_id:INT crs_rule_id:INT? path_pattern:T0 reason:T0 enabled:BOOL1 tag:T0 target:T0 method:T0
          created_at:NOW updated_at:NOW ",
    ),
    ("waf_custom_rules", " id:PK host_id:INT name:T0 secrule:TEXT enabled:BOOL1 created_at:NOW updated_at:NOW "),
    ("security_whitelist", " id:PK scope:TEXT value:TEXT reason:T0 created_at:NOW "),
    (
        "bans",
        " id:PK scope:TEXT value:TEXT origin:TEXT=argos scenario:T0 reason:T0 created_by:INT? created_at:NOW
          expires_at:TS? external_id:INT? ",
    ),
    (
        "notification_channels",
        " id:PK name:TEXT type:TEXT enabled:BOOL1 config:TEXT={} template:T0 rate_limit_per_minute:INT=10
          created_at:NOW updated_at:NOW ",
    ),
    (
        "notification_rules",
        " id:PK name:T0 channel_id:INT event_type:TEXT filter_host_ids:T0 filter_severities:T0
          throttle_window_seconds:INT=0 enabled:BOOL1 created_at:NOW updated_at:NOW ",
    ),
    (
        "notification_deliveries",
        " id:PK rule_id:INT? channel_id:INT? event_type:T0 event_payload:T0 rendered_payload:T0 status:TEXT
          error_message:T0 attempts:INT=0 created_at:NOW sent_at:TS? idempotency_key:T0 next_attempt_at:TS? ",
    ),
    (
        "push_subscriptions",
        " id:PK user_id:INT endpoint:TEXT p256dh_key:TEXT auth_key:TEXT user_agent:T0 created_at:NOW ",
    ),
    (
        "log_entries",
        " id:PK timestamp:NOW source:TEXT host_id:INT? rule_id:INT? level:T0 host_domain:T0 remote_ip:T0 method:T0
          path:T0 user_agent:T0 upstream:T0 message:T0 raw:T0 waf_rule_message:T0 waf_severity:T0 status:INT=0
          duration_ms:INT=0 size_bytes:INT=0 waf_rule_id:INT=0 waf_anomaly_score:INT=0 request_id:T0 query:T0
          action:T0 country:T0 http_version:T0 bytes_in:INT=0 ",
    ),
    (
        "log_rollups_minute",
        " minute:TS host_id:INT source:TEXT requests:INT=0 c1xx:INT=0 c2xx:INT=0 c3xx:INT=0 c4xx:INT=0 c5xx:INT=0
          blocked:INT=0 detected:INT=0 rate_limited:INT=0 banned:INT=0 bytes_in:INT=0 bytes_out:INT=0
          latency:TEXT=[] ",
    ),
    ("settings", " key:KEY value:T0 updated_at:NOW "),
    (
        "backups",
        " id:PK filename:TEXT size_bytes:INT sha256:TEXT kind:TEXT trigger_user_id:INT? note:T0 created_at:NOW
          verified_at:TS? verify_result:T0 ",
    ),
    (
        "jobs",
        " id:PK kind:TEXT state:TEXT progress:REAL=0 step:T0 error:T0 result:TEXT? user_id:INT? created_at:NOW
          finished_at:TS? ",
    ),
    ("schema_migrations", " version:KEY applied_at:NOW checksum:TEXT "),
];

/// Indexes of each table, those of unique and primary keys included.
pub(crate) const INDEXES: &[(&str, &[&str])] = &[
    ("users", &["UNIQUE username", "UNIQUE external_provider, external_id PARTIAL"]),
    ("sessions", &["UNIQUE token", "user_id", "expires_at"]),
    ("login_attempts", &["remote_ip, timestamp DESC", "username, timestamp DESC", "timestamp DESC"]),
    ("totp_attempts", &["user_id, ip, attempted_at DESC", "attempted_at DESC"]),
    ("auth_bans", &["UNIQUE scope, key"]),
    ("api_tokens", &["UNIQUE name", "UNIQUE token_hash"]),
    ("host_access", &["UNIQUE host_id, user_id", "UNIQUE host_id, role"]),
    ("hosts", &["UNIQUE domain", "target_group_id", "enabled"]),
    ("target_groups", &["UNIQUE name"]),
    ("targets", &["UNIQUE target_group_id, host, port", "target_group_id", "enabled"]),
    ("rules", &["UNIQUE host_id, priority", "host_id, priority", "enabled"]),
    ("cert_status", &["PRIMARY domain"]),
    ("certificates", &["UNIQUE host_id, fingerprint_sha256", "host_id, active", "not_after"]),
    ("acme_accounts", &["UNIQUE directory_url, email"]),
    ("acme_orders", &["next_attempt_at", "ari_next_at", "revokes"]),
    ("acme_pauses", &["PRIMARY directory_url"]),
    ("dns_providers", &["UNIQUE name"]),
    ("waf_exclusions", &["UNIQUE host_id, crs_rule_id, path_pattern", "UNIQUE host_id, tag, path_pattern PARTIAL"]),
    ("security_whitelist", &["UNIQUE scope, value"]),
    ("bans", &["UNIQUE origin, scope, value", "expires_at"]),
    ("notification_channels", &["UNIQUE name"]),
    ("notification_rules", &["event_type, enabled", "channel_id"]),
    (
        "notification_deliveries",
        &["created_at", "status, created_at", "event_type, created_at", "channel_id, created_at"],
    ),
    ("push_subscriptions", &["UNIQUE user_id, endpoint"]),
    (
        "log_entries",
        &[
            "timestamp DESC",
            "source, timestamp DESC",
            "host_id, timestamp DESC",
            "rule_id, timestamp DESC",
            "status, timestamp DESC",
            "waf_rule_id, timestamp DESC",
        ],
    ),
    ("log_rollups_minute", &["PRIMARY minute, host_id, source"]),
    ("settings", &["PRIMARY key"]),
    ("backups", &["UNIQUE filename", "created_at DESC"]),
    ("jobs", &["created_at"]),
    ("schema_migrations", &["PRIMARY version"]),
];

/// Child, column, parent, what the parent's deletion does.
pub(crate) const REFERENCES: &[(&str, &str, &str, &str)] = &[
    ("sessions", "user_id", "users", "CASCADE"),
    ("totp_attempts", "user_id", "users", "CASCADE"),
    ("push_subscriptions", "user_id", "users", "CASCADE"),
    ("backups", "trigger_user_id", "users", "SET NULL"),
    ("hosts", "target_group_id", "target_groups", "RESTRICT"),
    ("targets", "target_group_id", "target_groups", "CASCADE"),
    ("rules", "host_id", "hosts", "CASCADE"),
    ("host_security", "host_id", "hosts", "CASCADE"),
    ("waf_exclusions", "host_id", "hosts", "CASCADE"),
    ("waf_custom_rules", "host_id", "hosts", "CASCADE"),
    ("log_entries", "host_id", "hosts", "SET NULL"),
    ("log_entries", "rule_id", "rules", "SET NULL"),
    ("notification_rules", "channel_id", "notification_channels", "CASCADE"),
    ("notification_deliveries", "rule_id", "notification_rules", "SET NULL"),
    ("notification_deliveries", "channel_id", "notification_channels", "SET NULL"),
    ("host_access", "host_id", "hosts", "CASCADE"),
    ("certificates", "host_id", "hosts", "CASCADE"),
    ("acme_orders", "host_id", "hosts", "CASCADE"),
    ("acme_orders", "revokes", "certificates", "SET NULL"),
    ("sessions", "host_id", "hosts", "CASCADE"),
    ("host_access", "user_id", "users", "CASCADE"),
    ("sessions", "parent_id", "sessions", "CASCADE"),
    ("hosts", "dns_provider_id", "dns_providers", "RESTRICT"),
    ("api_tokens", "created_by", "users", "SET NULL"),
    ("bans", "created_by", "users", "SET NULL"),
    ("certificates", "uploaded_by", "users", "SET NULL"),
    ("config_versions", "user_id", "users", "SET NULL"),
    ("jobs", "user_id", "users", "SET NULL"),
];

const USER: &str = "(SELECT max(id) FROM users)";
const HOST: &str = "(SELECT max(id) FROM hosts)";
const GROUP: &str = "(SELECT max(id) FROM target_groups)";
const CHANNEL: &str = "(SELECT max(id) FROM notification_channels)";
const ENVELOPE: &str = "'argos1:cGF0dGVybg=='";

/// One row for every table that a first start leaves empty, parents first.
pub(crate) const SEEDS: &[(&str, &[(&str, &str)])] = &[
    ("users", &[("username", "'person'"), ("external_provider", "'oidc'"), ("external_id", "'sub'")]),
    ("dns_providers", &[("name", "'dns'"), ("kind", "'rfc2136'"), ("config_encrypted", ENVELOPE)]),
    ("target_groups", &[("name", "'group'")]),
    ("targets", &[("target_group_id", GROUP), ("host", "'127.0.0.1'"), ("port", "80")]),
    (
        "hosts",
        &[
            ("domain", "'a.example'"),
            ("target_group_id", GROUP),
            ("dns_provider_id", "(SELECT max(id) FROM dns_providers)"),
        ],
    ),
    ("rules", &[("host_id", HOST), ("priority", "10"), ("action_type", "'block'")]),
    ("host_security", &[("host_id", HOST)]),
    ("waf_exclusions", &[("host_id", HOST), ("crs_rule_id", "942100")]),
    ("waf_exclusions", &[("host_id", HOST), ("tag", "'attack-sqli'")]),
    ("waf_custom_rules", &[("host_id", HOST), ("secrule", "'SecAction \"id:1\"'")]),
    ("host_access", &[("host_id", HOST), ("user_id", USER)]),
    ("host_access", &[("host_id", HOST), ("role", "'viewer'")]),
    ("sessions", &[("token", "'t1'"), ("user_id", USER), ("expires_at", "1")]),
    (
        "sessions",
        &[
            ("token", "'t2'"),
            ("user_id", USER),
            ("expires_at", "1"),
            ("kind", "'host'"),
            ("parent_id", "(SELECT max(id) FROM sessions)"),
            ("host_id", HOST),
        ],
    ),
    ("login_attempts", &[("remote_ip", "'192.0.2.1'"), ("username", "'person'")]),
    ("totp_attempts", &[("user_id", USER), ("ip", "'192.0.2.1'")]),
    ("auth_bans", &[("scope", "'login'"), ("key", "'192.0.2.1'"), ("banned_until", "1")]),
    ("api_tokens", &[("name", "'ci'"), ("token_hash", "'h'"), ("role", "'viewer'"), ("created_by", USER)]),
    ("cert_status", &[("domain", "'a.example'")]),
    (
        "certificates",
        &[
            ("host_id", HOST),
            ("names", "'[\"a.example\"]'"),
            ("kind", "'manual'"),
            ("cert_pem", "'pem'"),
            ("key_encrypted", ENVELOPE),
            ("fingerprint_sha256", "'f'"),
            ("not_before", "1"),
            ("not_after", "2"),
            ("uploaded_by", USER),
        ],
    ),
    ("acme_accounts", &[("directory_url", "'https://ca.example'"), ("email", "''"), ("key_encrypted", ENVELOPE)]),
    (
        "acme_orders",
        &[
            ("host_id", HOST),
            ("domain", "'a.example'"),
            ("directory_url", "'https://ca.example'"),
            ("next_attempt_at", "1"),
            ("revokes", "(SELECT max(id) FROM certificates)"),
        ],
    ),
    ("acme_pauses", &[("directory_url", "'https://ca.example'"), ("until", "1")]),
    ("config_versions", &[("generation", "1"), ("user_id", USER), ("changes", "x'00'"), ("sha256", "'s'")]),
    ("security_whitelist", &[("scope", "'ip'"), ("value", "'192.0.2.1'")]),
    ("bans", &[("scope", "'ip'"), ("value", "'192.0.2.1'"), ("created_by", USER)]),
    ("notification_channels", &[("name", "'hook'"), ("type", "'webhook'")]),
    ("notification_rules", &[("channel_id", CHANNEL), ("event_type", "'host.created'")]),
    (
        "notification_deliveries",
        &[("rule_id", "(SELECT max(id) FROM notification_rules)"), ("channel_id", CHANNEL), ("status", "'pending'")],
    ),
    (
        "push_subscriptions",
        &[("user_id", USER), ("endpoint", "'https://push.example'"), ("p256dh_key", "'p'"), ("auth_key", "'a'")],
    ),
    ("log_entries", &[("source", "'audit'"), ("host_id", HOST), ("rule_id", "(SELECT max(id) FROM rules)")]),
    ("log_rollups_minute", &[("minute", "60000"), ("host_id", "0"), ("source", "'caddy_access'")]),
    (
        "backups",
        &[
            ("filename", "'b.tar.gz'"),
            ("size_bytes", "1"),
            ("sha256", "'s'"),
            ("kind", "'manual'"),
            ("trigger_user_id", USER),
        ],
    ),
    ("jobs", &[("kind", "'backup'"), ("state", "'running'"), ("user_id", USER)]),
];

/// Table, column, its words.
pub(crate) const ENUMS: &[(&str, &str, &str)] = &[
    ("users", "created_via", "local,oidc"),
    ("users", "role", "admin,operator,viewer,user"),
    ("sessions", "kind", "panel,host"),
    ("auth_bans", "scope", "login,totp"),
    ("api_tokens", "role", "admin,operator,viewer"),
    ("hosts", "tls_mode", "auto,none,manual"),
    ("hosts", "client_auth", "none,optional,required"),
    ("hosts", "tls_challenge", "auto,http,tls-alpn,dns"),
    ("target_groups", "protocol", "http,https"),
    ("target_groups", "algorithm", "round_robin,least_conn,ip_hash,random"),
    ("target_groups", "health_check_method", "GET,HEAD,POST"),
    ("target_groups", "http_version", "auto,1.1,2"),
    ("rules", "action_type", "forward,redirect,fixed_response,block,rewrite"),
    ("cert_status", "source", ",acme,manual,local"),
    ("cert_status", "state", ",valid,pending,error,none"),
    ("certificates", "kind", "acme,manual,local,local_ca"),
    ("acme_orders", "challenge", ",http,tls-alpn,dns"),
    ("dns_providers", "kind", "rfc2136,exec,cloudflare"),
    ("host_security", "waf_mode", "detect,block"),
    ("host_security", "rate_limit_key", "ip,header,global"),
    ("security_whitelist", "scope", "ip,range"),
    ("bans", "scope", "ip,range,country,asn"),
    ("bans", "origin", "argos,crowdsec,import"),
    ("notification_channels", "type", "webhook,email,telegram,browser_push"),
    ("notification_deliveries", "status", "pending,sent,failed,throttled,rate_limited"),
    ("log_entries", "source", "caddy_access,caddy_error,audit,waf_audit"),
    ("backups", "kind", "manual,scheduled,orphan"),
    ("jobs", "state", "running,done,failed"),
];

/// Table, column, least, greatest, what else must be set.
pub(crate) const RANGES: &[(&str, &str, i64, i64, &str)] = &[
    ("targets", "port", 1, 65_535, ""),
    ("targets", "weight", 1, 256, ""),
    // A check takes at least a second and less than the interval, so two seconds are the least in effect.
    ("target_groups", "health_check_interval_seconds", 2, 300, ", health_check_timeout_seconds = 1"),
    ("target_groups", "health_check_timeout_seconds", 1, 60, ", health_check_interval_seconds = 300"),
    ("target_groups", "health_check_fails_to_unhealthy", 1, 10, ""),
    ("target_groups", "health_check_passes_to_healthy", 1, 10, ""),
    ("target_groups", "slow_start_seconds", 0, 600, ""),
    ("target_groups", "sticky_ttl_seconds", 0, 31_536_000, ""),
    ("host_security", "waf_paranoia", 1, 4, ""),
    ("host_security", "waf_detection_paranoia", 1, 4, ""),
    ("host_security", "waf_block_status", 400, 599, ""),
    ("host_security", "rate_limit_status", 400, 599, ""),
    ("host_security", "rate_limit_requests", 1, 1_000_000, ", rate_limit_enabled = 1, rate_limit_window_seconds = 1"),
    ("host_security", "rate_limit_window_seconds", 1, 86_400, ", rate_limit_enabled = 1, rate_limit_requests = 1"),
    ("host_security", "waf_inbound_threshold", 1, 1000, ""),
    ("host_security", "waf_outbound_threshold", 1, 1000, ""),
    ("notification_channels", "rate_limit_per_minute", 0, 10_000, ""),
    ("notification_rules", "throttle_window_seconds", 0, 86_400, ""),
];

/// Columns of JSON.
pub(crate) const JSON: &[(&str, &str)] = &[
    ("users", "oidc_groups"),
    ("hosts", "request_headers"),
    ("hosts", "response_headers"),
    ("rules", "action_config"),
    ("rules", "matchers_config"),
    ("certificates", "names"),
    ("notification_channels", "config"),
    ("notification_rules", "filter_host_ids"),
    ("notification_rules", "filter_severities"),
    ("log_rollups_minute", "latency"),
    ("backups", "verify_result"),
    ("jobs", "result"),
];

/// Statements that a check of several columns, or of a form, decides.
pub(crate) const CHECKS: &[(&str, bool)] = &[
    ("UPDATE host_access SET user_id = 1, role = 'viewer' WHERE role IS NULL", false),
    ("UPDATE host_access SET user_id = NULL, role = NULL", false),
    ("UPDATE host_access SET role = 'nobody' WHERE user_id IS NULL", false),
    ("UPDATE host_access SET role = 'user' WHERE user_id IS NULL", true),
    ("UPDATE waf_exclusions SET tag = 'attack-xss' WHERE crs_rule_id IS NOT NULL", false),
    ("UPDATE waf_exclusions SET tag = '' WHERE crs_rule_id IS NULL", false),
    ("UPDATE waf_exclusions SET crs_rule_id = 0 WHERE crs_rule_id IS NOT NULL", false),
    ("UPDATE waf_exclusions SET path_pattern = 'login'", false),
    ("UPDATE waf_exclusions SET path_pattern = '/login'", true),
    ("UPDATE target_groups SET health_check_interval_seconds = 5, health_check_timeout_seconds = 5", false),
    ("UPDATE host_security SET waf_paranoia = 3, waf_detection_paranoia = 2", false),
    ("UPDATE host_security SET waf_paranoia = 3, waf_detection_paranoia = 3", true),
    ("UPDATE host_security SET rate_limit_enabled = 1", false),
    ("UPDATE host_security SET rate_limit_enabled = 0, rate_limit_requests = 0", true),
    ("UPDATE sessions SET user_agent = printf('%.256c', 'x')", true),
    ("UPDATE sessions SET user_agent = printf('%.257c', 'x')", false),
    ("UPDATE users SET username = ''", false),
    ("UPDATE users SET username = printf('%.65c', 'x')", false),
    ("UPDATE target_groups SET name = ''", false),
    ("UPDATE target_groups SET name = printf('%.64c', 'x')", false),
    // A reorder parks rules far above what the API allows.
    ("UPDATE rules SET priority = priority + 100000", true),
];

/// Table, unique key, `column=value` that keep a second row from the table's other keys, and what tells it apart.
pub(crate) const UNIQUES: &[(&str, &str, &str, &str)] = &[
    ("users", "username", "external_id='other'", "username='other'"),
    ("users", "external_provider, external_id", "username='other'", "external_id='other'"),
    ("sessions", "token", "", "token='other'"),
    ("auth_bans", "scope, key", "", "scope='totp'"),
    ("api_tokens", "name", "token_hash='other'", "name='other'"),
    ("api_tokens", "token_hash", "name='other'", "token_hash='other'"),
    ("host_access", "host_id, user_id", "", "user_id=NULL;role='admin'"),
    ("host_access", "host_id, role", "user_id=NULL;role='viewer'", "role='admin'"),
    ("hosts", "domain", "", "domain='b.example'"),
    ("target_groups", "name", "", "name='other'"),
    ("targets", "target_group_id, host, port", "", "port=81"),
    ("rules", "host_id, priority", "", "priority=20"),
    ("cert_status", "domain", "", "domain='b.example'"),
    ("certificates", "host_id, fingerprint_sha256", "", "fingerprint_sha256='other'"),
    ("acme_accounts", "directory_url, email", "", "email='a@b.example'"),
    ("acme_pauses", "directory_url", "", "directory_url='https://b.example'"),
    ("dns_providers", "name", "", "name='other'"),
    ("config_versions", "generation", "", "generation=2"),
    ("waf_exclusions", "host_id, crs_rule_id, path_pattern", "", "path_pattern='/x'"),
    ("waf_exclusions", "host_id, tag, path_pattern", "crs_rule_id=NULL;tag='attack-sqli'", "tag='attack-xss'"),
    ("security_whitelist", "scope, value", "", "value='192.0.2.2'"),
    ("bans", "origin, scope, value", "", "origin='import'"),
    ("notification_channels", "name", "", "name='other'"),
    ("push_subscriptions", "user_id, endpoint", "", "endpoint='https://push.example/2'"),
    ("log_rollups_minute", "minute, host_id, source", "", "source='caddy_error'"),
    ("settings", "key", "", "key='other'"),
    ("backups", "filename", "", "filename='other'"),
    ("schema_migrations", "version", "", "version='9999_other'"),
];

/// The settings that the baseline stores.
pub(crate) const SEEDED: &[(&str, &str)] = &[
    ("appsec.fail_open", "false"),
    ("appsec.inbound_threshold", "5"),
    ("appsec.last_mode_change_at", ""),
    ("appsec.last_mode_change_by", ""),
    ("appsec.mode", "block"),
    ("appsec.outbound_threshold", "4"),
    ("appsec.previous_mode", ""),
    ("backup.enabled", "true"),
    ("backup.path", ""),
    ("backup.retention_days", "14"),
    ("backup.schedule", "0 2 * * *"),
    ("crowdsec.bouncer_api_key", ""),
    ("crowdsec.enabled", "false"),
    ("crowdsec.lapi_url", ""),
    ("crowdsec.machine_password", ""),
    ("crowdsec.machine_user", ""),
    ("crowdsec.poll_interval_seconds", "15"),
    ("logs.access_offset", "0"),
    ("logs.errors_offset", "0"),
    ("logs.max_entries", "500000"),
    ("logs.retention_days", "30"),
    ("notifications.max_entries", "100000"),
    ("notifications.retention_days", "30"),
    ("notifications.vapid_contact_email", "admin@example.com"),
    ("notifications.vapid_private_key", ""),
    ("notifications.vapid_public_key", ""),
    ("oidc.allowed_domains", ""),
    ("oidc.allowed_emails", ""),
    ("oidc.auto_provision", "false"),
    ("oidc.client_id", ""),
    ("oidc.client_secret_encrypted", ""),
    ("oidc.cookie_parent_domain", ""),
    ("oidc.enabled", "false"),
    ("oidc.issuer_url", ""),
    ("oidc.require_email_verified", "true"),
    ("oidc.scopes", "openid email profile"),
    ("panel.security_headers_strict", "true"),
    ("session.absolute_timeout_hours", "168"),
    ("session.idle_timeout_hours", "24"),
];
