"""Actions in words, as an operator would say them: who gets what, and from where to where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from tidegate.api import names
from tidegate.machine.actions import (
    Action,
    CreateReplicaSet,
    DeleteReplicaSet,
    EvictPod,
    PatchPod,
    PatchReplicaSet,
    PatchRollout,
    PointService,
    ScaleWorkload,
)
from tidegate.machine.checking import (
    AskStepPlugin,
    DeleteExperiment,
    DeleteRun,
    EndExperiment,
    EndRun,
    Operation,
    StartExperiment,
    StartRun,
)
from tidegate.machine.observed import Observed, ReplicaSetView
from tidegate.machine.rollout.annotations import revision_of
from tidegate.machine.routing import (
    CleanUpRouter,
    RemoveManagedRoutes,
    RouterAction,
    SetHeaderRoute,
    SetMirrorRoute,
    SetWeights,
    UpdateHash,
    VerifyWeights,
)
from tidegate.machine.traffic import Match, MirrorMatch, Weights

# Annotations that have a meaning of their own: what writing a value says, and what removing it says.
NOTES: Mapping[str, tuple[str, str]] = {
    names.REVISION: ("number it revision {}", "take its revision number away"),
    names.REVISION_HISTORY: ("note its former revisions {}", "forget its former revisions"),
    names.DESIRED_REPLICAS: ("note {} as the wanted total", "forget the wanted total"),
    names.SCALE_DOWN_DEADLINE: ("keep its pods until {}", "forget its scale-down deadline"),
    names.EPHEMERAL_METADATA: ("note the metadata put on its pods", "forget the metadata put on its pods"),
}


def words(action: Action, seen: Observed) -> str:
    """What an action does, in one line without its reason. One of a type that is not known here is named with its fields."""
    match action:
        case PatchRollout():
            parts = [] if action.replicas is None else [f"set spec.replicas to {action.replicas}"]
            return _on(f"Rollout {seen.rollout.metadata.name}", [*parts, *_annotated(action.annotations)])
        case CreateReplicaSet():
            return _create(action)
        case PatchReplicaSet():
            return _patch(action, _view(seen, action.name))
        case DeleteReplicaSet():
            return f"delete {_called(action.name, _view(seen, action.name))}"
        case PatchPod():
            return _on(f"pod {action.name}", _labelled({**action.labels, **action.annotations}))
        case EvictPod():
            return f"evict pod {action.name}"
        case ScaleWorkload():
            return _scale(action, seen)
        case PointService():
            adopted = ", and take it over" if action.adopt else ""
            return f"point Service {action.service} at {revision_name(seen, action.pod_hash)}{adopted}"
        case RouterAction():
            return f"router {action.router}: {_asked(action, seen)}"
        case _:
            return _checked(action, seen)


def revision_name(seen: Observed, pod_hash: str) -> str:
    """A revision by its number and ReplicaSet, by its hash where it has no ReplicaSet, "no revision" for no hash."""
    found = next((s for s in seen.replica_sets if pod_hash and s.pod_hash == pod_hash), None)
    if found is not None:
        return f"revision {revision_of(found)} ({found.name})"
    return f"the revision with hash {pod_hash}" if pod_hash else "no revision"


def shares(weights: Weights) -> str:
    """Every share of the traffic: `25 % to the canary, 75 % to stable`."""
    parts = [(weights.canary, "the canary"), (weights.stable, "stable")]
    parts += [(each.weight, each.service) for each in weights.additional]
    if weights.total == names.DEFAULT_TOTAL_WEIGHT:
        return ", ".join(f"{share} % to {who}" for share, who in parts)
    return ", ".join(f"{share} to {who}" for share, who in parts) + f", of {weights.total}"


def _view(seen: Observed, name: str) -> ReplicaSetView | None:
    return next((s for s in seen.replica_sets if s.name == name), None)


def _called(name: str, view: ReplicaSetView | None) -> str:
    number = revision_of(view) if view is not None else 0
    return f"ReplicaSet {name} (revision {number})" if number else f"ReplicaSet {name}"


def _on(who: str, parts: Iterable[str]) -> str:
    return f"on {who} {', '.join(parts) or 'change nothing'}"


def _create(action: CreateReplicaSet) -> str:
    spec, annotations = action.manifest["spec"], action.manifest["metadata"].get("annotations") or {}
    images = [str(c.get("image")) for c in spec["template"].get("spec", {}).get("containers") or []]
    runs = f", of {', '.join(images)}" if images else ""
    number = annotations.get(names.REVISION, "unnumbered")
    return f"create ReplicaSet {action.name} (revision {number}) with {spec.get('replicas', 0)} pods{runs}"


def _patch(action: PatchReplicaSet, view: ReplicaSetView | None) -> str:
    who, parts = _called(action.name, view), list(_set_parts(action))
    if action.replicas is None:
        return _on(who, parts)
    before = view.spec_replicas if view is not None else "?"
    return ", ".join([f"scale {who} {before} -> {action.replicas}", *parts])


def _set_parts(action: PatchReplicaSet) -> Iterator[str]:
    """All but the size."""
    if action.owner is not None:
        yield "adopt it" if action.owner else "release it"
    yield from _annotated(action.annotations)
    if action.min_ready_seconds is not None:
        yield f"set minReadySeconds to {action.min_ready_seconds}"
    if action.template:
        yield f"change {', '.join(sorted(action.template))} of its pod template"


def _annotated(annotations: Mapping[str, str | None]) -> Iterator[str]:
    for key, value in annotations.items():
        write, remove = NOTES.get(key, (f"annotate {key}={{}}", f"remove annotation {key}"))
        yield remove if value is None else write.format(value)


def _labelled(metadata: Mapping[str, str | None]) -> Iterator[str]:
    for key, value in metadata.items():
        yield f"take {key} off" if value is None else f"put {key}={value}"


def _scale(action: ScaleWorkload, seen: Observed) -> str:
    workload = seen.workload
    known = workload is not None and (workload.kind, workload.name) == (action.kind, action.name)
    before = f"{workload.replicas} -> " if workload and known and workload.replicas is not None else "to "
    return f"scale {action.kind} {action.name} {before}{action.replicas}"


# --- routers ---


def _asked(action: RouterAction, seen: Observed) -> str:
    match action:
        case RemoveManagedRoutes():
            kept = f" but {', '.join(sorted(action.keep))}" if action.keep else ""
            return f"remove every managed route{kept}"
        case UpdateHash():
            canary, stable = (revision_name(seen, each) for each in (action.hashes.canary, action.hashes.stable))
            return f"the canary is {canary}, stable is {stable}"
        case SetWeights():
            early = " (before the revisions are told)" if action.early else ""
            return f"send {shares(action.weights)}{early}"
        case VerifyWeights():
            required = ", and go no further before that is so" if action.required else ""
            return f"ask whether it sends {shares(action.weights)}{required}"
        case SetHeaderRoute():
            return _routed(
                action.route.name, "send", [f"{who} {_compared(value)}" for who, value in action.route.match]
            )
        case SetMirrorRoute():
            verb = f"copy {action.route.percentage} % of"
            return _routed(action.route.name, verb, [_mirrored(match) for match in action.route.match])
        case CleanUpRouter():
            return "take back what it left behind"
        case _:
            return unknown(action)


def _routed(name: str, verb: str, rules: list[str]) -> str:
    if not rules:
        return f"remove route {name}"
    return f"route {name}: {verb} the requests with {' or '.join(rules)} to the canary"


def _mirrored(match: MirrorMatch) -> str:
    parts = [f"{what} {_compared(each)}" for what, each in (("method", match.method), ("path", match.path)) if each]
    parts += [f"{header} {_compared(each)}" for header, each in match.headers.items()]
    return " and ".join(parts) or "anything"


def _compared(match: Match) -> str:
    for how, value in (("", match.exact), ("starting with ", match.prefix), ("matching ", match.regex)):
        if value is not None:
            return f'{how}"{value}"'
    return "present"


# --- checks ---


def _checked(action: Action, seen: Observed) -> str:
    match action:
        case StartRun():
            templates = ", ".join(ref.template_name for ref in action.analysis.templates) or "no template"
            tested = revision_name(seen, action.pod_hash)
            return f"start {action.type} AnalysisRun {action.name} ({templates}) for {tested}"
        case EndRun():
            return f"end AnalysisRun {action.name}"
        case DeleteRun():
            return f"delete AnalysisRun {action.name}"
        case StartExperiment():
            return f"start Experiment {action.name} of step {action.step + 1}"
        case EndExperiment():
            return f"end Experiment {action.name}"
        case DeleteExperiment():
            return f"delete Experiment {action.name}"
        case AskStepPlugin():
            verb = {Operation.RUN: "run", Operation.TERMINATE: "end", Operation.ABORT: "abort"}[action.operation]
            return f"let step plugin {action.name} {verb} step {action.step + 1}"
        case _:
            return unknown(action)


def unknown(action: Action) -> str:
    """The type and fields of an action that has no words yet."""
    own = {f.name: getattr(action, f.name) for f in fields(action) if f.name not in ("why", "events")}
    return " ".join([type(action).__name__, *(f"{key}={value}" for key, value in own.items())])
