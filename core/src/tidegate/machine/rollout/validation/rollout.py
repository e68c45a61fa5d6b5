"""What is wrong with a Rollout, or with an object that it names: one set of checks for controller, lint and admission.

Only the first problem is reported by the controller, in the order of the reference controller: a workload that cannot be
found, the object itself, then the existence of everything it names, then the content of those. Paths are built as clients
know them: without the strategy's name for checks of the object, with it for checks of references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.api import names
from tidegate.api.rollout import RolloutSpec, Strategy
from tidegate.machine.observed import Observed, Problem, ServiceView
from tidegate.machine.remembered import Remembered
from tidegate.machine.rollout.validation.blue_green import blue_green_problems, metadata_problems
from tidegate.machine.rollout.validation.canary import canary_problems
from tidegate.machine.rollout.validation.doors import door_problems
from tidegate.machine.rollout.validation.problems import NOT_NEGATIVE, FieldProblem, invalid, required
from tidegate.machine.rollout.validation.templates import template_problems
from tidegate.machine.rollout.validation.workload import pod_problems, unresolved

_STRATEGY = "spec.strategy"


def problems(seen: Observed) -> tuple[Problem, ...]:
    """Every problem, the one to report first."""
    lost = unresolved(seen)
    own = (*([lost] if lost else []), *_object_problems(seen))
    return own or (*missing_references(seen), *wrong_references(seen))


_judged: Remembered[tuple[FieldProblem, ...]] = Remembered()


def _object_problems(seen: Observed) -> tuple[FieldProblem, ...]:
    """`object_problems`, worked out once for a spec and what is judged with it."""
    return _judged.of(
        seen.rollout.spec, (seen.workload, seen.routers, seen.doors), lambda: tuple(object_problems(seen))
    )


def object_problems(seen: Observed) -> Iterator[FieldProblem]:
    """Problems of the object alone, without a look at what it names, but for a workload that it borrows from."""
    spec = seen.rollout.spec
    if spec.replicas is not None and spec.replicas < 0:
        yield invalid("spec.replicas", spec.replicas, NOT_NEGATIVE)
    yield from pod_problems(spec, seen.workload)
    yield from _periods(spec)
    yield from _strategy(seen)
    yield from door_problems(spec.strategy, seen.doors)


def _periods(spec: RolloutSpec) -> Iterator[FieldProblem]:
    for name, value in (
        ("minReadySeconds", spec.min_ready_seconds),
        ("revisionHistoryLimit", spec.revision_history_limit),
        ("progressDeadlineSeconds", spec.progress_deadline_seconds),
    ):
        if value < 0:
            yield invalid(f"spec.{name}", value, NOT_NEGATIVE)
    if spec.progress_deadline_seconds <= spec.min_ready_seconds:
        yield invalid(
            "spec.progressDeadlineSeconds", spec.progress_deadline_seconds, "must be greater than minReadySeconds"
        )


def _strategy(seen: Observed) -> Iterator[FieldProblem]:
    strategy = seen.rollout.spec.strategy
    selector = seen.rollout.spec.selector or (seen.workload.selector if seen.workload else None)
    # The doubled name is the path that clients know.
    path = f"{_STRATEGY}.strategy"
    if strategy.canary is not None and strategy.blue_green is not None:
        yield invalid(path, "blueGreen: true canary: true", "Multiple Strategies can not be listed")
    elif strategy.blue_green is not None:
        yield from blue_green_problems(strategy.blue_green, seen.rollout.spec.revision_history_limit)
        preview, active = strategy.blue_green.preview_metadata, strategy.blue_green.active_metadata
        yield from metadata_problems(selector, {"previewMetadata": preview, "activeMetadata": active})
    elif strategy.canary is not None:
        yield from canary_problems(seen.rollout, strategy.canary, seen.routers)
        canary, stable = strategy.canary.canary_metadata, strategy.canary.stable_metadata
        yield from metadata_problems(selector, {"canaryMetadata": canary, "stableMetadata": stable})
    else:
        yield required(path, "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'")


def missing_references(seen: Observed) -> Iterator[Problem]:
    """Everything that the Rollout names and that does not exist: Services first, then templates, then what routers look for."""
    for field, name in service_fields(seen.rollout.spec.strategy):
        if seen.services.get(name) is None:
            yield invalid(f"{_STRATEGY}.{field}", name, f'service "{name}" not found', missing=True)
    yield from (problem for problem in template_problems(seen.rollout.spec.strategy, seen.library) if problem.missing)
    for router in seen.routers:
        yield from (problem for problem in router.problems if problem.missing)


def wrong_references(seen: Observed) -> Iterator[Problem]:
    """Everything that exists and cannot work as it is."""
    labels = _pod_labels(seen)
    for field, name in service_fields(seen.rollout.spec.strategy):
        service = seen.services.get(name)
        if service is not None:
            yield from _service(f"{_STRATEGY}.{field}", service, labels, seen.rollout.metadata.name)
    found = template_problems(seen.rollout.spec.strategy, seen.library)
    yield from (problem for problem in found if not problem.missing)
    for router in seen.routers:
        yield from (problem for problem in router.problems if not problem.missing)


def _service(path: str, service: ServiceView, labels: Mapping[str, str], owner: str) -> Iterator[FieldProblem]:
    for key, value in service.selector.items():
        if key != names.POD_HASH and labels.get(key) != value:
            yield invalid(path, service.name, f'Service "{service.name}" has unmatch label "{key}" in rollout')
    if service.managed_by and service.managed_by != owner:
        yield invalid(path, service.name, f'Service "{service.name}" is managed by another Rollout')


def _pod_labels(seen: Observed) -> Mapping[str, str]:
    """The labels of the template in force. Called for a valid object only, so they have their shape."""
    workload = seen.workload if seen.rollout.spec.workload_ref is not None else None
    template = workload.template if workload is not None else seen.rollout.spec.template or {}
    labels: Mapping[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels


def service_fields(strategy: Strategy) -> tuple[tuple[str, str], ...]:
    """The Services that a strategy names, in the order in which they are checked: (field below spec.strategy, name)."""
    return _named.of(strategy, None, lambda: _service_fields(strategy))


_named: Remembered[tuple[tuple[str, str], ...]] = Remembered()


def _service_fields(strategy: Strategy) -> tuple[tuple[str, str], ...]:
    fields: list[tuple[str, str]] = []
    if strategy.canary is not None:
        canary, pair = strategy.canary, strategy.canary.ping_pong
        fields += [("canary.stableService", canary.stable_service), ("canary.canaryService", canary.canary_service)]
        if pair is not None:
            fields += [
                ("canary.pingPong.pingService", pair.ping_service),
                ("canary.pingPong.pongService", pair.pong_service),
            ]
    if strategy.blue_green is not None:
        blue_green = strategy.blue_green
        fields += [
            ("blueGreen.activeService", blue_green.active_service),
            ("blueGreen.previewService", blue_green.preview_service),
        ]
    return tuple((field, name) for field, name in fields if name)
