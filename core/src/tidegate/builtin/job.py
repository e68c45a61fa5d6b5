"""The metric `job`: a Job is a measurement, which succeeds or fails as the Job does.

Source: argo-rollouts metricproviders/job/job.go; names, labels and annotations are its, so that clients find the Jobs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from tidegate.hooks import (
    Access,
    Kind,
    Manifest,
    Measurement,
    MetricProvider,
    NotFound,
    OwnershipError,
    Query,
    Reading,
    Rule,
    controller_of,
)

JOBS = Kind("batch", "v1", "Job", "jobs")
PODS = Kind("", "v1", "Pod", "pods")
UID_LABEL = "analysisrun.argoproj.io/uid"
NAME, NAMESPACE = "analysisrun.argoproj.io/name", "analysisrun.argoproj.io/namespace"
METRIC = "analysisrun.argoproj.io/metric-name"
JOB_NAME, JOB_NAMESPACE = "job-name", "job-namespace"
# Where the Jobs of all runs are made, "" for each run's own namespace.
HOME = "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE"
HOPELESS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName"})  # why a container never starts
LONGEST_NAME = 63  # of a Job: its pods bear it as a label


class JobMetadata(BaseModel):
    """What of the metadata is taken over."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class JobConfig(BaseModel):
    """A Job as it is to be made; `spec` is Kubernetes' JobSpec, which the API server validates."""

    metadata: JobMetadata = Field(default_factory=JobMetadata)
    spec: dict[str, Any]


class JobProvider(MetricProvider[JobConfig]):
    """Runs a Job for each measurement. Conditions of the metric are not looked at."""

    name = "job"
    config = JobConfig
    needs = (Rule("batch", "jobs", "get list create delete"), Rule("", "pods", "list"))
    shows = frozenset({JOB_NAME, JOB_NAMESPACE})

    def measure(self, query: Query[JobConfig], access: Access) -> Reading:
        """Make the Job, or take up the one that a process made which died before it could note it."""
        namespace, name = home_of(query), name_of(query)
        found = access.objects.get(JOBS, name, namespace)
        if found is None:
            access.objects.create(JOBS, job_for(query), namespace=namespace)
        elif not _belongs(found, query):
            raise OwnershipError(
                f'jobs.batch "{name}" already exists and belongs to somebody else; delete it, or rename the metric'
            )
        return Reading(phase="Running", metadata={JOB_NAME: name, JOB_NAMESPACE: namespace}, resume_at=query.now)

    def resume(self, query: Query[JobConfig], access: Access, measurement: Measurement) -> Reading:
        """How the Job stands; looked at less and less often."""
        name, namespace = _place(query, measurement)
        job = access.objects.get(JOBS, name, namespace)
        if job is None:
            raise NotFound(f'jobs.batch "{name}" not found', code=404, reason="NotFound")
        for condition in (job.get("status") or {}).get("conditions") or ():
            if condition.get("type") == "Complete":
                return Reading(phase="Successful")
            if condition.get("type") == "Failed":
                return Reading(phase="Failed")
        if stuck := _stuck(access.objects.select(PODS, {UID_LABEL: query.uid}, namespace), job):
            return Reading(phase="Inconclusive", message=stuck)
        return Reading(phase="Running", resume_at=query.now + _pause(measurement.started_at, query.now))

    def terminate(self, query: Query[JobConfig], access: Access, measurement: Measurement) -> Reading:
        """Delete the Job, with its pods."""
        name, namespace = _place(query, measurement)
        access.objects.delete(JOBS, name, namespace=namespace)
        return Reading(phase="Inconclusive")

    def collect(self, query: Query[JobConfig], access: Access, keep: int) -> None:
        """Delete the oldest Jobs of the run, of all its metrics together, beyond `keep`.

        # differs: one that is still at work stays; the reference may delete another metric's measurement under way.
        """
        namespace = home_of(query)
        jobs = sorted(access.objects.select(JOBS, {UID_LABEL: query.uid}, namespace), key=_age)
        for job in filter(_over, jobs[: max(0, len(jobs) - keep)]):
            access.objects.delete(JOBS, job["metadata"]["name"], namespace=namespace)


def home_of(query: Query[JobConfig]) -> str:
    """The namespace that the run's Jobs are made in."""
    return os.environ.get(HOME) or query.namespace


def name_of(query: Query[JobConfig]) -> str:
    """`<uid of the run>.<metric>.<number>`, the metric cut so that it fits."""
    room = LONGEST_NAME - len(query.uid) - len(str(query.number)) - 2
    return f"{query.uid}.{query.metric[: max(0, room)]}.{query.number}"


def job_for(query: Query[JobConfig]) -> Manifest:
    """The Job of a measurement; without an owner in another namespace than its run's."""
    config, home = query.config, home_of(query)
    annotations = {NAME: query.run, NAMESPACE: query.namespace, METRIC: query.metric}
    metadata: Manifest = {
        "name": name_of(query),
        "labels": {**config.metadata.labels, UID_LABEL: query.uid},
        "annotations": {**config.metadata.annotations, **annotations},
    }
    if home == query.namespace:
        metadata["ownerReferences"] = [query.owner]
    return {"metadata": metadata, "spec": _labelled(config.spec, query.uid)}


def _labelled(spec: Mapping[str, Any], uid: str) -> Manifest:
    """The spec, whose pods bear the run's uid too."""
    template = dict(spec.get("template") or {})
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), UID_LABEL: uid}
    return {**spec, "template": {**template, "metadata": metadata}}


def _belongs(job: Manifest, query: Query[JobConfig]) -> bool:
    """Whether a Job of the wanted name is the run's. In another namespace the name, which has the run's uid, says so."""
    return home_of(query) != query.namespace or controller_of(job).get("uid") == query.uid


def _place(query: Query[JobConfig], measurement: Measurement) -> tuple[str, str]:
    metadata = measurement.metadata
    return metadata.get(JOB_NAME) or name_of(query), metadata.get(JOB_NAMESPACE) or home_of(query)


def _pause(started: datetime | None, now: datetime) -> timedelta:
    """The reference's: sqrt(2 × elapsed) s, so 1, 2, 3, … s apart; at least one, so that nothing spins."""
    elapsed_s = max(0.0, (now - started).total_seconds()) if started else 0.0
    return timedelta(seconds=max(1.0, (2 * elapsed_s) ** 0.5))


def _stuck(pods: Sequence[Manifest], job: Manifest) -> str:
    """What keeps a pod of the Job from ever starting, a line for each container; "" for nothing."""
    own = (pod for pod in pods if controller_of(pod).get("uid") == job["metadata"]["uid"])
    return "".join(
        f"Pod {pod['metadata']['name']}, container {container['name']} has terminal error "
        f"({waiting['reason']}): {waiting.get('message', '')}\n"
        for pod in own
        for container in (pod.get("status") or {}).get("containerStatuses") or ()
        if (waiting := (container.get("state") or {}).get("waiting") or {}).get("reason") in HOPELESS
    )


def _over(job: Mapping[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(condition.get("type") in ("Complete", "Failed") for condition in conditions)


def _age(job: Mapping[str, Any]) -> tuple[str, int, str]:
    """Oldest first. Times have whole seconds: of one metric's Jobs the number, the name's last part, decides then."""
    metadata = job["metadata"]
    metric, _, number = str(metadata["name"]).rpartition(".")
    return str(metadata.get("creationTimestamp", "")), int(number) if number.isdigit() else 0, metric
