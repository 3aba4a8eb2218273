"""The scenarios of ``argos-core/testdata/scenarios``: by name, and through the typed operations."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from keyword import iskeyword
from pathlib import Path
from typing import Any, Union, get_args, get_type_hints

import pytest

import argos
from argos import Applied, Argos, ArgosError, Page, records

FOLDER = Path(__file__).parents[2] / "argos-core/testdata/scenarios"
ROLES = ("viewer", "operator", "admin")
FITS: dict[str, Callable[[Any], bool]] = {
    "<any>": lambda value: True,
    "<id>": lambda value: type(value) is int and value > 0,
    "<number>": lambda value: type(value) is int,
    "<text>": lambda value: isinstance(value, str) and value != "",
    "<time>": lambda value: isinstance(value, str) and value.endswith("Z") and bool(datetime.fromisoformat(value)),
}

Step = dict[str, Any]
Asked = tuple[Any, int | None, str | None]


def scenarios() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.json")):
        for scenario in json.loads(path.read_text())["scenarios"]:
            if "python" in scenario.get("only", ["python"]):
                yield pytest.param(scenario["steps"], id=f"{path.stem}: {scenario['name']}")


def by_name(asked: Argos, step: Step, given: dict[str, Any]) -> Asked:
    done = asked.call(step["call"], step.get("text", given), step["terms"])
    return done.value, done.generation, done.etag


def typed(asked: Argos, step: Step, given: dict[str, Any]) -> Asked:
    """Through the operation's own method. What it can't be given, such as an unknown word, is asked by name."""
    try:
        method, arguments = method_of(asked, step, dict(given))
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
        if "error" in step:
            return by_name(asked, step, given)
        raise
    done = method(**arguments, **step["terms"])
    if isinstance(done, Applied):
        return plain(done.value), done.generation, done.etag
    # Nothing changes in between: both ways tell the same, field by field.
    same(by_name(asked, step, given)[0], plain(done), {}, lambda more: not more)
    return plain(done), None, getattr(done, "etag", None)


def method_of(asked: Argos, step: Step, given: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    if "text" in step:
        raise ValueError("no mapping")
    resource, verb = step["call"].split(".")
    of = getattr(asked, resource)
    if inspect.ismethod(of):
        parent = next(iter(inspect.signature(of).parameters))
        of = of(given.pop(parent))
    method = getattr(of, named(verb))
    hints = get_type_hints(method)
    if "values" in hints:
        return method, {"values": given}
    arguments = {named(name): argument(hints[named(name)], value) for name, value in given.items()}
    inspect.signature(method).bind(**arguments)
    return method, arguments


def named(word: str) -> str:
    return f"{word}_" if iskeyword(word) else word


def argument(hint: Any, value: Any) -> Any:
    if records.Unset in get_args(hint):
        hint = Union[tuple(option for option in get_args(hint) if option is not records.Unset)]
    made = records.record(hint, value)
    if isinstance(value, dict | list):
        try:
            same(value, plain(made), {}, lambda more: True)
        except AssertionError as lost:
            raise ValueError("a record does not hold all of it") from lost
    return made


def plain(value: Any) -> Any:
    """Typed results in the form of JSON."""
    if isinstance(value, Page):
        return {"items": [plain(item) for item in value.items], "next_cursor": value.next_cursor}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if is_dataclass(value):
        own = {f.name.rstrip("_"): plain(getattr(value, f.name)) for f in fields(value)}
        tag = getattr(value, "TYPE", None)
        return own if tag is None else {"type": tag, "config": own}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def same(expected: Any, given: Any, known: dict[str, Any], may_have: Callable[[Any], bool], at: str = "") -> None:
    """Fails where ``given`` is not as expected; ``may_have`` says which further values an object may have."""
    if isinstance(expected, str) and expected.startswith("$"):
        assert known.setdefault(expected[1:], given) == given, f"{at}: {expected}"
    elif isinstance(expected, str) and expected in FITS:
        assert FITS[expected](given), f"{at}: {given!r} is not {expected}"
    elif isinstance(expected, dict):
        assert isinstance(given, dict) and expected.keys() <= given.keys(), f"{at}: {given!r} lacks of {expected!r}"
        for name, value in given.items():
            if name in expected:
                same(expected[name], value, known, may_have, f"{at}.{name}")
            else:
                assert may_have(value), f"{at}.{name} is not expected"
    elif isinstance(expected, list):
        assert isinstance(given, list) and len(expected) == len(given), f"{at}: {given!r}, expected {expected!r}"
        for i, (one, other) in enumerate(zip(expected, given, strict=True)):
            same(one, other, known, may_have, f"{at}[{i}]")
    else:
        assert given == expected and type(given) is type(expected), f"{at}: {given!r}, expected {expected!r}"


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return known[value[1:]]
    if isinstance(value, dict):
        return {name: filled(item, known) for name, item in value.items()}
    return [filled(item, known) for item in value] if isinstance(value, list) else value


def refused(error: ArgosError, expected: dict[str, Any]) -> None:
    assert type(error) is getattr(argos, f"{expected['kind']}Error"), repr(error)
    assert (error.code, [f.field for f in error.fields]) == (expected["code"], expected.get("fields", []))


@pytest.mark.parametrize("ask", [by_name, typed])
@pytest.mark.parametrize("steps", list(scenarios()))
def test_scenario(tmp_path: Path, steps: list[Step], ask: Callable[[Argos, Step, dict[str, Any]], Asked]) -> None:
    with Argos.open(tmp_path / "data") as opened:
        made = {role: opened.call("tokens.create", {"name": role, "role": role}).value["token"] for role in ROLES}
        known: dict[str, Any] = {"actor": "system"}
        for number, step in enumerate(steps, 1):
            if "python" in step.get("skip", ()):
                continue
            asked = opened.with_token(made.get(step["as"])) if "as" in step else opened
            given = filled(step.get("input", {}), known)
            at = f"step {number} ({step['call']})"
            try:
                value, generation, etag = ask(asked, {**step, "terms": filled(step.get("terms", {}), known)}, given)
            except ArgosError as error:
                assert "error" in step, f"{at} was refused: {error!r}"
                refused(error, step["error"])
                continue
            assert "error" not in step, f"{at} was not refused and gave {value!r}"
            whole = "exactly" in step
            # A record has all its fields, also those that its text leaves out.
            absent = (lambda more: more is None or more == []) if ask is typed else (lambda more: False)
            may_have = absent if whole else (lambda more: True)
            same(step["exactly" if whole else "expect"], value, known, may_have, at)
            if "generation" in step:
                assert generation == step["generation"], at
            if "etag" in step:
                same(step["etag"], etag, known, may_have, at)
