"""Log lines that a person and a machine can follow: text or JSON, on standard error.

One line for each action, with the fields `rollout` (or `analysisrun`, `experiment`), `step`, `action`, `result` and `ms`.
Never a Secret's value, never a whole manifest.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from tidegate.errors import ConfigError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FIELDS = ("rollout", "analysisrun", "experiment", "step", "action", "result", "ms")


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def configure(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Send every line of the process to `stream` (standard error). Calling it again replaces the former set-up.

    Raises ConfigError for a level that does not exist.
    """
    if level.upper() not in LEVELS:
        raise ConfigError("--log-level", f"{level!r} is no level; use one of {', '.join(LEVELS).lower()}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Text() if form is LogFormat.TEXT else _json())
    root = logging.getLogger()
    for former in tuple(root.handlers):
        if getattr(former, "tidegate", False):
            root.removeHandler(former)
    handler.tidegate = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # other libraries speak only when something is wrong
    logging.getLogger("tidegate").setLevel(level.upper())
    # It warns of every surplus connection; the pool is sized so that there are none worth a line.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


class _Text(logging.Formatter):
    """`2026-11-24T10:00:00.000Z INFO  message rollout=ns/app ms=3`."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002 - logging's signature
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s%(fields)s")

    def format(self, record: logging.LogRecord) -> str:
        found = ((name, getattr(record, name, None)) for name in FIELDS)
        record.fields = "".join(f" {name}={value}" for name, value in found if value not in (None, ""))
        return super().format(record)


def _json() -> logging.Formatter:
    return JsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger", "message": "msg"},
    )
