//! The OpenAPI 3.1 document, made from the registry.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::operation::operation;
use super::{Described, Method, Place, Query, View, describe};
use crate::error::{FieldError, Result};

/// Shows the OpenAPI document of this interface.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetOpenApi {}
operation!(GetOpenApi => Value, "system.openapi", Get "/openapi.json", User, 200,
    "Shows the OpenAPI document of this interface.");

impl Query for GetOpenApi {
    fn run(self, _view: &View<'_>) -> Result<Value> {
        static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);
        Ok(DOCUMENT.clone())
    }
}

/// Collects records under `#/components/schemas/`, for [`Described::schemas`].
#[must_use]
pub fn components() -> SchemaGenerator {
    let at = "/components/schemas".into();
    SchemaSettings::draft2020_12().with(|s| s.definitions_path = at).into_generator()
}

/// The OpenAPI 3.1 document of every operation.
#[must_use]
pub fn openapi() -> Value {
    let mut all = components();
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for op in describe() {
        let tag = json!({ "name": op.resource(), "description": op.resource_summary });
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        let shown = show(&op, &mut all);
        paths.entry(op.path).or_insert_with(|| json!({}))[op.method.as_str().to_ascii_lowercase()] = shown;
    }
    let error = all.subschema_for::<FieldError>().to_value();
    let mut schemas: Map<String, Value> = all.take_definitions(true).into_iter().collect();
    schemas.sort_keys();
    schemas.insert("Problem".into(), problem(&error));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Argos",
            "description": "The edge gateway: reverse proxy, web application firewall and identity gate.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/api/v1" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "The call was refused or failed.",
                    "headers": { "X-Request-Id": header("RequestId"), "Retry-After": header("RetryAfter") },
                    "content": {
                        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
                    },
                },
            },
            "headers": {
                "Generation": {
                    "description": "The generation that a change of configuration made.",
                    "schema": { "type": "integer", "minimum": 1 },
                },
                "Location": {
                    "description": "The path of the new resource.",
                    "schema": { "type": "string" },
                },
                "ETag": {
                    "description": "The tag of the resource as it is shown, in quotes.",
                    "schema": { "type": "string" },
                },
                "RetryAfter": {
                    "description": "Seconds to wait before the call is worth making again, if it ever is.",
                    "schema": { "type": "integer", "minimum": 0 },
                },
                "RequestId": {
                    "description": "The call in the audit row and in the process log.",
                    "schema": { "type": "string" },
                },
            },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "A token of `tokens.create`." },
            },
        },
    })
}

fn show(op: &Described, all: &mut SchemaGenerator) -> Value {
    let (input, output) = op.schemas(all);
    let in_path: Vec<&str> = op.path_fields().collect();
    let required = |field: &str| names(&input["required"]).any(|name| name == field);
    let in_query = matches!(op.method, Method::Get | Method::Delete);
    let (mut parameters, mut body) = (Vec::new(), Map::new());
    for (field, schema) in input["properties"].as_object().into_iter().flatten() {
        let path = in_path.contains(&field.as_str());
        if !path && !in_query {
            body.insert(field.clone(), schema.clone());
            continue;
        }
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|s| s.remove("description"));
        parameters.push(json!({
            "name": field,
            "in": if path { "path" } else { "query" },
            "required": path || required(field),
            "description": description,
            "schema": schema,
        }));
    }
    for term in op.terms() {
        let (name, place) = match term.place {
            Place::Header(name) => (name, "header"),
            Place::Query => (term.name, "query"),
        };
        parameters.push(json!({
            "name": name, "in": place, "required": false, "description": term.doc, "schema": term.schema(),
        }));
    }
    if op.method == Method::Get {
        parameters.push(json!({
            "name": "If-None-Match", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "Tags in quotes; the answer is 304 if it still has one of them.",
        }));
    }
    let mut shown = json!({
        "operationId": op.name,
        "summary": op.summary,
        "tags": [op.resource()],
        "x-role": op.role.map_or("public", |role| role.as_str()),
        "security": if op.role.is_some() { json!([{ "bearer": [] }]) } else { json!([]) },
    });
    if !parameters.is_empty() {
        shown["parameters"] = parameters.into();
    }
    let free = &input["additionalProperties"];
    if !body.is_empty() || free.is_object() {
        let needed: Vec<&str> = names(&input["required"]).filter(|name| body.contains_key(*name)).collect();
        let mut schema = json!({ "type": "object", "additionalProperties": free });
        if !needed.is_empty() {
            schema["required"] = json!(needed);
        }
        let is_required = !needed.is_empty();
        if !body.is_empty() {
            schema["properties"] = body.into();
        }
        let mut content = json!({ "application/json": { "schema": schema } });
        if op.method == Method::Patch {
            content["application/merge-patch+json"] = content["application/json"].clone();
        }
        if op.form {
            content["multipart/form-data"] = content["application/json"].clone();
        }
        shown["requestBody"] = json!({ "required": is_required, "content": content });
    }
    let mut answer = json!({ "description": "It is done." });
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), header("RequestId"))]);
    if op.tagged || op.method == Method::Get {
        headers.insert("ETag".into(), header("ETag"));
    }
    if op.configures {
        headers.insert("X-Argos-Generation".into(), header("Generation"));
    }
    if op.place.is_some() {
        headers.insert("Location".into(), header("Location"));
    }
    answer["headers"] = headers.into();
    if op.status != 204 {
        answer["content"] = json!({ op.media_type(): { "schema": output } });
    }
    let mut responses = Map::from_iter([(op.status.to_string(), answer)]);
    if op.method == Method::Get {
        let headers = json!({ "ETag": header("ETag"), "X-Request-Id": header("RequestId") });
        let unchanged = json!({ "description": "It still has that tag.", "headers": headers });
        responses.insert("304".into(), unchanged);
    }
    for status in refusals(op) {
        responses.insert(status.to_string(), json!({ "$ref": "#/components/responses/Problem" }));
    }
    responses.insert("default".into(), json!({ "$ref": "#/components/responses/Problem" }));
    shown["responses"] = responses.into();
    shown
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The statuses of refusals that this operation can answer.
fn refusals(op: &Described) -> Vec<u16> {
    let takes = |name: &str| op.terms().any(|term| term.name == name);
    let in_path = op.path_fields().count() > 0;
    let mut statuses = vec![403, 421, 422, 500, 503];
    statuses.extend(op.role.map(|_| 401));
    statuses.extend((in_path || op.role.is_none()).then_some(404));
    statuses.extend(op.mutates.then_some(409));
    statuses.extend(takes("if_match").then_some(412));
    // Also where it has no field: a body that comes is read, and refused by its name.
    if !matches!(op.method, Method::Get | Method::Delete) {
        statuses.extend([400, 413, 415]);
    }
    statuses.sort_unstable();
    statuses
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The body of a refusal. Source: RFC 9457.
fn problem(error: &Value) -> Value {
    json!({
        "type": "object",
        "description": "A refused or failed call.",
        "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
        "properties": {
            "type": { "type": "string", "description": "`urn:argos:problem:` and the code." },
            "title": { "type": "string", "description": "The status in words." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "What is wrong, for a person." },
            "code": { "type": "string", "description": "Stable text such as `host.domain_taken`." },
            "request_id": { "type": "string", "description": "The call in the process log." },
            "errors": { "type": "array", "items": error, "description": "The values at fault." },
            "retry_after": { "type": "integer", "description": "Seconds to wait." },
        },
    })
}
