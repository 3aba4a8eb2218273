//! The JavaScript module of operations and its types.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{Field, Kind, Method, Model, Resource, Type};

const NOTE: &str = "// Generated from the registry; a test rewrites this file with UPDATE=1.\n";

/// `target_group_id` → `targetGroupId`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    first + &words.map(upper).collect::<String>()
}

fn upper(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// The name of a field, which the package's converter can turn back.
fn field_name(field: &Field) -> String {
    let name = camel(&field.name);
    let back = name.chars().fold(String::new(), |back, c| match c.is_ascii_uppercase() {
        true => back + "_" + &c.to_ascii_lowercase().to_string(),
        false => back + &c.to_string(),
    });
    assert_eq!(back, field.name, "this name does not come back from its JavaScript form");
    name
}

fn class(resource: &Resource) -> String {
    resource.name.split('_').map(upper).collect::<String>() + "Resource"
}

/// The code.
pub fn render(model: &Model) -> String {
    let mut out = format!("'use strict'\n{NOTE}\nconst records = require('./records.js')\n");
    let free = free_names(model).into_iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    write!(out, "\n// The keys of these are data, so they stay as they are.\nrecords.keep({free})\n").unwrap();
    for resource in &model.resources {
        let parent = resource.parent.as_ref().map(|p| camel(&p.name));
        let (slot, argument, set) = match &parent {
            None => (String::new(), String::new(), String::new()),
            Some(p) => (format!("  #{p}\n"), format!(", {p}"), format!("    this.#{p} = {p}\n")),
        };
        write!(out, "\nclass {} {{\n  #argos\n{slot}\n", class(resource)).unwrap();
        write!(out, "  constructor(argos{argument}) {{\n    this.#argos = argos\n{set}  }}\n").unwrap();
        for method in &resource.methods {
            body(&mut out, resource, method);
        }
        out += "}\n";
    }
    out += "\nclass Operations {\n";
    for (i, resource) in model.resources.iter().enumerate() {
        let (name, class) = (camel(resource.name), class(resource));
        let blank = if i == 0 { "" } else { "\n" };
        match resource.parent.as_ref().map(|p| camel(&p.name)) {
            None => write!(out, "{blank}  get {name}() {{\n    return new {class}(this)\n  }}\n").unwrap(),
            Some(p) => write!(out, "{blank}  {name}({p}) {{\n    return new {class}(this, {p})\n  }}\n").unwrap(),
        }
    }
    out += "}\n\nmodule.exports = { Operations }\n";
    out
}

fn body(out: &mut String, resource: &Resource, method: &Method) {
    let (first, rest) = method.fields.split_at(method.by_position);
    let first: Vec<String> = first.iter().map(field_name).collect();
    let mut arguments = first.clone();
    let parent = resource.parent.iter().map(|p| format!("{0}: this.#{0}", field_name(p)));
    let mut given: Vec<String> = parent.chain(first).collect();
    if method.free.is_some() {
        assert!(arguments.is_empty() && resource.parent.is_none(), "{}: a free map stands alone", method.op.name);
        arguments.push("values".into());
    } else if !rest.is_empty() {
        arguments.push(if rest.iter().any(|f| f.required) { "fields".into() } else { "fields = {}".into() });
        given.insert(0, "...fields".into());
    }
    let fields = match (method.free.is_some(), given.is_empty()) {
        (true, _) => "values".to_owned(),
        (_, true) => "{}".to_owned(),
        _ => format!("{{ {} }}", given.join(", ")),
    };
    let function = match (method.op.mutates, &method.output) {
        (true, Some(Type::Page(_))) if method.free.is_some() => "changeMap",
        (true, Some(Type::Page(_))) => "changePage",
        (true, None | Some(Type::Named(_))) if method.free.is_none() => "change",
        (false, Some(Type::Page(_))) => "queryPage",
        (false, Some(Type::Named(_))) => "query",
        (false, Some(Type::Any | Type::Text)) => "queryPlain",
        (_, other) => panic!("{}: no face knows a result like {other:?}", method.op.name),
    };
    let mut fields = fields;
    if method.op.terms().next().is_some() {
        arguments.push("terms".into());
        fields += ", terms";
    }
    let (verb, arguments, name) = (camel(method.op.verb()), arguments.join(", "), method.op.name);
    write!(out, "\n  {verb}({arguments}) {{\n    return records.{function}(this.#argos, '{name}', {fields})\n  }}\n")
        .unwrap();
}

/// The types.
pub fn render_types(model: &Model) -> String {
    let mut out = format!("{NOTE}\nimport {{ Applied, Page, Tagged }} from './records'\n");
    for (name, shape) in &model.shapes {
        out.push('\n');
        comment(&mut out, "", &shape.doc);
        match &shape.kind {
            Kind::Words(words) => {
                writeln!(out, "export type {name} =").unwrap();
                for (word, doc) in words {
                    comment(&mut out, "  ", doc);
                    writeln!(out, "  | '{word}'").unwrap();
                }
            }
            Kind::Tagged(options) => {
                writeln!(out, "export type {name} =").unwrap();
                for (tag, record, doc) in options {
                    comment(&mut out, "  ", doc);
                    writeln!(out, "  | {{ type: '{tag}'; config: {record} }}").unwrap();
                }
            }
            Kind::Record(fields) => {
                let extends = if model.tagged(name) { " extends Tagged" } else { "" };
                writeln!(out, "export interface {name}{extends} {{").unwrap();
                fields.iter().for_each(|f| property(&mut out, "  ", f));
                out += "}\n";
            }
        }
    }
    for resource in &model.resources {
        out.push('\n');
        comment(&mut out, "", resource.doc);
        write!(out, "export class {} {{\n  private constructor()\n", class(resource)).unwrap();
        for method in &resource.methods {
            signature(&mut out, method);
        }
        out += "}\n";
    }
    out += "\n/** Every resource. */\nexport class Operations {\n  protected constructor()\n";
    for resource in &model.resources {
        let (name, class) = (camel(resource.name), class(resource));
        comment(&mut out, "  ", resource.doc);
        match &resource.parent {
            None => writeln!(out, "  readonly {name}: {class}").unwrap(),
            Some(p) => writeln!(out, "  {name}({}: {}): {class}", field_name(p), annotation(&p.ty)).unwrap(),
        }
    }
    out += "}\n";
    out
}

fn property(out: &mut String, indent: &str, field: &Field) {
    comment(out, indent, &field.doc);
    let optional = if field.required { "" } else { "?" };
    writeln!(out, "{indent}{}{optional}: {}", field_name(field), annotation(&field.ty)).unwrap();
}

/// Names of fields whose value has keys of its own. The package knows them by name alone, so no field of another form
/// may be called alike.
fn free_names(model: &Model) -> BTreeSet<&str> {
    let records = model.shapes.values().filter_map(|shape| match &shape.kind {
        Kind::Record(fields) => Some(fields),
        _ => None,
    });
    let inputs = model.resources.iter().flat_map(|resource| &resource.methods).map(|method| &method.fields);
    let fields: Vec<&Field> = records.chain(inputs).flatten().collect();
    let free: BTreeSet<&str> = fields.iter().filter(|f| innermost(&f.ty).is_none()).map(|f| &*f.name).collect();
    for field in fields.iter().filter(|f| free.contains(&*f.name)) {
        if let Some(Type::Named(record)) = innermost(&field.ty) {
            let words = matches!(model.shapes.get(record).map(|shape| &shape.kind), Some(Kind::Words(_)));
            assert!(words, "{}: a record is called like a free map", field.name);
        }
        if let Type::Map(value) = &field.ty
            && let Some(Type::Named(record)) = innermost(value)
            && let Some(Kind::Record(fields)) = model.shapes.get(record).map(|shape| &shape.kind)
        {
            let plain = fields.iter().all(|f| field_name(f) == f.name);
            assert!(plain, "{}: fields of {record} would not be renamed", field.name);
        }
    }
    free
}

/// What stands within lists; none for what has keys of its own.
fn innermost(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Any | Type::Map(_) => None,
        Type::Nullable(inner) | Type::List(inner) | Type::Page(inner) => innermost(inner),
        other => Some(other),
    }
}

fn signature(out: &mut String, method: &Method) {
    let (first, rest) = method.fields.split_at(method.by_position);
    comment(out, "  ", method.op.summary);
    let mut arguments: Vec<String> =
        first.iter().map(|f| format!("{}: {}", field_name(f), annotation(&f.ty))).collect();
    if let Some(free) = &method.free {
        arguments.push(format!("values: Record<string, {}>", annotation(free)));
    } else if !rest.is_empty() {
        let mut fields = format!("fields{}: {{\n", if rest.iter().any(|f| f.required) { "" } else { "?" });
        rest.iter().for_each(|f| property(&mut fields, "    ", f));
        arguments.push(fields + "  }");
    }
    let mut terms = method.op.terms().peekable();
    if terms.peek().is_some() {
        let mut shape = "terms?: {\n".to_owned();
        for term in terms {
            comment(&mut shape, "    ", term.doc);
            let ty = if term.switch { "boolean" } else { "string" };
            writeln!(shape, "    {}?: {ty}", camel(term.name)).unwrap();
        }
        arguments.push(shape + "  }");
    }
    let result = method.output.as_ref().map_or("null".into(), annotation);
    let result = if method.op.mutates { format!("Applied<{result}>") } else { result };
    writeln!(out, "  {}({}): Promise<{result}>", camel(method.op.verb()), arguments.join(", ")).unwrap();
}

fn annotation(ty: &Type) -> String {
    match ty {
        Type::Text | Type::Time => "string".into(),
        Type::Int | Type::Float => "number".into(),
        Type::Bool => "boolean".into(),
        Type::Any => "unknown".into(),
        Type::Scalar => "string | number".into(),
        Type::Nullable(inner) => format!("{} | null", annotation(inner)),
        Type::List(inner) if matches!(**inner, Type::Nullable(_)) => format!("({})[]", annotation(inner)),
        Type::List(inner) => format!("{}[]", annotation(inner)),
        Type::Map(inner) => format!("Record<string, {}>", annotation(inner)),
        Type::Page(inner) => format!("Page<{}>", annotation(inner)),
        Type::Named(name) => name.clone(),
    }
}

fn comment(out: &mut String, indent: &str, text: &str) {
    if !text.is_empty() {
        writeln!(out, "{indent}/** {} */", text.replace("*/", "*\\/")).unwrap();
    }
}
