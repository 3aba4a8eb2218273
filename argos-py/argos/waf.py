"""The rule engine without a store."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict, Unpack

from argos import _argos


class WafOptions(TypedDict, total=False):
    """Which rules inspect, and how strictly."""

    rules: str
    """SecLang text."""
    crs: str
    """The folder of a core rule set; ``rules`` stands after its initialisation and before its detection."""
    baseline: bool
    """Whether the built-in rules inspect, before ``rules``."""
    paranoia: int
    """1–4; default 1."""
    inbound: int
    """Inbound anomaly threshold, 1–1000; default 5."""
    outbound: int
    """Outbound anomaly threshold, 1–1000; default 4."""
    mode: Literal["detect", "block"]
    """What a disruptive outcome does; default ``block``."""
    all: bool
    """Whether ``nolog`` rules are in the result too."""


class Response(TypedDict):
    """The answer to a request."""

    status: int
    headers: NotRequired[Sequence[tuple[str, str]]]
    body: NotRequired[bytes]


class Request(TypedDict):
    """One request to inspect."""

    method: str
    uri: str
    """The raw target."""
    version: NotRequired[str]
    """Such as ``HTTP/1.1``, which is the default."""
    headers: NotRequired[Sequence[tuple[str, str]]]
    """In the order received."""
    body: NotRequired[bytes]
    remote_ip: NotRequired[str]
    """The client; default 127.0.0.1."""
    response: NotRequired[Response | None]
    """Without it phases 3 and 4 do not run."""
    id: NotRequired[str | int | None]
    """Echoed."""


class MatchedRule(TypedDict):
    """One rule that matched."""

    id: int
    phase: int
    msg: str
    severity: str | None
    """Upper-case name, such as ``CRITICAL``."""
    tags: list[str]
    data: str


class Result(TypedDict):
    """What inspection found."""

    id: str | int | None
    interrupted: bool
    """Whether a disruptive action was done; never when only detecting."""
    status: int | None
    """Status of the interruption."""
    phase: int | None
    """Phase of the interruption."""
    score_in: int
    score_out: int
    matched: list[MatchedRule]


class Waf:
    """Compiled rules that inspect requests, from any thread; other threads run meanwhile."""

    __slots__ = ("_native",)

    def __init__(self, **options: Unpack[WafOptions]) -> None:
        """Compiles. Raises ``InvalidError``; its ``fields`` have line and column of everything that is wrong."""
        self._native = _argos.Waf.compile(json.dumps(options))

    def inspect(self, request: Request) -> Result:
        """Inspects one request, and its answer if there is one."""
        line = _line(request)
        if line.get("response") is not None:
            line["response"] = _line(line["response"])
        result: Result = json.loads(self._native.inspect(json.dumps(line)))
        return result


def _line(record: Mapping[str, Any]) -> dict[str, Any]:
    """The form of ``argos waf eval``, where bodies are base64."""
    line = dict(record)
    if "body" in line:
        line["body_b64"] = b64encode(line.pop("body")).decode()
    return line
