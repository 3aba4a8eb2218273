//! The page of all operations.

use std::fmt::Write as _;

use argos_core::api::{Place, TERMS};

use super::model::{Field, Kind, Method, Model, Type};

const HEAD: &str = "# Operations

Every operation with its HTTP route below `/api/v1`, its command, its fields and its result. The weakest role that may
ask stands in brackets. Fields in the path and fields in capitals of a command stand by position; every other field is
an option of the command: `max_body_bytes` is `--max-body-bytes`. Only `argos logs tail` has its own. The same operations are in
[openapi.json](openapi.json).
";

pub fn render(model: &Model) -> String {
    let mut page = HEAD.to_owned();
    for resource in &model.resources {
        write!(page, "\n## {} operations\n{}\n\n", resource.name, resource.doc).unwrap();
        page += "| Operation | Route | Command | Result |\n|---|---|---|---|\n";
        for method in &resource.methods {
            let op = &method.op;
            let role = op.role.map_or("public", |role| role.as_str());
            let (verb, path) = (op.method.as_str(), op.path);
            let (command, result) =
                (command(resource.parent.as_ref(), method), method.output.as_ref().map_or("nothing".into(), name));
            let summary = op.summary;
            writeln!(page, "| `{}` [{role}]<br>{summary} | `{verb} {path}` | {command} | {result} |", op.name).unwrap();
        }
        page += "\n| Operation | Field | Type | Required | Meaning |\n|---|---|---|---|---|\n";
        for method in &resource.methods {
            for field in resource.parent.iter().chain(&method.fields) {
                row(&mut page, method.op.name, field);
            }
            let terms: Vec<String> = method.op.terms().map(|term| format!("`{}`", term.name)).collect();
            if !terms.is_empty() {
                writeln!(page, "| `{}` | terms | | | {} |", method.op.name, terms.join(", ")).unwrap();
            }
            if let Some(free) = &method.free {
                writeln!(page, "| `{}` | any key | {} | | |", method.op.name, name(free)).unwrap();
            }
        }
    }
    page +=
        "\n## Terms\nWhat a caller says beside the fields. The column shows where it stands in an HTTP request.\n\n";
    page += "| Term | HTTP | Command | Meaning |\n|---|---|---|---|\n";
    for term in &TERMS {
        let place = match term.place {
            Place::Header(name) => format!("header `{name}`"),
            Place::Query => format!("query `{}`", term.name),
        };
        let (option, doc) = (term.name.replace('_', "-"), term.doc);
        writeln!(page, "| `{}` | {place} | `--{option}` | {doc} |", term.name).unwrap();
    }
    page += "\n## Records\n";
    for (title, shape) in &model.shapes {
        write!(page, "\n### {title}\n{}\n\n", cell(&shape.doc)).unwrap();
        match &shape.kind {
            Kind::Words(words) => {
                page += "| Word | Meaning |\n|---|---|\n";
                words.iter().for_each(|(word, doc)| writeln!(page, "| `{word}` | {} |", cell(doc)).unwrap());
            }
            Kind::Record(fields) => {
                page += "| Field | Type | Required | Meaning |\n|---|---|---|---|\n";
                for f in fields {
                    let given = required(f);
                    writeln!(page, "| `{}` | {} | {given} | {} |", f.name, name(&f.ty), cell(&f.doc)).unwrap();
                }
            }
            Kind::Tagged(options) => {
                page += "| `type` | `config` | Meaning |\n|---|---|---|\n";
                for (tag, record, doc) in options {
                    writeln!(page, "| `{tag}` | {} | {} |", link(record), cell(doc)).unwrap();
                }
            }
        }
    }
    page
}

fn row(page: &mut String, operation: &str, field: &Field) {
    let required = required(field);
    writeln!(page, "| `{operation}` | `{}` | {} | {required} | {} |", field.name, name(&field.ty), cell(&field.doc))
        .unwrap();
}

/// Whether it must be given, and else what stands for it.
fn required(field: &Field) -> String {
    match &field.default {
        _ if field.required => "yes".into(),
        Some(default) if !default.is_null() => format!("default `{default}`"),
        _ => String::new(),
    }
}

fn command(parent: Option<&Field>, method: &Method) -> String {
    let Some((resource, verb)) = method.op.command() else { return "–".into() };
    let mut words = format!("argos {resource} {verb}");
    for field in parent.into_iter().chain(&method.fields[..method.by_position]) {
        write!(words, " {}", field.name.to_uppercase()).unwrap();
    }
    if method.free.is_some() {
        words += " KEY=VALUE…";
    }
    format!("`{words}`")
}

fn name(ty: &Type) -> String {
    match ty {
        Type::Text => "text".into(),
        Type::Time => "time".into(),
        Type::Int => "whole number".into(),
        Type::Float => "number".into(),
        Type::Bool => "boolean".into(),
        Type::Any => "JSON".into(),
        Type::Scalar => "number or text".into(),
        Type::Nullable(inner) => format!("{} or null", name(inner)),
        Type::List(inner) => format!("list of {}", name(inner)),
        Type::Map(inner) => format!("map to {}", name(inner)),
        Type::Page(inner) => format!("page of {}", name(inner)),
        Type::Named(shape) => link(shape),
    }
}

fn link(shape: &str) -> String {
    format!("[{shape}](#{})", shape.to_lowercase())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
