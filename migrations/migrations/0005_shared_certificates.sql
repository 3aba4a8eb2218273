-- One certificate may serve several hosts: its fingerprint is unique for each host, no longer among all.

CREATE TABLE certificates_new (
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
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    UNIQUE (host_id, fingerprint_sha256)
);

-- Numbers of certificates that were deleted are not given again.
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'certificates_new', seq FROM sqlite_sequence WHERE name = 'certificates';
INSERT INTO certificates_new (id, host_id, names, kind, cert_pem, chain_pem, key_encrypted, issuer, fingerprint_sha256,
        not_before, not_after, ari_window_start, ari_window_end, active, uploaded_by, created_at)
    SELECT id, host_id, names, kind, cert_pem, chain_pem, key_encrypted, issuer, fingerprint_sha256,
        not_before, not_after, ari_window_start, ari_window_end, active, uploaded_by, created_at
    FROM certificates;
DROP TABLE certificates;
ALTER TABLE certificates_new RENAME TO certificates;
CREATE INDEX certificates_host ON certificates (host_id, active);
CREATE INDEX certificates_not_after ON certificates (not_after);
