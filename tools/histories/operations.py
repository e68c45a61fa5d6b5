"""What happens in a history: operations of clients, of the world and of fate, drawn from a seed and carried out.

An operation is a list of JSON: its name, then its arguments. `OPERATIONS` is the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from histories.settings import Config, steps
from tidegate.api.wire import write_time
from tidegate.errors import TidegateError
from tidegate.simulation import Cluster, Fault
from tidegate.simulation.clients import (
    VERBS,
    annotate,
    delete_replica_set,
    drop_service,
    edit_replica_set,
    hpa,
    set_workload_image,
    strip_service,
)
from tidegate.simulation.invariants.rest import polled
from tidegate.simulation.store import REPLICA_SET, ROLLOUT, SERVICE, WORKLOAD

Json = Any
Operation = list[Json]


def _image(cluster: Cluster, tag: str) -> None:
    if cluster.store.all(WORKLOAD):
        set_workload_image(cluster, tag)
    else:
        cluster.set_image(tag)


def _verb(cluster: Cluster, name: str) -> None:
    VERBS[name](cluster)


def _scale(cluster: Cluster, replicas: int) -> None:
    if replicas == 0:  # somebody wants no pods, whatever a slow router still sends where
        cluster.pods.hurt.update(pod.pod_hash for pod in cluster.pods.all.values())
    cluster.patch_spec({"replicas": replicas})


def _steps(cluster: Cluster, found: Json) -> None:
    if cluster.manifest["spec"]["strategy"].get("canary") is not None:
        cluster.patch_spec({"strategy": {"canary": {"steps": found}}})


def _strategy(cluster: Cluster, found: Json) -> None:
    """From canary to blue-green or back."""
    other = "canary" if "blueGreen" in found else "blueGreen"
    for name in ("active", "preview", "canary", "stable"):
        if cluster.store.get(SERVICE, name) is None:
            cluster.store.create(SERVICE, cluster.plain_service(name))
    cluster.patch_spec({"strategy": {**found, other: None}})


def _fault(cluster: Cluster, kind: str, after: int) -> None:
    cluster.gate.plant(after, Fault(kind))


def _crash(cluster: Cluster, kind: str, after: int, back: int) -> None:
    cluster.gate.back = back
    cluster.gate.plant(after, Fault(f"crash-{kind}"))


def _kill(cluster: Cluster, back: int) -> None:
    cluster.gate.met.append("kill")
    cluster.controller.die(back)


def _meanwhile(cluster: Cluster, after: int, operation: Operation) -> None:
    cluster.gate.meanwhile(after, lambda: carry_out(cluster, operation))


def _lag(cluster: Cluster, kind: str, ms: int) -> None:
    cluster.controller.caches.lag_ms[kind] = ms


def _outage(cluster: Cluster, seconds: float) -> None:
    cluster.gate.outage = True
    cluster.timeline.after(seconds, lambda: setattr(cluster.gate, "outage", False))


def _jump(cluster: Cluster, seconds: float) -> None:
    cluster.timeline.jump(seconds)


def _router(cluster: Cluster, name: str, state: str) -> None:
    if (router := cluster.plane.routers.get(name)) is not None:
        router.failing, router.mute = state == "failing", state == "mute"


def _node(cluster: Cluster, node: int, back_s: float | None) -> None:
    cluster.pods.lose_node(node, back_s)


def _budget(cluster: Cluster, name: str) -> None:
    """Somebody drains a node: pods are evicted by another than the controller."""
    for pod in [pod for pod in cluster.pods.all.values() if pod.image.endswith(name) and pod.serves][:1]:
        cluster.pods.hurt.add(pod.pod_hash)
        cluster.pods.evict(pod.name, pod.uid)


def _verdict(cluster: Cluster, type_: str, phase: str) -> None:
    cluster.checks.verdicts[type_] = phase


def _wait(cluster: Cluster, seconds: float) -> None:
    cluster.advance(seconds)


def _settle(cluster: Cluster) -> None:
    cluster.settle()


def _still(cluster: Cluster) -> None:
    """Until nothing is left but timers of the controller, and nothing is polled any more."""
    cluster.settle()
    for _ in range(70):  # a verdict is asked for every 10 s; the slowest router takes 600 s
        if cluster.controller.wake_ms is None or not polled(cluster):
            return
        cluster.advance((cluster.controller.wake_ms - cluster.timeline.ms) / 1000)
        cluster.settle()


def _rest(cluster: Cluster) -> None:
    """On through every timer of two hours, or until nothing more happens by itself."""
    cluster.run_until_quiet(7_200)


def _look(cluster: Cluster) -> None:
    cluster.controller.look()


def _doom(cluster: Cluster) -> None:
    """Somebody deletes the Rollout, and a finalizer of somebody else keeps it there."""
    cluster.store.patch(ROLLOUT, cluster.name, {"metadata": {"deletionTimestamp": write_time(cluster.timeline.now)}})


OPERATIONS: Mapping[str, Callable[..., None]] = {
    # time
    "wait": _wait,
    "settle": _settle,
    "still": _still,
    "rest": _rest,
    # clients
    "image": _image,
    "verb": _verb,
    "scale": _scale,
    "steps": _steps,
    "strategy": _strategy,
    # the world
    "hpa": hpa,
    "node": _node,
    "flap": lambda cluster, tag, seconds: cluster.pods.flap(tag, seconds),
    "drain": _budget,
    "router": _router,
    "verdict": _verdict,
    "strip": strip_service,
    "drop": drop_service,
    "annotate": annotate,
    "edit": edit_replica_set,
    "delete": delete_replica_set,
    "doom": _doom,
    # fate
    "fault": _fault,
    "crash": _crash,
    "kill": _kill,
    "meanwhile": _meanwhile,
    "lag": _lag,
    "outage": _outage,
    "jump": _jump,
    "look": _look,
}
CLIENT = frozenset({"image", "verb", "scale", "steps", "strategy", "hpa"})
FATE = frozenset({"fault", "crash", "kill", "meanwhile", "lag", "outage", "jump", "look"})


def carry_out(cluster: Cluster, operation: Operation) -> None:
    """Do one operation; what the server refuses to a client is the client's affair."""
    name, *arguments = operation
    try:
        OPERATIONS[name](cluster, *arguments)
    except TidegateError:
        return


# --- drawing ---

# How many things happen to an update: short histories find most, and long ones what only builds up.
LENGTHS = (1, 1, 1, 1, 1, 1, 2, 3)
TAGS = ("v1", "v2", "v2", "v3", "v3", "bad-v4", "slow-v4")


def drawn(random: Random, config: Config) -> list[Operation]:
    """The operations of one history: a deployment, an update, then anything; time passes between them."""
    found: list[Operation] = [_of_fate(random, config)] if random.random() < 0.15 else []
    found.append(["settle"])
    if random.random() < 0.6:
        found += [_of_fate(random, config) for _ in range(random.randint(1, 2))]
    found.append(["image", random.choice(TAGS[1:])])
    for _ in range(random.choice(LENGTHS)):
        found.append(_passing(random))
        found.append(_anything(random, config))
    return [*found, _passing(random)]


def _passing(random: Random) -> Operation:
    return random.choice(
        (["settle"], ["settle"], ["wait", 0.02], ["wait", 1.2], ["wait", 4], ["wait", 45], ["wait", 0])
    )


def _anything(random: Random, config: Config) -> Operation:
    roll = random.random()
    if roll < 0.5:
        return _of_client(random, config)
    return _of_world(random, config) if roll < 0.7 else _of_fate(random, config)


def _of_client(random: Random, config: Config) -> Operation:
    roll = random.random()
    if roll < 0.6:
        weighted = ("abort", "abort", "abort", "retry", "promote", "promote", "promote", "promote-full", *VERBS)
        return ["verb", random.choice(weighted)]
    if roll < 0.8:
        return ["image", random.choice(TAGS)]
    if roll < 0.93:
        return ["scale", random.choice((0, 1, 2, 3, 5))]
    if roll < 0.98 or config.workload:
        routed = "trafficRouting" in (config.strategy.get("canary") or {})
        total = ((config.strategy.get("canary") or {}).get("trafficRouting") or {}).get("maxTrafficWeight", 100)
        found = steps(random, total, routed=routed)
        if any(kind == "ingress" and delay > 0 for _, kind, delay in config.routers):
            # Any first weight may be less than the one in force, and the pods go with it; see `settings.drawn`: such a
            # router is promised no more than the delays of the spec.
            found = []
        return ["steps", found]
    if "blueGreen" in config.strategy:
        return ["strategy", {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}]
    return ["strategy", {"blueGreen": {"activeService": "active", "previewService": "preview"}}]


def _of_world(random: Random, config: Config) -> Operation:
    services = [s for s in ("active", "preview") if "blueGreen" in config.strategy] or ["canary", "stable"]
    choices: list[Operation] = [
        ["hpa", random.choice((0.5, 0.8, 1.3, 2.0))],
        ["node", random.choice((0, 1)), random.choice((5, 20, None))],
        ["flap", random.choice(("v1", "v2", "v3")), random.choice((0.5, 10))],
        ["drain", random.choice(("v1", "v2"))],
        [
            "verdict",
            random.choice(("Step", "Background", "PrePromotion", "PostPromotion", "Experiment", "Plugin")),
            _end(random),
        ],
        ["strip", random.choice(services)],
        ["drop", random.choice(services)],
        ["annotate"],
        ["doom"],
        ["edit", random.choice(("v1", "v2", "v3")), random.choice((0, 1, 3))],
        ["delete", random.choice(("v1", "v2", "v3"))],
    ]
    for name, _, _ in config.routers:
        choices += [["router", name, state] for state in ("failing", "failing", "mute", "ok")]
    return random.choice(choices)


def _end(random: Random) -> str:
    return random.choice(("Failed", "Error", "Inconclusive", "Successful"))


def _of_fate(random: Random, config: Config) -> Operation:
    after = random.randint(1, 12)
    choices: list[Operation] = [
        ["crash", random.choice(("before", "after")), after, 0],
        ["crash", random.choice(("before", "after")), after, 0],
        ["fault", random.choice(("conflict", "refused", "lost")), after],
        ["fault", "lost", after],
        ["meanwhile", after, _of_client(random, config)],
        ["meanwhile", after, random.choice((_of_client, _of_world))(random, config)],
        ["kill", 0],
        ["lag", random.choice((ROLLOUT, REPLICA_SET, SERVICE)), random.choice((50, 400, 3000))],
        ["outage", random.choice((0.2, 4))],
        ["jump", random.choice((-30, -2, 2, 40))],
        ["look"],
    ]
    return random.choice(choices)
