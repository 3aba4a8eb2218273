"""Argos: the edge gateway as a library."""

from argos.client import Argos
from argos.errors import (
    ArgosError,
    ConflictError,
    CorruptError,
    FieldError,
    ForbiddenError,
    InternalError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)
from argos.records import UNSET, Applied, Page
from argos.waf import Waf

__all__ = [
    "UNSET",
    "Applied",
    "Argos",
    "ArgosError",
    "ConflictError",
    "CorruptError",
    "FieldError",
    "ForbiddenError",
    "InternalError",
    "InvalidError",
    "NotFoundError",
    "Page",
    "RateLimitedError",
    "UnauthorizedError",
    "UnavailableError",
    "Waf",
]
