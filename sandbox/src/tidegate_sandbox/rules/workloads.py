"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, autoscalers and disruption budgets."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import Cause
from tidegate_sandbox.rules.fields import fill, immutable, invalid, not_negative, required, section, unsupported
from tidegate_sandbox.rules.pods import check_template, default_template
from tidegate_sandbox.selectors import matches_selector


def default_deployment(item: Manifest) -> None:
    spec = section(item, "spec")
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = section(spec, "strategy")
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), {"maxSurge": "25%", "maxUnavailable": "25%"})
    default_template(section(spec, "template"))


def default_replica_set(item: Manifest) -> None:
    spec = section(item, "spec")
    fill(spec, {"replicas": 1})
    default_template(section(spec, "template"))


def default_replication_controller(item: Manifest) -> None:
    default_replica_set(item)
    labels = item["spec"]["template"]["metadata"].get("labels") or {}
    fill(item["spec"], {"selector": dict(labels)})


def default_stateful_set(item: Manifest) -> None:
    spec = section(item, "spec")
    kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady"})
    fill(spec, {"persistentVolumeClaimRetentionPolicy": kept})
    strategy = section(spec, "updateStrategy")
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), {"partition": 0})
    default_template(section(spec, "template"))


def default_daemon_set(item: Manifest) -> None:
    spec = section(item, "spec")
    fill(spec, {"revisionHistoryLimit": 10})
    strategy = section(spec, "updateStrategy")
    fill(strategy, {"type": "RollingUpdate"})
    if strategy["type"] == "RollingUpdate":
        fill(section(strategy, "rollingUpdate"), {"maxSurge": 0, "maxUnavailable": 1})
    default_template(section(spec, "template"))


def default_job(item: Manifest) -> None:
    """Job defaults, with the selector and labels that tie its pods to it (by uid, so after the uid is known)."""
    spec = section(item, "spec")
    _default_job_spec(spec)
    if spec.get("parallelism") is None and spec.get("completions") is None:
        fill(spec, {"completions": 1})
    fill(spec, {"parallelism": 1, "suspend": False, "manualSelector": False})
    uid, name = item["metadata"].get("uid", ""), item["metadata"]["name"]
    if spec.get("selector") is None and not spec.get("manualSelector"):
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
        labels = section(section(spec["template"], "metadata"), "labels")
        for prefix in ("batch.kubernetes.io/", ""):
            labels[f"{prefix}controller-uid"] = uid
            labels[f"{prefix}job-name"] = name
    labels = spec["template"].get("metadata", {}).get("labels")
    if labels:
        fill(item["metadata"], {"labels": dict(labels)})


def _default_job_spec(spec: Manifest) -> None:
    fill(spec, {"backoffLimit": 6, "completionMode": "NonIndexed"})
    fill(spec, {"podReplacementPolicy": "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"})
    default_template(section(spec, "template"))


def default_cron_job(item: Manifest) -> None:
    spec = section(item, "spec")
    fill(spec, {"concurrencyPolicy": "Allow", "suspend": False})
    fill(spec, {"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1})
    section(section(spec, "jobTemplate"), "metadata")
    template = section(spec["jobTemplate"], "spec")
    default_template(section(template, "template"))


def default_autoscaler(item: Manifest) -> None:
    spec = section(item, "spec")
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    fill(spec, {"minReplicas": 1, "metrics": [{"type": "Resource", "resource": cpu}]})


def check_deployment(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    yield from _check_workload(new, old)
    strategy = new["spec"].get("strategy") or {}
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        yield unsupported("spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate"))
    elif strategy["type"] == "Recreate" and strategy.get("rollingUpdate") is not None:
        detail = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield Cause("spec.strategy.rollingUpdate", detail, "FieldValueForbidden")
    yield from not_negative("spec.minReadySeconds", new["spec"].get("minReadySeconds"))


def check_replica_set(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    yield from _check_workload(new, old)


def _check_workload(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    yield from not_negative("spec.replicas", spec.get("replicas"))
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector:
        yield required("spec.selector")
        yield invalid("spec.template.metadata.labels", labels or None, "`selector` does not match template `labels`")
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield invalid("spec.selector", selector, "empty selector is invalid for deployment")
    elif not matches_selector(selector, labels):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    if old is not None:
        yield from immutable("spec.selector", selector, old["spec"].get("selector"))
    yield from check_template(template, "spec.template", ("Always",))


def check_replication_controller(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    yield from not_negative("spec.replicas", new["spec"].get("replicas"))
    yield from check_template(new["spec"].get("template") or {}, "spec.template", ("Always",))


def check_job(new: Manifest, old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    yield from not_negative("spec.parallelism", spec.get("parallelism"))
    yield from not_negative("spec.completions", spec.get("completions"))
    yield from not_negative("spec.backoffLimit", spec.get("backoffLimit"))
    yield from check_template(spec.get("template") or {}, "spec.template", ("OnFailure", "Never"))
    if old is not None:
        yield from immutable("spec.selector", spec.get("selector"), old["spec"].get("selector"))
        yield from immutable("spec.template", spec.get("template"), old["spec"].get("template"))


def check_cron_job(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    if len(str(spec.get("schedule") or "").split()) != 5 and not str(spec.get("schedule") or "").startswith("@"):
        yield invalid("spec.schedule", spec.get("schedule") or "", "expected exactly 5 fields")
    template = (spec.get("jobTemplate") or {}).get("spec", {}).get("template") or {}
    yield from check_template(template, "spec.jobTemplate.spec.template", ("OnFailure", "Never"))


def check_autoscaler(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    spec = new["spec"]
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if high < 1:
        yield invalid("spec.maxReplicas", high, "must be greater than 0")
    elif high < low:
        yield invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`")
    if low < 1:
        yield invalid("spec.minReplicas", low, "must be greater than or equal to 1")
    for field in ("kind", "name"):
        if not (spec.get("scaleTargetRef") or {}).get(field):
            yield required(f"spec.scaleTargetRef.{field}")


def check_disruption_budget(new: Manifest, _old: Manifest | None) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
