-- Certificates of both directions: what the targets of a group are trusted by and shown, and what the clients of a
-- host have to show.

ALTER TABLE target_groups ADD COLUMN ca_bundle_pem TEXT NOT NULL DEFAULT '';
ALTER TABLE target_groups ADD COLUMN client_cert_pem TEXT NOT NULL DEFAULT '';
ALTER TABLE target_groups ADD COLUMN client_key_encrypted TEXT NOT NULL DEFAULT '';

ALTER TABLE hosts ADD COLUMN client_auth TEXT NOT NULL DEFAULT 'none'
    CHECK (client_auth IN ('none', 'optional', 'required'));
ALTER TABLE hosts ADD COLUMN client_ca_pem TEXT NOT NULL DEFAULT '';
