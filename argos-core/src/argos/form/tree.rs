//! Results as trees of plain values, with records of one kind as tables.
//!
//! In a list of a hundred hosts most columns hold the same value in every row. A front end that knows this makes a
//! record once and copies it, which costs it a third of what making each one costs.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{
    Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};
use serde_json::Value;

use super::Form;
use crate::error::{Error, Result};

/// A result as a tree.
#[derive(Clone, Copy, Debug)]
pub struct Tables;

impl Form for Tables {
    type Made = Arc<Tree>;

    fn make<T: Serialize>(&self, value: &T) -> Result<Arc<Tree>> {
        let mut shapes = Shapes::default();
        let root = value.serialize(Maker(&mut shapes))?;
        Ok(Arc::new(Tree { shapes: shapes.0, root }))
    }

    fn again(made: &Arc<Tree>) -> Option<Arc<Tree>> {
        Some(Arc::clone(made))
    }
}

/// The name of a field.
pub type Name = Cow<'static, str>;

/// A value and the names of its records' fields.
#[derive(Debug, PartialEq)]
pub struct Tree {
    /// The fields of each kind of record, in order.
    pub shapes: Vec<Vec<Name>>,
    /// The value.
    pub root: Node,
}

/// A value. A number of a shape counts from 0.
#[derive(Debug, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Box<str>),
    /// One of a closed set of texts.
    Word(&'static str),
    /// A list.
    List(Vec<Node>),
    /// A record or a map: its shape and the values of its fields.
    Record(usize, Vec<Node>),
    /// A list of two records or more that have one shape.
    Table(Table),
}

/// Records of one shape, column by column.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// The shape.
    pub shape: usize,
    /// How many records.
    pub rows: usize,
    /// A column for each field.
    pub columns: Vec<Column>,
}

/// The values of one field.
#[derive(Debug, PartialEq)]
pub enum Column {
    /// The same plain value in every row: no list and no record.
    Same(Node),
    /// A value for each row.
    Each(Vec<Node>),
    /// A record for each row.
    Records(Table),
}

impl Node {
    fn list(items: Vec<Self>) -> Self {
        match shape_of(&items) {
            Some(shape) => Self::Table(Table::new(shape, items)),
            None => Self::List(items),
        }
    }

    fn is_plain(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Record(..) | Self::Table(_))
    }
}

/// The one shape of two records or more.
fn shape_of(items: &[Node]) -> Option<usize> {
    let Some(Node::Record(shape, _)) = items.first().filter(|_| items.len() > 1) else { return None };
    items.iter().all(|item| matches!(item, Node::Record(s, _) if s == shape)).then_some(*shape)
}

impl Table {
    fn new(shape: usize, records: Vec<Node>) -> Self {
        let rows = records.len();
        let fields = |record| match record {
            Node::Record(_, fields) => fields.into_iter(),
            _ => Vec::new().into_iter(),
        };
        let mut records: Vec<_> = records.into_iter().map(fields).collect();
        let width = records.first().map_or(0, ExactSizeIterator::len);
        let columns = (0..width).map(|_| Column::new(records.iter_mut().filter_map(Iterator::next).collect()));
        Self { shape, rows, columns: columns.collect() }
    }
}

impl Column {
    fn new(mut cells: Vec<Node>) -> Self {
        if let Some(shape) = shape_of(&cells) {
            return Self::Records(Table::new(shape, cells));
        }
        if cells[0].is_plain() && cells.iter().all(|cell| *cell == cells[0]) {
            return Self::Same(cells.swap_remove(0));
        }
        Self::Each(cells)
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::internal(format!("writing a result: {text}"))
    }
}

#[derive(Default)]
struct Shapes(Vec<Vec<Name>>);

impl Shapes {
    fn number(&mut self, names: Vec<Name>) -> usize {
        let found = self.0.iter().position(|known| *known == names);
        found.unwrap_or_else(|| {
            self.0.push(names);
            self.0.len() - 1
        })
    }
}

struct Maker<'s>(&'s mut Shapes);

/// What a list, a record or a map is made of.
struct Parts<'s> {
    shapes: &'s mut Shapes,
    names: Vec<Name>,
    values: Vec<Node>,
}

impl<'s> Parts<'s> {
    fn new(shapes: &'s mut Shapes, len: usize, named: bool) -> Self {
        let names = Vec::with_capacity(if named { len } else { 0 });
        Self { shapes, names, values: Vec::with_capacity(len) }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.values.push(value.serialize(Maker(self.shapes))?);
        Ok(())
    }

    fn record(self) -> Node {
        Node::Record(self.shapes.number(self.names), self.values)
    }
}

/// Shapes that no result has.
fn unknown<T>(what: &str) -> Result<T> {
    Err(Error::custom(format!("no face knows {what}")))
}

macro_rules! whole {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, v: $type) -> Result<Node> {
            i64::try_from(v).map(Node::Whole).or_else(|_| unknown("so large a number"))
        }
    )+};
}

impl<'s> Serializer for Maker<'s> {
    type Ok = Node;
    type Error = Error;
    type SerializeSeq = Parts<'s>;
    type SerializeTuple = Parts<'s>;
    type SerializeTupleStruct = Parts<'s>;
    type SerializeTupleVariant = Impossible<Node, Error>;
    type SerializeMap = Parts<'s>;
    type SerializeStruct = Parts<'s>;
    type SerializeStructVariant = Impossible<Node, Error>;

    whole!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, v: bool) -> Result<Node> {
        Ok(Node::Bool(v))
    }

    fn serialize_f32(self, v: f32) -> Result<Node> {
        Ok(Node::Float(v.into()))
    }

    fn serialize_f64(self, v: f64) -> Result<Node> {
        Ok(Node::Float(v))
    }

    fn serialize_char(self, v: char) -> Result<Node> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<Node> {
        Ok(Node::Text(v.into()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Node> {
        unknown("bytes")
    }

    fn serialize_none(self) -> Result<Node> {
        Ok(Node::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node> {
        Ok(Node::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node> {
        Ok(Node::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, word: &'static str) -> Result<Node> {
        Ok(Node::Word(word))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Node> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Node> {
        unknown("a variant with a value")
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'s>> {
        Ok(Parts::new(self.0, len.unwrap_or_default(), false))
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<'s>> {
        Ok(Parts::new(self.0, len, false))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Parts<'s>> {
        Ok(Parts::new(self.0, len, false))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<Node, Error>> {
        unknown("a variant with values")
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'s>> {
        Ok(Parts::new(self.0, len.unwrap_or_default(), true))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Parts<'s>> {
        Ok(Parts::new(self.0, len, true))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<Node, Error>> {
        unknown("a variant with fields")
    }
}

macro_rules! listed {
    ($($part:ident . $method:ident),+) => {$(
        impl $part for Parts<'_> {
            type Ok = Node;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<Node> {
                Ok(Node::list(self.values))
            }
        }
    )+};
}

listed!(SerializeSeq.serialize_element, SerializeTuple.serialize_element, SerializeTupleStruct.serialize_field);

impl SerializeStruct for Parts<'_> {
    type Ok = Node;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
        self.names.push(Cow::Borrowed(key));
        self.push(value)
    }

    fn end(self) -> Result<Node> {
        Ok(self.record())
    }
}

impl SerializeMap for Parts<'_> {
    type Ok = Node;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match serde_json::to_value(key) {
            Ok(Value::String(text)) => self.names.push(Cow::Owned(text)),
            _ => return unknown("a map whose keys are no texts"),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        if self.names.len() != self.values.len() + 1 {
            return unknown("a value without its key");
        }
        self.push(value)
    }

    fn end(self) -> Result<Node> {
        Ok(self.record())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The JSON that a tree stands for.
    fn json_of(tree: &Tree) -> Value {
        node(tree, &tree.root)
    }

    fn node(tree: &Tree, value: &Node) -> Value {
        match value {
            Node::Null => Value::Null,
            Node::Bool(b) => json!(b),
            Node::Whole(n) => json!(n),
            Node::Float(n) => json!(n),
            Node::Text(text) => json!(text),
            Node::Word(word) => json!(word),
            Node::List(items) => items.iter().map(|item| node(tree, item)).collect(),
            Node::Record(shape, fields) => record(tree, *shape, fields.iter().map(|field| node(tree, field))),
            Node::Table(table) => rows(tree, table).into(),
        }
    }

    fn record(tree: &Tree, shape: usize, fields: impl Iterator<Item = Value>) -> Value {
        Value::Object(tree.shapes[shape].iter().map(|name| name.clone().into_owned()).zip(fields).collect())
    }

    fn rows(tree: &Tree, table: &Table) -> Vec<Value> {
        let cells = |column: &Column| match column {
            Column::Same(value) => vec![node(tree, value); table.rows],
            Column::Each(cells) => cells.iter().map(|cell| node(tree, cell)).collect(),
            Column::Records(records) => rows(tree, records),
        };
        let columns: Vec<Vec<Value>> = table.columns.iter().map(cells).collect();
        (0..table.rows).map(|row| record(tree, table.shape, columns.iter().map(|c| c[row].clone()))).collect()
    }

    #[test]
    fn what_is_built_is_what_json_shows() {
        use crate::schema::{Action, BlockConfig, Matcher, PathConfig, RowKey, WafMode};
        let action = Action::Block(BlockConfig { status: 403, body: "é\n".into(), content_type: String::new() });
        let path = Matcher::Path(PathConfig { patterns: vec!["/a*".into()], negate: true });
        let value = (action, [path], Some(WafMode::Block), None::<bool>, (RowKey::Number(7), RowKey::Text("k".into())));
        assert_eq!(json_of(&Tables.make(&value).unwrap()), json!(value));
        let plain = json!({"a": [1, -2, 2.5, "x", null, {"b": true}], "c": {}, "d": []});
        assert_eq!(json_of(&Tables.make(&plain).unwrap()), plain);
        assert!(Tables.make(&u64::MAX).is_err());
    }

    #[test]
    fn records_of_one_shape_are_a_table() {
        let same = json!([{"a": 1, "b": "x", "c": {"d": 1}, "e": []}, {"a": 1, "b": "y", "c": {"d": 1}, "e": []}]);
        let tree = Tables.make(&same).unwrap();
        assert_eq!(json_of(&tree), same);
        let Node::Table(Table { rows: 2, columns, .. }) = &tree.root else { panic!("{tree:?}") };
        let kinds = columns.iter().map(|column| match column {
            Column::Same(_) => 's',
            Column::Each(_) => 'e',
            Column::Records(_) => 'r',
        });
        // Lists are made anew for each row, so that rows can be changed one by one.
        assert_eq!(kinds.collect::<String>(), "sere");
        for other in
            [json!([{"a": 1}]), json!([{"a": 1}, {"b": 1}]), json!([{}, {}]), json!([[], []]), json!([{"a": 1}, 2])]
        {
            assert_eq!(json_of(&Tables.make(&other).unwrap()), other);
        }
    }
}
