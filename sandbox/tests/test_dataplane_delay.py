"""A data plane that is late: what requests meet is the cluster as it was, in order; pods are what they are."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane import DataPlane, Load, StoreSource, Stream
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.plane import InForce
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.server import Sandbox

HOST = "demo.example"
DELAY_S = 0.4
OLD, NEW = pod("web-old", "v1"), pod("web-new", "v2")


def weighted(percent: int) -> Manifest:
    canary = {"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": str(percent)}
    return ingress("web-canary", path_to("canary"), host=HOST, annotations=canary)


def shop(percent: int) -> MemorySource:
    return MemorySource(
        *(OLD, service("stable"), endpoint_slice("stable", OLD)),
        *(NEW, service("canary"), endpoint_slice("canary", NEW)),
        *(ingress("web", path_to("stable"), host=HOST), weighted(percent)),
    )


def late(source: MemorySource) -> DataPlane:
    return DataPlane(source, proxy=PythonProxy(), delay_s=DELAY_S)


def shares(plane: DataPlane) -> float:
    split = plane.split(HOST)
    assert split is not None
    return split.version("v2")


def test_what_is_there_at_the_start_is_in_force_at_once() -> None:
    begun = time.monotonic()
    with late(shop(25)) as plane:
        assert shares(plane) == 0.25
        split = plane.split(HOST)
        assert split is not None
        assert split.since >= begun


def test_a_change_is_in_force_late_and_never_early() -> None:
    source = shop(0)
    with late(source) as plane:
        changed = time.monotonic()
        source.put(weighted(50))
        assert plane.wait_current()
        split = plane.split(HOST)
        assert split is not None
        assert split.version("v2") == 0.5
        assert split.since - changed >= DELAY_S


def test_every_change_is_in_force_for_a_while_in_the_order_in_which_it_was_made() -> None:
    source, seen = shop(0), list[float]()
    with late(source) as plane:

        def note(found: InForce) -> bool:
            split = found.splits.of(HOST)
            share = -1.0 if split is None else split.version("v2")
            if not seen or seen[-1] != share:
                seen.append(share)
            return share == 1.0

        waiter = threading.Thread(target=plane.wait_until, args=(note,))
        waiter.start()
        for percent in (5, 25, 50, 100):
            source.put(weighted(percent))
            # Half the delay apart: several changes are on their way at once.
            assert not plane.wait_until(lambda _: False, DELAY_S / 2)
        waiter.join(10)
    assert seen == [0.0, 0.05, 0.25, 0.5, 1.0]


def test_pods_are_not_late() -> None:
    source = shop(100)
    with late(source) as plane:
        source.put(pod("web-new", "v2", ready=False))
        with Load(plane.url_for(HOST), Stream(rate=200, total=60)) as load:
            assert load.wait(10)
        # The pod refuses, and the proxy does not know yet.
        assert load.snapshot().counts.failures > 0
        source.put(weighted(0))
        assert plane.wait_current()
        with Load(plane.url_for(HOST), Stream(rate=200, total=20)) as load:
            assert load.wait(10)
        assert load.snapshot().counts.versions == {"v1": 20}


def test_a_source_that_fails_is_shown_and_read_again() -> None:
    class Failing(MemorySource):
        broken = False

        def list(self, resource: str) -> tuple[Manifest, ...]:
            if self.broken:
                raise OSError("down")
            return tuple(super().list(resource))

    source = Failing()
    for manifest in (
        OLD,
        service("stable"),
        endpoint_slice("stable", OLD),
        ingress("web", path_to("stable"), host=HOST),
    ):
        source.put(manifest)
    with late(source) as plane:
        source.broken = True
        source.put(service("other"))
        assert plane.wait_until(lambda found: "down" in "".join(found.problems))
        assert plane.split(HOST) is not None
        source.broken = False
        assert plane.wait_until(lambda found: not found.problems)


def test_kinds_are_read_once_their_definitions_are_there() -> None:
    http = [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}]
    mesh = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"hosts": [HOST], "http": http},
    }
    with Sandbox() as sandbox, DataPlane(StoreSource(sandbox.objects), proxy=PythonProxy()) as plane:
        assert plane.in_force.problems == ()
        assert plane.split(HOST) is None
        sandbox.install_crds(Path(__file__).parents[1] / "crds" / "istio")
        sandbox.apply(mesh)
        assert plane.wait_current()
        assert plane.split(HOST) is not None
