"""What Wavefront answers: of each series the point closest to the moment that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.hooks import Answer, Floats, PluginError, Reading

NO_SERIES = "No TimeSeries found in response from Wavefront"


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class Series(_Read):
    """One series; a point is (seconds, value)."""

    data: list[list[float]] | None = None


class Chart(_Read):
    """An answer to a chart query; a bad query is answered with 200 and an error."""

    timeseries: list[Series] | None = None
    warnings: str | None = None
    errorType: str | None = None
    errorMessage: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A value, None for a series without points; when it was, in whole seconds, and how far that is from the moment."""

    value: float | None
    at: int = 0
    drift: int = 0


def read_chart(answer: Answer, now_s: int) -> Reading:
    """One series as a number, several as a list. Raises PluginError for errors, and where no series has a point."""
    chart = _shaped(answer)
    if chart.errorType or chart.errorMessage:
        raise PluginError(f"{chart.errorType or 'error'}: {chart.errorMessage or 'no reason given'}")
    points = [_closest(series, now_s) for series in chart.timeseries or []]
    if all(point.value is None for point in points):
        said = f"; it warns: {chart.warnings}" if chart.warnings else ""
        raise PluginError(NO_SERIES + said)
    metadata = {
        "timestamps": _listed([str(point.at) for point in points]),
        "drift": _listed([str(point.drift) for point in points]),
    }
    if chart.warnings:
        metadata["warnings"] = chart.warnings
    return Reading(_result(points), _listed([_shown(point.value) for point in points]), metadata=metadata)


def _result(points: list[Point]) -> object:
    values = [point.value for point in points]
    numbers = [value for value in values if value is not None]
    if len(points) == 1:
        return numbers[0]
    return Floats(numbers) if len(numbers) == len(values) else values


def _closest(series: Series, now_s: int) -> Point:
    """The first of the points that are closest."""
    points = series.data or []
    if any(len(point) != 2 for point in points):
        raise PluginError("a point of Wavefront's answer is not a time and a value; nothing was measured")
    if not points:
        return Point(None)
    at, value = min(points, key=lambda point: abs(point[0] - now_s))
    return Point(value, int(at), int(at - now_s))


def _shown(value: float | None) -> str:
    return "null" if value is None else f"{value:.2f}".replace("nan", "NaN").replace("inf", "Inf")


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


def _shaped(answer: Answer) -> Chart:
    try:
        return Chart.model_validate(answer.json())
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise PluginError(
            f"Wavefront's answer has an unknown shape: {where}: {first['msg']}; it begins with {answer.text[:80]!r}"
        ) from cause
