//! The Python module of operations and records.

use std::fmt::Write as _;

use serde_json::Value;

use super::model::{Field, Kind, Method, Model, Resource, Shape, Type};

const HEAD: &str = r#""""Operations and records. Generated from the registry; a test rewrites this file with ``UPDATE=1``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from argos import records
from argos.records import UNSET, Applied, Page, T, Unset
"#;

/// Words that are no names in Python.
const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

/// Where a line of a docstring ends.
const WIDTH: usize = 110;

pub fn render(model: &Model) -> String {
    let mut out = HEAD.to_owned();
    let mut names: Vec<String> = model.shapes.keys().cloned().collect();
    names.extend(model.resources.iter().map(class));
    names.push("Operations".into());
    names.sort();
    out += "\n__all__ = [\n";
    names.iter().for_each(|name| writeln!(out, "    \"{name}\",").unwrap());
    out += "]\n";
    for (name, shape) in &model.shapes {
        if let Kind::Words(words) = &shape.kind {
            enumeration(&mut out, name, &shape.doc, words);
        }
    }
    for (name, shape) in &model.shapes {
        if let Kind::Record(fields) = &shape.kind {
            dataclass(&mut out, model, name, shape, fields);
        }
    }
    for (name, shape) in &model.shapes {
        if let Kind::Tagged(options) = &shape.kind {
            let records: Vec<&str> = options.iter().map(|(_, record, _)| record.as_str()).collect();
            write!(out, "\n{name} = (\n    {}\n)\n", records.join("\n    | ")).unwrap();
            doc(&mut out, "", &shape.doc, &[]);
        }
    }
    for resource in &model.resources {
        resource_class(&mut out, resource);
    }
    out += "\n\nclass Operations:\n";
    doc(&mut out, "    ", "Every resource of a caller.", &[]);
    out += "\n    __slots__ = ()\n";
    out +=
        "\n    def call(\n        self,\n        name: str,\n        fields: Mapping[str, Any] | str | None = None,\n";
    out += "        terms: Mapping[str, Any] | None = None,\n        /,\n    ) -> Applied[Any]:\n";
    doc(&mut out, "        ", "Runs the operation ``name``.", &[]);
    out += "        raise NotImplementedError\n";
    out += "\n    def _ask(\n        self, name: str, fields: Mapping[str, Any], made: Callable[[Any], T], /\n";
    out += "    ) -> tuple[T, str | None]:\n        done = self.call(name, fields)\n";
    out += "        return made(done.value), done.etag\n";
    for resource in &model.resources {
        let (name, class) = (resource.name, class(resource));
        out += "\n";
        match &resource.parent {
            None => writeln!(out, "    @property\n    def {name}(self) -> {class}:").unwrap(),
            Some(p) => writeln!(out, "    def {name}(self, {}: {}) -> {class}:", p.name, annotation(&p.ty)).unwrap(),
        }
        doc(&mut out, "        ", resource.doc, &[]);
        let parent = resource.parent.as_ref().map_or(String::new(), |p| format!(", {}", p.name));
        writeln!(out, "        return {class}(self{parent})").unwrap();
    }
    out
}

fn class(resource: &Resource) -> String {
    let words = resource.name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + "Resource"
}

fn enumeration(out: &mut String, name: &str, text: &str, words: &[(String, String)]) {
    write!(out, "\n\nclass {name}(StrEnum):\n").unwrap();
    doc(out, "    ", text, &[]);
    out.push('\n');
    for (word, text) in words {
        writeln!(out, "    {} = \"{word}\"", member(name, word)).unwrap();
        doc(out, "    ", text, &[]);
    }
}

/// `tls-alpn` → `TLS_ALPN`; `1.1` of `HttpVersion` → `VERSION_1_1`.
fn member(name: &str, word: &str) -> String {
    let upper = word.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if !upper.starts_with(|c: char| c.is_ascii_digit()) {
        return upper;
    }
    let last = name.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
    format!("{}_{upper}", name[last..].to_uppercase())
}

fn dataclass(out: &mut String, model: &Model, name: &str, shape: &Shape, fields: &[Field]) {
    write!(
        out,
        "\n\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass {name}{}:\n",
        if model.tagged(name) { "(records.Resource)" } else { "" }
    )
    .unwrap();
    doc(out, "    ", &shape.doc, &[]);
    out.push('\n');
    if let Some(tag) = model.tag(name) {
        write!(out, "    TYPE: ClassVar[str] = \"{tag}\"\n\n").unwrap();
    }
    for field in fields {
        let unset = if field.clearable { " | Unset" } else { "" };
        write!(out, "    {}: {}{unset}", ident(&field.name), annotation(&field.ty)).unwrap();
        match (field.required, field.secret) {
            (true, false) => {}
            (true, true) => out.push_str(" = field(repr=False)"),
            (false, false) => write!(out, " = {}", default(model, field)).unwrap(),
            (false, true) => write!(out, " = field(default={}, repr=False)", default(model, field)).unwrap(),
        }
        out.push('\n');
        doc(out, "    ", &field.doc, &[]);
    }
}

/// What stands for an omitted field: the default of the schema, else that of the type.
fn default(model: &Model, field: &Field) -> String {
    if field.clearable {
        return "UNSET".into();
    }
    match (&field.default, &field.ty) {
        (Some(Value::String(word)), Type::Named(name)) if matches!(model.shapes[name].kind, Kind::Words(_)) => {
            format!("{name}.{}", member(name, word))
        }
        (Some(Value::Bool(true)), _) => "True".into(),
        (Some(Value::Number(number)), _) => number.to_string(),
        (Some(Value::String(text)), _) => Value::from(text.as_str()).to_string(),
        (_, Type::Bool) => "False".into(),
        (_, Type::Text) => "\"\"".into(),
        (_, Type::Int | Type::Float) => "0".into(),
        (_, Type::List(_)) => "()".into(),
        (_, Type::Nullable(_) | Type::Any) => "None".into(),
        (default, ty) => panic!("{}: no default for {ty:?} from {default:?}", field.name),
    }
}

fn resource_class(out: &mut String, resource: &Resource) {
    write!(out, "\n\nclass {}:\n", class(resource)).unwrap();
    doc(out, "    ", resource.doc, &[]);
    let (slot, argument, set) = match &resource.parent {
        None => (String::new(), String::new(), String::new()),
        Some(p) => (
            format!("\"_{}\",", p.name),
            format!(", {}: {}", p.name, annotation(&p.ty)),
            format!("        self._{0} = {0}\n", p.name),
        ),
    };
    let slots =
        if slot.is_empty() { "\"_caller\",".to_owned() } else { format!("\"_caller\", {}", &slot[..slot.len() - 1]) };
    write!(out, "\n    __slots__ = ({slots})\n\n").unwrap();
    write!(
        out,
        "    def __init__(self, caller: records.Caller{argument}) -> None:\n        self._caller = caller\n{set}"
    )
    .unwrap();
    for method in &resource.methods {
        call(out, resource, method);
    }
}

fn call(out: &mut String, resource: &Resource, method: &Method) {
    write!(out, "\n    def {}(\n        self,\n", ident(method.op.verb())).unwrap();
    for (i, field) in method.fields.iter().enumerate() {
        if i == method.by_position {
            out.push_str("        *,\n");
        }
        let (name, ty) = (ident(&field.name), annotation(&field.ty));
        match field.required {
            true => writeln!(out, "        {name}: {ty},").unwrap(),
            false => writeln!(out, "        {name}: {ty} | Unset = UNSET,").unwrap(),
        }
    }
    if let Some(free) = &method.free {
        writeln!(out, "        values: Mapping[str, {}],", annotation(free)).unwrap();
    }
    let terms: Vec<_> = method.op.terms().collect();
    if !terms.is_empty() && method.fields.len() == method.by_position {
        out.push_str("        *,\n");
    }
    for term in &terms {
        let (ty, omitted) = if term.switch { ("bool", "False") } else { ("str | None", "None") };
        writeln!(out, "        {}: {ty} = {omitted},", term.name).unwrap();
    }
    let (function, kind, result) = match &method.output {
        None => ("plain", None, "None".to_owned()),
        Some(Type::Any) => ("plain", None, "Any".to_owned()),
        Some(Type::Text) => ("text", None, "str".to_owned()),
        Some(Type::Page(item)) => ("page", Some(annotation(item)), format!("Page[{}]", annotation(item))),
        Some(Type::Named(name)) => ("", Some(name.clone()), name.clone()),
        Some(other) => panic!("{}: no face knows a result like {other:?}", method.op.name),
    };
    let how = if method.op.mutates { "change" } else { "query" };
    let function = if function.is_empty() { how.to_owned() } else { format!("{how}_{function}") };
    let result = if method.op.mutates { format!("Applied[{result}]") } else { result };
    writeln!(out, "    ) -> {result}:").unwrap();
    let mut arguments: Vec<String> = method.fields.iter().map(|f| format!("{}: {}", ident(&f.name), f.doc)).collect();
    arguments.extend(terms.iter().map(|term| format!("{}: {}", term.name, term.doc)));
    doc(out, "        ", method.op.summary, &arguments);
    let kind = kind.map_or(String::new(), |kind| format!("{kind}, "));
    write!(out, "        return records.{function}(self._caller, {kind}\"{}\", ", method.op.name).unwrap();
    let parent = resource.parent.iter().map(|p| (p.name.clone(), format!("self._{}", p.name)));
    let own = method.fields.iter().map(|f| (f.name.clone(), ident(&f.name)));
    let given: Vec<(String, String)> = parent.chain(own).collect();
    if method.free.is_some() {
        out.push_str("values");
    } else if given.is_empty() {
        out.push_str("{}");
    } else {
        out.push_str("{\n");
        given.iter().for_each(|(key, value)| writeln!(out, "            \"{key}\": {value},").unwrap());
        out.push_str("        }");
    }
    if method.op.mutates {
        let said: Vec<String> = terms.iter().map(|term| format!("\"{0}\": {0}", term.name)).collect();
        write!(out, ", {{{}}}", said.join(", ")).unwrap();
    }
    out.push_str(")\n");
}

fn ident(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

fn annotation(ty: &Type) -> String {
    match ty {
        Type::Text => "str".into(),
        Type::Time => "datetime".into(),
        Type::Int => "int".into(),
        Type::Float => "float".into(),
        Type::Bool => "bool".into(),
        Type::Any => "Any".into(),
        Type::Scalar => "str | float".into(),
        Type::Nullable(inner) => format!("{} | None", annotation(inner)),
        Type::List(inner) => format!("Sequence[{}]", annotation(inner)),
        Type::Map(inner) => format!("Mapping[str, {}]", annotation(inner)),
        Type::Page(inner) => format!("Page[{}]", annotation(inner)),
        Type::Named(name) => name.clone(),
    }
}

/// A docstring, with arguments if there are any; nothing for an empty text.
fn doc(out: &mut String, indent: &str, text: &str, arguments: &[String]) {
    if text.is_empty() {
        return;
    }
    let text = text.replace('\\', "\\\\").replace('`', "``");
    let lines = wrapped(&text, WIDTH - indent.len() - 6);
    write!(out, "{indent}\"\"\"{}", lines[0]).unwrap();
    lines[1..].iter().for_each(|line| write!(out, "\n{indent}{line}").unwrap());
    if !arguments.is_empty() {
        write!(out, "\n\n{indent}Arguments:").unwrap();
        for argument in arguments {
            let lines = wrapped(&argument.replace('\\', "\\\\").replace('`', "``"), WIDTH - indent.len() - 8);
            write!(out, "\n{indent}    {}", lines[0]).unwrap();
            lines[1..].iter().for_each(|line| write!(out, "\n{indent}        {line}").unwrap());
        }
    }
    if lines.len() > 1 || !arguments.is_empty() {
        write!(out, "\n{indent}").unwrap();
    }
    out.push_str("\"\"\"\n");
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
