"""Schema of a Rollout's spec."""

from __future__ import annotations

from crds_analysis import arguments, dry_run, measurement_retention, template_ref
from crds_experiment import experiment_step
from crds_notation import Schema, anything, flag, int_or_string, listing, mapping, number, obj, text, time
from crds_pods import percentage_or_number, pod_metadata, pod_template, selector
from crds_rollout_status import rollout_status
from crds_routers import traffic_routing


def rollout() -> dict[str, Schema]:
    """Spec and status."""
    spec = obj(
        "What is wanted.",
        replicas=number("How many pods; 1 if absent."),
        selector=selector(
            "Which pods are its own; matches the template's labels and cannot change. Absent with workloadRef.",
            **{"x-kubernetes-validations": [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]},
        ),
        template=pod_template("The pods. A change of it starts an update. Absent with workloadRef."),
        workloadRef=obj(
            "A workload whose template and selector are used instead.",
            apiVersion=text("Its API version, such as apps/v1."),
            kind=text("Deployment, ReplicaSet or PodTemplate."),
            name=text("Its name, in the same namespace."),
            scaleDown=text("When a Deployment is scaled to zero: never (if absent), onsuccess or progressively."),
        ),
        minReadySeconds=number("Seconds a pod must be ready to count as available; 0 if absent."),
        strategy=obj("How an update goes: exactly one of the two.", canary=_canary(), blueGreen=_blue_green()),
        revisionHistoryLimit=number("How many old ReplicaSets are kept; 10 if absent."),
        paused=flag("Holds the update until it is false again."),
        progressDeadlineSeconds=number("Seconds without progress after which the update is Degraded; 600 if absent."),
        progressDeadlineAbort=flag("Abort the update at that point."),
        restartAt=time("Restart all pods that are older, a few at a time."),
        analysis=obj(
            "How many finished AnalysisRuns and Experiments are kept.",
            successfulRunHistoryLimit=number("Successful ones; 5 if absent."),
            unsuccessfulRunHistoryLimit=number("Failed, inconclusive and erroneous ones; 5 if absent."),
        ),
        rollbackWindow=obj(
            "Lets a return to a recent revision skip the steps.",
            revisions=number("How many revisions back; off if absent or 0."),
        ),
    )
    return {"spec": spec, "status": rollout_status()}


def _canary() -> Schema:
    return obj(
        "Shift traffic to the new version step by step.",
        canaryService=text("The Service that selects the new pods."),
        stableService=text("The Service that selects the stable pods."),
        steps=listing("The steps, one key each; without any the update goes through at once.", _step()),
        trafficRouting=traffic_routing(),
        maxSurge=percentage_or_number(
            "Pods above spec.replicas during an update without traffic routing; 25% if absent."
        ),
        maxUnavailable=percentage_or_number("Pods that may be missing meanwhile; 25% if absent."),
        analysis=_analysis("An analysis that runs beside the steps.", startingStep=number("The step it starts at.")),
        canaryMetadata=pod_metadata("Labels and annotations of the new pods while they are canary."),
        stableMetadata=pod_metadata("Labels and annotations of the pods while they are stable."),
        dynamicStableScale=flag("Size the stable pods by their share of the traffic."),
        pingPong=obj(
            "Two Services that take turns, so that no Service changes its pods while it has traffic.",
            "pingService",
            "pongService",
            pingService=text("The one."),
            pongService=text("The other."),
        ),
        minPodsPerReplicaSet=number("The least pods of a ReplicaSet that gets traffic, with traffic routing."),
        replicaProgressThreshold=obj(
            "How much of the new pods must be available for a step to go on.",
            "type",
            "value",
            type=text("Percent or Pods."),
            value=number("How many."),
        ),
        **_scale_down("the previous pods"),
        **_anti_affinity(),
    )


def _blue_green() -> Schema:
    return obj(
        "Bring the new version up beside the old one and switch.",
        "activeService",
        activeService=text("The Service that is switched."),
        previewService=text("The Service that leads to the new version before the switch."),
        previewReplicaCount=number("Size of the new version before the switch; spec.replicas if absent."),
        autoPromotionEnabled=flag("Whether the switch is made without a person; true if absent."),
        autoPromotionSeconds=number("Seconds to wait before the switch."),
        maxUnavailable=percentage_or_number("Pods that may be missing during a restart; 25% if absent."),
        prePromotionAnalysis=_analysis("An analysis that must be successful before the switch."),
        postPromotionAnalysis=_analysis("An analysis after the switch; when it fails the switch is taken back."),
        previewMetadata=pod_metadata("Labels and annotations of the new pods before the switch."),
        activeMetadata=pod_metadata("Labels and annotations of the pods that are active."),
        **_scale_down("the previously active pods"),
        **_anti_affinity(),
    )


def _scale_down(which: str) -> dict[str, Schema]:
    return {
        "scaleDownDelaySeconds": number(f"Seconds until {which} go after an update; 30 if absent."),
        "scaleDownDelayRevisionLimit": number("How many old ReplicaSets may wait for that at a time."),
        "abortScaleDownDelaySeconds": number("Seconds until the new pods go after an abort; 30 if absent, 0 is never."),
    }


def _anti_affinity() -> dict[str, Schema]:
    preferred = obj("Prefer it.", "weight", weight=number("How much, 1 to 100, as in a pod's affinity terms."))
    rules = obj(
        "Keep the pods of two versions on different nodes: exactly one of the two.",
        requiredDuringSchedulingIgnoredDuringExecution=obj("Insist on it."),
        preferredDuringSchedulingIgnoredDuringExecution=preferred,
    )
    return {"antiAffinity": rules}


def _analysis(about: str, /, **more: Schema) -> Schema:
    return obj(
        about,
        templates=listing("The templates to run, as one AnalysisRun.", template_ref()),
        args=arguments("Arguments for the templates.", from_rollout=True),
        dryRun=dry_run(),
        measurementRetention=measurement_retention(),
        analysisRunMetadata=pod_metadata("Labels and annotations of the AnalysisRun."),
        **more,
    )


def _string_match(about: str) -> Schema:
    return obj(
        about,
        exact=text("Equal to this."),
        prefix=text("Begins with this."),
        regex=text("Matches this regular expression."),
    )


def _step() -> Schema:
    return obj(
        "One step: exactly one key.",
        setWeight=number("Share of the traffic for the new version, 0 to 100 (or maxTrafficWeight)."),
        pause=obj(
            "Wait; without a duration until somebody resumes.",
            duration=int_or_string("Seconds, or a duration in Go's notation such as 10m."),
        ),
        setCanaryScale=obj(
            "Size the new version apart from its weight: one of the three. Needs traffic routing.",
            replicas=number("How many pods."),
            weight=number("A percentage of spec.replicas."),
            matchTrafficWeight=flag("As many as the weight asks for, which is the default."),
        ),
        analysis=_analysis("Run an analysis and go on when it was successful."),
        experiment=experiment_step(),
        setHeaderRoute=_header_route(),
        setMirrorRoute=_mirror_route(),
        plugin=obj(
            "A step that a plugin carries out.",
            "name",
            name=text("The plugin."),
            config=anything("Its config."),
        ),
    )


def _header_route() -> Schema:
    match = obj(
        "One header.",
        "headerName",
        "headerValue",
        headerName=text("Its name."),
        headerValue=_string_match("What its value must look like: one of the three."),
    )
    return obj(
        "Send requests with certain headers to the new version; without match the route is removed.",
        name=text("The route, one of managedRoutes."),
        match=listing("The headers.", match),
    )


def _mirror_route() -> Schema:
    match = obj(
        "One kind of request; all that is given must fit.",
        method=_string_match("Its method: one of the three."),
        path=_string_match("Its path: one of the three."),
        headers=mapping("Its headers by name.", _string_match("What the value must look like: one of the three.")),
    )
    return obj(
        "Send a copy of requests to the new version; without match the route is removed.",
        name=text("The route, one of managedRoutes."),
        match=listing("Which requests; one of these must fit.", match),
        percentage=number("How many of them are copied; 100 if absent."),
    )
