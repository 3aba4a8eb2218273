"""One exception class per kind of error. The texts and codes are those of the reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ArgosError",
    "ConflictError",
    "CorruptError",
    "FieldError",
    "ForbiddenError",
    "InternalError",
    "InvalidError",
    "NotFoundError",
    "RateLimitedError",
    "UnauthorizedError",
    "UnavailableError",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One value at fault."""

    field: str
    """Path of the field, such as ``rules[3].action.config.status_code``."""
    reason: str
    """What is wrong and what is allowed."""
    line: int | None = None
    """Line inside a text value, from 1."""
    column: int | None = None
    """Column inside a text value, from 1."""


class ArgosError(Exception):
    """A refused or failed call. Each kind has a class of its own below this one."""

    message: str
    """The text for a person."""
    code: str
    """Stable text such as ``host.domain_taken``."""
    fields: tuple[FieldError, ...]
    """The values at fault, if it is about values."""
    retry_after: int | None
    """Seconds to wait, for ``RateLimitedError`` and ``UnavailableError``."""

    def __init__(
        self,
        message: str,
        code: str = "internal",
        fields: Iterable[FieldError] = (),
        retry_after: int | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.fields = tuple(fields)
        self.retry_after = retry_after
        # All of it, so that a copy from another process is whole.
        super().__init__(message, code, self.fields, retry_after)

    def __str__(self) -> str:
        return self.message


class InvalidError(ArgosError):
    """A value is not allowed; ``fields`` names it."""


class UnauthorizedError(ArgosError):
    """Nobody is signed in, or the token is not good."""


class ForbiddenError(ArgosError):
    """The role does not allow it."""


class NotFoundError(ArgosError):
    """The thing asked for does not exist."""


class ConflictError(ArgosError):
    """The change contradicts what is stored, or another process has the folder."""


class RateLimitedError(ArgosError):
    """Too many tries; ``retry_after`` says when."""


class UnavailableError(ArgosError):
    """Something needed is not running or timed out."""


class CorruptError(ArgosError):
    """Stored data can't be trusted: wrong key, tampered secret, newer database."""


class InternalError(ArgosError):
    """A fault of Argos itself."""
