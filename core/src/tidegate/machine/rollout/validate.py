"""What is wrong with a Rollout, or with an object that it names: one set of checks for controller, lint and admission.

Only the first problem is reported, in the order of the reference controller: the object itself, then the existence of
everything it names, then the content of those. Paths are built as clients know them: without the strategy's name for
checks of the object, with it for checks of references.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from tidegate.api import intstr, names
from tidegate.api.rollout import Canary, Rollout, RolloutSpec, TrafficRouting
from tidegate.api.steps import Step
from tidegate.machine.observed import Observed, Problem, RouterView
from tidegate.machine.rollout.validate_steps import step_problems
from tidegate.machine.selectors import OPERATORS, selects
from tidegate.machine.traffic import Capability

STRATEGY = "spec.strategy"


def problems(seen: Observed) -> tuple[Problem, ...]:
    """Every problem, the one to report first."""
    own = tuple(object_problems(seen.rollout, seen.routers))
    return own or (*missing_references(seen), *wrong_references(seen))


def object_problems(rollout: Rollout, routers: tuple[RouterView, ...]) -> Iterator[Problem]:
    """Problems of the object alone, without a look at anything that it names."""
    spec = rollout.spec
    yield from _common(spec)
    if spec.strategy.canary is not None and spec.strategy.blue_green is None:
        yield from _canary(spec.strategy.canary, routers)
    yield from not_yet(spec)


def _common(spec: RolloutSpec) -> Iterator[Problem]:
    if spec.replicas is not None and spec.replicas < 0:
        yield _invalid("spec.replicas", spec.replicas, "must be greater than or equal to 0")
    if spec.workload_ref is None:
        yield from _selector_and_template(spec)
    for name, value in (
        ("minReadySeconds", spec.min_ready_seconds),
        ("revisionHistoryLimit", spec.revision_history_limit),
        ("progressDeadlineSeconds", spec.progress_deadline_seconds),
    ):
        if value < 0:
            yield _invalid(f"spec.{name}", value, "must be greater than or equal to 0")
    if spec.progress_deadline_seconds <= spec.min_ready_seconds:
        yield _invalid(
            "spec.progressDeadlineSeconds", spec.progress_deadline_seconds, "must be greater than minReadySeconds"
        )
    yield from _one_strategy(spec)


def _selector_and_template(spec: RolloutSpec) -> Iterator[Problem]:
    if spec.selector is None:
        yield Problem("spec.selector", "Rollout has missing field '.spec.selector'")
        return
    labels = ((spec.template or {}).get("metadata") or {}).get("labels") or {}
    expressions = spec.selector.get("matchExpressions") or []
    for index, expression in enumerate(expressions):
        if expression.get("operator") not in OPERATORS:
            path = f"spec.selector.matchExpressions[{index}].operator"
            yield _invalid(path, expression.get("operator"), "not a valid selector operator")
    if not spec.selector.get("matchLabels") and not expressions:
        yield _invalid("spec.selector", spec.selector, "empty selector is invalid for deployment")
    elif not selects(spec.selector, labels):
        yield _invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    pod = (spec.template or {}).get("spec") or {}
    if not pod.get("containers"):
        yield Problem("spec.template.spec.containers", "a pod needs at least one container")
    if pod.get("restartPolicy", "Always") != "Always":
        yield Problem(
            "spec.template.spec.restartPolicy", 'supported values: "Always"', json.dumps(pod.get("restartPolicy"))
        )


def _one_strategy(spec: RolloutSpec) -> Iterator[Problem]:
    both = spec.strategy.canary is not None and spec.strategy.blue_green is not None
    if both:
        yield _invalid(f"{STRATEGY}.strategy", "", "Multiple Strategies can not be listed")
    elif spec.strategy.canary is None and spec.strategy.blue_green is None:
        yield Problem(
            f"{STRATEGY}.strategy", "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"
        )


def _canary(canary: Canary, routers: tuple[RouterView, ...]) -> Iterator[Problem]:
    yield from _surge(canary)
    if canary.canary_service and canary.canary_service == canary.stable_service:
        yield _invalid(
            f"{STRATEGY}.stableService",
            canary.stable_service,
            "This rollout uses the same service for the stable and canary services, but two different services are required.",
        )
    if canary.traffic_routing is None:
        yield from _without_routing(canary)
    else:
        yield from _with_routing(canary, canary.traffic_routing, routers)
    for index, step in enumerate(canary.steps):
        yield from step_problems(index, step, canary, routers)


def _surge(canary: Canary) -> Iterator[Problem]:
    for name, value in (("maxSurge", canary.surge), ("maxUnavailable", canary.unavailable)):
        path = f"{STRATEGY}.{name}"
        try:
            share = intstr.percentage(value)
        except ValueError as error:
            yield _invalid(path, value, str(error))
            continue
        if share is None and int(value) < 0:
            yield _invalid(path, value, "must be greater than or equal to 0")
    if intstr.is_zero(canary.surge) and intstr.is_zero(canary.unavailable):
        yield _invalid(f"{STRATEGY}.maxSurge", canary.surge, "MaxSurge and MaxUnavailable both can not be zero")


def _without_routing(canary: Canary) -> Iterator[Problem]:
    if canary.scale_down_delay_seconds is not None:
        yield _invalid(
            f"{STRATEGY}.scaleDownDelaySeconds",
            canary.scale_down_delay_seconds,
            "Canary scaleDownDelaySeconds can only be used with traffic routing",
        )
    if canary.dynamic_stable_scale:
        yield _invalid(
            f"{STRATEGY}.dynamicStableScale", True, "Canary dynamicStableScale can only be used with traffic routing"
        )


def _with_routing(canary: Canary, routing: TrafficRouting, routers: tuple[RouterView, ...]) -> Iterator[Problem]:
    if canary.dynamic_stable_scale and canary.scale_down_delay_seconds is not None:
        yield _invalid(
            f"{STRATEGY}.dynamicStableScale",
            True,
            "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds",
        )
    if routing.max_traffic_weight is not None and routing.max_traffic_weight < 1:
        path = f"{STRATEGY}.trafficRouting.maxTrafficWeight"
        yield _invalid(path, routing.max_traffic_weight, "must be greater than or equal to 1")
    needs_services = [r for r in routers if Capability.NO_SERVICES not in r.can]
    if needs_services and not (canary.canary_service and canary.stable_service):
        yield _invalid(
            f"{STRATEGY}.stableService",
            canary.stable_service,
            "Canary service and Stable service must to be set to use Traffic Routing",
        )
    if routing.max_traffic_weight is not None and not all(Capability.TOTAL in r.can for r in routers):
        able = " and ".join([*(r.title for r in routers if Capability.TOTAL in r.can), "Plugins"])
        yield _invalid(
            f"{STRATEGY}.trafficRouting.maxTrafficWeight",
            routing.max_traffic_weight,
            f"Canary maxTrafficWeight in traffic routing only supported in {able}",
        )
    if canary.scale_down_delay_revision_limit is not None and canary.scale_down_delay_revision_limit < 0:
        yield _invalid(
            f"{STRATEGY}.scaleDownDelayRevisionLimit",
            canary.scale_down_delay_revision_limit,
            "must be greater than or equal to 0",
        )


def missing_references(seen: Observed) -> Iterator[Problem]:
    """Everything that the Rollout names and that does not exist: Services first, then what routers look for."""
    canary = seen.rollout.spec.strategy.canary
    for field, name in service_fields(canary):
        if name and seen.services.get(name) is None:
            yield Problem(f"{STRATEGY}.canary.{field}", f'service "{name}" not found', json.dumps(name), missing=True)
    for router in seen.routers:
        yield from (problem for problem in router.problems if problem.missing)


def wrong_references(seen: Observed) -> Iterator[Problem]:
    """Everything that exists and cannot work as it is."""
    rollout = seen.rollout
    labels: Mapping[str, str] = ((rollout.spec.template or {}).get("metadata") or {}).get("labels") or {}
    for field, name in service_fields(rollout.spec.strategy.canary):
        service = seen.services.get(name) if name else None
        if service is None:
            continue
        path = f"{STRATEGY}.canary.{field}"
        for key, value in service.selector.items():
            if key != names.POD_HASH and labels.get(key) != value:
                yield _invalid(path, name, f'Service "{name}" has unmatch label "{key}" in rollout')
        if service.managed_by and service.managed_by != rollout.metadata.name:
            yield _invalid(path, name, f'Service "{name}" is managed by another Rollout')
    for router in seen.routers:
        yield from (problem for problem in router.problems if not problem.missing)


def service_fields(canary: Canary | None) -> tuple[tuple[str, str], ...]:
    """The Services that a canary names, in the order in which they are checked: (field, name)."""
    if canary is None:
        return ()
    pair = canary.ping_pong
    return (
        ("stableService", canary.stable_service),
        ("canaryService", canary.canary_service),
        ("pingPong.pingService", pair.ping_service if pair else ""),
        ("pingPong.pongService", pair.pong_service if pair else ""),
    )


def not_yet(spec: RolloutSpec) -> Iterator[Problem]:
    """What the API knows and this version does not carry out: refused aloud, since ignoring it would look like success."""
    canary = spec.strategy.canary or Canary()
    absent: dict[str, object] = {
        "spec.workloadRef": spec.workload_ref,
        "spec.strategy.blueGreen": spec.strategy.blue_green,
        "spec.strategy.canary.analysis": canary.analysis,
        "spec.strategy.canary.antiAffinity": canary.anti_affinity,
        "spec.strategy.canary.canaryMetadata": canary.canary_metadata,
        "spec.strategy.canary.stableMetadata": canary.stable_metadata,
        "spec.strategy.canary.pingPong": canary.ping_pong,
        "spec.strategy.canary.dynamicStableScale": canary.dynamic_stable_scale or None,
    }
    for index, step in enumerate(canary.steps):
        absent |= {f"spec.strategy.canary.steps[{index}].{key}": value for key, value in _waiting_kinds(step).items()}
    for path, value in absent.items():
        if value is not None:
            yield _invalid(
                path,
                "",
                "this version of tidegate does not carry this out yet; remove it or wait for a release that does",
            )


def _waiting_kinds(step: Step) -> dict[str, object]:
    return {"experiment": step.experiment, "analysis": step.analysis, "plugin": step.plugin}


def _invalid(path: str, value: object, detail: str) -> Problem:
    return Problem(path, detail, json.dumps(value))
