"""Schema of a Rollout's status."""

from __future__ import annotations

from crds_notation import Schema, anything, flag, listing, number, obj, open_obj, text, time


def conditions(about: str) -> Schema:
    """Conditions; their order is part of the contract, so they are no map by type."""
    condition = obj(
        "One condition.",
        "type",
        "status",
        type=text("What it is about."),
        status=text("True, False or Unknown."),
        reason=text("A word for programs."),
        message=text("A sentence for people."),
        lastUpdateTime=time("When anything in it was last written."),
        lastTransitionTime=time("When its status last changed."),
    )
    return listing(about, condition)


def rollout_status() -> Schema:
    """`status`: written by the controller, and in a few named fields by clients."""
    return obj(
        "How the rollout stands. Clients write abort, promoteFull, currentStepIndex and clear pauseConditions.",
        observedGeneration=text("The generation, as text, that the rest speaks of."),
        workloadObservedGeneration=text("The same for the workload that workloadRef names."),
        phase=text("Healthy, Progressing, Paused or Degraded."),
        message=text("Why it is so."),
        conditions=conditions("Available, Progressing, Healthy, Completed, Paused, InvalidSpec, ReplicaFailure."),
        replicas=number("All its pods."),
        updatedReplicas=number("Pods of the wanted template."),
        readyReplicas=number("Ready pods."),
        availableReplicas=number("Pods that are ready for minReadySeconds."),
        HPAReplicas=number("Pods that an autoscaler counts."),
        selector=text("The pods that an autoscaler counts, as a label selector."),
        currentPodHash=text("Hash of the wanted pod template."),
        stableRS=text("Hash of the stable ReplicaSet; equal to currentPodHash when nothing is in progress."),
        currentStepIndex=number("The step in progress, from 0; the number of steps when all are done."),
        currentStepHash=text("Hash of the steps; when it changes the steps start over."),
        collisionCount=number("How often a ReplicaSet's name was taken."),
        abort=flag("Stops the update and returns to stable. Written by clients."),
        abortedAt=time("When the abort was seen."),
        pauseConditions=listing(
            "Why the update waits. Clients clear it to go on.",
            obj(
                "One reason.",
                "reason",
                "startTime",
                reason=text("CanaryPauseStep, BlueGreenPause, InconclusiveAnalysisRun or InconclusiveExperiment."),
                startTime=time("Since when."),
            ),
        ),
        controllerPause=flag("Whether the controller has paused the update."),
        promoteFull=flag("Skips all that is left of the update. Written by clients."),
        restartedAt=time("The restartAt that has been carried out."),
        canary=_canary(),
        blueGreen=_blue_green(),
        duration=_duration(),
        alb=_load_balancer("What an AWS load balancer was found to be, where there is one Ingress."),
        albs=listing("The same for several Ingresses.", _load_balancer("One of them.")),
    )


def _run(about: str) -> Schema:
    return obj(
        about,
        "name",
        "status",
        name=text("Its name."),
        status=text("Pending, Running, Successful, Failed, Error or Inconclusive."),
        message=text("Why it is so."),
    )


def _weights() -> Schema:
    def destination(about: str) -> Schema:
        return obj(
            about,
            "weight",
            weight=number("Its share."),
            serviceName=text("Its Service."),
            podTemplateHash=text("Hash of its pods."),
        )

    return obj(
        "How traffic is split now.",
        "canary",
        "stable",
        canary=destination("The canary."),
        stable=destination("The stable version."),
        additional=listing("Experiments that get traffic.", destination("One of them.")),
        verified=flag("Whether the split was read back from the data plane; absent where that is not possible."),
    )


def _canary() -> Schema:
    return obj(
        "What belongs to the canary strategy.",
        weights=_weights(),
        stablePingPong=text("ping or pong: which Service is the stable one."),
        currentExperiment=text("The Experiment of the current step."),
        currentStepAnalysisRunStatus=_run("The AnalysisRun of the current step."),
        currentBackgroundAnalysisRunStatus=_run("The AnalysisRun that runs beside the steps."),
        stepPluginStatuses=listing("Steps that plugins carry out.", _step_plugin()),
    )


def _step_plugin() -> Schema:
    return obj(
        "One operation on one step.",
        "index",
        "name",
        index=number("The step."),
        name=text("The plugin."),
        operation=text("Run, Terminate or Abort."),
        phase=text("Running, Successful, Failed or Error."),
        message=text("Why it is so."),
        startedAt=time("When it began."),
        updatedAt=time("When it was last looked at."),
        finishedAt=time("When it ended."),
        backoff=text("Time until it is looked at again, in Go's notation."),
        executions=number("How often the plugin was called."),
        disabled=flag("Whether the plugin was disabled, and the step passed."),
        status=anything("What the plugin wants to remember."),
    )


def _blue_green() -> Schema:
    return obj(
        "What belongs to the blue-green strategy.",
        activeSelector=text("The pod hash that the active Service selects."),
        previewSelector=text("The pod hash that the preview Service selects."),
        scaleUpPreviewCheckPoint=flag("Whether the preview has been sized to full."),
        prePromotionAnalysisRunStatus=_run("The AnalysisRun before promotion."),
        postPromotionAnalysisRunStatus=_run("The AnalysisRun after promotion."),
    )


def _duration() -> Schema:
    return obj(
        "How long the update took.",
        rolloutStartedAt=time("When it began."),
        manualPauseStartedAt=time("Since when it waits for a person."),
        totalManualPauseDurationSeconds=number("Seconds it has waited for people.", bits=64),
        finishedAt=time("When it ended."),
        completionStatus=text("Promoted, FastPromoted, Aborted, RolledBack, FastRolledBack or Superseded."),
    )


def _load_balancer(about: str) -> Schema:
    def resource(what: str) -> Schema:
        return open_obj(what, name=text("Its name."), arn=text("Its ARN."), fullName=text("Its name with its type."))

    return open_obj(
        about,
        ingress=text("The Ingress."),
        loadBalancer=resource("The load balancer."),
        canaryTargetGroup=resource("The target group of the canary."),
        stableTargetGroup=resource("The target group of the stable version."),
    )
