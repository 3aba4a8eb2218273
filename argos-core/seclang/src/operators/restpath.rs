//! `@restpath`: `/users/{id}/posts`; matches a path segment by segment and names its parts in `ARGS_PATH`.

use super::{Captures, Operator, Refusal};

pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let mut segments = Vec::new();
    for segment in argument.split(|byte| *byte == b'/') {
        segments.push(match segment {
            [b'{', name @ .., b'}'] if !name.is_empty() && !name.contains(&b'{') => Segment::Named(name.into()),
            _ if segment.iter().any(|byte| matches!(byte, b'{' | b'}')) => {
                return Err(Refusal::argument("a part is {name} as a whole segment"));
            }
            _ => Segment::Plain(segment.into()),
        });
    }
    if argument.is_empty() {
        return Err(Refusal::argument("a path is needed"));
    }
    Ok(Box::new(RestPath(segments)))
}

#[derive(Debug)]
enum Segment {
    Plain(Box<[u8]>),
    Named(Box<[u8]>),
}

#[derive(Debug)]
struct RestPath(Vec<Segment>);

impl Operator for RestPath {
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let path = &input[..memchr::memchr(b'?', input).unwrap_or(input.len())];
        let mut given = path.split(|byte| *byte == b'/');
        let mut named = Vec::new();
        for segment in &self.0 {
            let Some(value) = given.next() else { return false };
            match segment {
                Segment::Plain(text) if text.as_ref() == value => {}
                Segment::Named(name) if !value.is_empty() => named.push((name.to_vec(), value.to_vec())),
                _ => return false,
            }
        }
        if given.next().is_some() {
            return false;
        }
        captures.whole(path);
        captures.path = named;
        true
    }
}
