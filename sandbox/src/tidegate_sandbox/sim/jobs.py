"""The simulated Job controller: runs pods until enough have succeeded or too many have failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidegate_sandbox.contracts import Change, Manifest
from tidegate_sandbox.sim.cluster import Cluster
from tidegate_sandbox.sim.conditions import condition, find, holds, with_conditions
from tidegate_sandbox.sim.moments import earliest, moment, stamp
from tidegate_sandbox.sim.owners import controlled_by, controller_of, deleting, reference_to
from tidegate_sandbox.sim.queue import Key
from tidegate_sandbox.sim.replicasets import active, pod_from

RESOURCE = "jobs.batch"

# Kubernetes' defaults: spec.backoffLimit, and the delay between retries, doubled up to six minutes.
BACK_OFF_LIMIT = 6
FIRST_RETRY_S = 10.0
LAST_RETRY_S = 360.0


@dataclass(frozen=True, slots=True)
class Tally:
    """The pods of a Job by how they stand; `failures` also counts restarts in place."""

    running: tuple[Manifest, ...]
    succeeded: int
    failed: int
    failures: int
    last_failure: datetime | None


class Jobs:
    """Keeps up to `parallelism` pods running. Indexed completion is treated as plain completion."""

    name = "job"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys_for(self, change: Change) -> Iterable[Key]:
        metadata = change.object["metadata"]
        namespace = metadata.get("namespace", "")
        if change.resource == RESOURCE:
            return [Key(self.name, RESOURCE, namespace, metadata["name"])]
        owner = controller_of(change.object) if change.resource == "pods" else None
        if owner is None or owner["kind"] != "Job":
            return []
        return [Key(self.name, RESOURCE, namespace, owner["name"])]

    def reconcile(self, key: Key) -> datetime | None:
        job = self._cluster.view.get(RESOURCE, key.namespace, key.name)
        if job is None or deleting(job):
            return None
        if holds(job, "Complete") or holds(job, "Failed"):
            return self._expire(job)
        now, spec, known = self._cluster.now(), job["spec"], job.get("status", {})
        suspended, tally = bool(spec.get("suspend")), self._tally(job)
        started = moment(known["startTime"]) if "startTime" in known else now
        over = None if suspended else _verdict(spec, tally, started, now)
        wake_at = None
        if over is not None or suspended:
            self._end_running(tally)
        else:
            wake_at = self._run_more(job, tally, now)
        status = _status(job, self._tally(job), over, now)
        if not suspended:
            status["startTime"] = stamp(started)
        self._cluster.update_status(RESOURCE, job, status)
        return wake_at if over or suspended else earliest([wake_at, _deadline(spec, started)])

    def _tally(self, job: Manifest) -> Tally:
        pods = [
            pod for _, pod in self._cluster.view.owned_by(job["metadata"]["uid"], "pods") if controlled_by(pod, job)
        ]
        running = tuple(pod for pod in pods if active(pod))
        failed = [pod for pod in pods if pod.get("status", {}).get("phase") == "Failed"]
        succeeded = sum(pod.get("status", {}).get("phase") == "Succeeded" for pod in pods)
        restarts = sum(entry.get("restartCount", 0) for pod in running for entry in _containers(pod))
        last = max((end for pod in failed if (end := _ended_at(pod)) is not None), default=None)
        return Tally(running, succeeded, len(failed), len(failed) + restarts, last)

    def _run_more(self, job: Manifest, tally: Tally, now: datetime) -> datetime | None:
        """Create what is missing; when a back-off holds it, its end."""
        missing = _wanted(job["spec"], tally) - len(tally.running)
        if missing < 0:
            for pod in tally.running[missing:]:
                self._cluster.delete("pods", pod)
            return None
        if missing and tally.last_failure is not None:
            wait_s = min(FIRST_RETRY_S * 2.0 ** min(tally.failed - 1, 10), LAST_RETRY_S)
            retry_at = tally.last_failure + timedelta(seconds=wait_s)
            if now < retry_at:
                return retry_at
        for _ in range(missing):
            pod = pod_from(job["spec"]["template"], reference_to(job, "batch/v1", "Job"))
            pod["metadata"]["namespace"] = job["metadata"].get("namespace", "")
            self._cluster.create_named("pods", f"{job['metadata']['name']}-", pod)
        return None

    def _end_running(self, tally: Tally) -> None:
        for pod in tally.running:
            self._cluster.delete("pods", pod)

    def _expire(self, job: Manifest) -> datetime | None:
        """Delete a finished Job after ttlSecondsAfterFinished, with its pods."""
        ttl_s = job["spec"].get("ttlSecondsAfterFinished")
        conditions = job["status"]["conditions"]
        ended = find(conditions, "Complete") or find(conditions, "Failed")
        if ttl_s is None or ended is None:
            return None
        expires_at = moment(ended["lastTransitionTime"]) + timedelta(seconds=ttl_s)
        if self._cluster.now() < expires_at:
            return expires_at
        self._cluster.delete(RESOURCE, job)
        return None


def _wanted(spec: Manifest, tally: Tally) -> int:
    """How many pods should run: without `completions` none are added once one has succeeded."""
    parallelism, completions = spec.get("parallelism"), spec.get("completions")
    parallelism = 1 if parallelism is None else int(parallelism)
    if completions is None:
        return len(tally.running) if tally.succeeded else parallelism
    return min(parallelism, max(0, int(completions) - tally.succeeded))


def _verdict(spec: Manifest, tally: Tally, started: datetime, now: datetime) -> Manifest | None:
    """The condition that ends the Job; None while it goes on."""
    limit, completions = spec.get("backoffLimit"), spec.get("completions")
    if tally.failures > (BACK_OFF_LIMIT if limit is None else limit):
        return condition("Failed", True, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = _deadline(spec, started)
    if deadline is not None and now >= deadline:
        return condition("Failed", True, "DeadlineExceeded", "Job was active longer than specified deadline")
    done = tally.succeeded > 0 and not tally.running if completions is None else tally.succeeded >= completions
    return (
        condition("Complete", True, "CompletionsReached", "Reached expected number of succeeded pods") if done else None
    )


def _status(job: Manifest, tally: Tally, over: Manifest | None, now: datetime) -> Manifest:
    known, suspended = job.get("status", {}), bool(job["spec"].get("suspend"))
    counts = {
        "active": len(tally.running),
        "ready": sum(holds(pod, "Ready") for pod in tally.running),
        "succeeded": tally.succeeded,
        "failed": tally.failed,
    }
    status = {key: value for key, value in known.items() if key not in counts}
    status |= {key: count for key, count in counts.items() if count}
    wanted = [over] if over is not None else []
    if suspended or find(known.get("conditions") or (), "Suspended") is not None:
        wanted.append(condition("Suspended", suspended, "JobSuspended" if suspended else "JobResumed"))
    if wanted:
        status["conditions"] = with_conditions(known.get("conditions") or (), wanted, now)
    if over is not None and over["type"] == "Complete":
        status["completionTime"] = stamp(now)
    return status


def _deadline(spec: Manifest, started: datetime) -> datetime | None:
    limit_s = spec.get("activeDeadlineSeconds")
    return None if limit_s is None else started + timedelta(seconds=limit_s)


def _containers(pod: Manifest) -> Sequence[Manifest]:
    return pod.get("status", {}).get("containerStatuses") or ()


def _ended_at(pod: Manifest) -> datetime | None:
    ends = [entry["state"]["terminated"]["finishedAt"] for entry in _containers(pod) if "terminated" in entry["state"]]
    return max((moment(end) for end in ends), default=None)
