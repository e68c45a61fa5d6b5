"""A sandbox with a shop, the installed controller in a process of its own, a data plane and a steady stream of users."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from roads.journal import Journal
from roads.shops import TESTERS, Manifest
from tidegate_sandbox.contracts import Change
from tidegate_sandbox.dataplane import DataPlane, Load, Split, StoreSource, Stream
from tidegate_sandbox.dataplane.counts import Counts
from tidegate_sandbox.errors import Conflict
from tidegate_sandbox.server import Sandbox

ROOT = Path(__file__).parents[3]
ROLLOUTS, LEASES, SERVICES = "rollouts.argoproj.io", "leases.coordination.k8s.io", "services"
# Ten times what the slowest wait takes on two idle cores; many workers may share them.
PATIENCE_S = 60.0
# What no change of the cluster tells of is looked at this often.
LOOK_S = 0.25
STOPS_WITHIN_S = 12.0  # the controller drains within 10 s of SIGTERM


@dataclass(frozen=True, slots=True)
class Users:
    """Who sends: everybody, by the host that they ask for, and testers beside them where there is a header for them."""

    host: str
    rate: float = 500.0
    testers: bool = False


class Town:
    """Everything is up once it is entered, and gone when it is left. `delay_s` is how late the data plane is."""

    def __init__(
        self, folder: Path, manifests: Sequence[Manifest], crds: Sequence[Manifest], delay_s: float = 0
    ) -> None:
        self._folder, self._manifests, self._crds, self.delay_s = folder, manifests, crds, delay_s
        self._stack = ExitStack()
        self._starts = 0
        self._acted_at = 0.0

    def __enter__(self) -> Town:
        with self._stack:
            self.sandbox = self._stack.enter_context(Sandbox())
            self.kubeconfig = self.sandbox.kubeconfig(self._folder / "kubeconfig")
            self.sandbox.install_crds(ROOT / "deploy" / "crds")
            self.sandbox.apply(self._crds)
            self.journal = Journal(self.sandbox, self._kinds())
            self._stack.callback(self.journal.close)
            self.sandbox.apply(self._manifests)
            source = StoreSource(self.sandbox.objects)
            self.plane = self._stack.enter_context(DataPlane(source, delay_s=self.delay_s))
            self.journal.turn()
            self.start_controller()
            self._stack.callback(self._stop_controller)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _kinds(self) -> tuple[str, ...]:
        own = [f"{crd['spec']['names']['plural']}.{crd['spec']['group']}" for crd in self._crds]
        return (*own, "ingresses.networking.k8s.io", SERVICES)

    # --- the controller ---

    def start_controller(self) -> None:
        """Start one; its log is `controller-<n>.log`."""
        self._starts += 1
        command = [sys.executable, "-m", "tidegate", "controller", f"--kubeconfig={self.kubeconfig}"]
        command += ["--metrics-port=0", "--health-port=0"]
        with self._log.open("wb") as log:
            self.controller = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def kill_at_next_write(self) -> threading.Event:
        """SIGKILL in the middle of the next write of a routing object: committed, not yet answered."""
        struck = threading.Event()

        def strike(change: Change) -> None:
            if change.resource != SERVICES:
                self.journal.on_write = None
                self.controller.send_signal(signal.SIGKILL)
                struck.set()

        self.journal.on_write = strike
        return struck

    def succeed(self) -> None:
        """Start the successor of a controller that was killed. The lease is taken away, instead of waiting it out."""
        assert self.controller.wait(STOPS_WITHIN_S) == -signal.SIGKILL
        for lease in self.sandbox.objects.list(LEASES):
            self.sandbox.objects.delete(LEASES, lease["metadata"]["namespace"], lease["metadata"]["name"])
        self.start_controller()

    def _stop_controller(self) -> None:
        self.controller.terminate()
        try:
            self.controller.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.controller.kill()
            self.controller.wait()

    @property
    def _log(self) -> Path:
        return self._folder / f"controller-{self._starts}.log"

    # --- what a user of the cluster does ---

    def rollout(self) -> Manifest:
        return self.sandbox.objects.get(ROLLOUTS, "default", "checkout")

    def status(self) -> dict[str, Any]:
        return self.rollout().get("status") or {}

    def canary_weight(self) -> int | None:
        """The canary's share that every router has accepted, as the status says."""
        weights = (self.status().get("canary") or {}).get("weights") or {}
        weight: int | None = (weights.get("canary") or {}).get("weight")
        return weight

    def ship(self, tag: str) -> None:
        """Set the image."""

        def change(rollout: Manifest) -> None:
            rollout["spec"]["template"]["spec"]["containers"][0]["image"] = f"example.com/shop/checkout:{tag}"

        self._edit(change, "")

    def promote(self) -> None:
        """End a pause, as the CLI does: its conditions are taken away, and the rest is the controller's."""
        self._edit(lambda rollout: rollout["status"].pop("pauseConditions"), "status")

    def abort(self) -> None:
        """End the update."""
        self._edit(lambda rollout: rollout["status"].update(abort=True), "status")

    @property
    def unchanged_until(self) -> float:
        """Before that moment no request can have met what the last act of the user has led to."""
        return self._acted_at + self.delay_s

    def _edit(self, change: Callable[[Manifest], object], subresource: Literal["", "status"]) -> None:
        self._acted_at = time.monotonic()
        while True:
            rollout = self.rollout()
            change(rollout)
            try:
                self.sandbox.objects.update(ROLLOUTS, rollout, subresource)
            except Conflict:
                continue
            return

    # --- what is waited for ---

    def until(self, what: str, holds: Callable[[], object]) -> None:
        """Wait for the cluster; AssertionError with the state in which it stays."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what}: not so after {PATIENCE_S:.0f} s; {self._picture()}"
            with self.journal.changed:
                self.journal.changed.wait(LOOK_S)

    def until_paused(self, step: int) -> None:
        """Wait until the Rollout waits at a step."""
        self.until(
            f"a pause at step {step}",
            lambda: self.status().get("currentStepIndex") == step and self.status().get("pauseConditions"),
        )

    def until_healthy(self, tag: str) -> None:
        """Wait until a version is the stable one and nothing else is under way."""

        def holds() -> bool:
            rollout, status = self.rollout(), self.status()
            image = rollout["spec"]["template"]["spec"]["containers"][0]["image"]
            seen = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
            stable = bool(status.get("stableRS")) and status.get("stableRS") == status.get("currentPodHash")
            return seen and stable and status.get("phase") == "Healthy" and str(image).endswith(f":{tag}")

        self.until(f"{tag} to be stable", holds)

    def until_shared(self, host: str, tag: str, percent: int) -> Split:
        """Wait until requests for a host meet a version with that share; the split since which they do."""

        def holds(split: Split | None) -> bool:
            return split is not None and split.version(tag) == percent / 100

        assert self.plane.wait_until(lambda found: holds(found.splits.of(host)), PATIENCE_S), (
            f"{host}: {percent} % to {tag} is not in force after {PATIENCE_S:.0f} s; "
            f"{self.plane.split(host)}, {self.plane.in_force.problems}, {self._picture()}"
        )
        found = self.plane.split(host)
        assert found is not None
        return found

    def until_testers_reach(self, tag: str) -> float:
        """Wait until a route with conditions is in force whose pods are all of a version; this moment."""
        versions: dict[str, str] = {}

        def holds() -> bool:
            versions.update(
                (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"].rpartition(":")[2])
                for pod in self.sandbox.objects.list("pods")
            )
            table = self.plane.in_force.table
            pods = {cluster.name: cluster.pods for cluster in table.clusters}
            led = [
                {versions.get(pod.name) for share in route.shares for pod in pods[share.cluster]}
                for host in table.hosts
                for route in host.routes
                if route.conditions
            ]
            return bool(led) and all(found == {tag} for found in led)

        self.until(f"testers to reach {tag}", holds)
        return time.monotonic()

    def _picture(self) -> str:
        log = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"status {self.status()}", "the controller's last lines:", *log[-15:]])

    # --- who sends ---

    def enter(self, users: Users) -> Crowd:
        """A steady stream for as long as the town stands."""
        url = self.plane.url_for(users.host)
        everybody = self._stack.enter_context(Load(url, Stream(rate=users.rate)))
        some = Stream(rate=users.rate / 10, headers=TESTERS)
        return Crowd(everybody, self._stack.enter_context(Load(url, some)) if users.testers else None)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The streams of a host."""

    everybody: Load
    testers: Load | None

    def counts(self) -> tuple[Counts, ...]:
        """Everything since the start, stream by stream."""
        return tuple(load.snapshot().counts for load in (self.everybody, self.testers) if load is not None)

    @property
    def total(self) -> int:
        """Requests that were answered so far."""
        return sum(counts.total for counts in self.counts())

    @property
    def failures(self) -> list[str]:
        """What went wrong, in a few texts."""
        return [f"{counts.failures} failed: {counts.errors}" for counts in self.counts() if counts.failures]
