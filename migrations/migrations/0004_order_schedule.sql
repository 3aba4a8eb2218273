-- When orders of certificates go on: that somebody wanted one sooner while it was under way, and how long an authority
-- is left alone.

ALTER TABLE acme_orders ADD COLUMN hurried INTEGER NOT NULL DEFAULT 0;

CREATE TABLE acme_pauses (
    directory_url TEXT PRIMARY KEY,
    until INTEGER NOT NULL
);
