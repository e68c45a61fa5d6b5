"""The ReplicaSet and the Service of a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api import names
from tidegate.api.experiment import Experiment, ExperimentTemplate
from tidegate.machine.analysis.starting import owner_of
from tidegate.machine.experiment.acts import ServiceSeen
from tidegate.machine.hashing import pod_hash, template_digest
from tidegate.machine.observed import ReplicaSetView, ServiceView

Manifest = dict[str, Any]


def set_name(experiment: Experiment, template: ExperimentTemplate) -> str:
    """The name of a template's ReplicaSet."""
    return f"{experiment.metadata.name}-{template.name}"


def service_name(experiment: Experiment, template: ExperimentTemplate) -> str:
    """The name of a template's Service, "" for a template that asks for none or has no port to serve."""
    if template.service is None or not _ports(template):
        return ""
    return template.service.name or set_name(experiment, template)


def hash_of(experiment: Experiment, template: ExperimentTemplate) -> str:
    """The hash that labels a template's pods.

    The names are part of it: a template that copies a Rollout's has the same content, and with the same hash the Rollout's
    own Services would select the pods of the Experiment.
    """
    where = f"{experiment.metadata.namespace}/{set_name(experiment, template)}"
    return pod_hash(f"{template_digest(_unlabelled(template.template or {}))}/experiment/{where}", None)


def replica_set(experiment: Experiment, template: ExperimentTemplate) -> Manifest:
    """The ReplicaSet, without pods: the next pass gives it its size."""
    labelled = hash_of(experiment, template)
    pods = _unlabelled(template.template or {})
    metadata = pods.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), names.POD_HASH: labelled}
    selector = template.selector or {}
    selector = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), names.POD_HASH: labelled}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {**_metadata(experiment, template, set_name(experiment, template)), "labels": labels},
        "spec": {
            "replicas": 0,
            "minReadySeconds": template.min_ready_seconds,
            "selector": selector,
            "template": {**pods, "metadata": {**metadata, "labels": labels}},
        },
    }


def service(experiment: Experiment, template: ExperimentTemplate, seen: ReplicaSetView) -> Manifest:
    """The Service, which selects by every label of the ReplicaSet."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(experiment, template, service_name(experiment, template)),
        "spec": {"selector": dict(seen.labels), "ports": _ports(template)},
    }


def service_seen(view: ServiceView, *, leaving: bool = False) -> ServiceSeen:
    """A Service as a pass looks at it (see `ServiceSeen` for `leaving`)."""
    return ServiceSeen(
        view.name, view.uid, view.owner_uid, view.template, view.selector.get(names.POD_HASH, ""), leaving
    )


def _metadata(experiment: Experiment, template: ExperimentTemplate, name: str) -> Manifest:
    metadata = experiment.metadata
    revision = metadata.annotations.get(names.REVISION)
    return {
        "name": name,
        "namespace": metadata.namespace,
        "annotations": {
            names.EXPERIMENT_NAME: metadata.name,
            names.TEMPLATE_NAME: template.name,
            **({names.REVISION: revision} if revision else {}),
        },
        "ownerReferences": [owner_of("Experiment", metadata.name, metadata.uid)],
    }


def _unlabelled(pods: Mapping[str, Any]) -> Manifest:
    """A pod template without the hash of the revision that it was copied from."""
    metadata = pods.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != names.POD_HASH}
    return {**pods, "metadata": {**metadata, "labels": labels}}


def _ports(template: ExperimentTemplate) -> list[Manifest]:
    """One port for each of the containers'."""
    containers = ((template.template or {}).get("spec") or {}).get("containers") or []
    return [_port(port) for container in containers for port in container.get("ports") or []]


def _port(port: Mapping[str, Any]) -> Manifest:
    number = port.get("containerPort")
    named = {"name": port["name"]} if port.get("name") else {}
    return {**named, "protocol": port.get("protocol") or "TCP", "port": number, "targetPort": number}
