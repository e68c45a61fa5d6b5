"""From manifests to the slim views that the rules look at. No pydantic: this runs for every event of every watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tidegate.api import names
from tidegate.api.wire import read_time
from tidegate.machine.hashing import template_digest
from tidegate.machine.observed import ExperimentView, ReplicaSetView, RunView, ServiceView

Manifest = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def replica_set_view(manifest: Manifest, digest: Callable[[Manifest], str] | None = None) -> ReplicaSetView:
    """The view of a ReplicaSet as the API server hands it out; what is absent reads as zero.

    `digest` may know the template's digest already; it is asked with the manifest.
    """
    metadata, spec, status = (manifest.get(part) or {} for part in ("metadata", "spec", "status"))
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return ReplicaSetView(
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        created=read_time(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else EPOCH,
        resource_version=metadata.get("resourceVersion", ""),
        pod_hash=labels.get(names.POD_HASH, ""),
        digest=(digest or digest_of)(manifest),
        owner_uid=controller_uid(manifest),
        labels=labels,
        annotations={key: value for key, value in annotations.items() if key != names.LAST_APPLIED},
        spec_replicas=1 if spec.get("replicas") is None else spec["replicas"],
        replicas=status.get("replicas") or 0,
        ready=status.get("readyReplicas") or 0,
        available=status.get("availableReplicas") or 0,
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        generation=metadata.get("generation") or 1,
        observed_generation=status.get("observedGeneration") or 0,
        deleting=bool(metadata.get("deletionTimestamp")),
        failure=_failure(status),
        kept_from=_kept_from(spec.get("template") or {}),
    )


def digest_of(manifest: Manifest) -> str:
    """The digest of a ReplicaSet's pod template, without what the controller itself has injected."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    template = (manifest.get("spec") or {}).get("template") or {}
    return template_digest(template, annotations.get(names.EPHEMERAL_METADATA, ""))


def run_view(manifest: Manifest) -> RunView:
    """The view of an AnalysisRun that its owner has."""
    metadata, status = manifest.get("metadata") or {}, manifest.get("status") or {}
    labels = metadata.get("labels") or {}
    step = str(labels.get(names.STEP_INDEX, ""))
    return RunView(
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
        type=labels.get(names.ROLLOUT_TYPE, ""),
        pod_hash=labels.get(names.POD_HASH, ""),
        created=read_time(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else EPOCH,
        step=int(step) if step.isdecimal() else None,
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        ending=bool((manifest.get("spec") or {}).get("terminate")),
    )


def experiment_view(manifest: Manifest) -> ExperimentView:
    """The view of an Experiment that a Rollout has, without destinations: those hang on the Rollout's step.

    The step is read from the name, `<rollout>-<hash>-<revision>-<step>[-<attempt>]`: no label tells it.
    """
    metadata, status = manifest.get("metadata") or {}, manifest.get("status") or {}
    name, revision = metadata.get("name", ""), (metadata.get("annotations") or {}).get(names.REVISION, "")
    pod_hash = (metadata.get("labels") or {}).get(names.POD_HASH, "")
    step = name.partition(f"-{pod_hash}-{revision}-")[2].partition("-")[0]
    return ExperimentView(
        name=name,
        uid=metadata.get("uid", ""),
        pod_hash=pod_hash,
        created=read_time(metadata["creationTimestamp"]) if metadata.get("creationTimestamp") else EPOCH,
        step=int(step) if step.isdecimal() else None,
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        ending=bool((manifest.get("spec") or {}).get("terminate")),
    )


def service_view(manifest: Manifest) -> ServiceView:
    """Whom a Service selects and who manages it."""
    metadata = manifest.get("metadata") or {}
    return ServiceView(
        name=metadata.get("name", ""),
        selector=(manifest.get("spec") or {}).get("selector") or {},
        managed_by=(metadata.get("annotations") or {}).get(names.MANAGED_BY, ""),
        resource_version=metadata.get("resourceVersion", ""),
        uid=metadata.get("uid", ""),
        owner_uid=controller_uid(manifest),
        template=(metadata.get("annotations") or {}).get(names.TEMPLATE_NAME, ""),
    )


def controller_uid(manifest: Manifest) -> str:
    """The uid of the owner that is marked as controller, "" for an orphan."""
    owners = (manifest.get("metadata") or {}).get("ownerReferences") or []
    return next((str(owner.get("uid", "")) for owner in owners if owner.get("controller")), "")


def _failure(status: Mapping[str, Any]) -> tuple[str, str, str] | None:
    found = next((c for c in status.get("conditions") or [] if c.get("type") == "ReplicaFailure"), None)
    return (found.get("status", ""), found.get("reason", ""), found.get("message", "")) if found else None


def _kept_from(template: Mapping[str, Any]) -> str:
    """The hash whose pods an injected anti-affinity term keeps this template's away from, "" without one.

    A user's own term over the hash label cannot be told from it.
    """
    rules = ((template.get("spec") or {}).get("affinity") or {}).get("podAntiAffinity") or {}
    preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or []
    terms = [
        *(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or []),
        *(weighted.get("podAffinityTerm") or {} for weighted in preferred),
    ]
    for term in terms:
        for expression in (term.get("labelSelector") or {}).get("matchExpressions") or []:
            if expression.get("key") == names.POD_HASH:
                return next((str(value) for value in expression.get("values") or []), "")
    return ""
