"""A cluster, the controller in a thread, and a way to wait for the world without sleeping."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions
from tidegate_sandbox.contracts import Change
from tidegate_sandbox.errors import NotFound
from tidegate_sandbox.manifests import read_manifests
from tidegate_sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
ROLLOUTS, INGRESSES = "rollouts.argoproj.io", "ingresses.networking.k8s.io"
PREFIX = "nginx.ingress.kubernetes.io"
PATIENCE_S = 30.0


class Theatre:
    """A sandbox with the shop of `examples/canary` (short pauses), and controllers that can be started and stopped."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.kubeconfig = sandbox.kubeconfig(folder / "kubeconfig")
        sandbox.install_crds(ROOT / "deploy" / "crds")
        self.changed = threading.Condition()
        self.changes: list[Change] = []
        self._running: list[tuple[threading.Thread, threading.Event, list[int]]] = []
        self._cancel = sandbox.objects.subscribe(self._note)

    def _note(self, change: Change) -> None:
        with self.changed:
            self.changes.append(change)
            self.changed.notify_all()

    def apply(self, *, edit: Callable[[dict[str, Any]], None] | None = None, without: str = "") -> None:
        """Apply the example; `edit` changes the Rollout first, `without` leaves out a kind."""
        manifests = [copy.deepcopy(m) for m in read_manifests(ROOT / "examples" / "canary")]
        for manifest in manifests:
            if manifest["kind"] == "Rollout":
                for step in manifest["spec"]["strategy"]["canary"]["steps"]:
                    if "pause" in step:
                        step["pause"] = {"duration": 1}
                if edit is not None:
                    edit(manifest)
        self.sandbox.apply([m for m in manifests if m["kind"] != without])

    def start(self, **options: Any) -> threading.Event:
        """Start a controller; the event stops it."""
        stop, code = threading.Event(), []
        chosen = {"qps": 0, "metrics_port": 0, "health_port": 0, **options}
        settings = ControllerOptions(kubeconfig=str(self.kubeconfig), **chosen)
        thread = threading.Thread(target=lambda: code.append(run(settings, stop)), daemon=True)
        thread.start()
        self._running.append((thread, stop, code))
        return stop

    def stop(self) -> list[int]:
        """Stop every controller; their exit codes."""
        for _, stop, _ in self._running:
            stop.set()
        for thread, _, _ in self._running:
            thread.join(15)
            assert not thread.is_alive(), "the controller did not drain within its 10 s"
        codes = [code for _, _, codes in self._running for code in codes]
        self._running = []
        return codes

    def close(self) -> None:
        self.stop()
        self._cancel()

    def ship(self, tag: str) -> None:
        """Release a version."""
        rollout = self.rollout()
        container = rollout["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"example.com/shop/checkout:{tag}"
        self.sandbox.objects.update(ROLLOUTS, rollout)

    def rollout(self) -> dict[str, Any]:
        return self.sandbox.objects.get(ROLLOUTS, "default", "checkout")

    def status(self) -> dict[str, Any]:
        return self.rollout().get("status") or {}

    def canary_weight(self) -> str | None:
        try:
            ingress = self.sandbox.objects.get(INGRESSES, "default", "checkout-checkout-canary")
        except NotFound:
            return None
        weight = ingress["metadata"].get("annotations", {}).get(f"{PREFIX}/canary-weight")
        return None if weight is None else str(weight)

    def weights(self) -> list[int]:
        """Every weight that the canary Ingress has carried, repeats left out."""
        seen: list[int] = []
        for change in self.changes:
            if change.resource != INGRESSES or not change.object["metadata"]["name"].endswith("-canary"):
                continue
            text = change.object["metadata"].get("annotations", {}).get(f"{PREFIX}/canary-weight")
            if text is not None and (not seen or seen[-1] != int(text)):
                seen.append(int(text))
        return seen

    def until(self, what: str, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        """Wait for the world; looked at after every change and, for what no change tells of, four times a second."""
        with self.changed:
            done = self.changed.wait_for(holds, 0)
            deadline = threading.Event()
            timer = threading.Timer(within_s, deadline.set)
            timer.daemon = True
            timer.start()
            while not done and not deadline.is_set():
                self.changed.wait(0.25)
                done = holds()
            timer.cancel()
        assert done, f"waited {within_s:.0f} s for {what}; status {self.status()}"

    def until_healthy(self, tag: str = "v1") -> None:
        """Wait until a version serves everybody."""

        def holds() -> bool:
            rollout, status = self.rollout(), self.status()
            image = rollout["spec"]["template"]["spec"]["containers"][0]["image"]
            current = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
            settled = status.get("phase") == "Healthy" and self.canary_weight() == "0"
            promoted = bool(status.get("stableRS")) and status.get("stableRS") == status.get("currentPodHash")
            weights = (status.get("canary") or {}).get("weights") or {}
            recorded = (weights.get("canary") or {}).get("weight") == 0
            return current and settled and promoted and recorded and image.endswith(f":{tag}")

        self.until(f"{tag} to be Healthy", holds)

    def events(self, reason: str) -> list[str]:
        """Messages of the Events with that reason, in any order."""
        return [
            e.get("message", "") for e in self.sandbox.objects.list("events", "default") if e.get("reason") == reason
        ]


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    with Sandbox() as sandbox:
        theatre = Theatre(sandbox, tmp_path)
        try:
            yield theatre
        finally:
            theatre.close()
