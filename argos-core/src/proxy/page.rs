//! The standard page of an ended request: status, a short text, the request's id, and nothing about what runs here.

/// A page in the form that `accept` prefers, which says `own` or what it says of its status: its content type and its
/// text.
pub(crate) fn page(status: u16, own: Option<&str>, accept: &[u8], request_id: &str) -> (&'static str, String) {
    let (title, text) = words(status);
    let text = own.unwrap_or(text);
    let has = |wanted: &[u8]| accept.to_ascii_lowercase().windows(wanted.len()).any(|w| w == wanted);
    if has(b"text/html") {
        let page = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {title}</title></head>\n\
             <body><h1>{status} {title}</h1><p>{text}</p><p>Request id: <code>{request_id}</code></p></body></html>\n"
        );
        return ("text/html; charset=utf-8", page);
    }
    if has(b"json") {
        let page = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{text}\",\
             \"request_id\":\"{request_id}\"}}\n"
        );
        return ("application/problem+json", page);
    }
    ("text/plain; charset=utf-8", format!("{status} {title}\n{text}\nRequest id: {request_id}\n"))
}

/// The status of gRPC that stands for `status`, as its clients would take it.
/// Source: gRPC, "HTTP to gRPC Status Code Mapping".
pub(crate) fn grpc_status(status: u16) -> u8 {
    match status {
        400 => 13,             // INTERNAL
        401 => 16,             // UNAUTHENTICATED
        403 => 7,              // PERMISSION_DENIED
        404 => 12,             // UNIMPLEMENTED
        429 | 502..=504 => 14, // UNAVAILABLE
        _ => 2,                // UNKNOWN
    }
}

/// The reason phrase of `status`. Source: the HTTP status code registry.
pub(crate) fn reason(status: u16) -> &'static str {
    words(status).0
}

fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        200 => ("OK", "Done."),
        201 => ("Created", "Done."),
        202 => ("Accepted", "Done."),
        204 => ("No Content", ""),
        301 => ("Moved Permanently", "The page has moved."),
        302 => ("Found", "The page is elsewhere for now."),
        303 => ("See Other", "The answer is elsewhere."),
        304 => ("Not Modified", ""),
        307 => ("Temporary Redirect", "The page is elsewhere for now."),
        308 => ("Permanent Redirect", "The page has moved."),
        400 => ("Bad Request", "The request could not be understood."),
        401 => ("Unauthorized", "Please sign in."),
        403 => ("Forbidden", "This request is not allowed."),
        404 => ("Not Found", "There is nothing at this address."),
        405 => ("Method Not Allowed", "This method is not allowed here."),
        408 => ("Request Timeout", "The request took too long to arrive."),
        413 => ("Content Too Large", "The request is too large."),
        414 => ("URI Too Long", "The address is too long."),
        421 => ("Misdirected Request", "This server does not answer for that name."),
        429 => ("Too Many Requests", "Please slow down and try again later."),
        431 => ("Request Header Fields Too Large", "The request's headers are too large."),
        500 => ("Internal Server Error", "Something went wrong."),
        502 => ("Bad Gateway", "The service did not give a usable answer."),
        503 => ("Service Unavailable", "The service is not available right now."),
        504 => ("Gateway Timeout", "The service took too long to answer."),
        505 => ("HTTP Version Not Supported", "This version of HTTP is not supported."),
        402 => ("Payment Required", "The request was refused."),
        406 => ("Not Acceptable", "The request was refused."),
        407 => ("Proxy Authentication Required", "The request was refused."),
        409 => ("Conflict", "The request was refused."),
        410 => ("Gone", "There is nothing at this address any more."),
        411 => ("Length Required", "The request was refused."),
        412 => ("Precondition Failed", "The request was refused."),
        415 => ("Unsupported Media Type", "The request was refused."),
        416 => ("Range Not Satisfiable", "The request was refused."),
        417 => ("Expectation Failed", "The request was refused."),
        422 => ("Unprocessable Content", "The request was refused."),
        423 => ("Locked", "The request was refused."),
        424 => ("Failed Dependency", "The request was refused."),
        425 => ("Too Early", "The request was refused."),
        426 => ("Upgrade Required", "The request was refused."),
        428 => ("Precondition Required", "The request was refused."),
        451 => ("Unavailable For Legal Reasons", "The request was refused."),
        501 => ("Not Implemented", "Something went wrong."),
        507 => ("Insufficient Storage", "Something went wrong."),
        508 => ("Loop Detected", "Something went wrong."),
        511 => ("Network Authentication Required", "Something went wrong."),
        203 => ("Non-Authoritative Information", "Done."),
        205 => ("Reset Content", ""),
        206 => ("Partial Content", "Done."),
        207 => ("Multi-Status", "Done."),
        208 => ("Already Reported", "Done."),
        226 => ("IM Used", "Done."),
        300 => ("Multiple Choices", "The page is elsewhere."),
        305 => ("Use Proxy", "The page is elsewhere."),
        // A phrase may be empty; a number without an entry in the registry has none. Source: RFC 9112 §4.
        _ => match status / 100 {
            2 => ("", "Done."),
            3 => ("", "The page is elsewhere."),
            4 => ("", "The request was refused."),
            _ => ("", "Something went wrong."),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_accept() {
        for (accept, kind, part) in [
            ("text/html,application/json;q=0.9", "text/html; charset=utf-8", "<h1>502 Bad Gateway</h1>"),
            ("Application/JSON", "application/problem+json", "\"status\":502"),
            ("*/*", "text/plain; charset=utf-8", "502 Bad Gateway\n"),
            ("", "text/plain; charset=utf-8", "Request id: id-1"),
        ] {
            let (content_type, text) = page(502, None, accept.as_bytes(), "id-1");
            assert_eq!(content_type, kind);
            assert!(text.contains(part) && text.contains("id-1") && !text.to_lowercase().contains("argos"), "{text}");
        }
        let (_, json) = page(404, None, b"application/json", "id-1");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["request_id"], "id-1");
    }
}
