//! A form (`multipart/form-data`) → fields: each part is one, whether it comes as a text or as a file.

use argos_core::api::Described;
use argos_core::error::{Error, Result};
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use serde_json::{Map, Value};

/// The parts of the form that `request` holds. The limit of its body holds for all of them together.
pub(super) async fn fields(op: &Described, request: Request) -> Result<Map<String, Value>> {
    let malformed = || Error::invalid("body.form", "", "the Content-Type names no boundary of the form's parts");
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| malformed())?;
    let mut fields = Map::new();
    while let Some(part) = form.next_field().await.map_err(|e| broken(op, &e, ""))? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(Error::invalid("body.form", "", "a part of the form has no name"));
        };
        let in_body = op.input["properties"].get(&name).is_some() && !op.path.contains(&format!("{{{name}}}"));
        if !in_body {
            return Err(Error::invalid("unknown_field", name, "is no part of this form"));
        }
        if fields.contains_key(&name) {
            return Err(Error::invalid("duplicate_field", name, "is given twice"));
        }
        let bytes = part.bytes().await.map_err(|e| broken(op, &e, &name))?;
        let text = String::from_utf8(bytes.into());
        let text = text.map_err(|_| Error::invalid("wrong_value", name.as_str(), "is not UTF-8"))?;
        fields.insert(name, text.into());
    }
    Ok(fields)
}

fn broken(op: &Described, e: &MultipartError, part: &str) -> Error {
    if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return super::read::too_large(op);
    }
    Error::invalid("body.form", part, "the form is not well formed, or did not come whole")
}
