"""The acceptance scenarios as scripts: a config, what happens, and the state that they come to.

Ids follow the table of scenarios of the Rollout's specification: A basic canary, B routed, C dynamicStableScale, D blue-green,
E operations. `sizes` are wanted pods by image; images that are not named have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from histories.settings import MATCH, Config

Json = Any
PAUSE: Json = {"pause": {}}
SETTLE: Json = ["still"]
REST: Json = ["rest"]
V2: Sequence[Json] = (["image", "v2"], SETTLE)
SLOW_PODS = {"ready_s": 3.0, "stagger_s": 1.0}


@dataclass(frozen=True)
class Scenario:
    """One script. `sizes` and the other expectations are judged at its end; None says nothing about it."""

    id: str
    config: Config
    operations: Sequence[Json]
    sizes: Mapping[str, int]
    phase: str
    step: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)


def w(weight: int) -> Json:
    """A setWeight step."""
    return {"setWeight": weight}


def scale(**options: Json) -> Json:
    """A setCanaryScale step."""
    return {"setCanaryScale": options}


def verb(name: str) -> Json:
    """A client's verb, and what comes of it."""
    return ["verb", name]


def basic(steps: Sequence[Json], replicas: int | None = 4, spec: Json = None, **canary: Json) -> Config:
    """A canary without routers, with both Services."""
    services = {"canaryService": "canary", "stableService": "stable"}
    return Config({"canary": {"steps": list(steps), **services, **canary}}, replicas, spec or {}, (), SLOW_PODS)


def routed(steps: Sequence[Json], replicas: int = 4, spec: Json = None, **canary: Json) -> Config:
    """A canary behind a mesh that takes a second to obey, and can tell."""
    routing = {"mesh": {}, "managedRoutes": [{"name": "h"}], **canary.pop("trafficRouting", {})}
    services = {"canaryService": "canary", "stableService": "stable"}
    named = {} if "pingPong" in canary else services
    strategy = {"canary": {"steps": list(steps), "trafficRouting": routing, **named, **canary}}
    return Config(strategy, replicas, spec or {}, [("mesh", "mesh", 1)], SLOW_PODS)


def dynamic(steps: Sequence[Json], replicas: int = 4, **canary: Json) -> Config:
    """A routed canary whose stable shrinks."""
    return routed(steps, replicas, dynamicStableScale=True, **canary)


def blue_green(replicas: int = 3, spec: Json = None, **options: Json) -> Config:
    """A blue-green with both Services."""
    strategy = {"blueGreen": {"activeService": "active", "previewService": "preview", **options}}
    return Config(strategy, replicas, spec or {}, (), SLOW_PODS)


CHECK: Json = {"templates": [{"templateName": "check"}]}
FAIL_POST: Json = ["verdict", "PostPromotion", "Failed"]

BASIC = (
    Scenario("A1", basic([w(10)], 1), (), {"v1": 1}, "Healthy", 1),
    Scenario("A2", basic([], None), (), {"v1": 1}, "Healthy"),
    Scenario("A3", basic([w(20), PAUSE], 10), V2, {"v1": 8, "v2": 2}, "Paused", 1),
    Scenario("A4", basic([w(50), PAUSE], 10, maxSurge=1, maxUnavailable=0), V2, {"v1": 5, "v2": 5}, "Paused", 1),
    Scenario(
        "A5", basic([], 4, maxSurge=2, maxUnavailable=0), (["image", "bad-v2"], SETTLE), {"v1": 4, "bad-v2": 2}, "Progressing"
    ),
    Scenario(
        "A7", basic([w(25), PAUSE], 1), (*V2, ["scale", 8], SETTLE, ["scale", 4], SETTLE), {"v1": 3, "v2": 1}, "Paused", 1
    ),
    Scenario(
        "A8", basic([w(100), PAUSE, w(0), PAUSE], 3, maxSurge=2, maxUnavailable=0), (*V2, verb("promote"), SETTLE),
        {"v1": 3, "v2": 0}, "Paused", 3,
    ),
    Scenario("A9", basic([w(25), PAUSE]), (*V2, verb("abort"), SETTLE), {"v1": 4}, "Degraded", 0),
    Scenario(
        "A10", basic([w(25), PAUSE]), (*V2, verb("abort"), SETTLE, verb("retry"), SETTLE), {"v1": 3, "v2": 1}, "Paused", 1
    ),
    Scenario("A11", basic([w(25), PAUSE]), (*V2, verb("abort"), SETTLE, ["image", "v1"], SETTLE), {"v1": 4}, "Healthy", 2),
    Scenario("A12", basic([w(25), {"pause": {"duration": 3}}]), (["image", "v2"], REST), {"v2": 4}, "Healthy", 2),
    Scenario(
        "A14", basic([w(25), PAUSE]), (*V2, ["image", "v3"], SETTLE), {"v1": 3, "v3": 1}, "Paused", 1
    ),
    Scenario(
        "A15", basic([w(25), PAUSE]), (*V2, ["steps", [w(50), PAUSE]], SETTLE), {"v1": 2, "v2": 2}, "Paused", 1
    ),
    Scenario("A16", basic([w(25), PAUSE]), (["steps", [w(50), PAUSE, w(75)]], SETTLE), {"v1": 4}, "Healthy", 3),
    Scenario("A17", basic([w(25), PAUSE]), (["scale", 0], SETTLE, *V2), {}, "Paused", 1),
    Scenario(
        "A18", basic([PAUSE], 4, maxSurge=3, maxUnavailable=0), (*V2, verb("promote-full"), SETTLE), {"v2": 4}, "Healthy", 1
    ),
    Scenario(
        "A19", basic([w(50), PAUSE], 4, {"progressDeadlineSeconds": 10}),
        (["image", "bad-v2"], REST, ["image", "v3"], SETTLE), {"v1": 2, "v3": 2}, "Paused", 1,
    ),
    Scenario(
        "A20", basic([w(50), PAUSE], 4, {"progressDeadlineSeconds": 10, "progressDeadlineAbort": True}),
        (["image", "bad-v2"], REST), {"v1": 4}, "Degraded", 0,
    ),
)  # fmt: skip

ROUTED = (
    Scenario("B2", routed([w(25), PAUSE]), V2, {"v1": 4, "v2": 1}, "Paused", 1, {"mesh": 25}),
    Scenario(
        "B8", routed([w(25), PAUSE, w(50)]), (*V2, verb("promote"), REST), {"v2": 4}, "Healthy", 3, {"mesh": 0}
    ),
    Scenario(
        "B11", routed([w(50), PAUSE]), (*V2, ["image", "v3"], SETTLE), {"v1": 4, "v3": 2}, "Paused", 1, {"mesh": 50}
    ),
    Scenario("B13", routed([w(50), PAUSE]), (*V2, verb("abort"), REST), {"v1": 4}, "Degraded", 0, {"mesh": 0}),
    Scenario(
        "B14", routed([w(50), PAUSE]), (*V2, verb("abort"), SETTLE, ["scale", 3], REST), {"v1": 3}, "Degraded", 0, {"mesh": 0}
    ),
    Scenario(
        "B15", routed([scale(replicas=1), PAUSE], abortScaleDownDelaySeconds=0),
        (*V2, verb("abort"), REST), {"v1": 4, "v2": 1}, "Degraded", 0, {"mesh": 0},
    ),
    Scenario(
        "B16",
        routed([PAUSE, scale(weight=25), PAUSE, w(50), scale(matchTrafficWeight=True), PAUSE]),
        (*V2, verb("promote"), SETTLE, verb("promote"), SETTLE), {"v1": 4, "v2": 2}, "Paused", 5, {"mesh": 50},
    ),
    Scenario(
        "B17", routed([w(25), {"experiment": {"duration": "5s", "templates": [{"name": "a", "specRef": "canary"}]}}, PAUSE]),
        (["image", "v2"], REST), {"v1": 4, "v2": 1}, "Paused", 2, {"mesh": 25},
    ),
    Scenario(
        "B18", routed([w(25), PAUSE]), (*V2, verb("promote-full"), REST), {"v2": 4}, "Healthy", 2, {"mesh": 0}
    ),
    Scenario("B19", routed([]), (["image", "v2"], REST), {"v2": 4}, "Healthy", None, {"mesh": 0}),
    Scenario(
        "B20", routed([w(25), {"setHeaderRoute": {"name": "h", "match": MATCH}}, PAUSE]), V2,
        {"v1": 4, "v2": 1}, "Paused", 2, {"mesh": 25},
    ),
    Scenario(
        "B21", routed([w(200), PAUSE], 5, trafficRouting={"maxTrafficWeight": 1000}), V2,
        {"v1": 5, "v2": 1}, "Paused", 1, {"mesh": 200},
    ),
    Scenario(
        "B23", routed([w(25), PAUSE], pingPong={"pingService": "ping", "pongService": "pong"}),
        (*V2, verb("promote"), REST), {"v2": 4}, "Healthy", 2, {"mesh": 0},
    ),
    Scenario(
        "B24", routed([w(100)], 5, replicaProgressThreshold={"type": "Percent", "value": 80}),
        (["image", "v2"], REST), {"v2": 5}, "Healthy", 1, {"mesh": 0},
    ),
    Scenario(
        "B25", routed([w(25), {"analysis": CHECK}, w(50), PAUSE]),
        (["verdict", "Step", "Failed"], ["image", "v2"], REST), {"v1": 4}, "Degraded", 0, {"mesh": 0},
    ),
    Scenario(
        "B26", routed([w(25), {"plugin": {"name": "check", "config": {}}}, PAUSE]), (["image", "v2"], REST),
        {"v1": 4, "v2": 1}, "Paused", 2, {"mesh": 25},
    ),
)  # fmt: skip

DYNAMIC = (
    Scenario("C1", dynamic([w(25), PAUSE, w(75), PAUSE]), (*V2, verb("promote"), SETTLE), {"v1": 1, "v2": 3}, "Paused", 3,
             {"mesh": 75}),
    Scenario("C2", dynamic([w(25), PAUSE, w(75), PAUSE]), (*V2, verb("promote"), SETTLE, verb("abort"), REST), {"v1": 4},
             "Degraded", 0, {"mesh": 0}),
    Scenario("C4", dynamic([w(25), PAUSE, w(75), PAUSE], abortScaleDownDelaySeconds=30),
             (*V2, verb("promote"), SETTLE, verb("abort"), REST), {"v1": 4}, "Degraded", 0, {"mesh": 0}),
    Scenario("C5", dynamic([w(25), PAUSE, w(75)]), (*V2, ["image", "v1"], REST), {"v1": 4}, "Healthy", 3, {"mesh": 0}),
    Scenario("C6", dynamic([w(25), PAUSE, w(75), PAUSE]), (*V2, verb("promote"), SETTLE, ["image", "v3"], REST),
             {"v1": 3, "v3": 1}, "Paused", 1, {"mesh": 25}),
    Scenario("C9", dynamic([w(25), PAUSE, w(75)]), (*V2, verb("promote"), REST), {"v2": 4}, "Healthy", 3, {"mesh": 0}),
)  # fmt: skip

BLUE_GREEN = (
    Scenario("D1", blue_green(), (), {"v1": 3}, "Healthy"),
    Scenario("D2", blue_green(), (["image", "v2"], REST), {"v2": 3}, "Healthy"),
    Scenario("D4", blue_green(autoPromotionEnabled=False), (["image", "v2"], REST), {"v1": 3, "v2": 3}, "Paused"),
    Scenario("D5", blue_green(autoPromotionEnabled=False), (*V2, verb("promote"), REST), {"v2": 3}, "Healthy"),
    Scenario("D6", blue_green(autoPromotionSeconds=10), (["image", "v2"], REST), {"v2": 3}, "Healthy"),
    Scenario("D7", blue_green(2, previewReplicaCount=1, autoPromotionEnabled=False), (*V2, verb("promote"), REST),
             {"v2": 2}, "Healthy"),
    Scenario("D8", blue_green(5, previewReplicaCount=3), (["image", "v2"], REST), {"v2": 5}, "Healthy"),
    Scenario("D9", blue_green(prePromotionAnalysis=CHECK), (["verdict", "PrePromotion", "Failed"], ["image", "v2"], REST),
             {"v1": 3}, "Degraded"),
    Scenario("D10", blue_green(postPromotionAnalysis=CHECK), (FAIL_POST, ["image", "v2"], REST), {"v1": 3}, "Degraded"),
    Scenario("D11", blue_green(scaleDownDelaySeconds=600), (*V2, ["image", "v1"], REST), {"v1": 3}, "Healthy"),
    Scenario("D12", blue_green(scaleDownDelayRevisionLimit=1, scaleDownDelaySeconds=600),
             (*V2, ["image", "v3"], REST), {"v3": 3}, "Healthy"),
    Scenario("D13", blue_green(2, previewReplicaCount=1, autoPromotionEnabled=False, abortScaleDownDelaySeconds=1),
             (*V2, verb("abort"), REST), {"v1": 2}, "Degraded"),
    Scenario("D14", blue_green(), (verb("pause"), SETTLE, *V2, verb("unpause"), REST), {"v2": 3}, "Healthy"),
    Scenario("D15", blue_green(), (["strategy", {"canary": {"steps": [w(50), PAUSE]}}], REST), {"v1": 3}, "Healthy", 2),
    Scenario("D16", blue_green(3, {"rollbackWindow": {"revisions": 1}}, autoPromotionEnabled=False),
             (*V2, verb("promote"), REST, verb("undo"), REST), {"v1": 3}, "Healthy"),
)  # fmt: skip

OPERATIONS = (
    Scenario("E1", routed([w(25), PAUSE]), (verb("abort"), SETTLE), {"v1": 4}, "Healthy", 2, {"mesh": 0}),
    Scenario("E2", routed([w(25), PAUSE, w(50), PAUSE]), (*V2, verb("skip-all"), REST), {"v2": 4}, "Healthy", 4, {"mesh": 0}),
    Scenario("E3", basic([], 4, maxUnavailable="75%"), (["wait", 2], verb("restart"), REST), {"v1": 4}, "Healthy"),
    Scenario("E3b", blue_green(3), (["wait", 2], verb("restart"), REST), {"v1": 3}, "Healthy"),
    Scenario("E5", basic([]), (verb("restart-later"), SETTLE, ["image", "v2"], REST), {"v2": 4}, "Healthy"),
    Scenario("E12", routed([w(25), PAUSE]), (*V2, verb("pause"), SETTLE, verb("promote"), REST), {"v2": 4}, "Healthy", 2,
             {"mesh": 0}),
    Scenario("E15", basic([w(25), PAUSE]), (["image", "v2"], ["scale", 8], SETTLE), {"v1": 6, "v2": 2}, "Paused", 1),
    Scenario("E19", basic([w(25), PAUSE], canaryMetadata={"labels": {"role": "canary"}},
                          stableMetadata={"labels": {"role": "stable"}}),
             (*V2, verb("promote"), REST), {"v2": 4}, "Healthy", 2),
)  # fmt: skip

SCENARIOS: Sequence[Scenario] = (*BASIC, *ROUTED, *DYNAMIC, *BLUE_GREEN, *OPERATIONS)
