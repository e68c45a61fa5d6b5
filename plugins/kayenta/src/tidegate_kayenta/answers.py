"""What Kayenta answers."""

from __future__ import annotations

import math
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tidegate.hooks import Answer, PluginError, Reading
from tidegate_kayenta.config import Threshold

SAID = 200  # characters of an answer that a message repeats; chosen by feel

Shape = TypeVar("Shape")


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class CanaryConfig(_Read):
    """One canary config."""

    id: str
    name: str = ""


class Begun(_Read):
    """An analysis that has begun."""

    execution: str = Field("", alias="canaryExecutionId")


class Score(_Read):
    """How similar the two sides are, 0 to 100."""

    score: float | None = None


class Judged(_Read):
    """What the judge says."""

    score: Score | None = None


class Result(_Read):
    """The result of an analysis."""

    judge: Judged | None = Field(None, alias="judgeResult")


class Execution(_Read):
    """An analysis; `status` is Kayenta's word for how it ended."""

    complete: bool | None = None
    status: str = ""
    result: Result | None = None


CONFIGS = TypeAdapter(list[CanaryConfig])
BEGUN = TypeAdapter(Begun)
EXECUTION = TypeAdapter(Execution)


def config_id(answer: Answer, name: str) -> str:
    """The id of the canary config with that name. Raises PluginError."""
    found = _shaped(CONFIGS, answer)
    try:
        return next(each.id for each in found if each.name == name)
    except StopIteration:
        known = ", ".join(sorted(each.name for each in found)) or "none"
        raise PluginError(f"Canary config not found: Kayenta has {known[:SAID]}, not {name!r}") from None


def execution_id(answer: Answer) -> str:
    """The id of the analysis that has begun. Raises PluginError."""
    found = _shaped(BEGUN, answer).execution
    if not found:
        raise PluginError(f"Invalid Response: no canaryExecutionId in {answer.text[:SAID]!r}")
    return found


def verdict(answer: Answer, threshold: Threshold) -> Reading | None:
    """What the score comes to, None while the analysis goes on. Raises PluginError.

    The integer part of the score counts. Source: argo-rollouts metricproviders/kayenta.
    """
    found = _shaped(EXECUTION, answer)
    if found.complete is None:
        raise PluginError(f"Missing Complete Status: Kayenta answered {answer.text[:SAID]!r}")
    if not found.complete:
        return None
    judge = found.result.judge if found.result else None
    score = judge.score.score if judge and judge.score else None
    if score is None or not math.isfinite(score):
        raise PluginError(f"Missing Score: the analysis ended as {found.status or 'unknown'!r}; look at it in Kayenta")
    return Reading(result=float(int(score)), value=str(int(score)), phase=_phase(int(score), threshold))


def _phase(score: int, threshold: Threshold) -> str:
    if score >= threshold.success:
        return "Successful"
    return "Inconclusive" if score >= threshold.marginal else "Failed"


def _shaped(shape: TypeAdapter[Shape], answer: Answer) -> Shape:
    if answer.status != 200:
        raise PluginError(f"Invalid Response: Kayenta answered {answer.status}: {answer.text[:SAID]}")
    try:
        return shape.validate_python(answer.json())
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise PluginError(f"Invalid Response: {where}: {first['msg']}; it begins with {answer.text[:80]!r}") from cause
