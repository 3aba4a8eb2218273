//! The closed list of variables.

macro_rules! variables {
    ($($id:ident $name:literal,)*) => {
        /// A variable of the language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum VarId { $($id,)* }

        /// Name to variable.
        pub(crate) const NAMES: &[(&str, VarId)] = &[$(($name, VarId::$id),)*];
    };
}

variables! {
    Args "ARGS", ArgsGet "ARGS_GET", ArgsPost "ARGS_POST",
    ArgsNames "ARGS_NAMES", ArgsGetNames "ARGS_GET_NAMES", ArgsPostNames "ARGS_POST_NAMES",
    ArgsCombinedSize "ARGS_COMBINED_SIZE",
    RequestLine "REQUEST_LINE", RequestMethod "REQUEST_METHOD", RequestProtocol "REQUEST_PROTOCOL",
    RequestUri "REQUEST_URI", RequestUriRaw "REQUEST_URI_RAW", RequestFilename "REQUEST_FILENAME",
    RequestBasename "REQUEST_BASENAME", QueryString "QUERY_STRING",
    RequestHeaders "REQUEST_HEADERS", RequestHeadersNames "REQUEST_HEADERS_NAMES",
    RequestCookies "REQUEST_COOKIES", RequestCookiesNames "REQUEST_COOKIES_NAMES",
    RequestBody "REQUEST_BODY", RequestBodyLength "REQUEST_BODY_LENGTH",
    ReqbodyProcessor "REQBODY_PROCESSOR", ReqbodyError "REQBODY_ERROR", ReqbodyErrorMsg "REQBODY_ERROR_MSG",
    ReqbodyProcessorError "REQBODY_PROCESSOR_ERROR", ReqbodyProcessorErrorMsg "REQBODY_PROCESSOR_ERROR_MSG",
    UrlencodedError "URLENCODED_ERROR",
    InboundDataError "INBOUND_DATA_ERROR", OutboundDataError "OUTBOUND_DATA_ERROR",
    ResponseStatus "RESPONSE_STATUS", ResponseProtocol "RESPONSE_PROTOCOL",
    ResponseHeaders "RESPONSE_HEADERS", ResponseHeadersNames "RESPONSE_HEADERS_NAMES",
    ResponseBody "RESPONSE_BODY", ResponseContentType "RESPONSE_CONTENT_TYPE",
    ResponseContentLength "RESPONSE_CONTENT_LENGTH",
    RemoteAddr "REMOTE_ADDR", RemotePort "REMOTE_PORT",
    ServerAddr "SERVER_ADDR", ServerName "SERVER_NAME", ServerPort "SERVER_PORT", UniqueId "UNIQUE_ID",
    Tx "TX", Rule "RULE",
    MatchedVar "MATCHED_VAR", MatchedVarName "MATCHED_VAR_NAME",
    MatchedVars "MATCHED_VARS", MatchedVarsNames "MATCHED_VARS_NAMES",
    HighestSeverity "HIGHEST_SEVERITY", Duration "DURATION",
    Files "FILES",
    FilesNames "FILES_NAMES",
    FilesSizes "FILES_SIZES",
    FilesCombinedSize "FILES_COMBINED_SIZE",
    FilesTmpContent "FILES_TMP_CONTENT",
    MultipartFilename "MULTIPART_FILENAME",
    MultipartName "MULTIPART_NAME",
    MultipartPartHeaders "MULTIPART_PART_HEADERS",
    MultipartStrictError "MULTIPART_STRICT_ERROR",
    MultipartUnmatchedBoundary "MULTIPART_UNMATCHED_BOUNDARY",
    MultipartBoundaryQuoted "MULTIPART_BOUNDARY_QUOTED",
    MultipartBoundaryWhitespace "MULTIPART_BOUNDARY_WHITESPACE",
    MultipartCrlfLfLines "MULTIPART_CRLF_LF_LINES",
    MultipartDataAfter "MULTIPART_DATA_AFTER",
    MultipartDataBefore "MULTIPART_DATA_BEFORE",
    MultipartHeaderFolding "MULTIPART_HEADER_FOLDING",
    MultipartInvalidPart "MULTIPART_INVALID_PART",
    MultipartInvalidQuoting "MULTIPART_INVALID_QUOTING",
    MultipartLfLine "MULTIPART_LF_LINE",
    MultipartMissingSemicolon "MULTIPART_MISSING_SEMICOLON",
    MultipartSemicolonMissing "MULTIPART_SEMICOLON_MISSING",
    Xml "XML",
    Status "STATUS",
    StatusLine "STATUS_LINE",
    AuthType "AUTH_TYPE",
    RemoteHost "REMOTE_HOST",
    FullRequest "FULL_REQUEST",
    FullRequestLength "FULL_REQUEST_LENGTH",
    Ip "IP", Session "SESSION", User "USER", Global "GLOBAL", Resource "RESOURCE",
    SessionId "SESSIONID", UserId "USERID", WebAppId "WEBAPPID", Env "ENV",
    ArgsPath "ARGS_PATH", PathInfo "PATH_INFO", RemoteUser "REMOTE_USER", FilesTmpNames "FILES_TMPNAMES",
    MultipartFileLimitExceeded "MULTIPART_FILE_LIMIT_EXCEEDED",
    MultipartInvalidHeaderFolding "MULTIPART_INVALID_HEADER_FOLDING",
    Json "JSON", ResponseArgs "RESPONSE_ARGS", ResponseXml "RESPONSE_XML",
    ResbodyProcessor "RESBODY_PROCESSOR", ResbodyError "RESBODY_ERROR", ResbodyErrorMsg "RESBODY_ERROR_MSG",
    Geo "GEO", ModsecBuild "MODSEC_BUILD", MscPcreError "MSC_PCRE_ERROR",
    MscPcreLimitsExceeded "MSC_PCRE_LIMITS_EXCEEDED", WebserverErrorLog "WEBSERVER_ERROR_LOG",
    Time "TIME", TimeDay "TIME_DAY", TimeEpoch "TIME_EPOCH", TimeHour "TIME_HOUR", TimeMin "TIME_MIN",
    TimeMon "TIME_MON", TimeSec "TIME_SEC", TimeWday "TIME_WDAY", TimeYear "TIME_YEAR",
}
