"""Labels, annotations, reasons and defaults that clients know by name. Source: the Argo Rollouts API."""

from __future__ import annotations

GROUP = "argoproj.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
ROLLOUT = "Rollout"
ANALYSIS_RUN = "AnalysisRun"
ANALYSIS_TEMPLATE = "AnalysisTemplate"
CLUSTER_ANALYSIS_TEMPLATE = "ClusterAnalysisTemplate"
EXPERIMENT = "Experiment"

POD_HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
EPHEMERAL_METADATA = "rollout.argoproj.io/ephemeral-metadata"
SCALE_DOWN_DEADLINE = "scale-down-deadline"  # without a prefix, whatever the upstream FAQ says
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
EXPERIMENT_NAME = "experiment.argoproj.io/name"
TEMPLATE_NAME = "experiment.argoproj.io/template-name"
# Labels of an AnalysisRun: for which part of the Rollout it is, and for which step.
ROLLOUT_TYPE = "rollout-type"
STEP_INDEX = "step-index"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOTIFIED = "notified.notifications.argoproj.io"
ROUTERS_USED = "tidegate.io/traffic-routers"  # ours: which routers and objects were written last

# Rollout annotations that are not copied to its ReplicaSets.
NOT_COPIED = frozenset(
    {
        LAST_APPLIED,
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        NOTIFIED,
        ROUTERS_USED,
        # differs: a copy of these two would fight with what the controller itself writes there.
        SCALE_DOWN_DEADLINE,
        EPHEMERAL_METADATA,
    }
)

DEFAULT_REPLICAS = 1
DEFAULT_REVISION_HISTORY_LIMIT = 10
DEFAULT_PROGRESS_DEADLINE_S = 600
DEFAULT_SCALE_DOWN_DELAY_S = 30
DEFAULT_ABORT_SCALE_DOWN_DELAY_S = 30
DEFAULT_SURGE = "25%"
DEFAULT_TOTAL_WEIGHT = 100
INVALID_SPEC_RETRY_S = 20
EVENT_SOURCE = "rollouts-controller"

PAUSE_CANARY_STEP = "CanaryPauseStep"
PAUSE_BLUE_GREEN = "BlueGreenPause"
PAUSE_INCONCLUSIVE_ANALYSIS = "InconclusiveAnalysisRun"
PAUSE_INCONCLUSIVE_EXPERIMENT = "InconclusiveExperiment"
