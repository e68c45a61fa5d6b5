"""Annotated CSV, in which InfluxDB answers: tables with their columns' types above them.

Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.hooks import Duration, PluginError, Value, go_seconds

VALUE = "_value"
BOOLEANS = {"true": True, "false": False}


def _span(text: str) -> Duration:
    seconds = go_seconds(text)
    if seconds is None:
        raise ValueError(f"no duration: {text!r}")
    return Duration(int(seconds * 10**9))


def _bytes(text: str) -> str:
    return base64.b64decode(text, validate=True).decode("utf-8", "replace")


READERS: Mapping[str, Callable[[str], Value]] = {
    "string": str,
    "double": float,
    "long": int,
    "unsignedLong": int,
    "boolean": BOOLEANS.__getitem__,
    "dateTime:RFC3339": datetime.fromisoformat,
    "dateTime:RFC3339Nano": datetime.fromisoformat,
    "duration": _span,
    "base64Binary": _bytes,
}


@dataclass
class _Table:
    """What stands above the rows of a table; None until it has been read."""

    types: Sequence[str] | None = None
    defaults: Sequence[str] | None = None
    header: Sequence[str] | None = None


def values(text: str) -> list[Value]:
    """The `_value` of every row of every table, in order; None for a null and for a table without that column.

    Raises PluginError for an error table, which InfluxDB sends where a query breaks in mid-answer, and for what is no
    annotated CSV or ends in the middle of a row.
    """
    try:
        return list(_values(text))
    except csv.Error as cause:
        raise PluginError(f"the answer of influxdb is no CSV ({cause}); it begins with {text[:80]!r}") from cause


def _values(text: str) -> Iterator[Value]:
    table = _Table()
    for row in csv.reader(io.StringIO(text, newline=""), strict=True):
        if not row:
            table.header = None  # the next table's may differ, its annotations are repeated only where they do
        elif row[0].startswith("#"):
            _annotate(table, row)
        elif table.header is None:
            table.header = _header(table, row, text)
        else:
            yield _value(table, table.header, row)


def _annotate(table: _Table, row: Sequence[str]) -> None:
    table.header = None
    if row[0] == "#datatype":
        table.types, table.defaults = row, None
    elif row[0] == "#default":
        table.defaults = row


def _header(table: _Table, row: Sequence[str], text: str) -> Sequence[str]:
    if table.types is None or len(table.types) != len(row):
        raise PluginError(
            f"the answer of influxdb is no annotated CSV; it begins with {text[:80]!r}; is the address InfluxDB's?"
        )
    return row


def _value(table: _Table, header: Sequence[str], row: Sequence[str]) -> Value:
    if len(row) != len(header):
        raise PluginError(f"the answer of influxdb breaks off: a row has {len(row)} columns of {len(header)}")
    # differs: the reference judges the rows that came before the error.
    if "error" in header and VALUE not in header:
        raise PluginError(f"the query failed: {row[header.index('error')]}")
    if VALUE not in header:
        return None
    index = header.index(VALUE)
    kind = (table.types or header)[index]
    text = row[index] or (table.defaults[index] if table.defaults and index < len(table.defaults) else "")
    return _read(kind, text) if text else None


def _read(kind: str, text: str) -> Value:
    if kind not in READERS:
        raise PluginError(f"column {VALUE} has the type {kind!r}; have {', '.join(READERS)}")
    try:
        return READERS[kind](text)
    except (ValueError, KeyError) as cause:
        raise PluginError(f"column {VALUE} holds {text[:80]!r}, which is no {kind}") from cause
