"""Schemas of AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun."""

from __future__ import annotations

from crds_notation import Schema, flag, int_or_string, listing, number, obj, strings, text, time
from crds_providers import provider

_GO_DURATION = "in Go's notation, such as 30s or 1h30m"


def template() -> dict[str, Schema]:
    """Spec of both kinds of template; they have no status."""
    spec = obj(
        "What to measure.",
        metrics=_metrics("The metrics; may be absent where templates has some."),
        args=arguments("Arguments; conditions and providers use them as {{args.NAME}}."),
        dryRun=dry_run(),
        measurementRetention=measurement_retention(),
        templates=listing("Other templates whose metrics and arguments are added.", template_ref()),
    )
    return {"spec": spec}


def run() -> dict[str, Schema]:
    """Spec and status of an AnalysisRun."""
    spec = obj(
        "What is measured. Made from templates by a Rollout or an Experiment, or written by hand.",
        "metrics",
        metrics=_metrics("The metrics."),
        args=arguments("Arguments with their values."),
        terminate=flag("Set to true to stop the run."),
        dryRun=dry_run(),
        measurementRetention=measurement_retention(),
        ttlStrategy=obj(
            "When a finished run is deleted; never if absent.",
            secondsAfterCompletion=number("Seconds after its end, whatever the outcome; the next two win over it."),
            secondsAfterSuccess=number("Seconds after it was successful."),
            secondsAfterFailure=number("Seconds after it failed."),
        ),
    )
    return {"spec": spec, "status": _run_status()}


def template_ref() -> Schema:
    """A template by name."""
    return obj(
        "One template.",
        templateName=text("Its name."),
        clusterScope=flag("Whether it is a ClusterAnalysisTemplate; false if absent."),
    )


def dry_run() -> Schema:
    """Metrics that are only watched."""
    return listing(
        "Metrics that are measured but do not count.",
        obj("Which ones.", "metricName", metricName=text("A regular expression for their names.")),
    )


def measurement_retention() -> Schema:
    """How many measurements stay."""
    return listing(
        "How many measurements of which metrics are kept; 10 if absent.",
        obj(
            "One rule.",
            "metricName",
            "limit",
            metricName=text("A regular expression for the metrics' names."),
            limit=number("How many are kept."),
        ),
    )


def arguments(about: str, *, from_rollout: bool = False) -> Schema:
    """Arguments; those of a Rollout may ask for a pod template hash, and are no map by name upstream."""
    sources = {
        "secretKeyRef": obj(
            "A key of a Secret, read when measuring.",
            "name",
            "key",
            name=text("The Secret, in the run's namespace."),
            key=text("The key in its data."),
        ),
        "fieldRef": obj(
            "A field of the Rollout, read when the run is made.",
            "fieldPath",
            fieldPath=text("Its path, such as metadata.labels['region']."),
        ),
    }
    if from_rollout:
        sources["podTemplateHashValue"] = text("Stable or Latest: the pod template hash of that ReplicaSet.")
    argument = obj(
        "One argument.",
        "name",
        name=text("Its name."),
        value=text("Its value. Absent in a template, it must be supplied; an empty text is a value."),
        valueFrom=obj("Where the value comes from, instead of value.", **sources),
    )
    return listing(about, argument, key=None if from_rollout else "name")


def _metrics(about: str) -> Schema:
    metric = obj(
        "One metric: how it is measured and how measurements are judged.",
        "name",
        "provider",
        name=text("Its name, unique in the run."),
        interval=text(f"Time from the end of one measurement to the next, {_GO_DURATION}; without it one measurement."),
        initialDelay=text(f"Time before the first measurement, {_GO_DURATION}."),
        count=int_or_string("How many measurements; endless if absent and interval is set, else 1."),
        successCondition=text("An expression over result; true means the measurement is successful."),
        failureCondition=text("An expression over result; true means the measurement has failed."),
        failureLimit=int_or_string("How many failed measurements are tolerated; 0 if absent, -1 is any number."),
        inconclusiveLimit=int_or_string("How many inconclusive measurements are tolerated; 0 if absent."),
        consecutiveErrorLimit=int_or_string("How many errors in a row are tolerated; 4 if absent."),
        consecutiveSuccessLimit=int_or_string("Successes in a row that make the metric successful; 0 is off."),
        provider=provider(),
    )
    return listing(about, metric)


def _counts(about: str) -> Schema:
    return obj(
        about,
        count=number("All of them."),
        successful=number("Successful ones."),
        failed=number("Failed ones."),
        inconclusive=number("Inconclusive ones."),
        error=number("Those that ended in an error."),
    )


_PHASES = "Pending, Running, Successful, Failed, Error or Inconclusive."


def _run_status() -> Schema:
    measurement = obj(
        "One measurement.",
        "phase",
        phase=text(_PHASES),
        message=text("Why it is so."),
        startedAt=time("When it began."),
        finishedAt=time("When it ended."),
        resumeAt=time("When a measurement that lasts is looked at again."),
        value=text("What was measured, as text."),
        metadata=strings("What the provider wants to remember, such as the name of a Job."),
    )
    result = obj(
        "One metric's result.",
        "name",
        "phase",
        name=text("The metric."),
        phase=text(_PHASES),
        message=text("Why it is so."),
        measurements=listing("The last measurements, oldest first.", measurement),
        dryRun=flag("Whether it is only watched."),
        metadata=strings("What the provider says of the metric, such as the query it resolved."),
        consecutiveError=number("Errors in a row up to now."),
        consecutiveSuccess=number("Successes in a row up to now."),
        count=number("Measurements that ended otherwise than in an error."),
        successful=number("Successful measurements."),
        failed=number("Failed measurements."),
        inconclusive=number("Inconclusive measurements."),
        error=number("Measurements that ended in an error."),
    )
    return obj(
        "How it stands. Written by the controller.",
        "phase",
        phase=text(_PHASES),
        message=text("Why the run stopped."),
        startedAt=time("When it began."),
        completedAt=time("When it ended."),
        metricResults=listing("One entry a metric.", result),
        runSummary=_counts("Metrics by outcome, those of a dry run apart."),
        dryRunSummary=_counts("Metrics of the dry run by outcome."),
    )
