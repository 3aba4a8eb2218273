//! What a template reads costs steps too.
//!
//! The engine takes steps for what is made, and none for what is only looked at: a test, a comparison or an index may
//! go through a long text for the price of one. So whatever is put where something else may look at it goes through a
//! filter that takes steps for its size and refuses what is too large, and what is worked through stays in proportion to
//! the steps of a template.

use minijinja::functions::range;
use minijinja::machinery::{Instruction, Instructions};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use super::OUTPUT;

/// The filters that are put in; no template can name them.
const PAID: &str = "argos_paid";
const STEP: &str = "argos_step";
/// A filter that is not kept at a place of its own.
const ANYWHERE: u8 = !0;
/// What one step pays for, and what an item costs beside the bytes of its text. Items may be compared with each other,
/// as they are when they are sorted, so their bytes count more than once.
const UNITS: usize = 64;
const ITEM: usize = 32;
const ITEM_BYTE: usize = 4;
/// Bytes of a text that stands in the template and costs nothing.
const SHORT: usize = 64;
/// Items of a list.
const ITEMS: usize = 10_000;
/// Steps and bounds of slices and ranges: beyond, the engine's arithmetic overflows.
const FAR: i64 = 1 << 31;

pub(super) fn add(env: &mut Environment<'static>) {
    env.add_filter(PAID, paid);
    env.add_filter(STEP, |value: Value| if value.is_none() { Ok(value) } else { near(&value).map(|_| value) });
    env.add_function("range", |lower: Value, upper: Option<Value>, step: Option<Value>| {
        let lower = near(&lower)?;
        let upper = upper.map(|upper| near(&upper)).transpose()?;
        let step = step.map(|step| near(&step)).transpose()?;
        let (from, to) = upper.map_or((0, lower), |upper| (lower, upper));
        let width = step.unwrap_or(1).unsigned_abs().max(1);
        if from.abs_diff(to).div_ceil(width) > ITEMS { Err(too_many()) } else { range(lower, upper, step) }
    });
}

/// The value, for steps. The engine takes those of a text that goes into a filter and comes out of it.
fn paid(state: &State<'_, '_>, value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String if value.as_str().is_some_and(|text| text.len() > OUTPUT) => {
            return Err(refused(format!("a value has more than {} KiB", OUTPUT / 1024)));
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let is_map = value.kind() == ValueKind::Map;
            let mut owed = 0;
            for (at, item) in value.try_iter()?.enumerate() {
                if at == ITEMS {
                    return Err(too_many());
                }
                owed += ITEM + ITEM_BYTE * bytes(&item);
                if is_map {
                    owed += ITEM + ITEM_BYTE * bytes(&value.get_item(&item)?);
                }
                state.consume_fuel((owed / UNITS) as u64)?;
                owed %= UNITS;
            }
        }
        _ => {}
    }
    Ok(value.clone())
}

fn bytes(item: &Value) -> usize {
    item.as_str().map_or(0, str::len)
}

fn near(value: &Value) -> Result<isize, Error> {
    let near = value.as_i64().filter(|n| (-FAR..=FAR).contains(n)).and_then(|n| isize::try_from(n).ok());
    near.ok_or_else(|| refused("steps and bounds are whole numbers, at most 2147483648"))
}

fn too_many() -> Error {
    refused(format!("a list has more than {ITEMS} items"))
}

fn refused(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

/// The compiled text, with the filters behind all that puts a value somewhere.
pub(super) fn paying<'a>(compiled: &Instructions<'a>) -> Instructions<'a> {
    let all = || (0..).map_while(|at| compiled.get(at));
    // Jumps go to where an instruction was: where each will be, and the end.
    let mut places = Vec::new();
    let mut place = 0;
    for (instruction, next) in all().zip(all().skip(1).map(Some).chain([None])) {
        places.push(place);
        place += 1 + u32::from(filter_behind(instruction, next).is_some());
    }
    places.push(place);
    let moved = |to: u32| places.get(to as usize).copied().unwrap_or(place);
    let mut made = Instructions::new(compiled.name(), compiled.source());
    for (at, (instruction, next)) in (0..).zip(all().zip(all().skip(1).map(Some).chain([None]))) {
        let filter = filter_behind(instruction, next);
        let instruction = match instruction {
            Instruction::Jump(to) => Instruction::Jump(moved(*to)),
            Instruction::JumpIfFalse(to) => Instruction::JumpIfFalse(moved(*to)),
            Instruction::JumpIfFalseOrPop(to) => Instruction::JumpIfFalseOrPop(moved(*to)),
            Instruction::JumpIfTrueOrPop(to) => Instruction::JumpIfTrueOrPop(moved(*to)),
            Instruction::Iterate(to) => Instruction::Iterate(moved(*to)),
            other => other.clone(),
        };
        let filter = filter.map(|name| Instruction::ApplyFilter(name, Some(1), ANYWHERE));
        for instruction in [Some(instruction), filter].into_iter().flatten() {
            match (compiled.get_span(at), compiled.get_line(at)) {
                (Some(span), _) => made.add_with_span(instruction, span),
                (None, Some(line)) => made.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX)),
                (None, None) => made.add(instruction),
            };
        }
    }
    made
}

fn filter_behind(instruction: &Instruction<'_>, next: Option<&Instruction<'_>>) -> Option<&'static str> {
    match (instruction, next) {
        // The step of a slice stands last.
        (_, Some(Instruction::Slice)) => return Some(STEP),
        // What is written costs what it writes. A name is paid where it is looked up, and an attribute where it is used.
        (_, Some(Instruction::Emit | Instruction::StoreLocal(_) | Instruction::GetAttr(_))) => return None,
        _ => {}
    }
    let pays = match instruction {
        Instruction::LoadConst(value) => match value.kind() {
            ValueKind::String => bytes(value) > SHORT,
            kind => matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map),
        },
        Instruction::Lookup(_)
        | Instruction::GetAttr(_)
        | Instruction::GetItem
        | Instruction::Slice
        | Instruction::BuildMap(_)
        | Instruction::BuildList(_)
        | Instruction::BuildTuple(_)
        | Instruction::Add
        | Instruction::Mul
        | Instruction::StringConcat
        | Instruction::ApplyFilter(..)
        | Instruction::CallFunction(..)
        | Instruction::EndCapture => true,
        _ => false,
    };
    pays.then_some(PAID)
}
