-- Whether a host compresses the answers of its upstreams.

ALTER TABLE hosts ADD COLUMN compression INTEGER NOT NULL DEFAULT 0 CHECK (compression IN (0, 1));
