"""The native part; use ``argos.Argos`` and ``argos.Waf``."""

import os
from typing import final

@final
class Argos:
    @staticmethod
    def open(
        path: str | os.PathLike[str],
        master_key: str | None,
        master_key_file: str | os.PathLike[str] | None,
        create: bool,
    ) -> Argos: ...
    def call(self, name: str, input: str, terms: str | None) -> str: ...
    def start(self, http: list[str], threads: int) -> list[str]: ...
    def stop(self, grace_seconds: float) -> None: ...
    def close(self) -> None: ...

@final
class Waf:
    @staticmethod
    def compile(options: str) -> Waf: ...
    def inspect(self, request: str) -> str: ...
