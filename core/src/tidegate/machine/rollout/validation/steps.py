"""What is wrong with the steps of a canary; paths lack the strategy's name, as clients know them."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api import names
from tidegate.api.rollout import Canary, Rollout
from tidegate.api.steps import Step
from tidegate.machine.observed import RouterView
from tidegate.machine.rollout.validation.problems import NOT_NEGATIVE, FieldProblem, invalid, required
from tidegate.machine.rollout.validation.routes import route_problems
from tidegate.machine.rollout.validation.runs import run_problems

_ALL = (
    "experiment",
    "pause",
    "set_weight",
    "analysis",
    "set_canary_scale",
    "set_header_route",
    "set_mirror_route",
    "plugin",
)
_EXCLUSIVE = _ALL[:4]
_ONE_OF = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"


def step_problems(rollout: Rollout, canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[FieldProblem]:
    """Rules VS1 to VS12 of every step, step by step."""
    routing, weight = canary.traffic_routing, 0
    total = (routing.max_traffic_weight if routing else None) or names.DEFAULT_TOTAL_WEIGHT
    for index, step in enumerate(canary.steps):
        weight = weight if step.set_weight is None else step.set_weight
        path = f"spec.strategy.steps[{index}]"
        yield from _kinds(path, step)
        yield from _values(path, step, total)
        if step.set_canary_scale is not None and routing is None:
            yield required("spec.strategy.trafficRouting", "SetCanaryScale requires TrafficRouting to be set")
        yield from route_problems(path, step, canary, routers)
        yield from run_problems(index, step, rollout, routers, total - weight)


def _kinds(path: str, step: Step) -> Iterator[FieldProblem]:
    present = {key: getattr(step, key) is not None for key in _ALL}
    if sum(present[key] for key in _EXCLUSIVE) > 1:
        yield invalid(path, _flags({key: present[key] for key in _EXCLUSIVE}), _ONE_OF)
    if not any(present.values()):
        # true means missing here, and present above: users know the text so.
        yield invalid(path, _flags(dict.fromkeys(_ALL, True)), _ONE_OF)


def _flags(present: dict[str, bool]) -> str:
    titles = {key: key.title().replace("_", "") for key in present}
    return " ".join(f"step.{titles[key]}: {str(value).lower()}" for key, value in present.items())


def _values(path: str, step: Step, total: int) -> Iterator[FieldProblem]:
    if step.set_weight is not None and not 0 <= step.set_weight <= total:
        yield invalid(f"{path}.setWeight", step.set_weight, f"SetWeight needs to be between 0 and {total}")
    seconds = step.pause.seconds if step.pause is not None else None
    if seconds is not None and seconds < 0:
        yield invalid(f"{path}.pause.duration", seconds, "Duration needs to be greater than 0")
    scale = step.set_canary_scale
    for field, value in (("weight", scale.weight), ("replicas", scale.replicas)) if scale is not None else ():
        if value is not None and value < 0:
            yield invalid(f"{path}.setCanaryScale.{field}", value, NOT_NEGATIVE)
