"""Argos: the edge gateway as a library."""

from argos.client import Applied, Argos
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
from argos.waf import Waf

__all__ = [
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
    "RateLimitedError",
    "UnauthorizedError",
    "UnavailableError",
    "Waf",
]
