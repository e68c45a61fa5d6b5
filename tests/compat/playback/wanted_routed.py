"""The differences that are wanted behind a router, scenario by scenario, each with the reason."""

from __future__ import annotations

from playback.rows import COUNTS, EVERY_DEED, Wanted, longer, nothing_to_remove, unpaused

FIRST_SHARE = ("TrafficWeightUpdated", "UpdatedDestinationRule")

ROUTED: dict[str, tuple[Wanted, ...]] = {
    "routed-abort-delay-scale": (
        unpaused(*range(4, 9), 11, 12),
        Wanted(
            "X2", "event Normal SwitchService *'moss-canary' from '<hash:1>' to '<hash:2>'", [4], "-", sometimes=True
        ),
        Wanted(
            "X2", "event Normal SwitchService *'moss-canary' from '<hash:2>' to '<hash:1>'", [4], "sent", sometimes=True
        ),
        Wanted(
            "X2", "Service/moss-canary selector.rollouts-pod-template-hash", range(4, 13), "<hash:1>", sometimes=True
        ),
    ),
    "routed-abort-delay-zero": (
        Wanted("kept canary", "shown Progressing: waiting for all steps to complete", [9], sometimes=True),
        unpaused(6, 7, 8, 11, 12),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> replicas", [6, 7, 8], "2"),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> replicas", [11, 12], "1"),
        Wanted("kept canary", "ReplicaSet/reed-<hash:2> *", [6, 7, 8, 11, 12]),
        *(Wanted("kept canary", f"Rollout/reed status.{name}", [6, 7, 8, 11, 12]) for name in COUNTS),
        Wanted("kept canary", "wait", [7, 12]),
        Wanted(
            "X2", "Service/reed-canary selector.rollouts-pod-template-hash", range(6, 9), "<hash:1>", sometimes=True
        ),
    ),
    "routed-abort-while-paused": (
        unpaused(8, 9),
        Wanted(
            "X2", "event Normal SwitchService *'sage-canary' from '<hash:1>' to '<hash:2>'", [6], "-", sometimes=True
        ),
        Wanted(
            "X2", "event Normal SwitchService *'sage-canary' from '<hash:2>' to '<hash:1>'", [6], "sent", sometimes=True
        ),
        Wanted(
            "X2", "Service/sage-canary selector.rollouts-pod-template-hash", range(6, 9), "<hash:1>", sometimes=True
        ),
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
    "routed-alb-ping-pong": (
        unpaused(8, 9),
        Wanted("client's zero", "Rollout/rock status.abort", [13, 14, 15], "False"),
    ),
    "routed-dynamic-abort": (unpaused(6, 7),),
    "routed-dynamic-abort-delay": (unpaused(6, 7, 8), *longer(6, 7)),
    "routed-dynamic-third-revision": (
        Wanted("X10", "Service/cape-canary selector.rollouts-pod-template-hash", [6], sometimes=True),
        Wanted("X10", "Rollout/cape status.currentStepIndex", [6], "0"),
        Wanted("X10", "*", [6]),
        unpaused(*range(9, 17)),
    ),
    "routed-istio-header-mirror": (
        unpaused(8, 9),
        Wanted("X19", "VirtualService/quay spec.http*", range(14, 18)),
        *nothing_to_remove(0, 2),
    ),
    "routed-istio-mirror-inferred": (
        unpaused(6, 7),
        Wanted("X7", "VirtualService/dune spec.http[0].route[0].headers.request.set.x-from", range(2, 6), "stable"),
        Wanted("X6", "VirtualService/dune spec.http[1].route[*].weight", [4, 5]),
        *nothing_to_remove(0, 2),
    ),
    "routed-istio-missing-rule": (
        Wanted("told once", "event Warning DestinationRuleNotFound *", [0], "sent"),
        Wanted("X37", "shown Healthy: ", [3]),
        Wanted("X37", "DestinationRule/bay *", [3, 4]),
        Wanted("X37", "Rollout/bay status.phase", [3, 4], "Healthy"),
        Wanted("X37", "Rollout/bay status.*", [3, 4]),
        *(Wanted("X37", f"event Normal {each} *", [3], "sent") for each in FIRST_SHARE),
        *(Wanted("X37", f"event Normal {each} *", [5], "-") for each in FIRST_SHARE),
        Wanted("one history", "ReplicaSet/bay-<hash:1> annotations.*/revision-history", range(6, 14), "-"),
        unpaused(12, 13),
        Wanted("idle subset", "DestinationRule/bay spec.subsets[1].labels.*", [12, 13], "<hash:1>"),
        Wanted("X2", "event Normal SwitchService *'bay-canary' from '<hash:1>' to '<hash:2>'", [12], "-"),
    ),
    "routed-istio-tls-two-objects": (
        unpaused(6, 7),
        Wanted("written out", "VirtualService/port-b spec.tcp[0].route[1].weight", [0, 1], "0"),
        Wanted("written out", "event Normal Updated VirtualService *`port-b` set to desiredWeight '0'", [0, 2], "sent"),
    ),
    "routed-istio-unnamed-routes": (
        unpaused(4, 5),
        Wanted("X27", "VirtualService/cove spec.http[*] times", ours="-"),
        Wanted("X27", "VirtualService/cove spec.http*", [6, 7, 8]),
        Wanted("X27", "wait", [7]),
        Wanted("X27", "Rollout/cove status.phase", [6, 7, 8], "Paused"),
        Wanted("X27", "Rollout/cove status.*", [6, 7, 8]),
        Wanted("X27", "event Warning TrafficRoutingError *: Request entity too large: *", [6], "-"),
        *nothing_to_remove(0, 2),
    ),
    "routed-max-weight": (
        Wanted("X39", "Rollout/dial status.*", [6], sometimes=True),
        Wanted("X8", "Ingress/dial-dial-canary annotations.*canary-weight-total", range(12, 16), "-"),
    ),
    "routed-nginx-ingresses": (
        Wanted("X26", "Ingress/shop-web-canary spec.rules[0].http.paths[1].*", EVERY_DEED, "-"),
        Wanted("X63", "Ingress/shop-admin-canary labels.owner", range(6, 18), "someone"),
        # That of the new path in deed 10 may stand for it.
        Wanted(
            "X63",
            "event Normal PatchingCanaryIngress *`shop-admin-canary` to desiredWeight '50'",
            [6],
            "-",
            sometimes=True,
        ),
        Wanted("X17", "event Normal CreatingCanaryIngress *`shop-web-canary` with weight `50`", [8], "sent"),
        Wanted("X17", "event Normal CreatingCanaryIngress *`shop-web-canary` with weight `50`", [10], "-"),
        Wanted("X17", "Ingress/shop-web-canary *", [8, 9]),
        Wanted("X8", "Ingress/shop-*-canary annotations.*canary-by-header", range(12, 18), "-"),
    ),
    "routed-nginx-missing-at-start": (
        Wanted("X39", "Rollout/fern status.conditions[InvalidSpec]", [2, 4, 6, 8, 10], sometimes=True),
        Wanted("X39", "Rollout/fern status.message", [2, 4, 6, 8, 10], sometimes=True),
        Wanted("X39", "*", [10], sometimes=True),
    ),
    "routed-progress-threshold": (
        Wanted("X56", "Rollout/loom status.phase", [4, 5], "Progressing", sometimes=True),
        Wanted(
            "X56",
            "Rollout/loom status.message",
            [4, 5],
            "updated replicas are still becoming available",
            sometimes=True,
        ),
    ),
    "routed-smi-not-served": (
        Wanted("X69", "event Normal TrafficSplitNotCreated *", [0], "-"),
        Wanted("X69", "event Warning TrafficRoutingError *", [0], "-"),
        Wanted("X69", "event Warning TrafficSplitNotCreated *", [0], "sent"),
        Wanted("X69", "wait", [1]),
    ),
    "routed-weight-error": (
        Wanted("X34", "shown *", [0, 4], sometimes=True),
        Wanted("X34", "wait", [1, 3]),
        Wanted("X34", "Rollout/gate status.phase", range(4), "Degraded"),
        Wanted("X34", "Rollout/gate status.message", range(4), "InvalidSpec: *controlled by different object*"),
        Wanted("X34", "*", range(5)),
    ),
}
