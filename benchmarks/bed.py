"""What benchmarks run on: an API server in one process, the controller in another, and a client here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.errors import ApiError
from tidegate.runtime.transport import Access, Connection, Transport

ROOT = Path(__file__).parents[1]
TICK = os.sysconf("SC_CLK_TCK")
MERGE = "application/merge-patch+json"
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/{ns}/rollouts"
REPLICA_SETS = "/apis/apps/v1/namespaces/{ns}/replicasets"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"
SERVICES = "/api/v1/namespaces/{ns}/services"


class Feed:
    """Every event of one watch with the moment of its arrival, and a way to wait for one."""

    def __init__(self, transport: Transport, path: str) -> None:
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        self._grown = threading.Condition()
        version = transport.request("GET", path)["metadata"]["resourceVersion"]
        self._watch = transport.watch(path, {"resourceVersion": version}, 3600)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for event in self._watch:
                with self._grown:
                    self.events.append((time.monotonic(), event["type"], event["object"]))
                    self._grown.notify_all()
        except ApiError:
            return  # the bed is going down

    def wait(self, holds: Callable[[dict[str, Any]], bool], since: float = 0.0, within_s: float = 60.0) -> float:
        """When the first object after `since` arrived that satisfies `holds`. Raises TimeoutError."""
        deadline, index = time.monotonic() + within_s, 0
        with self._grown:
            while True:
                for at, _, found in self.events[index:]:
                    if at >= since and holds(found):
                        return at
                index = len(self.events)
                if not self._grown.wait(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"nothing within {within_s:.0f} s; last: {self.events[-1:]}")

    def close(self) -> None:
        self._watch.interrupt()


class Bed:
    """A running API server and controller."""

    def __init__(self, api: str, folder: Path, controller_options: tuple[str, ...] = ()) -> None:
        self.api, self._folder = api, folder
        self.kubeconfig = folder / f"{api}.kubeconfig"
        self._server = self._start_server()
        self.transport = Transport(Connection(Access(str(self.kubeconfig), "", 120)))
        self._options = controller_options
        self.controller: subprocess.Popen[str] | None = None
        self._port = 0

    def _start_server(self) -> subprocess.Popen[str]:
        command = {
            "sandbox": [sys.executable, "-m", "tidegate_sandbox", "up", "--crds", str(ROOT / "deploy" / "crds")],
            "real": [sys.executable, str(ROOT / "tests" / "cluster" / "up.py")],
        }[self.api]
        command += ["--kubeconfig", str(self.kubeconfig)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        line = server.stdout.readline() if server.stdout else ""
        if "ready" not in line:
            raise RuntimeError(f"the {self.api} API server did not come up: {line}")
        return server

    def start_controller(self) -> None:
        """Start it and wait until its stores are filled."""
        command = [sys.executable, "-m", "tidegate", "controller", "--kubeconfig", str(self.kubeconfig)]
        command += ["--metrics-port", "0", "--health-port", "0", "--qps", "0", *self._options]
        log = (self._folder / f"{self.api}-controller.log").open("a+")
        begun = log.tell()
        self.controller = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
        text, deadline = "", time.monotonic() + 120
        while " working" not in text:
            if time.monotonic() > deadline or self.controller.poll() is not None:
                raise RuntimeError(f"the controller did not come up:\n{text[-2000:]}")
            pause(0.05)
            text = Path(log.name).read_text()[begun:]
        found = re.search(r"metrics on port (\d+)", text)
        self._port = int(found.group(1)) if found else 0

    def stop_controller(self) -> None:
        if self.controller is not None:
            self.controller.send_signal(signal.SIGTERM)
            self.controller.wait(20)
            self.controller = None

    def close(self) -> None:
        self.stop_controller()
        self._server.send_signal(signal.SIGTERM)
        self._server.wait(30)

    # --- the controller's own figures ---

    def cpu_s(self) -> float:
        """User and system time of the controller so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_mb(self) -> float:
        """Resident memory of the controller now."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        return int(found.group(1)) / 1024 if found else 0.0

    @property
    def _pid(self) -> int:
        if self.controller is None:
            raise RuntimeError("no controller is running")
        return self.controller.pid

    def samples(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Samples of one metric of the controller."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            text = answer.read().decode()
        for line in text.splitlines():
            match = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match:
                yield dict(re.findall(r'(\w+)="([^"]*)"', match.group(1) or "")), float(match.group(2))

    def writes(self) -> dict[str, int]:
        """Writes so far by kind, the lease left out."""
        counts: dict[str, int] = {}
        for labels, value in self.samples("controller_clientset_k8s_request_total"):
            if (
                labels["verb"].lower() in ("create", "update", "patch", "delete")
                and "lease" not in labels["kind"].lower()
            ):
                counts[labels["kind"]] = counts.get(labels["kind"], 0) + int(value)
        return counts

    # --- the world ---

    def create(self, path: str, manifest: dict[str, Any], ns: str = "default") -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.request("POST", path.format(ns=ns), manifest)
        return answer

    def get(self, path: str, name: str, ns: str = "default") -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.request("GET", f"{path.format(ns=ns)}/{name}")
        return answer

    def patch(self, path: str, name: str, body: dict[str, Any], ns: str = "default", status: bool = False) -> None:
        target = f"{path.format(ns=ns)}/{name}" + ("/status" if status else "")
        self.transport.request("PATCH", target, body, MERGE)

    def feed(self, path: str, ns: str = "default") -> Feed:
        return Feed(self.transport, path.format(ns=ns))


def pause(seconds: float) -> None:
    """Let the others work; benchmarks may wait for time, tests may not."""
    threading.Event().wait(seconds)


@contextmanager
def bed(api: str, folder: Path, *options: str) -> Iterator[Bed]:
    """A bed that is taken down at the end."""
    made = Bed(api, folder, options)
    try:
        yield made
    finally:
        made.close()
