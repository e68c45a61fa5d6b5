"""What an answer of `/render?format=json` means: a list of series, each with points of value and time."""

from __future__ import annotations

import math

from tidegate.hooks import Floats, PluginError

NO_SERIES = "no values found"
POINT = 2  # a value and the second it stands for


def first_series(document: object) -> Floats:
    """The values of the first series without its nulls; empty where all are null. Raises PluginError."""
    if not isinstance(document, list):
        raise PluginError(
            f"the answer of graphite is {_kind(document)}, not a list of series; is the address Graphite's?"
        )
    if not document:
        raise PluginError(NO_SERIES)
    points = document[0].get("datapoints") if isinstance(document[0], dict) else None
    if not isinstance(points, list):
        raise PluginError(
            "the first series in the answer of graphite has no list of datapoints; is the address Graphite's?"
        )
    return Floats(value for point in points if (value := _value(point)) is not None)


def _value(point: object) -> float | None:
    """The value of a point, which older versions write as text; None for a null."""
    if isinstance(point, list) and len(point) == POINT and not isinstance(point[0], bool):
        match point[0]:
            case None:
                return None
            case int() | float() | str() as value:
                return _number(value, point)
    raise PluginError(f"error unmarshaling data point: {str(point)[:80]}; a pair of value and time is expected")


def _number(value: float | str, point: object) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError) as cause:
        raise PluginError(f"error unmarshaling value: {str(point)[:80]}; a number is expected") from cause


def shown(values: Floats) -> str:
    """The values with six decimals, as `[1.000000,2.000000]`."""
    return f"[{','.join(_six_decimals(value) for value in values)}]"


def _six_decimals(value: float) -> str:
    if math.isfinite(value):
        return f"{value:f}"
    return "NaN" if math.isnan(value) else f"{value:+f}".capitalize().replace("inf", "Inf")


def _kind(document: object) -> str:
    return {dict: "an object", str: "a text", type(None): "null"}.get(type(document), "a single value")
