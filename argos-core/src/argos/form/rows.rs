//! Results as compact text, for front ends that have a fast parser of JSON and no faster way to values.

use serde::Serialize;

use super::{Column, Form, Node, Table, Tables};
use crate::error::{Error, Result};

/// JSON text `[shapes, value]`. A shape is a list of names. In the value, arrays begin with a number that says what
/// they are:
///
/// | Array | Stands for |
/// |---|---|
/// | `[0, item, …]` | a list |
/// | `[s, field, …]` | a record of shape number s, from 1 |
/// | `[-s, n, column, …]` | a list of n records of shape s; a column that is no array holds for every row, one that begins with 0 has a value for each, any other is such a table itself |
#[derive(Clone, Copy, Debug)]
pub struct Rows;

impl Form for Rows {
    type Made = String;

    fn make<T: Serialize>(&self, value: &T) -> Result<String> {
        let tree = Tables.make(value)?;
        let mut text = b"[".to_vec();
        put(&mut text, &tree.shapes)?;
        text.push(b',');
        node(&mut text, &tree.root)?;
        text.push(b']');
        String::from_utf8(text).map_err(|e| fault(&e))
    }

    fn again(made: &String) -> Option<String> {
        Some(made.clone())
    }
}

fn fault(error: &dyn std::error::Error) -> Error {
    Error::internal(format!("writing a result: {error}"))
}

fn put<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(text, value).map_err(|e| fault(&e))
}

fn node(text: &mut Vec<u8>, value: &Node) -> Result<()> {
    match value {
        Node::Null => put(text, &()),
        Node::Bool(value) => put(text, value),
        Node::Whole(value) => put(text, value),
        Node::Float(value) => put(text, value),
        Node::Text(value) => put(text, value),
        Node::Word(value) => put(text, value),
        Node::List(items) => array(text, "0", items),
        Node::Record(shape, fields) => array(text, &(shape + 1).to_string(), fields),
        Node::Table(rows) => table(text, rows),
    }
}

fn array(text: &mut Vec<u8>, first: &str, items: &[Node]) -> Result<()> {
    text.push(b'[');
    text.extend_from_slice(first.as_bytes());
    for item in items {
        text.push(b',');
        node(text, item)?;
    }
    text.push(b']');
    Ok(())
}

fn table(text: &mut Vec<u8>, table: &Table) -> Result<()> {
    text.extend_from_slice(format!("[-{},{}", table.shape + 1, table.rows).as_bytes());
    for column in &table.columns {
        text.push(b',');
        match column {
            Column::Same(value) => node(text, value)?,
            Column::Each(values) => array(text, "0", values)?,
            Column::Records(rows) => self::table(text, rows)?,
        }
    }
    text.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_array_says_what_it_is() {
        let made = |value| Rows.make(&value).unwrap();
        assert_eq!(made(json!(null)), "[[],null]");
        assert_eq!(made(json!([])), "[[],[0]]");
        assert_eq!(made(json!({"a": [1, {}]})), r#"[[[],["a"]],[2,[0,1,[1]]]]"#);
        let rows = json!({"items": [{"a": 1, "b": "x\"y", "c": {"d": 1}}, {"a": 1, "b": null, "c": {"d": 2}}]});
        let names = r#"[["d"],["a","b","c"],["items"]]"#;
        assert_eq!(made(rows), format!(r#"[{names},[3,[-2,2,1,[0,"x\"y",null],[-1,2,[0,1,2]]]]]"#));
    }
}
