-- Sticky sessions: a client goes on with the target that it was given, which a signed cookie of this name tells.
-- An empty name means none; a time of 0 means until the browser is closed.

ALTER TABLE target_groups ADD COLUMN sticky_cookie TEXT NOT NULL DEFAULT '';
ALTER TABLE target_groups ADD COLUMN sticky_ttl_seconds INTEGER NOT NULL DEFAULT 0
    CHECK (sticky_ttl_seconds BETWEEN 0 AND 31536000);
