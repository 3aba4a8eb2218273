//! SQL injection and XSS detection: a thin layer over `libinjectionrs`.

/// The fingerprint of the SQL injection in `input`, if there is one.
pub(crate) fn sqli(input: &[u8]) -> Option<String> {
    let result = libinjectionrs::detect_sqli(input);
    result.is_injection().then(|| result.fingerprint.map(|print| print.as_str().to_owned()).unwrap_or_default())
}

/// Whether `input` holds script in one of the HTML contexts.
pub(crate) fn xss(input: &[u8]) -> bool {
    libinjectionrs::detect_xss(input).is_injection()
}
