"""AnalysisRuns for a Rollout: what they hold, how they are called, and when one that exists already will do.

Who carries out `checking.StartRun` calls these in turn: `run_for`, then `adopts` or `next_name` while the name is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api import names
from tidegate.api.analysis import AnalysisRun, AnalysisTemplateSpec, DryRun, MeasurementRetention
from tidegate.api.rollout import Rollout
from tidegate.machine.analysis.arguments import Giver
from tidegate.machine.analysis.phases import COMPLETED
from tidegate.machine.analysis.templates import Library, gathered, merged, supplied
from tidegate.machine.checking import StartRun

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run is made from beside the action: the Rollout, the templates, and the hash of the stable revision."""

    rollout: Rollout
    library: Library
    stable_hash: str


def run_for(start: StartRun, around: Surroundings) -> Manifest:
    """The AnalysisRun that an action asks for. Raises Unusable for templates or arguments that do not fit together."""
    analysis = start.analysis
    spec = merged(
        gathered(analysis.templates, around.library),
        [DryRun.read(rule) for rule in analysis.dry_run],
        [MeasurementRetention.read(rule) for rule in analysis.measurement_retention],
    )
    given = Giver(around.rollout, around.stable_hash, start.pod_hash).arguments(analysis.args)
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnalysisRun",
        "metadata": {
            "name": start.name,
            "namespace": around.rollout.metadata.namespace,
            "labels": _labels(start, around.rollout),
            "annotations": _annotations(start),
            "ownerReferences": [owner_of("Rollout", around.rollout.metadata.name, around.rollout.metadata.uid)],
        },
        "spec": spec_of(spec.model_copy(update={"args": supplied(spec.args, given)})),
    }


def spec_of(spec: AnalysisTemplateSpec) -> Manifest:
    """The spec of a run that measures what a merged template says; a Secret stays a reference."""
    wired = spec.wire()
    return {"metrics": [], **{key: value for key, value in wired.items() if value and key != "templates"}}


def owner_of(kind: str, name: str, uid: str) -> Manifest:
    """The ownerReference of a controller."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _labels(start: StartRun, rollout: Rollout) -> dict[str, str]:
    """Later ones win, as in the reference: those that users ask for stand above ours, and the selector above all."""
    instance = rollout.metadata.labels.get(names.INSTANCE_ID)
    own = {
        names.ROLLOUT_TYPE: start.type,
        names.POD_HASH: start.pod_hash,
        **({names.STEP_INDEX: str(start.step)} if start.step is not None else {}),
        **({names.INSTANCE_ID: instance} if instance else {}),
    }
    selector = (rollout.spec.selector or {}).get("matchLabels") or {}
    return {**own, **_extra(start, "labels"), **{key: str(value) for key, value in selector.items()}}


def _annotations(start: StartRun) -> dict[str, str]:
    return {names.REVISION: str(start.revision), **_extra(start, "annotations")}


def _extra(start: StartRun, part: str) -> Mapping[str, str]:
    return (start.analysis.analysis_run_metadata or {}).get(part) or {}


def adopts(existing: AnalysisRun, wanted: AnalysisRun, owner_uid: str, wanted_uid: str) -> bool:
    """Whether a run of the wanted name is the wanted one: not over, not told to end, of the same owner, the same spec.

    # differs: the reference adopts one that has been told to end, and waits on it.
    """
    if existing.status.phase in COMPLETED or existing.spec.terminate or not owner_uid or owner_uid != wanted_uid:
        return False
    mine, other = wanted.spec, existing.spec
    return all(
        [part.wire() for part in getattr(mine, name)] == [part.wire() for part in getattr(other, name)]
        for name in ("metrics", "dry_run", "measurement_retention", "args")
    )


def next_name(base: str, attempt: int, separator: str = ".") -> str:
    """The name for a further attempt: `<base>`, `<base>.1`, `<base>.2`, …"""
    return base if attempt == 0 else f"{base}{separator}{attempt}"
