//! One compiled text, with bounds of time and memory.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use minijinja::machinery::{eval, get_compiled_template, make_string_output, parse};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::allowed::{Allowed, check_text};
use super::escape::Escape;
use super::paying::{self, paying};
use super::{FUEL, OUTPUT, TEXT, filters};

/// The name of the one text of an environment.
const NAME: &str = "template";

/// What is wrong with a text.
#[derive(Debug)]
pub(super) struct Fault {
    /// Which byte of the template it is at.
    at: Option<usize>,
    /// Which line, where the byte is not known.
    line: Option<usize>,
    text: String,
}

impl Fault {
    pub(super) fn new(text: impl AsRef<str>) -> Self {
        // What the engine says may hold a part of the template.
        Self { at: None, line: None, text: text.as_ref().chars().filter(|c| !c.is_control()).take(400).collect() }
    }

    pub(super) fn at(at: usize, text: impl AsRef<str>) -> Self {
        Self { at: Some(at), ..Self::new(text) }
    }

    pub(super) fn of(error: &Error) -> Self {
        let text = match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => format!("takes more than {FUEL} steps, or makes too much"),
            (kind, Some(detail)) => format!("{kind}: {detail}"),
            (kind, None) => kind.to_string(),
        };
        Self { line: error.line(), at: error.range().map(|range| range.start), ..Self::new(text) }
    }

    /// Line and column in `source`, from 1, and what is wrong.
    pub(super) fn told(self, source: &str) -> (Option<(u32, u32)>, String) {
        let at = self.at.or_else(|| Some(start_of(source, self.line?)));
        let place = at.and_then(|at| source.get(..at)).map(|before| {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
        });
        (place, self.text)
    }
}

/// Where a line begins.
fn start_of(source: &str, line: usize) -> usize {
    source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

/// One compiled text.
pub(super) struct Engine {
    env: Environment<'static>,
    pub(super) source: String,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.source).finish()
    }
}

impl Engine {
    pub(super) fn new(source: &str, escape: Escape) -> Result<Self, Fault> {
        contained(|| Self::compiled(source, escape))
    }

    fn compiled(source: &str, escape: Escape) -> Result<Self, Fault> {
        if source.len() > TEXT {
            return Err(Fault::new(format!("has more than {} KiB", TEXT / 1024)));
        }
        check_text(source)?;
        let tree = parse(source, NAME, minijinja::syntax::SyntaxConfig::default()).map_err(|e| Fault::of(&e))?;
        Allowed::default().statement(&tree)?;
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        // Snapshots of the state would be made for each error, and are never shown.
        env.set_debug(false);
        for name in ["debug", "dict", "namespace"] {
            env.remove_global(name);
        }
        let marks = if escape == Escape::None { AutoEscape::None } else { AutoEscape::Custom("channel".into()) };
        env.set_auto_escape_callback(move |_| marks.clone());
        env.set_formatter(move |out, _, value| Ok(out.write_str(&escape.of(value)?)?));
        filters::add(&mut env, escape);
        paying::add(&mut env);
        env.add_template_owned(NAME, source.to_owned()).map_err(|e| Fault::of(&e))?;
        Ok(Self { env, source: source.to_owned() })
    }

    pub(super) fn render(&self, page: &Value) -> Result<String, Fault> {
        contained(|| self.rendered(page))
    }

    fn rendered(&self, page: &Value) -> Result<String, Fault> {
        let template = self.env.get_template(NAME).map_err(|e| Fault::of(&e))?;
        let compiled = get_compiled_template(&template);
        let instructions = paying(&compiled.instructions);
        let (blocks, marks) = (BTreeMap::new(), compiled.initial_auto_escape.clone());
        let mut text = String::new();
        let made = eval(&self.env, &instructions, page.clone(), &blocks, &mut make_string_output(&mut text), marks);
        match made.map(drop) {
            Ok(()) if text.len() > OUTPUT => {
                let what = format!("makes more than {} KiB", OUTPUT / 1024);
                Err(Fault { at: Some(self.source_of(page, OUTPUT)), ..Fault::new(what) })
            }
            Ok(()) => Ok(text),
            Err(e) if e.kind() == ErrorKind::UndefinedError => {
                let range = e.range().unwrap_or_default();
                let what = self.source.get(range.clone()).unwrap_or_default();
                Err(Fault::at(range.start, format!("`{what}` is undefined")))
            }
            Err(e) => Err(Fault::of(&e)),
        }
    }

    /// Which byte of the template made the byte `at` of what it makes, where it was rendered before: what
    /// is looked at costs nothing here.
    pub(super) fn source_of(&self, page: &Value, at: usize) -> usize {
        let made = self.env.get_template(NAME).and_then(|t| t.render_with_spans(page.clone()));
        let spans = match made {
            Ok((_, spans)) => spans,
            Err(e) => return e.range().map_or_else(|| start_of(&self.source, e.line().unwrap_or(1)), |r| r.start),
        };
        let Some(span) = spans.iter().rfind(|span| span.output_range().start <= at) else { return 0 };
        match span.kind() {
            minijinja::OutputSpanKind::Raw => {
                let within = at.min(span.output_range().end) - span.output_range().start;
                span.source_range().start + within
            }
            _ => span.source_range().start,
        }
    }
}

/// The engine's own faults are those of the template that leads to them.
pub(super) fn contained<T>(run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Fault::new("leads the engine into a fault of its own")))
}
