//! What a template may do, looked up in its syntax tree before it is run.
//!
//! The engine's fuel bounds the steps of a template and the bytes that it makes, but not the way through a list that
//! holds another list twice, which holds another twice: written out, sixty such lines never end. So every name holds
//! one plain value, and lists and maps can only be looked at where they stand: nothing of unknown size can be built.

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Filter, ForLoop, Stmt};
use minijinja::machinery::{Token, tokenize};
use minijinja::value::ValueKind;

use super::PAGE;
use super::engine::Fault;

/// Words and marks between `{{` and `}}`: each may be a level that the parser descends.
const TOKENS: usize = 300;
/// `elif`s of a template, for the same reason.
const ELIFS: usize = 100;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Want {
    /// One number, text, truth or none.
    Plain,
    /// A list or map of these.
    Flat,
    /// Lists and maps of any depth, as they are written.
    Tree,
}

/// Filters of plain values.
const PLAIN: &[&str] = &[
    "abs",
    "bool",
    "capitalize",
    "d",
    "date",
    "default",
    "e",
    "escape",
    "escape_html",
    "escape_md",
    "float",
    "indent",
    "int",
    "iso8601",
    "json_escape",
    "lower",
    "replace",
    "round",
    "safe",
    "severity_emoji",
    "string",
    "title",
    "trim",
    "truncate",
    "upper",
    "urlencode",
];
/// Filters that take a list or a map and give one value of it or about it.
const OF_LIST: &[&str] = &["count", "first", "join", "last", "length", "max", "min"];
/// Filters that give a list.
const TO_LIST: &[&str] = &["lines", "list", "reverse", "sort", "split", "unique"];
/// Filters that give pairs, which only a `for` with two names takes.
const PAIRS: &[&str] = &["dictsort", "items"];
/// Filters that write JSON.
const WRITTEN: &[&str] = &["json", "json_indent", "tojson"];

const TESTS: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Refuses what would take the parser too deep.
pub(super) fn check_text(text: &str) -> Result<(), Fault> {
    let (mut within, mut elifs) = (0, 0);
    for token in tokenize(text, false, minijinja::syntax::SyntaxConfig::default()) {
        let (token, span) = token.map_err(|e| Fault::of(&e))?;
        within = match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => 0,
            _ => within + 1,
        };
        elifs += usize::from(matches!(token, Token::Ident("elif")));
        let refused = if within > TOKENS {
            format!("more than {TOKENS} words and marks stand in one pair of braces")
        } else if elifs > ELIFS {
            format!("there are more than {ELIFS} elif")
        } else {
            continue;
        };
        return Err(Fault::at(span.start_offset as usize, refused));
    }
    Ok(())
}

/// The names that a template has given so far.
#[derive(Default)]
pub(super) struct Allowed<'a> {
    given: Vec<&'a str>,
}

type Checked = Result<(), Fault>;

impl<'a> Allowed<'a> {
    pub(super) fn statements(&mut self, statements: &[Stmt<'a>]) -> Checked {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    pub(super) fn statement(&mut self, statement: &Stmt<'a>) -> Checked {
        match statement {
            Stmt::Template(s) => self.statements(&s.children),
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(s) => self.expression(&s.expr, Want::Tree),
            Stmt::IfCond(s) => {
                self.expression(&s.expr, Want::Flat)?;
                self.statements(&s.true_body)?;
                self.statements(&s.false_body)
            }
            Stmt::ForLoop(s) => self.for_loop(s),
            Stmt::Set(s) => {
                self.expression(&s.expr, Want::Plain)?;
                self.give(&s.target)
            }
            Stmt::SetBlock(s) => {
                self.statements(&s.body)?;
                s.filter.iter().try_for_each(|filter| self.expression(filter, Want::Plain))?;
                self.give(&s.target)
            }
            Stmt::WithBlock(s) => {
                for (target, value) in &s.assignments {
                    self.expression(value, Want::Plain)?;
                    self.give(target)?;
                }
                self.statements(&s.body)
            }
            Stmt::FilterBlock(s) => {
                self.statements(&s.body)?;
                self.expression(&s.filter, Want::Plain)
            }
            Stmt::AutoEscape(s) => Err(refused(&s.enabled, "autoescape is set by the channel; `| safe` turns it off")),
            Stmt::Do(s) => Err(Fault::at(s.span().start_offset as usize, "do has no use in a text")),
        }
    }

    fn for_loop(&mut self, s: &ForLoop<'a>) -> Checked {
        if s.recursive {
            return Err(refused(&s.iter, "a loop can't be recursive"));
        }
        let names = match &s.target {
            Expr::List(names) => names.items.as_slice(),
            Expr::Tuple(names) => names.items.as_slice(),
            _ => &[],
        };
        match (names, &s.iter) {
            ([key, value], Expr::Filter(pairs)) if PAIRS.contains(&pairs.name) => {
                self.filter(pairs, Want::Flat)?;
                self.give(key)?;
                self.give(value)?;
            }
            _ => {
                self.expression(&s.iter, Want::Flat)?;
                self.give(&s.target)?;
            }
        }
        self.given.push("loop");
        s.filter_expr.iter().try_for_each(|filter| self.expression(filter, Want::Plain))?;
        self.statements(&s.body)?;
        self.statements(&s.else_body)
    }

    fn give(&mut self, target: &Expr<'a>) -> Checked {
        match target {
            Expr::Var(name) => {
                self.given.push(name.id);
                Ok(())
            }
            other => {
                Err(refused(other, "one name is given one value; two names only in `for key, value in data|items`"))
            }
        }
    }

    fn expressions<'e>(&self, all: impl IntoIterator<Item = &'e Expr<'a>>, want: Want) -> Checked
    where
        'a: 'e,
    {
        all.into_iter().try_for_each(|expression| self.expression(expression, want))
    }

    fn expression(&self, e: &Expr<'a>, want: Want) -> Checked {
        match e {
            Expr::Const(c) => match c.value.kind() {
                ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => Self::enough(e, Want::Flat, want),
                _ => Ok(()),
            },
            Expr::Var(v) if v.id == "loop" => Err(refused(e, "of a loop there is loop.index, loop.first and so on")),
            Expr::Var(v) if v.id == "data" => Self::enough(e, Want::Flat, want),
            Expr::Var(v) if PAGE.contains(&v.id) || self.given.contains(&v.id) => Ok(()),
            Expr::Var(v) => Err(refused(e, format!("there is no variable `{}`; there are {}", v.id, PAGE.join(", ")))),
            Expr::Slice(s) => {
                self.expression(&s.expr, want.min(Want::Flat))?;
                self.expressions([&s.start, &s.stop, &s.step].into_iter().flatten(), Want::Plain)
            }
            Expr::UnaryOp(s) => self.expression(&s.expr, Want::Plain),
            Expr::BinOp(s) => match s.op {
                BinOpKind::ScAnd | BinOpKind::ScOr => self.expressions([&s.left, &s.right], want),
                BinOpKind::In => {
                    self.expression(&s.left, Want::Plain)?;
                    self.expression(&s.right, Want::Flat)
                }
                _ => self.expressions([&s.left, &s.right], Want::Plain),
            },
            Expr::Compare(s) => {
                self.expression(&s.expr, Want::Plain)?;
                s.ops.iter().try_for_each(|op| {
                    let within = matches!(op.op, CompareOpKind::In | CompareOpKind::NotIn);
                    self.expression(&op.expr, if within { Want::Flat } else { Want::Plain })
                })
            }
            Expr::IfExpr(s) => {
                self.expression(&s.test_expr, Want::Flat)?;
                self.expressions([&s.true_expr].into_iter().chain(&s.false_expr), want)
            }
            Expr::Filter(s) => self.filter(s, want).and_then(|()| match PAIRS.contains(&s.name) {
                true => Err(refused(e, format!("{} is for `for key, value in data|{}`", s.name, s.name))),
                false => Ok(()),
            }),
            Expr::Test(s) if !TESTS.contains(&s.name) => Err(refused(e, format!("there is no test `{}`", s.name))),
            Expr::Test(s) => {
                self.expression(&s.expr, Want::Flat)?;
                self.arguments(&s.args, Want::Flat)
            }
            Expr::GetAttr(s) => match &s.expr {
                Expr::Var(v) if v.id == "loop" && self.given.contains(&"loop") => Ok(()),
                other => self.expression(other, Want::Flat),
            },
            Expr::GetItem(s) => {
                self.expression(&s.expr, Want::Flat)?;
                self.expression(&s.subscript_expr, Want::Plain)
            }
            Expr::Call(s) => match &s.expr {
                Expr::Var(v) if v.id == "range" => {
                    Self::enough(e, Want::Flat, want)?;
                    self.arguments(&s.args, Want::Plain)
                }
                _ => Err(refused(e, "only range() can be called")),
            },
            Expr::List(s) => self.parts(e, s.items.iter(), want),
            Expr::Tuple(s) => self.parts(e, s.items.iter(), want),
            Expr::Map(s) => {
                self.expressions(&s.keys, Want::Plain)?;
                self.parts(e, s.values.iter(), want)
            }
        }
    }

    fn parts<'e>(&self, e: &Expr<'a>, parts: impl Iterator<Item = &'e Expr<'a>>, want: Want) -> Checked
    where
        'a: 'e,
    {
        Self::enough(e, Want::Flat, want)?;
        self.expressions(parts, if want == Want::Tree { Want::Tree } else { Want::Plain })
    }

    fn filter(&self, s: &Filter<'a>, want: Want) -> Checked {
        let (takes, gives) = match s.name {
            name if PLAIN.contains(&name) => (Want::Plain, Want::Plain),
            name if OF_LIST.contains(&name) => (Want::Flat, Want::Plain),
            name if TO_LIST.contains(&name) || PAIRS.contains(&name) => (Want::Flat, Want::Flat),
            name if WRITTEN.contains(&name) => (Want::Tree, Want::Plain),
            name => {
                let all = [PLAIN, OF_LIST, TO_LIST, PAIRS, WRITTEN].concat();
                let text = format!("there is no filter `{name}`; there are {}", all.join(", "));
                return Err(s.expr.as_ref().map_or_else(|| Fault::new(&text), |e| refused(e, &text)));
            }
        };
        if let Some(subject) = &s.expr {
            self.expression(subject, takes)?;
            Self::enough(subject, gives, want)?;
        }
        self.arguments(&s.args, Want::Plain)
    }

    fn arguments(&self, all: &[CallArg<'a>], want: Want) -> Checked {
        all.iter().try_for_each(|argument| match argument {
            CallArg::Kwarg("attribute", e) => Err(refused(e, "items of a list have no attributes")),
            CallArg::Pos(e) | CallArg::Kwarg(_, e) => self.expression(e, want),
            CallArg::PosSplat(e) | CallArg::KwargSplat(e) => Err(refused(e, "arguments are given one by one")),
        })
    }

    fn enough(e: &Expr<'a>, is: Want, want: Want) -> Checked {
        if is <= want {
            return Ok(());
        }
        let text = "a list or map can't stand here: write it out, look at one of its values, join it, or loop over it";
        Err(refused(e, text))
    }
}

fn refused(e: &Expr<'_>, text: impl AsRef<str>) -> Fault {
    Fault::at(e.span().start_offset as usize, text)
}
