"""Reads manifests from files, folders and standard input, and makes observations of them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tidegate.api import names
from tidegate.api.analysis import AnalysisTemplate
from tidegate.api.rollout import Rollout
from tidegate.errors import ConfigError
from tidegate.hooks.configs import Configured, target_for
from tidegate.hooks.facade import Facade
from tidegate.hooks.objects import carries
from tidegate.hooks.references import Kind
from tidegate.hooks.sharing import shared_by_routers
from tidegate.machine.analysis.templates import Library
from tidegate.machine.observed import Door, Observed, PodView, Problem, ReplicaSetView, RouterView, WorkloadView
from tidegate.machine.projections import (
    controller_uid,
    experiment_view,
    replica_set_view,
    run_view,
    service_view,
)
from tidegate.machine.rollout.pods import pods_needed
from tidegate.runtime.kinds import WORKLOADS
from tidegate.runtime.projections import pod_seen, workload_view
from tidegate.runtime.references import services_of, workload_of

Manifest = dict[str, Any]

# Kinds that a Rollout itself looks at: sources with nothing else tell nothing about what its routers name.
CHECKS = (names.ANALYSIS_TEMPLATE, names.CLUSTER_ANALYSIS_TEMPLATE, names.ANALYSIS_RUN, names.EXPERIMENT)
NOT_ROUTED = frozenset({names.ROLLOUT, "Service", "ReplicaSet", "Pod", *CHECKS, *(kind for _, kind in WORKLOADS)})


@dataclass(frozen=True, slots=True)
class Fault:
    """A source, or a document in one, that cannot be read: where, and what to do."""

    where: str
    message: str


@dataclass(slots=True)
class Manifests:
    """Every object of the given sources, by kind, namespace and name; serves routers as their reader.

    `rollouts` are all of them with their places, namesakes of an overlay included. `faults` are the sources that could not
    be read; the others are there all the same. `places` tells where an object was found.
    """

    objects: dict[tuple[str, str, str], Manifest] = field(default_factory=dict)
    rollouts: list[tuple[Manifest, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    places: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def read(self, kind: Kind, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The object, or None where no source has it."""
        return self.objects.get((kind.kind, namespace, name))

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[Manifest]:
        """The objects that carry `labels`."""
        return [manifest for manifest in self.of(kind.kind, namespace) if carries(manifest, labels)]

    def of(self, kind: str, namespace: str = "") -> list[Manifest]:
        """All objects of a kind, in one namespace or in all."""
        return [m for (k, ns, _), m in self.objects.items() if k == kind and namespace in ("", ns)]

    def add(self, manifest: Manifest, where: str) -> None:
        """Take an object; one without a name is a fault."""
        metadata = manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
            self.faults.append(Fault(where, f"{manifest.get('kind')}: metadata.name: Required value: name the object"))
            return
        key = (str(manifest.get("kind")), str(metadata.setdefault("namespace", "default")), name)
        self.objects[key], self.places[key] = manifest, where
        if manifest.get("kind") == names.ROLLOUT:
            self.rollouts.append((manifest, where))


def load(sources: list[str]) -> Manifests:
    """Read sources: files, folders (every .yaml, .yml and .json below) and `-`. Raises ConfigError for one that is not there."""
    found = Manifests()
    for name, read in _sources(sources):
        try:
            for line, document in _documents(read()):
                for manifest in _flat(document):
                    found.add(manifest, f"{name}:{line}")
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            found.faults.append(Fault(f"{name}:{line}", f"not YAML: {error.problem}; mend the syntax"))
        except (UnicodeDecodeError, yaml.YAMLError, OSError) as error:
            found.faults.append(Fault(name, f"cannot be read as YAML: {error}"))
    return found


def _sources(sources: list[str]) -> Iterator[tuple[str, Callable[[], str]]]:
    for source in sources:
        if source == "-":
            yield "standard input", sys.stdin.read
            continue
        path = Path(source)
        if not path.exists():
            raise ConfigError(
                source, "no such file or folder; name YAML or JSON files, folders, or - for standard input"
            )
        files = (
            sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml", ".json")) if path.is_dir() else [path]
        )
        for file in files:
            yield str(file), partial(file.read_text, encoding="utf-8")


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if node is not None:
            yield node.start_mark.line + 1, yaml.safe_load(yaml.serialize(node))


def _flat(document: Any) -> Iterator[Manifest]:
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
        for item in document.get("items") or []:
            yield from _flat(item)
    elif isinstance(document, dict) and "kind" in document:
        yield document


def read_rollout(manifest: Manifest, origin: str) -> Rollout:
    """The Rollout model. Raises ConfigError that names field and value of the first thing that cannot be read."""
    try:
        return Rollout.read(manifest)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(origin, f"{where}: {first['msg']}, found {first.get('input')!r}") from error


def observe(rollout: Rollout, manifests: Manifests, facade: Facade, now: datetime | None = None) -> Observed:
    """An observation made of manifests alone, as of `now`, the present by default.

    Kinds of which the sources hold nothing are taken as being there.
    """
    now, namespace = now or datetime.now(UTC), rollout.metadata.namespace
    replica_sets = tuple(replica_set_view(m) for m in manifests.of("ReplicaSet", namespace))
    services = {m["metadata"]["name"]: service_view(m) for m in manifests.of("Service", namespace)}
    named = sorted(services_of(rollout))
    if not services:
        services = {name: service_view({"metadata": {"name": name}}) for name in named}
    return Observed(
        now=now,
        rollout=rollout,
        replica_sets=replica_sets,
        services={name: services.get(name) for name in named},
        routers=_routers(rollout, manifests, facade),
        pods=tuple(_pods(rollout, replica_sets, manifests, now)),
        workload=_workload(rollout, manifests),
        doors=frozenset({Door.ANALYSIS, Door.EXPERIMENT}),
        runs=tuple(run_view(m) for m in manifests.of(names.ANALYSIS_RUN, namespace) if _owned(m, rollout)),
        experiments=tuple(experiment_view(m) for m in manifests.of(names.EXPERIMENT, namespace) if _owned(m, rollout)),
        library=library_of(manifests, namespace),
    )


def _owned(manifest: Manifest, rollout: Rollout) -> bool:
    return bool(rollout.metadata.uid) and controller_uid(manifest) == rollout.metadata.uid


def library_of(manifests: Manifests, namespace: str) -> Library | None:
    """The templates that a namespace may use; None where the sources hold none at all: a Rollout is looked at by itself.

    Those that cannot be read are left out.
    """
    here = dict(_templates(manifests.of(names.ANALYSIS_TEMPLATE, namespace)))
    wide = dict(_templates(manifests.of(names.CLUSTER_ANALYSIS_TEMPLATE)))
    return Library(here, wide) if here or wide else None


def _templates(found: list[Manifest]) -> Iterator[tuple[str, AnalysisTemplate]]:
    for manifest in found:
        with contextlib.suppress(ValidationError):  # told where each object is looked at by itself
            yield str(manifest["metadata"]["name"]), AnalysisTemplate.read(manifest)


def _pods(
    rollout: Rollout, replica_sets: tuple[ReplicaSetView, ...], manifests: Manifests, now: datetime
) -> Iterator[PodView]:
    """The pods of the Rollout's ReplicaSets where a pass would look at them."""
    if not pods_needed(rollout, replica_sets):
        return
    owners = {each.uid for each in replica_sets if each.owner_uid == rollout.metadata.uid}
    for manifest in manifests.of("Pod", rollout.metadata.namespace):
        pod = pod_seen(manifest)
        if pod.view.owner_uid in owners:
            yield pod.at(now, rollout.spec.min_ready_seconds)


def _workload(rollout: Rollout, manifests: Manifests) -> WorkloadView | None:
    """What the Rollout borrows its template from; None where no source has it."""
    place = workload_of(rollout)
    found = manifests.read(*place) if place is not None else None
    return workload_view(place[0].kind, dict(found)) if place is not None and found is not None else None


def _routers(rollout: Rollout, manifests: Manifests, facade: Facade) -> tuple[RouterView, ...]:
    configured = configured_routers(rollout, facade)
    targets = {each.name: target_for(rollout, each) for each in configured if each.config is not None}
    shared = tuple(shared_by_routers(facade, targets)) if len(targets) > 1 else ()
    views = []
    for each in configured:
        problems = each.problems
        if each.name in targets:
            problems = _believed(facade.problems(each.name, targets[each.name], manifests), manifests)
        others = (problem for router, problem in shared if router == each.name)
        views.append(facade.view(each.name, (*problems, *others)))
    return tuple(views)


def configured_routers(rollout: Rollout, facade: Facade) -> list[Configured]:
    """The routers that a Rollout names, in the order in which they are asked, with their configs read."""
    canary = rollout.spec.strategy.canary
    routing = canary.traffic_routing if canary else None
    if routing is None:
        return []
    order = {name: place for place, name in enumerate(facade.routers)}
    named = sorted(routing.routers, key=lambda name: order.get(name, len(order)))
    raw = routing.routers
    return [replace(facade.configure(name, raw[name], routing.path(name)), can=facade.view(name).can) for name in named]


def _believed(problems: tuple[Problem, ...], manifests: Manifests) -> tuple[Problem, ...]:
    """Without absences where the sources hold nothing that a router could have named: a Rollout is looked at by itself."""
    alone = all(kind in NOT_ROUTED for kind, _, _ in manifests.objects)
    return tuple(p for p in problems if not p.missing) if alone else problems
