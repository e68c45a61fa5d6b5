"""A cluster with the controller in it: the sandbox, or a real control plane."""

from __future__ import annotations

import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realcluster import process
from realcluster.control_plane import CONTROLLER, CRDS, ControlPlane, NotReady
from realcluster.process import Process
from realcluster.rest import Api

from worlds.chronicle import Chronicle

_ROOT = Path(__file__).parents[3]
# Both servers are up in a few seconds; ten times that for a starved machine.
_START_S = 60.0
_POLL_S = 0.05
# SIGTERM must be answered within this.
_DRAIN_S = 10.0
# Scenarios run side by side on one controller: none waits for another's pass, and none for the client's limit.
_CONTROLLER = ("--workers=16", "--qps=0", "--metrics-port=0", "--health-port=0")


@dataclass(frozen=True, slots=True)
class World:
    """What a scenario needs of a cluster. `api` may do everything; the controller has rights of its own."""

    name: str
    api: Api
    chronicle: Chronicle
    controller: Process
    metrics_port: int

    def passes(self, namespace: str) -> int:
        """How often the controller has looked at the Rollouts of a namespace."""
        return sum(count for _, count in self._samples("rollout_reconcile_count", namespace))

    def writes(self, namespace: str) -> int:
        """How often the controller has written in a namespace, Events left out."""
        return sum(self.written(namespace).values())

    def written(self, namespace: str) -> dict[str, int]:
        """Those writes by kind."""
        counts: dict[str, int] = {}
        for labels, count in self._samples("controller_clientset_k8s_request_total", namespace):
            counts[labels["kind"]] = counts.get(labels["kind"], 0) + count
        return counts

    def _samples(self, metric: str, namespace: str) -> Iterator[tuple[dict[str, str], int]]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            text = answer.read().decode()
        for labels, value in re.findall(rf"^{metric}\{{(.*)\}} (\S+)$", text, re.MULTILINE):
            found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if found["namespace"] == namespace and _counts(found):
                yield found, int(float(value))


def _counts(labels: dict[str, str]) -> bool:
    """Whether a sample of the client's requests is a write that took place, Events apart; other samples count all."""
    verb = labels.get("verb", "").upper()
    written = verb in ("POST", "PUT", "PATCH", "DELETE") and labels["status_code"].startswith("2")
    return not verb or (written and labels["kind"] != "events")


@contextmanager
def sandbox(folder: Path) -> Iterator[World]:
    """The sandbox in a process of its own, under the real clock."""
    kubeconfig = folder / "sandbox.kubeconfig"
    command = [sys.executable, "-m", "tidegate_sandbox", "up", f"--kubeconfig={kubeconfig}", f"--crds={CRDS}"]
    server = process.start("sandbox", command, folder)
    try:
        _await("the sandbox", server, "ready at")
        with _inhabited("sandbox", Api.of(kubeconfig), kubeconfig, folder) as world:
            yield world
    finally:
        server.stop()


@contextmanager
def real(plane: ControlPlane, folder: Path) -> Iterator[World]:
    """A running control plane, with the rights of deploy/ for the controller."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_ROOT / "deploy"))
    kubeconfig = plane.write_kubeconfig(folder / "real.kubeconfig", CONTROLLER)
    with _inhabited("real", plane.api(), kubeconfig, folder) as world:
        yield world


@contextmanager
def _inhabited(name: str, api: Api, kubeconfig: Path, folder: Path) -> Iterator[World]:
    """The cluster with a chronicle and a controller; at the end the controller must go in order."""
    chronicle = Chronicle(api)
    chronicle.start()
    script = "import sys; from tidegate.cli.main import main; sys.exit(main())"
    config = folder / "tidegate.yaml"
    config.write_text("plugins: {enabled: [nginx]}\n", encoding="utf-8")  # the one whose rights deploy/ grants
    given = (f"--kubeconfig={kubeconfig}", f"--config={config}")
    command = [sys.executable, "-c", script, "controller", *given, *_CONTROLLER]
    home = {"POD_NAMESPACE": "tidegate" if name == "real" else "default"}
    controller = process.start(f"tidegate-{name}", command, folder, home)
    try:
        found = _await("the controller", controller, r"metrics on port (\d+)")
        yield World(name, api, chronicle, controller, int(found[1]))
        controller.check()
    finally:
        chronicle.stop()
        controller.stop(_DRAIN_S)
    log = controller.log.read_text(encoding="utf-8")
    assert controller.child.returncode == 0, log
    assert "Traceback" not in log, log
    # It runs with the rights of deploy/ and needs no others.
    assert "forbidden" not in log, log


def _await(what: str, started: Process, line: str) -> re.Match[str]:
    """Waits until a line of the log matches. Raises NotReady, or ProcessEnded with the log."""
    end = time.monotonic() + _START_S
    while (found := re.search(line, started.log.read_text(encoding="utf-8"))) is None:
        started.check()
        if time.monotonic() > end:
            raise NotReady(f"{what}: nothing like {line!r} in {started.log} after {_START_S:g} s")
        started.ends_within(_POLL_S)
    return found
