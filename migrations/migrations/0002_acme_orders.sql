-- How the certificate of each host that an authority signs is got and kept: what goes on, and when the next step is due.
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
);
CREATE INDEX acme_orders_next_attempt ON acme_orders (next_attempt_at);
CREATE INDEX acme_orders_ari_next ON acme_orders (ari_next_at);
CREATE INDEX acme_orders_revokes ON acme_orders (revokes);
