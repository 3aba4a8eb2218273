"""What the generated operations are built on: results, pages, and records as plain data and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Generic, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Unset(Enum):
    """The type of ``UNSET``."""

    UNSET = "unset"


UNSET = Unset.UNSET
"""An argument that is not given, where ``None`` means something else."""


@dataclass(frozen=True, slots=True)
class Applied(Generic[T]):
    """The result of a change."""

    value: T
    """The result."""
    generation: int | None
    """The generation that a change of configuration made."""
    etag: str | None = None
    """The tag of what was shown or changed, for ``if_match``; ``None`` where nothing has one."""


class Resource:
    """A record that has a tag where it was asked for alone, or is the result of a change."""

    __slots__ = ("_etag",)

    _etag: str | None

    @property
    def etag(self) -> str | None:
        """The tag for ``if_match``: it stands for this state of the resource."""
        return getattr(self, "_etag", None)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. Iterating it goes through its items and those of all pages that follow."""

    items: tuple[T, ...]
    """The items of this page, in the list's order."""
    next_cursor: str | None
    """Where the next page begins; ``None`` at the end."""
    etag: str | None = field(default=None, repr=False, compare=False)
    """The tag for ``if_match``, where a change of the list takes one."""
    _ask: Callable[[str], Page[T]] | None = field(default=None, repr=False, compare=False)

    def pages(self) -> Iterator[Page[T]]:
        """This page and those that follow, each asked for when it is reached."""
        page = self
        yield page
        while page._ask is not None and page.next_cursor is not None:
            page = page._ask(page.next_cursor)
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


class Caller(Protocol):
    """Runs operations by name."""

    def call(
        self,
        name: str,
        fields: Mapping[str, Any] | str | None = None,
        terms: Mapping[str, Any] | None = None,
        /,
    ) -> Applied[Any]: ...


def plain(value: Any) -> Any:
    """A record, or whatever holds records, as the plain data that JSON knows."""
    if is_dataclass(value):
        own = {f.name.rstrip("_"): plain(getattr(value, f.name)) for f in fields(value)}
        tag = getattr(value, "TYPE", None)
        return own if tag is None else {"type": tag, "config": own}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def record(kind: type[T], value: Any) -> T:
    """The record of type ``kind`` that plain data describes; fields it does not know are left out."""
    made: T = _read(kind, value)
    return made


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not NoneType]
        if value is None:
            return None
        if len(options) == 1:
            return _read(options[0], value)
        if not is_dataclass(options[0]):
            return value
        chosen = next(option for option in options if option.TYPE == value["type"])
        return _read(chosen, value["config"])
    if get_origin(kind) is Sequence:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is Mapping:
        return {key: _read(get_args(kind)[1], item) for key, item in value.items()}
    if kind is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(kind):
        return _read_fields(kind, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _read_fields(kind: Any, value: Mapping[str, Any]) -> Any:
    types = _types(kind)
    given = ((f.name, f.name.rstrip("_")) for f in fields(kind))
    return kind(**{name: _read(types[name], value[key]) for name, key in given if key in value})


@cache
def _types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in arguments.items() if value is not UNSET}


def _said(terms: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in terms.items() if value not in (None, False)}


def _tagged(value: T, etag: str | None) -> T:
    if etag is not None and isinstance(value, Resource):
        object.__setattr__(value, "_etag", etag)
    return value


def query(caller: Caller, kind: type[T], name: str, arguments: Mapping[str, Any]) -> T:
    """Asks for one record."""
    done = caller.call(name, _given(arguments))
    return _tagged(record(kind, done.value), done.etag)


def query_page(caller: Caller, kind: type[T], name: str, arguments: Mapping[str, Any]) -> Page[T]:
    """Asks for one page of records."""

    def ask(cursor: str) -> Page[T]:
        return query_page(caller, kind, name, {**arguments, "cursor": cursor})

    done = caller.call(name, _given(arguments))
    found = done.value
    return Page(tuple(record(kind, item) for item in found["items"]), found["next_cursor"], done.etag, ask)


def query_plain(caller: Caller, name: str, arguments: Mapping[str, Any]) -> Any:
    """Asks for plain data."""
    return caller.call(name, _given(arguments)).value


def change(
    caller: Caller, kind: type[T], name: str, arguments: Mapping[str, Any], terms: Mapping[str, Any]
) -> Applied[T]:
    """Makes a change whose result is one record."""
    done = caller.call(name, _given(arguments), _said(terms))
    return Applied(_tagged(record(kind, done.value), done.etag), done.generation, done.etag)


def change_page(
    caller: Caller, kind: type[T], name: str, arguments: Mapping[str, Any], terms: Mapping[str, Any]
) -> Applied[Page[T]]:
    """Makes a change whose result is a page of records; no page follows it."""
    done = caller.call(name, _given(arguments), _said(terms))
    items = tuple(record(kind, item) for item in done.value["items"])
    return Applied(Page(items, done.value["next_cursor"], done.etag), done.generation, done.etag)


def change_plain(
    caller: Caller, name: str, arguments: Mapping[str, Any], terms: Mapping[str, Any]
) -> Applied[Any]:
    """Makes a change whose result is plain data or nothing."""
    return caller.call(name, _given(arguments), _said(terms))
