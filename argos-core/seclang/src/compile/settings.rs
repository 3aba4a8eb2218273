//! Directives that set one value.

use crate::actions::{AuditEngine, ctl};
use crate::compile::rule::integer;
use crate::directives::DirectiveId;
use crate::lex::Word;
use crate::operators;
use crate::program::Settings;

/// Applies one directive; the error says what was expected.
pub(super) fn apply(settings: &mut Settings, id: DirectiveId, words: &[Word]) -> Result<(), &'static str> {
    let value = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
    let switch = || ctl::switch(value).ok_or("On or Off is needed");
    let number =
        || integer(value).filter(|n| *n <= MOST).map(|n| n as usize).ok_or("a number up to 1073741824 is needed");
    let limits = &mut settings.limits;
    match id {
        DirectiveId::RuleEngine => settings.engine = ctl::engine(value).ok_or("On, Off or DetectionOnly is needed")?,
        DirectiveId::RequestBodyAccess => settings.request_body = switch()?,
        DirectiveId::ResponseBodyAccess => settings.response_body = switch()?,
        DirectiveId::RequestBodyLimit => limits.request_body_bytes = number()?,
        DirectiveId::RequestBodyNoFilesLimit => limits.request_body_no_files_bytes = number()?,
        DirectiveId::RequestBodyJsonDepthLimit => limits.json_depth = number()?.min(DEEPEST),
        DirectiveId::ArgumentsLimit => limits.arguments = number()?,
        DirectiveId::ResponseBodyLimit => limits.response_body_bytes = number()?,
        DirectiveId::RequestBodyLimitAction => limits.request_body_reject = rejects(value)?,
        DirectiveId::ResponseBodyLimitAction => limits.response_body_reject = rejects(value)?,
        DirectiveId::ArgumentSeparator => match value {
            [separator] => settings.argument_separator = *separator,
            _ => return Err("one byte is needed"),
        },
        DirectiveId::ResponseBodyMimeType => {
            settings.response_types = words.iter().map(|word| word.text.bytes.to_ascii_lowercase()).collect();
        }
        DirectiveId::ResponseBodyMimeTypesClear => settings.response_types.clear(),
        DirectiveId::ComponentSignature => settings.signature = Some(String::from_utf8_lossy(value).into_owned()),
        DirectiveId::WebAppId => settings.web_app = Some(value.to_vec()),
        // Bodies stay in memory, so only the value is checked.
        DirectiveId::RequestBodyInMemoryLimit => drop(number()?),
        DirectiveId::CookieFormat => match value {
            b"0" => settings.cookies_v1 = false,
            b"1" => settings.cookies_v1 = true,
            _ => return Err("0 or 1 is needed"),
        },
        DirectiveId::CollectionTimeout => settings.collection_timeout = number()? as i64,
        DirectiveId::AuditEngine => {
            settings.audit_engine = AuditEngine::parse(value).ok_or("On, Off or RelevantOnly is needed")?;
        }
        DirectiveId::AuditLogParts => {
            let change = ctl::parts(value).ok_or("letters of parts are needed")?;
            change.apply(&mut settings.audit_parts);
        }
        DirectiveId::AuditLogRelevantStatus => {
            // The usual one looks ahead.
            let pattern = operators::rx::make_stepped(value, settings.pattern_steps);
            settings.audit_status = Some(pattern.map_err(|_| "a pattern is needed")?.into());
        }
        DirectiveId::UploadFileLimit => settings.upload_files = number()?,
        DirectiveId::PcreMatchLimit => settings.pattern_steps = number()?.clamp(1, STEPS),
        // The backtracking engine keeps its stack on the heap, bounded by its steps.
        DirectiveId::PcreMatchLimitRecursion => drop(number()?),
        DirectiveId::Rule
        | DirectiveId::Action
        | DirectiveId::Marker
        | DirectiveId::DefaultAction
        | DirectiveId::Include
        | DirectiveId::IncludeOptional
        | DirectiveId::RuleRemoveById
        | DirectiveId::RuleRemoveByTag
        | DirectiveId::RuleRemoveByMsg
        | DirectiveId::UpdateTargetById
        | DirectiveId::UpdateTargetByTag
        | DirectiveId::UpdateTargetByMsg
        | DirectiveId::UpdateActionById
        | DirectiveId::UnicodeMapFile
        | DirectiveId::GeoLookupDb
        | DirectiveId::Dataset => return Err("this directive sets no value"),
    }
    Ok(())
}

fn rejects(value: &[u8]) -> Result<bool, &'static str> {
    match value.to_ascii_lowercase().as_slice() {
        b"reject" => Ok(true),
        b"processpartial" => Ok(false),
        _ => Err("Reject or ProcessPartial is needed"),
    }
}

/// Steps of a pattern that needs backtracking, at most.
const STEPS: usize = 1_000_000;
const MOST: u64 = 1 << 30;
/// The JSON walker keeps one entry per open level, so this bounds its memory.
const DEEPEST: usize = 10_000;
