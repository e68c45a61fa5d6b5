"""A Rollout and its surroundings, drawn from a seed: small on purpose, since small ones show most defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any

from tidegate.machine.observed import Door
from tidegate.simulation import INGRESS, MESH, SUBSETS, Cluster, PodBehaviour, Router, Setting

Json = Any
LABELS = {"app": "demo"}
MATCH = [{"headerName": "X", "headerValue": {"exact": "y"}}]
# Options with which pods go sooner than the 30 s that a router without VERIFY is promised.
HASTY = {"scaleDownDelaySeconds", "abortScaleDownDelaySeconds", "scaleDownDelayRevisionLimit", "dynamicStableScale"}
ALL_DOORS = frozenset(Door)
ROUTERS = {"mesh": MESH, "subsets": SUBSETS, "ingress": INGRESS}
PROMPT = PodBehaviour(ready_s=0.0, sync_s=0.0)


@dataclass(frozen=True)
class Config:
    """Everything about a cluster before anything happens; JSON all through."""

    strategy: Mapping[str, Json]
    replicas: int | None = 4
    spec: Mapping[str, Json] = field(default_factory=dict)
    routers: Sequence[Sequence[Json]] = ()  # (name, a key of ROUTERS, delay in seconds)
    pods: Mapping[str, Json] = field(default_factory=dict)
    service_delay_s: float = 0.0
    workload: str = ""  # scaleDown of a workloadRef, "" for none
    prompt: bool = False  # the pods of the first deployment are ready at once: few histories are about them

    def wire(self) -> dict[str, Json]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def kind(self) -> str:
        """What it is about, in a word or two."""
        if "blueGreen" in self.strategy:
            return "blue-green"
        canary = self.strategy.get("canary") or {}
        if "trafficRouting" not in canary:
            return "basic canary"
        if canary.get("dynamicStableScale"):
            return "dynamic canary"
        return "ping-pong canary" if "pingPong" in canary else "routed canary"


def template(tag: str) -> dict[str, Json]:
    """A pod template of image app:<tag>."""
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "app", "image": f"app:{tag}"}]}}


def manifest(config: Config) -> dict[str, Json]:
    """The Rollout."""
    spec: dict[str, Json] = {"selector": {"matchLabels": LABELS}, "strategy": config.strategy, **config.spec}
    if config.replicas is not None:
        spec["replicas"] = config.replicas
    if config.workload:
        spec["workloadRef"] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "work",
            "scaleDown": config.workload,
        }
        del spec["selector"]
    else:
        spec["template"] = template("v1")
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    return {**head, "metadata": {"name": "demo", "annotations": {"keep": "me"}}, "spec": spec}


def cluster_of(config: Config) -> Cluster:
    """The cluster, in which nothing has happened yet."""
    workload = None
    if config.workload:
        spec = {"replicas": config.replicas, "selector": {"matchLabels": LABELS}, "template": template("v1")}
        workload = {"kind": "Deployment", "metadata": {"name": "work"}, "spec": spec}
    return Cluster(
        manifest(config),
        routers=[Router(name, ROUTERS[kind], delay) for name, kind, delay in config.routers],
        pods=PROMPT if config.prompt else PodBehaviour(**config.pods),
        workload=workload,
        setting=Setting(config.service_delay_s, doors=ALL_DOORS),
    )


# --- drawing ---


def drawn(random: Random) -> Config:
    """Any config."""
    return replace(_drawn(random), prompt=random.random() < 0.85)


def _drawn(random: Random) -> Config:
    kind = random.choice(
        ("basic", "basic", "routed", "routed", "routed", "dynamic", "dynamic", "ping-pong", "blue-green")
    )
    kind = "blue-green" if random.random() < 0.12 else kind
    replicas = random.choice((1, 1, 2, 2, 2, 3, 3, 4, 5))
    spec = _spec(random)
    pods = {
        "ready_s": random.choice((0.0, 0.5, 0.5, 3.0)),
        "stagger_s": random.choice((0.0, 0.0, 0.0, 0.0, 1.0)),
        "sync_s": random.choice((0.0, 0.0, 0.0, 0.05)),
    }
    workload = random.choice(("never", "onsuccess", "progressively")) if random.random() < 0.08 else ""
    if kind == "blue-green":
        strategy: dict[str, Json] = {"blueGreen": _blue_green(random, replicas)}
        hasty = "scaleDownDelayRevisionLimit" in strategy["blueGreen"]  # may take the former version's pods at once
        delay = 0.0 if hasty else random.choice((0.0, 0.0, 1.0))
        return Config(strategy, replicas, spec, (), pods, delay, workload)
    if kind == "basic":
        return Config({"canary": _basic(random)}, _or_none(random, replicas), spec, (), pods, 0.0, workload)
    routers = _routers(random, kind)
    canary = _routed(random, kind, routers)
    if lowers(canary) or HASTY & set(canary):
        # A router that cannot tell what is in force is promised no more than the delays that the spec gives it.
        routers = [(name, each, delay if each != "ingress" else 0) for name, each, delay in routers]
    return Config({"canary": canary}, replicas, spec, routers, pods, 0.0, workload)


def lowers(canary: Mapping[str, Json]) -> bool:
    """Whether a step gives the canary less than the one before it had, or fewer pods than its share needs."""
    steps = canary.get("steps", [])
    weights = [step["setWeight"] for step in steps if "setWeight" in step]
    return any(after < before for before, after in pairwise(weights)) or any("setCanaryScale" in s for s in steps)


def _or_none(random: Random, replicas: int) -> int | None:
    return None if random.random() < 0.03 else replicas


def _maybe(random: Random, chance: float, key: str, *values: Json) -> dict[str, Json]:
    return {key: random.choice(values)} if random.random() < chance else {}


def _spec(random: Random) -> dict[str, Json]:
    return {
        **_maybe(random, 0.3, "progressDeadlineSeconds", 10, 30),
        **_maybe(random, 0.2, "progressDeadlineAbort", True),
        **_maybe(random, 0.3, "rollbackWindow", {"revisions": 1}, {"revisions": 3}),
        **_maybe(random, 0.3, "revisionHistoryLimit", 1, 1, 2),
        **_maybe(random, 0.15, "minReadySeconds", 2, 5),
    }


def _blue_green(random: Random, replicas: int) -> dict[str, Json]:
    template_ref = {"templates": [{"templateName": "check"}]}
    return {
        "activeService": "active",
        **_maybe(random, 0.6, "previewService", "preview"),
        **_maybe(random, 0.3, "previewReplicaCount", 1, replicas),
        **_maybe(random, 0.35, "autoPromotionEnabled", False),
        **_maybe(random, 0.3, "autoPromotionSeconds", 5, 20),
        **_maybe(random, 0.2, "scaleDownDelaySeconds", 10, 60),
        **_maybe(random, 0.2, "scaleDownDelayRevisionLimit", 0, 1),
        **_maybe(random, 0.2, "abortScaleDownDelaySeconds", 0, 10),
        **_maybe(random, 0.2, "prePromotionAnalysis", template_ref),
        **_maybe(random, 0.2, "postPromotionAnalysis", template_ref),
        **_maybe(random, 0.1, "previewMetadata", {"labels": {"role": "preview"}}),
        **_maybe(random, 0.1, "activeMetadata", {"labels": {"role": "active"}}),
        **_anti_affinity(random),
    }


def _anti_affinity(random: Random) -> dict[str, Json]:
    return _maybe(random, 0.1, "antiAffinity", {"requiredDuringSchedulingIgnoredDuringExecution": {}})


def _shared(random: Random) -> dict[str, Json]:
    surge, unavailable = random.choice(
        ((None, None), (None, None), (1, 0), (0, 1), ("50%", "50%"), ("100%", 0), (2, 1), (0, "100%"))
    )
    bounds = {} if surge is None else {"maxSurge": surge, "maxUnavailable": unavailable}
    thresholds = ({"type": "Percent", "value": 50}, {"type": "Pods", "value": 2})
    return {
        **bounds,
        **_maybe(random, 0.1, "replicaProgressThreshold", *thresholds),
        **_maybe(random, 0.08, "canaryMetadata", {"labels": {"role": "canary"}}),
        **_maybe(random, 0.08, "stableMetadata", {"annotations": {"role": "stable"}}),
        **_maybe(random, 0.1, "analysis", {"templates": [{"templateName": "check"}]}),
        **_anti_affinity(random),
    }


def _basic(random: Random) -> dict[str, Json]:
    services = {"stableService": "stable", "canaryService": "canary"} if random.random() < 0.5 else {}
    return {"steps": steps(random, 100, routed=False), **services, **_shared(random)}


def _routers(random: Random, kind: str) -> list[tuple[str, str, int]]:
    # The slowest is asked sixty times a weight, so it is rare.
    mesh = ("mesh", "mesh", random.choices((0, 1, 30, 600), (73, 15, 10, 2))[0])
    ingress = ("edge", "ingress", random.choice((0, 0, 1, 30)))
    if kind == "ping-pong":
        return [mesh]
    if random.random() < 0.15:
        return [("mesh", "subsets", mesh[2])]
    return random.choice(([mesh], [mesh], [ingress], [mesh, ingress]))


def _routed(random: Random, kind: str, routers: Sequence[tuple[str, str, int]]) -> dict[str, Json]:
    total = 1000 if random.random() < 0.1 else 100
    mesh_only = all(each != "ingress" for _, each, _ in routers)
    routing: dict[str, Json] = {name: {} for name, _, _ in routers}
    routing["managedRoutes"] = [{"name": "h"}, {"name": "m"}]
    if total != 100:
        routing["maxTrafficWeight"] = total
    services: dict[str, Json] = {"canaryService": "canary", "stableService": "stable"}
    if routers[0][1] == "subsets":
        services = {}
    if kind == "ping-pong":
        services = {"pingPong": {"pingService": "ping", "pongService": "pong"}}
    canary: dict[str, Json] = {
        "trafficRouting": routing,
        "steps": steps(random, total, routed=True, headers=mesh_only),
        **services,
        **_shared(random),
        **_maybe(random, 0.2, "abortScaleDownDelaySeconds", 0, 5, 45),
        **_maybe(random, 0.15, "minPodsPerReplicaSet", 2),
    }
    if kind == "dynamic":
        return {**canary, "dynamicStableScale": True}
    limits = _maybe(random, 0.15, "scaleDownDelayRevisionLimit", 0, 1)
    return {**canary, **_maybe(random, 0.2, "scaleDownDelaySeconds", 0, 5, 45), **limits}


def steps(random: Random, total: int, *, routed: bool, headers: bool = False) -> list[Json]:
    """Up to five steps: most of what goes wrong shows where one follows another."""
    found: list[Json] = []
    for _ in range(random.randint(0, 5)):
        roll = random.random()
        if roll < 0.5:
            found.append({"setWeight": random.choice((0, total // 10, total // 4, total // 2, total))})
        elif roll < 0.72:
            found.append({"pause": random.choice(({}, {}, {"duration": 5}, {"duration": "40s"}))})
        else:
            found.append(_rare_step(random, total, routed=routed, headers=headers))
    return found


def _rare_step(random: Random, total: int, *, routed: bool, headers: bool) -> Json:
    plain: list[Json] = [
        {"analysis": {"templates": [{"templateName": "check"}]}},
        {"experiment": {"duration": "5s", "templates": [{"name": "a", "specRef": "canary"}]}},
        {"plugin": {"name": "check", "config": {}}},
    ]
    scale: list[Json] = [{"replicas": n} for n in (0, 1, 3)] + [{"weight": total // 4}, {"matchTrafficWeight": True}]
    if routed:
        plain += [{"setCanaryScale": random.choice(scale)} for _ in range(3)]
    if headers:
        plain.append({"setHeaderRoute": random.choice(({"name": "h", "match": MATCH}, {"name": "h"}))})
        plain.append({"setMirrorRoute": {"name": "m", "match": [{}], "percentage": 10}})
    return random.choice(plain)
