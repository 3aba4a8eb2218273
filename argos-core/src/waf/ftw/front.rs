//! The part of an HTTP server that suites look at: what is malformed is answered, the rest is split.
//!
//! Differs from the proxy's own strict reader on purpose: suites hold requests that rules must see although a strict
//! reader would refuse them.

/// A request that rules see.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    pub(super) uri: Vec<u8>,
    pub(super) version: Vec<u8>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// Splits `bytes`; the error is the status a server answers with instead.
pub(super) fn read(bytes: &[u8]) -> Result<Request, u16> {
    let (line, mut rest) = line(bytes).ok_or(400_u16)?;
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (method, uri, version) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let (method, uri) = method.zip(uri).ok_or(400_u16)?;
    if version.is_empty() {
        // A request of the first HTTP, which nobody speaks any more.
        return Err(400);
    }
    if !fine_line(method, uri, version) {
        return Err(400);
    }
    let mut request = Request {
        method: method.to_vec(),
        uri: uri.to_vec(),
        version: version.to_vec(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    while let Some((line, after)) = self::line(rest) {
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', line).ok_or(400_u16)?;
        if line.contains(&b'\r') {
            return Err(400);
        }
        request.headers.push((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()));
    }
    framing(&mut request)?;
    request.body = body(&request, rest)?;
    Ok(request)
}

/// Source: RFC 9112 §3. Methods may hold any printable byte, so that rules see odd ones.
fn fine_line(method: &[u8], uri: &[u8], version: &[u8]) -> bool {
    let absolute = || memchr::memmem::find(uri, b"://").is_some_and(|at| at > 0);
    let target = match method {
        b"CONNECT" => uri
            .rsplit(|byte| *byte == b':')
            .next()
            .is_some_and(|port| port.len() < uri.len() && !port.is_empty() && port.iter().all(u8::is_ascii_digit)),
        _ => uri.starts_with(b"/") || uri == b"*" || absolute(),
    };
    let version = match version.strip_prefix(b"HTTP/") {
        Some([major] | [major, b'.', b'0'..=b'9']) => matches!(major, b'1'..=b'9'),
        _ => false,
    };
    !method.is_empty() && method.iter().all(u8::is_ascii_graphic) && target && !uri.contains(&b'#') && version
}

/// Refuses what makes a request's length or host unsure. Source: RFC 9112 §6.3 and §3.2.
fn framing(request: &mut Request) -> Result<(), u16> {
    let named = |name: &'static str| move |header: &(Vec<u8>, Vec<u8>)| header.0.eq_ignore_ascii_case(name.as_bytes());
    if header(request, "transfer-encoding").is_some() {
        request.headers.retain(|header| !named("content-length")(header));
    }
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if request.headers.iter().filter(|header| named("content-length")(header)).any(|header| !digits(&header.1)) {
        return Err(400);
    }
    match header(request, "host") {
        Some(host) if host.contains(&b'%') => Err(400),
        Some(b"") if request.version == b"HTTP/1.1" => Err(400),
        _ => Ok(()),
    }
}

/// The answer of a server that gives up.
pub(super) fn status_line(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} -\r\n\r\n").into_bytes()
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    Some((bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), &bytes[end + 1..]))
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a [u8]> {
    let named = |header: &&(Vec<u8>, Vec<u8>)| header.0.eq_ignore_ascii_case(name.as_bytes());
    request.headers.iter().find(named).map(|(_, value)| value.as_slice())
}

fn body(request: &Request, rest: &[u8]) -> Result<Vec<u8>, u16> {
    let chunked = header(request, "transfer-encoding").is_some_and(|coding| {
        coding.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"chunked")
    });
    if chunked {
        return Ok(unchunk(rest).unwrap_or_else(|| rest.to_vec()));
    }
    let length = header(request, "content-length");
    let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    // Without a length a request has no body; what follows is the next request.
    Ok(rest[..rest.len().min(length.unwrap_or(0))].to_vec())
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, after) = line(rest)?;
        let size = size.split(|byte| *byte == b';').next()?.trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = line(&after[size..])?.1;
    }
}
