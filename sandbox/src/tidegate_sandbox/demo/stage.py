"""Everything the demo stands on: cluster, data plane, controller and the stream of requests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.load import Load, Stream
from tidegate_sandbox.dataplane.plane import DataPlane
from tidegate_sandbox.dataplane.sources import StoreSource
from tidegate_sandbox.demo.readback import ReadBack
from tidegate_sandbox.demo.shops import Shop, data_folder
from tidegate_sandbox.errors import SandboxError, StartError
from tidegate_sandbox.monitoring import PREFERRED_PORT, Monitor
from tidegate_sandbox.server import Sandbox

NAMESPACE, ROLLOUT = "default", "checkout"
TEMPLATES, ADDRESS = "analysistemplates.argoproj.io", "prometheus"
CONFIG = "metrics: {egress: {allow: [127.0.0.1]}}\n"
"""Metrics may not ask the controller's own machine unless somebody says so; here the monitor runs on it."""
CONTROLLER_STOPS_WITHIN_S = 12.0  # the controller drains within 10 s of SIGTERM


class DemoFailed(SandboxError):
    """The demo cannot go on; the message says what was waited for and where to look."""


@dataclass(frozen=True, slots=True)
class Glance:
    """The cluster at one moment, as a client sees it. `shares` are what the routers' objects carry, by object."""

    rollout: Manifest
    shares: dict[str, int]
    pods: dict[str, tuple[int, int]]  # version -> (ready, all)
    events: list[tuple[str, str]]

    @property
    def status(self) -> dict[str, Any]:
        return self.rollout.get("status") or {}

    @property
    def weight(self) -> int | None:
        """The canary's share that the controller says every router has accepted."""
        weights = (self.status.get("canary") or {}).get("weights")
        return weights["canary"]["weight"] if weights else None

    @property
    def carried(self) -> int | None:
        """The canary's share that every routing object carries; None where none does, or they are at odds."""
        found = set(self.shares.values())
        return found.pop() if len(found) == 1 else None

    @property
    def promoted(self) -> bool:
        return bool(self.status.get("stableRS")) and self.status.get("stableRS") == self.status.get("currentPodHash")

    @property
    def phase(self) -> str:
        return str(self.status.get("phase", ""))

    def rollout_is(self, tag: str) -> bool:
        """Whether the spec asks for this version and the status speaks of that very spec."""
        image = self.rollout["spec"]["template"]["spec"]["containers"][0]["image"]
        observed = self.status.get("observedGeneration") == str(self.rollout["metadata"]["generation"])
        return bool(image.endswith(f":{tag}")) and observed


class Stage:
    """Brings everything up on entry, in about two seconds, and takes it down on exit."""

    def __init__(self, shop: Shop, rate: float) -> None:
        self.shop, self._rate = shop, rate
        self._stack = ExitStack()
        self.folder = Path()

    def __enter__(self) -> Stage:
        with self._stack:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-demo-")))
            self.sandbox = self._stack.enter_context(Sandbox())
            self.kubeconfig = self.sandbox.kubeconfig(self.folder / "kubeconfig")
            for folder in ("crds", self.shop.crds):
                if folder:
                    self.sandbox.install_crds(data_folder(folder))
            self.sandbox.apply(data_folder(self.shop.example))
            self._read_back = ReadBack(self.sandbox.objects)
            self.plane = self._stack.enter_context(DataPlane(StoreSource(self.sandbox.objects)))
            self.monitor = self._stack.enter_context(self._start_monitor()) if self.shop.monitored else None
            self.controller = self._start_controller()
            self._stack.callback(self._stop_controller)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def controller_log(self) -> Path:
        return self.folder / "controller.log"

    def _start_monitor(self) -> Monitor:
        """On the port that the example names, or where that is taken on any; the templates are told in either case."""
        monitor = Monitor(self.plane.requests, self.sandbox.clock, PREFERRED_PORT)
        try:
            monitor.start()
        except StartError:
            monitor = Monitor(self.plane.requests, self.sandbox.clock)
            monitor.start()
        for template in self.sandbox.objects.list(TEMPLATES, NAMESPACE):
            for argument in template["spec"].get("args", []):
                if argument["name"] == ADDRESS:
                    argument["value"] = monitor.address
            self.sandbox.objects.update(TEMPLATES, template)
        return monitor

    def _start_controller(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tidegate", "controller", "--kubeconfig", str(self.kubeconfig)]
        command += ["--metrics-port", "0", "--health-port", "0"]
        if self.monitor is not None:
            config = self.folder / "tidegate.yaml"
            config.write_text(CONFIG)
            command += ["--config", str(config)]
        with self.controller_log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ})  # noqa: S603

    def _stop_controller(self) -> None:
        self.controller.terminate()
        try:
            self.controller.wait(CONTROLLER_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.controller.kill()
            self.controller.wait()

    def load(self) -> Load:
        """A steady stream to the shop, for as long as the demo runs."""
        return self._stack.enter_context(Load(self.plane.url_for(self.shop.host), Stream(rate=self._rate)))

    def ship(self, tag: str) -> None:
        """Release a version: set the image, as `kubectl argo rollouts set image` does."""
        rollout = self.sandbox.objects.get("rollouts.argoproj.io", NAMESPACE, ROLLOUT)
        container = rollout["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"{container['image'].rpartition(':')[0]}:{tag}"
        self.sandbox.objects.update("rollouts.argoproj.io", rollout)

    def glance(self) -> Glance:
        """Look at the cluster once."""
        objects = self.sandbox.objects
        rollout = objects.get("rollouts.argoproj.io", NAMESPACE, ROLLOUT)
        return Glance(rollout, self._read_back.shares(rollout), self._pods(), self._events())

    def _pods(self) -> dict[str, tuple[int, int]]:
        counts: dict[str, tuple[int, int]] = {}
        for pod in self.sandbox.objects.list("pods", NAMESPACE):
            version = pod["spec"]["containers"][0]["image"].rpartition(":")[2]
            conditions = (pod.get("status") or {}).get("conditions") or []
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            had = counts.get(version, (0, 0))
            counts[version] = (had[0] + ready, had[1] + 1)
        return counts

    def _events(self) -> list[tuple[str, str]]:
        events = [e for e in self.sandbox.objects.list("events", NAMESPACE) if e["involvedObject"]["kind"] == "Rollout"]
        events.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e.get("reason", ""), e.get("message", "")) for e in events]

    def wait(
        self, what: str, holds: Callable[[Glance], bool], within_s: float, tick: Callable[[Glance], None]
    ) -> Glance:
        """Look every tenth of a second until `holds`. Raises DemoFailed with the state in which it did not."""
        deadline = time.monotonic() + within_s
        while True:
            glance = self.glance()
            tick(glance)
            if holds(glance):
                return glance
            if self.controller.poll() is not None:
                raise DemoFailed(f"the controller ended with code {self.controller.returncode}:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                state = (
                    f"{glance.phase} {glance.status.get('message', '')}, step {glance.status.get('currentStepIndex')}"
                )
                raise DemoFailed(f"waited {within_s:.0f} s for {what}; it is {state}\n{self._log_tail()}")
            self.controller_tick()

    def controller_tick(self) -> None:
        """Give the others a tenth of a second, or less if the controller ends."""
        try:
            self.controller.wait(0.1)
        except subprocess.TimeoutExpired:
            return

    def _log_tail(self) -> str:
        lines = self.controller_log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(["the controller's last lines:", *lines[-15:]])
