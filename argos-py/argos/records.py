"""What the generated operations are built on: results, pages, and records as plain data and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Generic, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints

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

    def _ask(self, name: str, fields: Mapping[str, Any], made: Callable[[Any], T], /) -> tuple[T, str | None]:
        """Asks a query. ``made`` makes the same of the same value, and nobody can change that."""
        ...


def plain(value: Any) -> Any:
    """A record, or whatever holds records, as the plain data that JSON knows."""
    if is_dataclass(value):
        given = ((f.name.rstrip("_"), getattr(value, f.name)) for f in fields(value))
        own = {name: plain(item) for name, item in given if item is not UNSET}
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
    asked: Any = kind
    read = _reader(asked)
    made: T = value if read is None else read(value)
    return made


def _records(kind: type[T], items: Sequence[Any]) -> tuple[T, ...]:
    asked: Any = kind
    read = _reader(asked)
    return tuple(items) if read is None else tuple(map(read, items))


Reader = Callable[[Any], Any]


@cache
def _reader(kind: Any) -> Reader | None:
    """What makes a value of type ``kind`` from plain data; ``None`` where plain data is that already."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _union_reader([option for option in get_args(kind) if option is not NoneType])
    if origin is Sequence:
        return partial(_records, get_args(kind)[0])
    if origin is Mapping:
        one = _reader(get_args(kind)[1])
        return None if one is None else lambda value: {key: one(item) for key, item in value.items()}
    if kind is datetime:
        return datetime.fromisoformat
    if is_dataclass(kind):
        return _fields_reader(kind)
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else None


def _union_reader(options: Sequence[Any]) -> Reader | None:
    if len(options) == 1:
        one = _reader(options[0])
        return None if one is None else lambda value: None if value is None else one(value)
    if not is_dataclass(options[0]):
        return None
    by_tag = {option.TYPE: option for option in options}
    return lambda value: None if value is None else record(by_tag[value["type"]], value["config"])


def _fields_reader(kind: Any) -> Reader:
    types = get_type_hints(kind)
    names = {f.name.rstrip("_"): f.name for f in fields(kind)}
    renamed = [(key, name) for key, name in names.items() if key != name]
    read = [(key, reader) for key, name in names.items() if (reader := _reader(types[name])) is not None]

    def whole(value: Mapping[str, Any]) -> Any:
        given = dict(value)
        for key, reader in read:
            if key in given:
                given[key] = reader(given[key])
        for key, name in renamed:
            if key in given:
                given[name] = given.pop(key)
        return kind(**given)

    def known(value: Mapping[str, Any]) -> Any:
        return whole({key: item for key, item in value.items() if key in names})

    return lambda value: whole(value) if names.keys() >= value.keys() else known(value)


@cache
def _frozen(kind: Any) -> bool:
    """Whether nobody can change a value of type ``kind``: such a value may be given again."""
    if get_origin(kind) in (Union, UnionType, Sequence):
        return all(map(_frozen, get_args(kind)))
    if is_dataclass(kind):
        return all(map(_frozen, get_type_hints(kind).values()))
    return isinstance(kind, type) and issubclass(kind, (str, int, float, datetime, Enum, NoneType))


@cache
def _maker(kind: Any) -> Callable[[Any], Any]:
    return partial(record, kind)


@cache
def _page_maker(kind: Any) -> Callable[[Any], tuple[tuple[Any, ...], str | None]]:
    return lambda found: (_records(kind, found["items"]), found["next_cursor"])


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
    given, asked = _given(arguments), cast(Any, kind)
    if _frozen(asked):
        made: tuple[T, str | None] = caller._ask(name, given, _maker(asked))
        return _tagged(*made)
    done = caller.call(name, given)
    return _tagged(record(kind, done.value), done.etag)


def query_page(caller: Caller, kind: type[T], name: str, arguments: Mapping[str, Any]) -> Page[T]:
    """Asks for one page of records."""

    def ask(cursor: str) -> Page[T]:
        return query_page(caller, kind, name, {**arguments, "cursor": cursor})

    given, asked = _given(arguments), cast(Any, kind)
    if _frozen(asked):
        (items, next_cursor), etag = caller._ask(name, given, _page_maker(asked))
        return Page(items, next_cursor, etag, ask)
    done = caller.call(name, given)
    return Page(*_page_maker(asked)(done.value), done.etag, ask)


def query_plain(caller: Caller, name: str, arguments: Mapping[str, Any]) -> Any:
    """Asks for plain data."""
    return caller.call(name, _given(arguments)).value


def query_text(caller: Caller, name: str, arguments: Mapping[str, Any]) -> str:
    """Asks for a text."""
    text: str = caller.call(name, _given(arguments)).value
    return text


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
    items = _records(kind, done.value["items"])
    return Applied(Page(items, done.value["next_cursor"], done.etag), done.generation, done.etag)


def change_plain(
    caller: Caller, name: str, arguments: Mapping[str, Any], terms: Mapping[str, Any]
) -> Applied[Any]:
    """Makes a change whose result is plain data or nothing."""
    return caller.call(name, _given(arguments), _said(terms))
