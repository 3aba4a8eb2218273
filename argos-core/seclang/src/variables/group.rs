//! When variables may change.

use super::VarId;

/// Which calls of a transaction's user may change a variable. Rules never change these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// The request's head, and its body from phase 2 on.
    Request,
    /// The answer.
    Response,
}

/// The group of a variable whose values stay while a phase runs; None for those that rules change.
pub(crate) fn group_of(variable: VarId) -> Option<Group> {
    use VarId::*;
    match variable {
        Args | ArgsGet | ArgsPost | ArgsNames | ArgsGetNames | ArgsPostNames | ArgsCombinedSize | RequestLine
        | RequestMethod | RequestProtocol | RequestUri | RequestUriRaw | RequestFilename | RequestBasename
        | QueryString | PathInfo | RequestHeaders | RequestHeadersNames | RequestCookies | RequestCookiesNames
        | RequestBody | RequestBodyLength | Files | FilesNames | FilesSizes | FilesCombinedSize | FilesTmpNames
        | FilesTmpContent | MultipartFilename | MultipartName | MultipartPartHeaders | Json | Xml | RemoteAddr
        | RemoteHost | RemotePort | ServerAddr | ServerName | ServerPort | AuthType | RemoteUser => {
            Some(Group::Request)
        }
        ResponseStatus
        | Status
        | StatusLine
        | ResponseProtocol
        | ResponseHeaders
        | ResponseHeadersNames
        | ResponseBody
        | ResponseContentType
        | ResponseContentLength
        | ResponseArgs
        | ResponseXml => Some(Group::Response),
        _ => None,
    }
}
