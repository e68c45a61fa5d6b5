"""What Datadog's answers mean: a number, a number for each group, or no data."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.hooks import Answer, Floats, PluginError, Reading

# How many groups the metadata names; of more, the lowest and the highest half of these. Source: argo-rollouts.
MOST_GROUPS = 100

Shape = TypeVar("Shape", bound=BaseModel)


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Series(_Read):
    """One series of v1; a point is (milliseconds, value), and the value of a bucket that is not complete may be null."""

    pointlist: list[list[float | None]] | None = None


class AnswerV1(_Read):
    """An answer of /api/v1/query; `error` stands beside `status: error`."""

    status: str = ""
    error: str | None = None
    series: list[Series] | None = None


class Column(_Read):
    """A column of v2: the numbers of a formula, or the tags of each group."""

    type: str = "number"
    values: list[float | list[str] | None] | None = None


class Attributes(_Read):
    """The table of v2."""

    columns: list[Column] | None = None


class Data(_Read):
    """The one object of v2."""

    attributes: Attributes = Field(default_factory=Attributes)
    errors: str | list[str] | None = None


class AnswerV2(_Read):
    """An answer of /api/v2/query/scalar."""

    data: Data = Field(default_factory=Data)
    errors: str | list[str] | None = None


def read_v1(answer: Answer) -> Reading:
    """The last point of the first series.

    # differs: the reference reads a null as 0 and an error in the body as no data; here a null is no data.
    """
    found = _shaped(AnswerV1, answer)
    if found.error:
        raise PluginError(f"There were errors in your query: {found.error}")
    points = found.series[0].pointlist if found.series else None
    if not points:
        return Reading(value=_json(None if found.series is None else [s.model_dump() for s in found.series]))
    if len(points[-1]) != 2:
        raise PluginError(f"Datapoint does not have 2 values: {points[-1]}")
    return Reading(result=points[-1][1], value=plain(points[-1][1]))


def read_v2(answer: Answer) -> Reading:
    """The first column of numbers: its value, or a list where the query groups."""
    found = _shaped(AnswerV2, answer)
    if errors := found.errors or found.data.errors:
        raise PluginError(
            f"There were errors in your query: {errors if isinstance(errors, str) else '; '.join(errors)}"
        )
    columns = found.data.attributes.columns or []
    grouped = [column for column in columns if column.type == "group"]
    numbers = next((column.values for column in columns if column.type == "number"), None) or []
    values = [value for value in numbers if not isinstance(value, list)]
    if len(values) != len(numbers):
        raise PluginError("Datadog's answer has texts in a column of numbers; look at the query")
    if all(value is None for value in values):
        return Reading(value="[]")
    if not grouped and len(values) == 1:
        return Reading(result=values[0], value=plain(values[0]))
    return _listed(values, _names(grouped, len(values)))


def _listed(values: list[float | None], names: list[str]) -> Reading:
    """All values are judged; value and metadata show the lowest and the highest of very many."""
    numbers = [value for value in values if value is not None]
    result = Floats(numbers) if len(numbers) == len(values) else values
    shown = list(zip(names, values, strict=True))
    metadata = {}
    if len(shown) > MOST_GROUPS:
        ranked = sorted((each for each in shown if each[1] is not None), key=_rank)
        shown = ranked[: MOST_GROUPS // 2] + ranked[MOST_GROUPS // 2 :][-MOST_GROUPS // 2 :]
        metadata["groups_truncated"] = "true"
    if any(names):
        metadata["groups"] = _json([{"name": name, "value": value} for name, value in shown])
    return Reading(result=result, value=f"[{','.join(plain(value) for _, value in shown)}]", metadata=metadata)


def _rank(group: tuple[str, float | None]) -> tuple[bool, float]:
    """By value, what is no number last."""
    value = group[1] or 0.0
    return math.isnan(value), value


def _names(columns: list[Column], size: int) -> list[str]:
    """What each group is called: its tags, joined by commas."""
    tags: list[list[str]] = [[] for _ in range(size)]
    for column in columns:
        for index, value in enumerate((column.values or [])[:size]):
            tags[index] += value if isinstance(value, list) else []
    return [",".join(each) for each in tags]


def plain(number: float | None) -> str:
    """A number as Go prints it without an exponent; null for none."""
    if number is None:
        return "null"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else f"{'+' if number > 0 else '-'}Inf"
    return format(Decimal(repr(number)), "f").removesuffix(".0")


def _shaped(shape: type[Shape], answer: Answer) -> Shape:
    try:
        return shape.model_validate(answer.json())
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise PluginError(
            f"Could not parse JSON body: {where}: {first['msg']}; it begins with {answer.text[:80]!r}"
        ) from cause


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
