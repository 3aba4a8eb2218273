//! The registry in the terms that programs share: resources, methods, records, closed sets.

use std::collections::BTreeMap;

use argos_core::api::{Described, components, describe};
use serde_json::Value;

/// Every operation and every shape it names.
pub struct Model {
    pub resources: Vec<Resource>,
    /// Shapes by name, without those that are one value of a plain type.
    pub shapes: BTreeMap<String, Shape>,
}

pub struct Resource {
    /// As in the registry, such as `target_groups`.
    pub name: &'static str,
    pub doc: &'static str,
    /// What it belongs to, such as `host_id`.
    pub parent: Option<Field>,
    pub methods: Vec<Method>,
}

pub struct Method {
    pub op: Described,
    /// Fields in the order of a call: those of the path, those by position, the others; without the parent.
    pub fields: Vec<Field>,
    /// How many of them may stand without their name.
    pub by_position: usize,
    /// The type of each value, where the input is a free map.
    pub free: Option<Type>,
    /// None where nothing is given back.
    pub output: Option<Type>,
}

#[derive(Clone)]
pub struct Field {
    pub name: String,
    pub doc: String,
    pub required: bool,
    /// What an omitted one means, where the schema tells.
    pub default: Option<Value>,
    /// Whether it is given and never shown.
    pub secret: bool,
    /// Whether null says something else than leaving it out.
    pub clearable: bool,
    pub ty: Type,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Text,
    Time,
    Int,
    Float,
    Bool,
    Any,
    /// A number or a text.
    Scalar,
    Nullable(Box<Type>),
    List(Box<Type>),
    Map(Box<Type>),
    Page(Box<Type>),
    Named(String),
}

pub struct Shape {
    pub doc: String,
    pub kind: Kind,
}

pub enum Kind {
    /// Words with what they mean.
    Words(Vec<(String, String)>),
    Record(Vec<Field>),
    /// Values of the field `type`, each with the record in `config` and what it means.
    Tagged(Vec<(String, String, String)>),
}

type Schemas = BTreeMap<String, Value>;

impl Model {
    pub fn new() -> Self {
        let mut all = components();
        let asked: Vec<(Described, Value, Value)> = describe()
            .into_iter()
            .map(|op| {
                let (input, output) = op.schemas(&mut all);
                (op, input, output)
            })
            .collect();
        let schemas: Schemas = all.take_definitions(true).into_iter().collect();
        let mut resources: Vec<Resource> = Vec::new();
        for (op, input, output) in asked {
            let mut fields = fields(&input, &schemas);
            let (name, doc) = (op.resource(), op.resource_summary);
            let parent = op.parent.and_then(|parent| take(&mut fields, parent));
            let first: Vec<Field> = op
                .path_fields()
                .chain(op.positional.iter().copied())
                .filter_map(|name| take(&mut fields, name))
                .collect();
            let by_position = first.len();
            let free = input["additionalProperties"].is_object().then(|| ty(&input["additionalProperties"], &schemas));
            let output = (op.status != 204).then(|| ty(&output, &schemas));
            let method = Method { op, fields: [first, fields].concat(), by_position, free, output };
            match resources.iter_mut().find(|r| r.name == name) {
                Some(resource) => resource.methods.push(method),
                None => resources.push(Resource { name, doc, parent, methods: vec![method] }),
            }
        }
        let shapes =
            schemas.iter().filter_map(|(name, schema)| Some((name.clone(), shape(schema, &schemas)?))).collect();
        Self { resources, shapes }
    }

    /// Whether a record has a tag where it is the result of an operation.
    pub fn tagged(&self, record: &str) -> bool {
        let methods = self.resources.iter().flat_map(|resource| &resource.methods);
        methods.filter(|m| m.op.tagged).any(|m| m.output == Some(Type::Named(record.to_owned())))
    }

    /// The `type` that a record has where it is a `config`.
    pub fn tag(&self, record: &str) -> Option<&str> {
        self.shapes.values().find_map(|shape| match &shape.kind {
            Kind::Tagged(options) => options.iter().find(|(_, r, _)| r == record).map(|(tag, _, _)| tag.as_str()),
            _ => None,
        })
    }
}

fn take(fields: &mut Vec<Field>, name: &str) -> Option<Field> {
    let at = fields.iter().position(|f| f.name == name)?;
    Some(fields.remove(at))
}

fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema[key].as_array().map_or(&[], Vec::as_slice)
}

/// Required ones first, as every language wants them.
fn fields(schema: &Value, schemas: &Schemas) -> Vec<Field> {
    let required = |name: &str| list(schema, "required").iter().any(|r| r == name);
    let given = schema["properties"].as_object().into_iter().flatten();
    let mut fields: Vec<Field> = given
        .map(|(name, property)| Field {
            name: name.clone(),
            doc: text(property),
            required: required(name),
            default: property.get("default").cloned(),
            secret: property["writeOnly"] == true,
            clearable: property["x-clearable"] == true,
            ty: ty(property, schemas),
        })
        .collect();
    fields.sort_by_key(|field| !field.required);
    fields
}

/// What a schema names; the panic tells whoever adds a shape that no face knows.
fn ty(schema: &Value, schemas: &Schemas) -> Type {
    if schema.as_bool() == Some(true) || schema.as_object().is_some_and(|s| s.keys().all(|k| k == "description")) {
        return Type::Any;
    }
    if let Some(to) = schema["$ref"].as_str() {
        let name = to.rsplit('/').next().unwrap();
        let named = &schemas[name];
        return match named["properties"].as_object() {
            Some(p) if p.len() == 2 && p.contains_key("items") && p.contains_key("next_cursor") => {
                Type::Page(Box::new(ty(&p["items"]["items"], schemas)))
            }
            _ if shape(named, schemas).is_some() => Type::Named(name.to_owned()),
            _ => ty(named, schemas),
        };
    }
    if let [one, null] = list(schema, "anyOf")
        && null["type"] == "null"
    {
        return Type::Nullable(Box::new(ty(one, schemas)));
    }
    if let [one, null] = list(schema, "type")
        && null == "null"
    {
        let mut plain = schema.clone();
        plain["type"] = one.clone();
        return Type::Nullable(Box::new(ty(&plain, schemas)));
    }
    let scalar = |option: &Value| matches!(option["type"].as_str(), Some("integer" | "string"));
    if list(schema, "anyOf").len() > 1 && list(schema, "anyOf").iter().all(scalar) {
        return Type::Scalar;
    }
    if schema["type"] == serde_json::json!(["string", "number", "null"]) {
        return Type::Nullable(Box::new(Type::Scalar));
    }
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "date-time" => Type::Time,
        Some("string") => Type::Text,
        Some("integer") => Type::Int,
        Some("number") => Type::Float,
        Some("boolean") => Type::Bool,
        Some("array") => Type::List(Box::new(ty(&schema["items"], schemas))),
        Some("object") if schema["additionalProperties"].is_object() => {
            Type::Map(Box::new(ty(&schema["additionalProperties"], schemas)))
        }
        _ => panic!("no face knows this schema: {schema}"),
    }
}

fn shape(schema: &Value, schemas: &Schemas) -> Option<Shape> {
    let kind = if let Some(words) = schema["enum"].as_array() {
        Kind::Words(words.iter().map(|w| (w.as_str().unwrap().to_owned(), String::new())).collect())
    } else if schema["properties"].is_object() {
        let fields = fields(schema, schemas);
        if fields.len() == 2 && fields.iter().any(|f| f.name == "next_cursor") {
            return None;
        }
        Kind::Record(fields)
    } else if let Some(options) = schema["oneOf"].as_array() {
        if options.iter().all(|o| o["const"].is_string()) {
            Kind::Words(options.iter().map(|o| (o["const"].as_str().unwrap().to_owned(), text(o))).collect())
        } else {
            Kind::Tagged(options.iter().map(tagged).collect())
        }
    } else {
        return None;
    };
    Some(Shape { doc: text(schema), kind })
}

fn tagged(option: &Value) -> (String, String, String) {
    let tag = option["properties"]["type"]["const"].as_str().unwrap_or_else(|| panic!("not tagged: {option}"));
    let config = option["properties"]["config"]["$ref"].as_str().unwrap_or_else(|| panic!("no record: {option}"));
    (tag.to_owned(), config.rsplit('/').next().unwrap().to_owned(), text(option))
}
