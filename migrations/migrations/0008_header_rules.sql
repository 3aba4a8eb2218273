-- What a host changes about the fields of requests and answers: lists of {"op", "name", "value"}.

ALTER TABLE hosts ADD COLUMN request_headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(request_headers));
ALTER TABLE hosts ADD COLUMN response_headers TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(response_headers));
