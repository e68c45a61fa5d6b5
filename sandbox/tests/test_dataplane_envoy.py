"""The Envoy process and the plane around it: starting, ending, failing."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate_sandbox.dataplane import DataPlane, Load, Stream, envoy_process, plane
from tidegate_sandbox.dataplane.envoy import Envoy
from tidegate_sandbox.dataplane.errors import ProxyFailed
from tidegate_sandbox.dataplane.memory import MemorySource, endpoint_slice, ingress, path_to, pod, service
from tidegate_sandbox.dataplane.proxy import PythonProxy
from tidegate_sandbox.dataplane.routes import (
    Cluster,
    Host,
    Mirror,
    PathKind,
    PathMatch,
    PodRef,
    Route,
    RouteTable,
    Share,
)


def missing_envoy() -> str:
    try:
        envoy_process.envoy_path()
    except ImportError as error:
        return f"no Envoy for this platform: {error}"
    return ""


pytestmark = [pytest.mark.envoy, pytest.mark.skipif(bool(missing_envoy()), reason=missing_envoy() or "there is one")]


@pytest.fixture
def envoy() -> Iterator[Envoy]:
    started = Envoy()
    started.start()
    yield started
    started.stop()


def demo() -> MemorySource:
    member = pod("demo-1", "v1")
    rules = ingress("web", path_to("stable"))
    return MemorySource(member, service("stable"), endpoint_slice("stable", member), rules)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_start_to_stop_leaves_no_process_and_no_file(envoy: Envoy) -> None:
    assert envoy.ready()
    assert envoy.name.startswith("envoy 1.")
    pid = envoy.pid
    envoy.stop()
    assert gone(pid)
    assert not envoy.ready()
    envoy.stop()


def test_any_number_run_side_by_side(envoy: Envoy) -> None:
    second = Envoy()
    second.start()
    try:
        assert second.port != envoy.port
        assert envoy.ready()
    finally:
        second.stop()


def test_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for proxy in (Envoy(port), PythonProxy(port)):
            with pytest.raises(ProxyFailed, match=rf"{port}.*[Aa]ddress already in use"):
                proxy.start()


def test_config_is_live_from_the_version_that_was_applied(envoy: Envoy) -> None:
    first = envoy.apply(RouteTable(), {})
    assert envoy.config_live(first)
    assert not envoy.config_live(first + 1)
    assert envoy.config_live(envoy.apply(RouteTable(), {}))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_envoy_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from tidegate_sandbox.dataplane.envoy import Envoy\n"
        "envoy = Envoy(); envoy.start(); print(envoy.pid, flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # a killed parent leaves its files
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        ended = os.pidfd_open(pid)
        try:
            assert not gone(pid)
            parent.send_signal(signal.SIGKILL)
            assert select.select([ended], [], [], 10)[0] == [ended]
        finally:
            os.close(ended)


def test_dead_envoy_is_shown_and_takes_nothing_else_down() -> None:
    source, proxy = demo(), Envoy()
    with DataPlane(source, proxy=proxy) as running:
        assert not running.in_force.problems
        os.kill(proxy.pid, signal.SIGKILL)
        source.put(pod("demo-2", "v1"))
        source.put(endpoint_slice("stable", pod("demo-1", "v1"), pod("demo-2", "v1")))
        assert running.wait_until(lambda seen: bool(seen.problems))
        assert running.in_force.problems[0].startswith("envoy ")


def test_without_a_wheel_the_python_proxy_takes_over_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_wheel() -> None:
        raise ImportError("no module named envoy")

    monkeypatch.setattr(plane, "envoy_path", no_wheel)
    with DataPlane(demo()) as running:
        assert "no Envoy on this platform" in running.proxy_name
        assert running.split("demo.example") is not None


@pytest.mark.parametrize("make", [Envoy, PythonProxy], ids=["envoy", "python"])
def test_mirrored_requests_reach_both_and_the_answer_is_the_first_ones(make: type[Envoy] | type[PythonProxy]) -> None:
    class Mirrored:
        resources = ("pods",)

        def translate(self, world: object) -> RouteTable:
            clusters = (Cluster("a", (PodRef("shop", "one"),)), Cluster("b", (PodRef("shop", "two"),)))
            route = Route(PathMatch(PathKind.PREFIX, "/"), (Share("a", 1),), mirrors=(Mirror("b"),))
            return RouteTable((Host("demo.example", (route,)),), clusters)

    source = MemorySource(pod("one", "v1"), pod("two", "v2"))
    with DataPlane(source, proxy=make(), translators=[Mirrored()]) as running:
        with Load(running.url_for("demo.example"), Stream(rate=1000, total=50)) as load:
            assert load.wait(10)
            assert load.snapshot().counts.versions == {"v1": 50}
            while running.served("shop", "two") < 50:
                threading.Event().wait(0.005)
        assert running.served("shop", "one") == 50
