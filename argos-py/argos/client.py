"""One open data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from argos import _argos
from argos.operations import Operations
from argos.records import Applied

T = TypeVar("T")


class Argos(Operations):
    """One open data folder: ask, change, serve, close.

    All methods may be called from any thread, and other threads run while they wait. As a context manager it
    closes itself. Operations stand by resource, such as ``argos.hosts.create(domain=…)``.
    """

    __slots__ = ("_native",)

    def __init__(self, native: _argos.Argos) -> None:
        self._native = native

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        master_key: str | None = None,
        master_key_file: str | os.PathLike[str] | None = None,
        create: bool = False,
    ) -> Argos:
        """Opens the data folder ``path``, and makes it if there is none.

        The master key is ``master_key`` (64 hex digits or base64), or the content of ``master_key_file``, or
        that of ``master.key`` in the folder, which is made for a new database. The environment is not read.
        ``create`` makes a new database even where copies of an old one lie.

        Raises ``ConflictError`` when another process has the folder, ``CorruptError`` for a wrong key or a
        newer database.
        """
        return cls(_argos.Argos.open(path, master_key, master_key_file, create))

    def with_token(self, token: str | None) -> Argos:
        """The same open folder, asked by the holder of a bearer token, who may do what the token's role allows.

        The token is looked up at every call. With ``None`` nobody asks. Closing either closes both.
        """
        return Argos(self._native.with_token(token))

    def call(
        self,
        name: str,
        fields: Mapping[str, Any] | str | None = None,
        terms: Mapping[str, Any] | None = None,
        /,
    ) -> Applied[Any]:
        """Runs the operation ``name``, such as ``hosts.create``, with its input as a mapping or as JSON text.

        ``terms`` may hold ``if_match``, ``dry_run`` and ``idempotency_key``.
        """
        text = fields if isinstance(fields, str) else json.dumps(dict(fields)) if fields else "{}"
        return Applied(*self._native.call(name, text, json.dumps(dict(terms)) if terms else "{}"))

    def _ask(self, name: str, fields: Mapping[str, Any], made: Callable[[Any], T], /) -> tuple[T, str | None]:
        return self._native.ask(name, json.dumps(fields) if fields else "{}", made)

    def start(self, *, http: Sequence[str], threads: int = 0) -> list[str]:
        """Serves plain HTTP on addresses such as ``127.0.0.1:8080`` until it is stopped; the real addresses.

        Port 0 picks one; ``threads`` 0 means one for each core.
        """
        return self._native.start(list(http), threads)

    def stop(self, grace_seconds: float) -> None:
        """Stops serving; requests in flight have ``grace_seconds`` to finish."""
        self._native.stop(grace_seconds)

    def close(self) -> None:
        """Stops at once, waits for running calls, and gives the folder back. A second time nothing happens."""
        self._native.close()

    def __enter__(self) -> Argos:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
