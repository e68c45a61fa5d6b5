"""What an answer of GetMetricData comes to: a list of records in the order of the queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from tidegate.hooks import Floats, Struct, go_text
from tidegate_cloudwatch.sdk import Page


def records(pages: Sequence[Page], order: Sequence[str]) -> list[Struct]:
    """A record for each series, with the fields that conditions ask for: `result[0].Values`.

    A series that goes over several pages is one record. `order` are the queries' ids; a search gives several series of
    one id, which stay in AWS's order. A status that says part of the data is missing is no error by itself.
    """
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in (each for page in pages for each in page.get("MetricDataResults") or ()):
        found.setdefault((part.get("Id", ""), part.get("Label", "")), []).append(part)
    # differs: the reference leaves the series in AWS's order, so that `result[0]` may be another query's.
    ranks = {name: rank for rank, name in enumerate(order)}
    keys = sorted(found, key=lambda key: ranks.get(key[0], len(ranks)))
    return [_record(*key, found[key]) for key in keys]


def _record(name: str, label: str, parts: Sequence[Mapping[str, Any]]) -> Struct:
    """One series out of its part in every page; the last page knows whether anything is missing."""
    return Struct(
        Id=name,
        Label=label,
        StatusCode=parts[-1].get("StatusCode", ""),
        Timestamps=[moment.astimezone(UTC) for part in parts for moment in part.get("Timestamps") or ()],
        Values=Floats(float(value) for part in parts for value in part.get("Values") or ()),
        Messages=[_message(said) for part in parts for said in part.get("Messages") or ()],
    )


def _message(message: Mapping[str, Any]) -> Struct:
    return Struct(Code=message.get("Code", ""), Value=message.get("Value", ""))


def values_text(found: Sequence[Struct]) -> str:
    """The values as Go prints a list of lists: `[[0.1 0.2] [3]]`."""
    return f"[{' '.join(_list(record['Values']) for record in found)}]"


def _list(values: object) -> str:
    # Each by itself: the budget bounds what an expression may print, the answer is bounded by its pages.
    return f"[{' '.join(go_text(value) for value in values)}]" if isinstance(values, Floats) else "[]"


def messages(pages: Sequence[Page]) -> str:
    """What AWS says of the whole answer, `<code>: <text>` each; "" where it says nothing."""
    said = (each for page in pages for each in page.get("Messages") or ())
    return "; ".join(f"{each.get('Code', '')}: {each.get('Value', '')}" for each in said)
