"""Experiments for a canary step: what they hold, and what of them counts for the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api import names
from tidegate.api.experiment import Experiment, ExperimentStatus, ExperimentStep, StepAnalysis, StepTemplate
from tidegate.api.rollout import Rollout
from tidegate.machine.analysis.arguments import Giver
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.phases import COMPLETED, RUNNING
from tidegate.machine.analysis.starting import Manifest, owner_of
from tidegate.machine.checking import StartExperiment
from tidegate.machine.traffic import Destination


@dataclass(frozen=True, slots=True)
class Revisions:
    """The Rollout and the ReplicaSets of its two revisions as they stand in the cluster."""

    rollout: Rollout
    stable: Mapping[str, Any]
    canary: Mapping[str, Any]


def experiment_for(start: StartExperiment, revisions: Revisions) -> Manifest:
    """The Experiment that an action asks for. Raises Unusable for a template or an argument that cannot be made."""
    step, rollout = ExperimentStep.read(start.experiment), revisions.rollout
    giver = Giver(rollout, start.stable_hash, start.pod_hash)
    instance = rollout.metadata.labels.get(names.INSTANCE_ID)
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Experiment",
        "metadata": {
            "name": start.name,
            "namespace": rollout.metadata.namespace,
            "labels": {
                **rollout.metadata.labels,
                names.POD_HASH: start.pod_hash,
                **({names.INSTANCE_ID: instance} if instance else {}),
            },
            "annotations": {names.REVISION: str(start.revision)},
            "ownerReferences": [owner_of("Rollout", rollout.metadata.name, rollout.metadata.uid)],
        },
        "spec": _spec(step, revisions, giver),
    }


def _spec(step: ExperimentStep, revisions: Revisions, giver: Giver) -> Manifest:
    copied = {key: value for key, value in step.wire().items() if key not in ("templates", "analyses")}
    deadline = revisions.rollout.spec.progress_deadline_seconds
    return {
        **copied,
        "templates": [_template(template, revisions) for template in step.templates],
        **({"analyses": [_analysis(analysis, giver) for analysis in step.analyses]} if step.analyses else {}),
        **({"progressDeadlineSeconds": deadline} if deadline is not None else {}),
    }


def _template(template: StepTemplate, revisions: Revisions) -> Manifest:
    source = {"stable": revisions.stable, "canary": revisions.canary}.get(template.spec_ref)
    if source is None:
        raise Unusable("Invalid template step SpecRef: must be canary or stable")
    spec = source.get("spec") or {}
    pods, extra = spec.get("template") or {}, template.metadata
    metadata = pods.get("metadata") or {}
    selector = template.selector if template.selector is not None else spec.get("selector") or {}
    # A weight is given to a Service: there has to be one.
    service = template.service.wire() if template.service is not None else {} if template.weight is not None else None
    return {
        "name": template.name,
        **({"replicas": template.replicas} if template.replicas is not None else {}),
        **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **extra.labels}},
        "template": {
            **pods,
            "metadata": {
                **metadata,
                "labels": {**(metadata.get("labels") or {}), **extra.labels},
                "annotations": {**(metadata.get("annotations") or {}), **extra.annotations},
            },
        },
        **({"service": service} if service is not None else {}),
    }


def _analysis(analysis: StepAnalysis, giver: Giver) -> Manifest:
    written = analysis.wire()
    given = giver.arguments([arg.wire() for arg in analysis.args])
    return {**written, **({"args": [arg.wire() for arg in given]} if given else {})}


def adopts(existing: Experiment, wanted: Experiment, owner_uid: str, wanted_uid: str) -> bool:
    """Whether an Experiment of the wanted name is the wanted one.

    # differs: one that was told to end is never taken over; the reference does, and waits on it for ever.
    """
    if existing.status.phase in COMPLETED or existing.spec.terminate or not owner_uid or owner_uid != wanted_uid:
        return False
    mine, other = wanted.spec.wire(), existing.spec.wire()
    return mine == {key: value for key, value in other.items() if key != "terminate"}


def destinations(step: ExperimentStep, status: ExperimentStatus) -> tuple[Destination, ...]:
    """The weighted Services of a running Experiment; one without a name yet gets no traffic."""
    if status.phase != RUNNING:
        return ()
    weights = {template.name: template.weight for template in step.templates}
    return tuple(
        Destination(found.service_name, weight, found.pod_template_hash)
        for found in status.template_statuses
        if (weight := weights.get(found.name)) is not None and found.service_name
    )
