//! Bounds on the work and memory of one transaction.

use crate::directives::DirectiveId;

/// Bounds of one transaction. Directives of the rule text may override them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request body bytes kept for inspection; default 13 107 200. `SecRequestBodyLimit`.
    pub request_body_bytes: usize,
    /// Over the limit: refuse with 413 (true) or inspect what fits (false, the default). `SecRequestBodyLimitAction`.
    pub request_body_reject: bool,
    /// Bytes of a request body outside uploaded files; default as `request_body_bytes`. `SecRequestBodyNoFilesLimit`.
    ///
    /// Differs: the reference engine refuses what is longer; here it is a bound on inspection like the other one.
    pub request_body_no_files_bytes: usize,
    /// Response body bytes kept for inspection; default 524 288. `SecResponseBodyLimit`.
    pub response_body_bytes: usize,
    /// Over the limit: refuse (true) or inspect what fits (false, the default). `SecResponseBodyLimitAction`.
    pub response_body_reject: bool,
    /// Arguments of one request; default 1000. `SecArgumentsLimit`.
    pub arguments: usize,
    /// Nesting of JSON bodies; default 512. `SecRequestBodyJsonDepthLimit`.
    pub json_depth: usize,
    /// Matched rules kept per transaction; default 1000.
    pub matched: usize,
    /// Values of one transaction that rules may write with `setvar`; default 4096.
    pub variables: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body_bytes: 13_107_200,
            request_body_reject: false,
            request_body_no_files_bytes: 13_107_200,
            response_body_bytes: 524_288,
            response_body_reject: false,
            arguments: 1000,
            json_depth: 512,
            matched: 1000,
            variables: 4096,
        }
    }
}

impl Limits {
    /// Takes from `other` what the directives in `stated` set.
    pub(crate) fn keep(&mut self, other: &Self, stated: &[DirectiveId]) {
        for id in stated {
            match id {
                DirectiveId::RequestBodyLimit => self.request_body_bytes = other.request_body_bytes,
                DirectiveId::RequestBodyLimitAction => self.request_body_reject = other.request_body_reject,
                DirectiveId::RequestBodyNoFilesLimit => {
                    self.request_body_no_files_bytes = other.request_body_no_files_bytes;
                }
                DirectiveId::ResponseBodyLimit => self.response_body_bytes = other.response_body_bytes,
                DirectiveId::ResponseBodyLimitAction => self.response_body_reject = other.response_body_reject,
                DirectiveId::ArgumentsLimit => self.arguments = other.arguments,
                DirectiveId::RequestBodyJsonDepthLimit => self.json_depth = other.json_depth,
                _ => {}
            }
        }
    }
}
