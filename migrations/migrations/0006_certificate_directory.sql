-- Which authority signed a certificate: one that comes into use again is renewed where it is still the host's own.

ALTER TABLE certificates ADD COLUMN directory_url TEXT NOT NULL DEFAULT '';
