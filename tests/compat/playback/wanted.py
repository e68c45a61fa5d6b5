"""The differences that are wanted, scenario by scenario, each with the reason; everything else is a fault.

Ids `X…` are defects of the reference controller as recorded; a text names the rule instead. A row that fits nothing any
more is a fault too: what it excused has gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from playback.comparison import Difference

EVERY_DEED = range(0, 100)

REASONS = {
    "X2": "an aborted routed canary keeps one selector; the reference lets the canary Service flap",
    "X4": "stableService moves to the new version before the last stable pod goes",
    "X8": "annotations of the canary Ingress that are wanted no more are removed",
    "X13": "a setWeight step completes at its target, not when no move is possible for the moment",
    "X14": "a new template is handled before new replicas, so the new version never jumps over its step's size",
    "X16": "a managed Service that lost its hash or was claimed for nobody is repaired at once",
    "X17": "a deleted canary Ingress is made again at once",
    "X26": "paths of foreign Services are not copied into the canary Ingress",
    "X34": "an Ingress of somebody else makes the spec invalid until it goes; nothing is tried again and again",
    "X38": "a ReplicaSet without the hash label that holds the name is a collision, not a standstill",
    "X39": "an event starts a pass at once; the reference was still waiting for its back-off",
    "X40": "a resume that arrives while spec.paused is kept",
    "X56": "Healthy only when every pod of the new version is available",
    "X58": "the condition Paused is False during an abort",
    "X63": "labels that others put on the canary Ingress stay",
    "X65": "one RolloutAborted for a passed deadline",
    "X67": "SkipSteps only for a new template",
    "held annotation": "desired-replicas follows spec.replicas even while spec.paused holds the sizes (#3412, #4919)",
    "kept canary": "abortScaleDownDelaySeconds 0 keeps the canary at its size (#1841, #1337)",
    "two moves": "stable and new are sized in one pass, so unready pods beyond R + maxSurge go with the first drain",
    "one history": "revision-history grows when the number changes, not when a copied annotation does",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Facts that may differ after some deeds. `fact` and `ours` are patterns in which `*` stands for anything.

    `sometimes`: a race decides whether it shows, so a row that excuses nothing is no fault.
    """

    why: str
    fact: str
    deeds: Iterable[int] = field(default=EVERY_DEED)
    ours: str = "*"
    sometimes: bool = False

    def fits(self, difference: Difference) -> bool:
        return difference.deed in self.deeds and _like(self.fact, difference.fact) and _like(self.ours, difference.ours)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


def _unpaused(*deeds: int) -> Wanted:
    return Wanted("X58", "Rollout/* status.conditions[Paused]", deeds, "False RolloutPaused: Rollout is paused")


_COUNTS = ("HPAReplicas", "availableReplicas", "readyReplicas", "replicas", "updatedReplicas")


WANTED: dict[str, tuple[Wanted, ...]] = {
    "canary-abort-one-replica": (_unpaused(4, 5),),
    "canary-deadline-abort-set-later": (
        Wanted("X65", "event Warning RolloutAborted *: ReplicaSet * has timed out *", [4], "-"),
    ),
    "canary-default-percentages": (_unpaused(4, 5),),
    "canary-first-deploy": (Wanted("X67", "event Normal SkipSteps *: Rollback to stable ReplicaSets", [2], "-"),),
    "canary-invalid-spec": (
        Wanted("X39", "Rollout/app status.conditions[InvalidSpec]", [4, 6, 8, 10]),
        Wanted("X39", "Rollout/app status.message", [4, 6, 8, 10]),
        Wanted("X39", "*", [10]),
    ),
    "canary-name-collision-unlabelled": (
        Wanted("X38", "shown *", range(8), sometimes=True),
        Wanted("X38", "Rollout/app status.collisionCount", range(8), "1"),
        Wanted("X38", "Rollout/app status.phase", range(6), "Healthy"),
        Wanted("X38", "Rollout/app status.phase", [6, 7], "Paused"),
        Wanted("X38", "*", range(8)),
    ),
    "canary-replicas-and-image": (
        Wanted("X14", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from 0 to 1", [2], "sent"),
        Wanted("X14", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from *", [2], "-"),
    ),
    "canary-resume-while-user-paused": (
        Wanted("X40", "shown *", [8, 12], sometimes=True),
        Wanted("X40", "Rollout/app status.controllerPause", [6, 7], "True"),
        Wanted("X40", "wait", [7, 9, 13]),
        Wanted("X40", "Rollout/app status.currentStepIndex", range(8, 14), "2"),
        Wanted("X40", "Rollout/app status.stableRS", range(8, 14), "<hash:2>"),
        Wanted("X40", "*", range(8, 14)),
        Wanted("X40", "event Normal *", [14], "-"),
    ),
    "canary-rollback-after-abort": (_unpaused(4, 5),),
    "canary-rollback-outside-window": (Wanted("X67", "event Normal SkipSteps *", [6], "-"),),
    "canary-rollback-window": (Wanted("X67", "event Normal SkipSteps *", [6], "-"),),
    "canary-services-last-drain": (
        Wanted("X4", "Service/app-stable selector.rollouts-pod-template-hash", [4], "<hash:2>"),
    ),
    "canary-single-replica": (_unpaused(6, 7),),
    "canary-surge-changed-in-update": (
        Wanted("two moves", "ReplicaSet/app-<hash:2> replicas", [9, 10, 11], "2"),
        Wanted("two moves", "Rollout/app status.HPAReplicas", [9, 10, 11], "4"),
        Wanted("two moves", "Rollout/app status.replicas", [9, 10, 11], "4"),
        Wanted("two moves", "Rollout/app status.updatedReplicas", [9, 10, 11], "2"),
        Wanted("two moves", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from 3 to 2", [9], "sent"),
        Wanted("two moves", "event Normal ScalingReplicaSet *<hash:2> (revision 2) from * to 0", [12]),
    ),
    "canary-user-pause": (Wanted("held annotation", "*.rollout.argoproj.io/desired-replicas", [6, 7], "3"),),
    "canary-weight-lowered-slow-pods": (
        Wanted("X13", "shown Progressing: more replicas need to be updated", [4], sometimes=True),
        Wanted("X13", "Rollout/app status.currentStepIndex", [4], "2"),
        Wanted("X13", "Rollout/app status.*", [4, 5]),
        Wanted("X13", "ReplicaSet/app-<hash:1> replicas", [5], "2"),
        Wanted("X13", "ReplicaSet/app-<hash:2> replicas", [5], "0"),
        Wanted("X13", "ReplicaSet/app-<hash:*> *", [5]),
    ),
    "routed-abort-delay-scale": (
        _unpaused(*range(4, 9), 11, 12),
        Wanted("X2", "event Normal SwitchService *'moss-canary' from '<hash:1>' to '<hash:2>'", [4], "-"),
        Wanted("X2", "event Normal SwitchService *'moss-canary' from '<hash:2>' to '<hash:1>'", [4], "sent"),
        Wanted("X2", "Service/moss-canary selector.rollouts-pod-template-hash", range(4, 13), "<hash:1>"),
    ),
    "routed-abort-delay-zero": (
        Wanted("kept canary", "shown Progressing: waiting for all steps to complete", [9], sometimes=True),
        _unpaused(6, 7, 8, 11, 12),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> replicas", [6, 7, 8], "2"),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> replicas", [11, 12], "1"),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> *", [6, 7, 8, 11, 12]),
        *(Wanted("kept canary", f"Rollout/reed status.{name}", [6, 7, 8, 11, 12]) for name in _COUNTS),
        Wanted("kept canary", "wait", [7, 12]),
        Wanted("X2", "Service/reed-canary selector.rollouts-pod-template-hash", range(6, 9), "<hash:1>"),
    ),
    "routed-abort-while-paused": (
        _unpaused(8, 9),
        Wanted("X2", "event Normal SwitchService *'sage-canary' from '<hash:1>' to '<hash:2>'", [6], "-"),
        Wanted("X2", "event Normal SwitchService *'sage-canary' from '<hash:2>' to '<hash:1>'", [6], "sent"),
        Wanted("X2", "Service/sage-canary selector.rollouts-pod-template-hash", range(6, 9), "<hash:1>"),
    ),
    "routed-adopt-service": (
        Wanted("X16", "shown Degraded: *is managed by another Rollout", [13], sometimes=True),
        Wanted("X16", "Service/ivy-canary selector.rollouts-pod-template-hash", [4, 5], "<hash:2>"),
        Wanted("X16", "Service/ivy-stable selector.rollouts-pod-template-hash", [13, 14], "<hash:1>"),
        Wanted("X16", "Service/ivy-stable annotations.*managed-by-rollouts", [13, 14], "ivy"),
        Wanted("X16", "event Normal SwitchService *"),
        Wanted(
            "one history",
            "ReplicaSet/ivy-<hash:2> annotations.rollout.argoproj.io/revision-history",
            range(11, 19),
            "-",
        ),
    ),
    "routed-max-weight": (
        Wanted("X39", "Rollout/dial status.*", [6]),
        Wanted("X8", "Ingress/dial-dial-canary annotations.*canary-weight-total", range(12, 16), "-"),
    ),
    "routed-nginx-ingresses": (
        Wanted("X26", "Ingress/shop-web-canary spec.rules[0].http.paths[1].*", EVERY_DEED, "-"),
        Wanted("X63", "Ingress/shop-admin-canary labels.owner", range(6, 18), "someone"),
        Wanted("X63", "event Normal PatchingCanaryIngress *`shop-admin-canary` to desiredWeight '50'", [6], "-"),
        Wanted("X17", "event Normal CreatingCanaryIngress *`shop-web-canary` with weight `50`", [8], "sent"),
        Wanted("X17", "event Normal CreatingCanaryIngress *`shop-web-canary` with weight `50`", [10], "-"),
        Wanted("X17", "Ingress/shop-web-canary *", [8, 9]),
        Wanted("X8", "Ingress/shop-*-canary annotations.*canary-by-header", range(12, 18), "-"),
    ),
    "routed-nginx-missing-at-start": (
        Wanted("X39", "Rollout/fern status.conditions[InvalidSpec]", [2, 4, 6, 8, 10]),
        Wanted("X39", "Rollout/fern status.message", [2, 4, 6, 8, 10]),
        Wanted("X39", "*", [10]),
    ),
    "routed-progress-threshold": (
        Wanted("X56", "Rollout/loom status.phase", [5], "Progressing"),
        Wanted("X56", "Rollout/loom status.message", [5], "updated replicas are still becoming available"),
    ),
    "routed-weight-error": (
        Wanted("X34", "shown *", [0, 4], sometimes=True),
        Wanted("X34", "wait", [1, 3]),
        Wanted("X34", "Rollout/gate status.phase", range(4), "Degraded"),
        Wanted("X34", "Rollout/gate status.message", range(4), "InvalidSpec: *controlled by different object*"),
        Wanted("X34", "*", range(5)),
    ),
}


def unexplained(rows: Sequence[Wanted], found: Iterable[Difference]) -> list[str]:
    """What the rows do not excuse, and the rows that excuse nothing."""
    used: set[int] = set()
    faults = []
    for difference in found:
        row = next((number for number, row in enumerate(rows) if row.fits(difference)), None)
        if row is None:
            faults.append(str(difference))
        else:
            used.add(row)
    return faults + [
        f"fits nothing any more: {row}" for number, row in enumerate(rows) if number not in used and not row.sometimes
    ]
