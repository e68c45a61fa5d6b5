"""What NerdGraph answers: errors, or the rows of a query."""

from __future__ import annotations

import json
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tidegate.hooks import Answer, PluginError, Reading, from_json

NO_ROWS = "no results returned from NRQL query"

Row: TypeAlias = dict[str, JsonValue]


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Fault(_Read):
    """One error of GraphQL."""

    message: str = "no reason given"


class Nrql(_Read):
    """The rows, one for each facet or bucket."""

    results: list[Row] | None = None


class Owner(_Read):
    """The account."""

    nrql: Nrql | None = None


class Actor(_Read):
    """Who asks."""

    account: Owner | None = None


class Data(_Read):
    """The data of a GraphQL answer."""

    actor: Actor | None = None


class Graph(_Read):
    """A GraphQL answer; it may have data and errors at once."""

    data: Data | None = None
    errors: list[Fault] | None = Field(None)


def read_rows(answer: Answer) -> Reading:
    """One row as a map, several as a list of maps. Raises PluginError for errors, and for nothing at all.

    # differs: an answer with errors beside its rows is not a whole one, so its rows are not judged.
    """
    try:
        graph = Graph.model_validate(answer.json())
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80] or "it"
        raise PluginError(
            f"New Relic's answer has an unknown shape: {where}: {first['msg']}; it begins with {answer.text[:80]!r}"
        ) from cause
    if graph.errors:
        raise PluginError("; ".join(fault.message for fault in graph.errors))
    rows = _rows(graph)
    if not rows or rows == [{}]:
        raise PluginError(NO_ROWS)
    result = rows[0] if len(rows) == 1 else rows
    # Keys in order, as the reference prints them.
    shown = json.dumps(result, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return Reading(result=from_json(result), value=shown)


def _rows(graph: Graph) -> list[Row]:
    actor = graph.data.actor if graph.data else None
    account = actor.account if actor else None
    nrql = account.nrql if account else None
    return (nrql.results if nrql else None) or []
