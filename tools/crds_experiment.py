"""Schemas of the Experiment, alone and as a canary step."""

from __future__ import annotations

from crds_analysis import arguments, dry_run, measurement_retention
from crds_notation import Schema, flag, listing, number, obj, text, time
from crds_pods import pod_metadata, pod_template, selector
from crds_rollout_status import conditions

_PHASES = "Pending, Running, Successful, Failed, Error or Inconclusive."
_DURATION = "How long it runs once available, in Go's notation; without it until its analyses end or it is terminated."


def experiment() -> dict[str, Schema]:
    """Spec and status."""
    template = obj(
        "One ReplicaSet.",
        "name",
        "selector",
        "template",
        name=text("Its name, unique in the experiment."),
        replicas=number("How many pods; 1 if absent."),
        minReadySeconds=number("Seconds a pod must be ready to count as available."),
        selector=selector("Which pods are its own; not empty."),
        template=pod_template("The pods."),
        service=_service(),
    )
    spec = obj(
        "ReplicaSets to run side by side for a while, and analyses to run on them.",
        "templates",
        templates=listing("The ReplicaSets.", template),
        duration=text(_DURATION),
        progressDeadlineSeconds=number("Seconds each template has to become available; 600 if absent."),
        terminate=flag("Set to true to end it now."),
        analyses=_analyses(from_rollout=False),
        scaleDownDelaySeconds=number("Seconds from its end until its pods go; 30 if absent."),
        dryRun=dry_run(),
        measurementRetention=measurement_retention(),
        analysisRunMetadata=pod_metadata("Labels and annotations of every AnalysisRun."),
    )
    return {"spec": spec, "status": _status()}


def experiment_step() -> Schema:
    """`steps[].experiment`."""
    template = obj(
        "One ReplicaSet.",
        "name",
        "specRef",
        name=text("Its name, unique in the step."),
        specRef=text("stable or canary: whose pod template it takes."),
        replicas=number("How many pods; 1 if absent."),
        weight=number("Its share of the traffic while the experiment runs."),
        metadata=pod_metadata("Labels and annotations to add to its pods."),
        selector=selector("Which pods are its own; by default those of the ReplicaSet it copies."),
        service=_service(),
    )
    return obj(
        "Run an Experiment and go on when it was successful.",
        "templates",
        templates=listing("The ReplicaSets.", template),
        duration=text(_DURATION),
        analyses=_analyses(from_rollout=True),
        scaleDownDelaySeconds=number("Seconds from its end until its pods go; 30 if absent."),
        dryRun=dry_run(),
        analysisRunMetadata=pod_metadata("Labels and annotations of every AnalysisRun."),
    )


def _service() -> Schema:
    return obj("Asks for a Service that leads to its pods; {} is enough.", name=text("Name of the Service."))


def _analyses(*, from_rollout: bool) -> Schema:
    analysis = obj(
        "One analysis.",
        "name",
        "templateName",
        name=text("Its name, the end of the run's name."),
        templateName=text("The template."),
        clusterScope=flag("Whether it is a ClusterAnalysisTemplate; false if absent."),
        args=arguments("Arguments for the template.", from_rollout=from_rollout),
        requiredForCompletion=flag("Whether the experiment waits for its success."),
    )
    return listing("AnalysisRuns that start once all templates are available.", analysis)


def _status() -> Schema:
    template = obj(
        "How one ReplicaSet stands.",
        "name",
        name=text("The template."),
        replicas=number("Its pods."),
        updatedReplicas=number("Its pods with the wanted template."),
        readyReplicas=number("Its ready pods."),
        availableReplicas=number("Its available pods."),
        collisionCount=number("How often the ReplicaSet's name was taken."),
        status=text("Progressing, Running, Successful, Failed or Error."),
        message=text("Why it is so."),
        lastTransitionTime=time("Since when it is so."),
        serviceName=text("Its Service."),
        podTemplateHash=text("The hash of its pods."),
    )
    run = obj(
        "One analysis.",
        "name",
        "analysisRun",
        name=text("The analysis."),
        analysisRun=text("Name of its AnalysisRun."),
        phase=text(_PHASES),
        message=text("Why it is so."),
    )
    return obj(
        "How it stands. Written by the controller.",
        phase=text(_PHASES),
        message=text("Why it is so."),
        availableAt=time("When all templates were available for the first time."),
        templateStatuses=listing("One entry a template.", template),
        analysisRuns=listing("One entry an analysis.", run),
        conditions=conditions("Progressing, InvalidSpec."),
    )
