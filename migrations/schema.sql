-- The sum of all migrations, for reading. Written by `UPDATE=1 cargo test -p argos-migrations`.

CREATE TABLE acme_accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    directory_url TEXT NOT NULL,
    email TEXT NOT NULL,
    account_url TEXT NOT NULL DEFAULT '',
    key_encrypted TEXT NOT NULL,
    eab_kid TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    UNIQUE (directory_url, email)
);

CREATE TABLE acme_orders (
    host_id INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    directory_url TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT '',
    next_attempt_at INTEGER NOT NULL,
    order_url TEXT NOT NULL DEFAULT '',
    challenge TEXT NOT NULL DEFAULT '' CHECK (challenge IN ('', 'http', 'tls-alpn', 'dns')),
    key_encrypted TEXT NOT NULL DEFAULT '',
    dns_record TEXT NOT NULL DEFAULT '',
    revokes INTEGER NULL REFERENCES certificates (id) ON DELETE SET NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    reported_at INTEGER NULL,
    ari_next_at INTEGER NULL
, hurried INTEGER NOT NULL DEFAULT 0);

CREATE INDEX acme_orders_ari_next ON acme_orders (ari_next_at);

CREATE INDEX acme_orders_next_attempt ON acme_orders (next_attempt_at);

CREATE INDEX acme_orders_revokes ON acme_orders (revokes);

CREATE TABLE acme_pauses (
    directory_url TEXT PRIMARY KEY,
    until INTEGER NOT NULL
);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    token_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
    created_by INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    expires_at INTEGER NULL,
    last_used_at INTEGER NULL,
    revoked_at INTEGER NULL
);

CREATE TABLE auth_bans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL CHECK (scope IN ('login', 'totp')),
    key TEXT NOT NULL,
    banned_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    UNIQUE (scope, key)
);

CREATE TABLE backups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    filename TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('manual', 'scheduled', 'orphan')),
    trigger_user_id INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    note TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    verified_at INTEGER NULL, -- [ext]
    verify_result TEXT NOT NULL DEFAULT '' CHECK (verify_result = '' OR json_valid(verify_result)) -- [ext]
);

CREATE INDEX backups_time ON backups (created_at DESC);

CREATE TABLE bans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL CHECK (scope IN ('ip', 'range', 'country', 'asn')),
    value TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT 'argos' CHECK (origin IN ('argos', 'crowdsec', 'import')),
    scenario TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    created_by INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    expires_at INTEGER NULL,
    external_id INTEGER NULL,
    UNIQUE (origin, scope, value)
);

CREATE INDEX bans_expires ON bans (expires_at);

CREATE TABLE cert_status (
    domain TEXT PRIMARY KEY,
    issuer TEXT NOT NULL DEFAULT '',
    not_after INTEGER NULL,
    last_checked_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    source TEXT NOT NULL DEFAULT '' CHECK (source IN ('', 'acme', 'manual', 'local')), -- [ext]
    state TEXT NOT NULL DEFAULT '' CHECK (state IN ('', 'valid', 'pending', 'error', 'none')), -- [ext]
    last_error TEXT NOT NULL DEFAULT '' -- [ext]
);

CREATE TABLE "certificates" (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NULL REFERENCES hosts (id) ON DELETE CASCADE,
    names TEXT NOT NULL CHECK (json_valid(names)),
    kind TEXT NOT NULL CHECK (kind IN ('acme', 'manual', 'local', 'local_ca')),
    cert_pem TEXT NOT NULL,
    chain_pem TEXT NOT NULL DEFAULT '',
    key_encrypted TEXT NOT NULL,
    issuer TEXT NOT NULL DEFAULT '',
    fingerprint_sha256 TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    ari_window_start INTEGER NULL,
    ari_window_end INTEGER NULL,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    uploaded_by INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), directory_url TEXT NOT NULL DEFAULT '',
    UNIQUE (host_id, fingerprint_sha256)
);

CREATE INDEX certificates_host ON certificates (host_id, active);

CREATE INDEX certificates_not_after ON certificates (not_after);

CREATE TABLE config_versions (
    generation INTEGER PRIMARY KEY,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    user_id INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    actor TEXT NOT NULL DEFAULT '',
    summary TEXT NOT NULL DEFAULT '',
    changes BLOB NOT NULL,
    checkpoint BLOB NULL,
    sha256 TEXT NOT NULL
);

CREATE TABLE dns_providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('rfc2136', 'exec', 'cloudflare')),
    config_encrypted TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE TABLE host_access (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    user_id INTEGER NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NULL CHECK (role IN ('admin', 'operator', 'viewer', 'user')),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    CHECK ((user_id IS NULL) <> (role IS NULL)),
    UNIQUE (host_id, user_id),
    UNIQUE (host_id, role)
);

CREATE TABLE host_security (
    host_id INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
    waf_enabled INTEGER NOT NULL DEFAULT 1 CHECK (waf_enabled IN (0, 1)),
    waf_mode TEXT NOT NULL DEFAULT 'detect' CHECK (waf_mode IN ('detect', 'block')),
    waf_paranoia INTEGER NOT NULL DEFAULT 1 CHECK (waf_paranoia BETWEEN 1 AND 4),
    waf_block_status INTEGER NOT NULL DEFAULT 403 CHECK (waf_block_status BETWEEN 400 AND 599),
    waf_block_body TEXT NOT NULL DEFAULT '',
    rate_limit_enabled INTEGER NOT NULL DEFAULT 0 CHECK (rate_limit_enabled IN (0, 1)),
    rate_limit_requests INTEGER NOT NULL DEFAULT 0 CHECK (rate_limit_requests BETWEEN 0 AND 1000000),
    rate_limit_window_seconds INTEGER NOT NULL DEFAULT 0 CHECK (rate_limit_window_seconds BETWEEN 0 AND 86400),
    rate_limit_key TEXT NOT NULL DEFAULT 'ip' CHECK (rate_limit_key IN ('ip', 'header', 'global')),
    rate_limit_header_name TEXT NOT NULL DEFAULT '',
    rate_limit_status INTEGER NOT NULL DEFAULT 429 CHECK (rate_limit_status BETWEEN 400 AND 599),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    waf_detection_paranoia INTEGER NULL CHECK (waf_detection_paranoia BETWEEN 1 AND 4), -- [ext]
    waf_inbound_threshold INTEGER NULL CHECK (waf_inbound_threshold BETWEEN 1 AND 1000), -- [ext]
    waf_outbound_threshold INTEGER NULL CHECK (waf_outbound_threshold BETWEEN 1 AND 1000), -- [ext]
    waf_response_body INTEGER NOT NULL DEFAULT 1 CHECK (waf_response_body IN (0, 1)), -- [ext]
    CHECK (waf_detection_paranoia IS NULL OR waf_detection_paranoia >= waf_paranoia),
    CHECK (rate_limit_enabled = 0 OR (rate_limit_requests >= 1 AND rate_limit_window_seconds >= 1))
);

CREATE TABLE hosts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    domain TEXT NOT NULL UNIQUE,
    target_group_id INTEGER NOT NULL REFERENCES target_groups (id) ON DELETE RESTRICT,
    tls_mode TEXT NOT NULL DEFAULT 'auto' CHECK (tls_mode IN ('auto', 'none', 'manual')), -- 'manual' is [ext]
    tls_email TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    auth_required INTEGER NOT NULL DEFAULT 0 CHECK (auth_required IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    tls_challenge TEXT NOT NULL DEFAULT 'auto' CHECK (tls_challenge IN ('auto', 'http', 'tls-alpn', 'dns')), -- [ext]
    tls_directory_url TEXT NOT NULL DEFAULT '', -- [ext]
    dns_provider_id INTEGER NULL REFERENCES dns_providers (id) ON DELETE RESTRICT, -- [ext]
    https_redirect INTEGER NOT NULL DEFAULT 1 CHECK (https_redirect IN (0, 1)), -- [ext]
    hsts_max_age_seconds INTEGER NOT NULL DEFAULT 0 CHECK (hsts_max_age_seconds >= 0), -- [ext]
    max_body_bytes INTEGER NULL CHECK (max_body_bytes >= 0), -- [ext]
    access_log INTEGER NOT NULL DEFAULT 1 CHECK (access_log IN (0, 1)) -- [ext]
, client_auth TEXT NOT NULL DEFAULT 'none'
    CHECK (client_auth IN ('none', 'optional', 'required')), client_ca_pem TEXT NOT NULL DEFAULT '', request_headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(request_headers)), response_headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(response_headers)), compression INTEGER NOT NULL DEFAULT 0 CHECK (compression IN (0, 1)));

CREATE INDEX hosts_enabled ON hosts (enabled);

CREATE INDEX hosts_target_group ON hosts (target_group_id);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    progress REAL NOT NULL DEFAULT 0,
    step TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    result TEXT NULL CHECK (json_valid(result)),
    user_id INTEGER NULL REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    finished_at INTEGER NULL
);

CREATE INDEX jobs_time ON jobs (created_at);

CREATE TABLE log_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    source TEXT NOT NULL CHECK (source IN ('caddy_access', 'caddy_error', 'audit', 'waf_audit')),
    host_id INTEGER NULL REFERENCES hosts (id) ON DELETE SET NULL,
    rule_id INTEGER NULL REFERENCES rules (id) ON DELETE SET NULL,
    level TEXT NOT NULL DEFAULT '',
    host_domain TEXT NOT NULL DEFAULT '',
    remote_ip TEXT NOT NULL DEFAULT '',
    method TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    upstream TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    raw TEXT NOT NULL DEFAULT '',
    waf_rule_message TEXT NOT NULL DEFAULT '',
    waf_severity TEXT NOT NULL DEFAULT '',
    status INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    waf_rule_id INTEGER NOT NULL DEFAULT 0,
    waf_anomaly_score INTEGER NOT NULL DEFAULT 0,
    request_id TEXT NOT NULL DEFAULT '', -- [ext]
    query TEXT NOT NULL DEFAULT '', -- [ext]
    action TEXT NOT NULL DEFAULT '', -- [ext]
    country TEXT NOT NULL DEFAULT '', -- [ext]
    http_version TEXT NOT NULL DEFAULT '', -- [ext]
    bytes_in INTEGER NOT NULL DEFAULT 0 -- [ext]
);

CREATE INDEX log_entries_host ON log_entries (host_id, timestamp DESC);

CREATE INDEX log_entries_rule ON log_entries (rule_id, timestamp DESC);

CREATE INDEX log_entries_source ON log_entries (source, timestamp DESC);

CREATE INDEX log_entries_status ON log_entries (status, timestamp DESC);

CREATE INDEX log_entries_time ON log_entries (timestamp DESC);

CREATE INDEX log_entries_waf_rule ON log_entries (waf_rule_id, timestamp DESC);

CREATE TABLE log_rollups_minute (
    minute INTEGER NOT NULL,
    host_id INTEGER NOT NULL,
    source TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    c1xx INTEGER NOT NULL DEFAULT 0,
    c2xx INTEGER NOT NULL DEFAULT 0,
    c3xx INTEGER NOT NULL DEFAULT 0,
    c4xx INTEGER NOT NULL DEFAULT 0,
    c5xx INTEGER NOT NULL DEFAULT 0,
    blocked INTEGER NOT NULL DEFAULT 0,
    detected INTEGER NOT NULL DEFAULT 0,
    rate_limited INTEGER NOT NULL DEFAULT 0,
    banned INTEGER NOT NULL DEFAULT 0,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0,
    latency TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(latency)),
    PRIMARY KEY (minute, host_id, source)
) WITHOUT ROWID;

CREATE TABLE login_attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    remote_ip TEXT NOT NULL,
    username TEXT NOT NULL,
    success INTEGER NOT NULL DEFAULT 0 CHECK (success IN (0, 1)),
    timestamp INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE INDEX login_attempts_ip ON login_attempts (remote_ip, timestamp DESC);

CREATE INDEX login_attempts_time ON login_attempts (timestamp DESC);

CREATE INDEX login_attempts_username ON login_attempts (username, timestamp DESC);

CREATE TABLE notification_channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL CHECK (type IN ('webhook', 'email', 'telegram', 'browser_push')),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    config TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(config)),
    template TEXT NOT NULL DEFAULT '',
    rate_limit_per_minute INTEGER NOT NULL DEFAULT 10 CHECK (rate_limit_per_minute BETWEEN 0 AND 10000),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE TABLE notification_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id INTEGER NULL REFERENCES notification_rules (id) ON DELETE SET NULL,
    channel_id INTEGER NULL REFERENCES notification_channels (id) ON DELETE SET NULL,
    event_type TEXT NOT NULL DEFAULT '',
    event_payload TEXT NOT NULL DEFAULT '',
    rendered_payload TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'throttled', 'rate_limited')),
    error_message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    sent_at INTEGER NULL,
    idempotency_key TEXT NOT NULL DEFAULT '', -- [ext]
    next_attempt_at INTEGER NULL -- [ext]
);

CREATE INDEX notification_deliveries_channel ON notification_deliveries (channel_id, created_at);

CREATE INDEX notification_deliveries_event ON notification_deliveries (event_type, created_at);

CREATE INDEX notification_deliveries_status ON notification_deliveries (status, created_at);

CREATE INDEX notification_deliveries_time ON notification_deliveries (created_at);

CREATE TABLE notification_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL DEFAULT '', -- [ext]
    channel_id INTEGER NOT NULL REFERENCES notification_channels (id) ON DELETE CASCADE,
    event_type TEXT NOT NULL,
    filter_host_ids TEXT NOT NULL DEFAULT '' CHECK (filter_host_ids = '' OR json_valid(filter_host_ids)),
    filter_severities TEXT NOT NULL DEFAULT '' CHECK (filter_severities = '' OR json_valid(filter_severities)),
    throttle_window_seconds INTEGER NOT NULL DEFAULT 0 CHECK (throttle_window_seconds BETWEEN 0 AND 86400),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE INDEX notification_rules_channel ON notification_rules (channel_id);

CREATE INDEX notification_rules_event ON notification_rules (event_type, enabled);

CREATE TABLE push_subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    endpoint TEXT NOT NULL,
    p256dh_key TEXT NOT NULL,
    auth_key TEXT NOT NULL,
    user_agent TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    UNIQUE (user_id, endpoint)
);

CREATE TABLE rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    priority INTEGER NOT NULL,
    action_type TEXT NOT NULL CHECK (action_type IN ('forward', 'redirect', 'fixed_response', 'block', 'rewrite')),
    action_config TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(action_config)),
    matchers_config TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(matchers_config)),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    name TEXT NOT NULL DEFAULT '', -- [ext]
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    UNIQUE (host_id, priority)
);

CREATE INDEX rules_enabled ON rules (enabled);

CREATE INDEX rules_host ON rules (host_id, priority);

CREATE TABLE schema_migrations (
    version TEXT PRIMARY KEY,
    applied_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    checksum TEXT NOT NULL -- [ext]
);

CREATE TABLE security_whitelist (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL CHECK (scope IN ('ip', 'range')),
    value TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    UNIQUE (scope, value)
);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    last_seen_at INTEGER NULL,
    expires_at INTEGER NOT NULL,
    kind TEXT NOT NULL DEFAULT 'panel' CHECK (kind IN ('panel', 'host')), -- [ext]
    parent_id INTEGER NULL REFERENCES sessions (id) ON DELETE CASCADE, -- [ext]
    host_id INTEGER NULL REFERENCES hosts (id) ON DELETE CASCADE, -- [ext]
    remote_ip TEXT NOT NULL DEFAULT '', -- [ext]
    user_agent TEXT NOT NULL DEFAULT '' CHECK (length(CAST(user_agent AS BLOB)) <= 256) -- [ext]
);

CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL DEFAULT '',
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE TABLE target_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    protocol TEXT NOT NULL DEFAULT 'http' CHECK (protocol IN ('http', 'https')),
    verify_tls INTEGER NOT NULL DEFAULT 1 CHECK (verify_tls IN (0, 1)),
    algorithm TEXT NOT NULL DEFAULT 'round_robin'
        CHECK (algorithm IN ('round_robin', 'least_conn', 'ip_hash', 'random')),
    health_check_enabled INTEGER NOT NULL DEFAULT 0 CHECK (health_check_enabled IN (0, 1)),
    health_check_path TEXT NOT NULL DEFAULT '/',
    health_check_method TEXT NOT NULL DEFAULT 'GET' CHECK (health_check_method IN ('GET', 'HEAD', 'POST')),
    health_check_expect_status TEXT NOT NULL DEFAULT '200',
    health_check_interval_seconds INTEGER NOT NULL DEFAULT 30 CHECK (health_check_interval_seconds BETWEEN 1 AND 300),
    health_check_timeout_seconds INTEGER NOT NULL DEFAULT 5 CHECK (health_check_timeout_seconds BETWEEN 1 AND 60),
    health_check_fails_to_unhealthy INTEGER NOT NULL DEFAULT 2
        CHECK (health_check_fails_to_unhealthy BETWEEN 1 AND 10),
    health_check_passes_to_healthy INTEGER NOT NULL DEFAULT 2 CHECK (health_check_passes_to_healthy BETWEEN 1 AND 10),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    http_version TEXT NOT NULL DEFAULT 'auto' CHECK (http_version IN ('auto', '1.1', '2')), -- [ext]
    preserve_host INTEGER NOT NULL DEFAULT 1 CHECK (preserve_host IN (0, 1)), -- [ext]
    tls_server_name TEXT NOT NULL DEFAULT '', -- [ext]
    slow_start_seconds INTEGER NOT NULL DEFAULT 0 CHECK (slow_start_seconds BETWEEN 0 AND 600), -- [ext]
    connect_timeout_ms INTEGER NULL, -- [ext]
    response_timeout_ms INTEGER NULL, -- [ext]
    max_retries INTEGER NULL, ca_bundle_pem TEXT NOT NULL DEFAULT '', client_cert_pem TEXT NOT NULL DEFAULT '', client_key_encrypted TEXT NOT NULL DEFAULT '', sticky_cookie TEXT NOT NULL DEFAULT '', sticky_ttl_seconds INTEGER NOT NULL DEFAULT 0
    CHECK (sticky_ttl_seconds BETWEEN 0 AND 31536000), -- [ext]
    CHECK (health_check_timeout_seconds < health_check_interval_seconds)
);

CREATE TABLE targets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target_group_id INTEGER NOT NULL REFERENCES target_groups (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    weight INTEGER NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 256),
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)), -- [ext]
    UNIQUE (target_group_id, host, port)
);

CREATE INDEX targets_enabled ON targets (enabled);

CREATE INDEX targets_target_group ON targets (target_group_id);

CREATE TABLE totp_attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ip TEXT NOT NULL,
    success INTEGER NOT NULL DEFAULT 0 CHECK (success IN (0, 1)),
    attempted_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE INDEX totp_attempts_time ON totp_attempts (attempted_at DESC);

CREATE INDEX totp_attempts_user ON totp_attempts (user_id, ip, attempted_at DESC);

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (length(username) BETWEEN 1 AND 64),
    password_hash TEXT NULL,
    email TEXT NULL,
    display_name TEXT NULL,
    external_provider TEXT NULL,
    external_id TEXT NULL,
    created_via TEXT NOT NULL DEFAULT 'local' CHECK (created_via IN ('local', 'oidc')),
    totp_secret_encrypted TEXT NULL,
    totp_recovery_codes_encrypted TEXT NULL,
    totp_enabled INTEGER NOT NULL DEFAULT 0 CHECK (totp_enabled IN (0, 1)),
    totp_enabled_at INTEGER NULL,
    last_login INTEGER NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'operator', 'viewer', 'user')), -- [ext]
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)), -- [ext]
    totp_last_step INTEGER NOT NULL DEFAULT 0, -- [ext]
    oidc_groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(oidc_groups)), -- [ext]
    password_changed_at INTEGER NULL -- [ext]
);

CREATE UNIQUE INDEX users_external ON users (external_provider, external_id)
    WHERE external_provider IS NOT NULL AND external_id IS NOT NULL;

CREATE TABLE waf_custom_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    name TEXT NOT NULL DEFAULT '',
    secrule TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE TABLE waf_exclusions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
    crs_rule_id INTEGER NULL CHECK (crs_rule_id > 0),
    path_pattern TEXT NOT NULL DEFAULT '' CHECK (path_pattern = '' OR substr(path_pattern, 1, 1) = '/'),
    reason TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    tag TEXT NOT NULL DEFAULT '', -- [ext]
    target TEXT NOT NULL DEFAULT '', -- [ext]
    method TEXT NOT NULL DEFAULT '', -- [ext]
    UNIQUE (host_id, crs_rule_id, path_pattern),
    CHECK ((crs_rule_id IS NULL) <> (tag = ''))
);

CREATE UNIQUE INDEX waf_exclusions_tag ON waf_exclusions (host_id, tag, path_pattern) WHERE crs_rule_id IS NULL;
