from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions, Exit
from tidegate.runtime.metrics import PageServer

LEASES = "leases.coordination.k8s.io"
CRDS = Path(__file__).parents[3] / "deploy" / "crds"


class Running:
    """A controller in a thread of its own."""

    def __init__(self, options: ControllerOptions) -> None:
        self.stop = threading.Event()
        self.codes: list[int] = []
        self._thread = threading.Thread(target=lambda: self.codes.append(run(options, self.stop)))
        self._thread.start()

    def end(self, timeout_s: float = 15.0) -> int:
        self.stop.set()
        self._thread.join(timeout_s)
        assert self.codes, "the controller did not end"
        return self.codes[0]


@pytest.fixture
def options(sandbox: Any, sandbox_kubeconfig: Path) -> ControllerOptions:
    sandbox.install_crds(CRDS)
    return ControllerOptions(kubeconfig=str(sandbox_kubeconfig), metrics_port=0, health_port=0)


@pytest.fixture
def launch(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[ControllerOptions], Running]]:
    # Standard error must outlive the controllers, which log to it until they have ended.
    running: list[Running] = []

    def begin(options: ControllerOptions) -> Running:
        running.append(Running(options))
        return running[-1]

    yield begin
    for each in running:
        each.end()


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """The controller sets logging up for its process; a test must not inherit that."""
    import logging

    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in ("", "tidegate", "urllib3")}
    yield
    root.handlers = [handler for handler in root.handlers if not getattr(handler, "tidegate", False)]
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "never came"
        pause.wait(0.02)


def holder(sandbox: Any) -> str:
    leases = sandbox.objects.list(LEASES, "default")
    return str(leases[0]["spec"]["holderIdentity"]) if leases else ""


def test_a_controller_reconciles_and_gives_the_lease_back(
    sandbox: Any, options: ControllerOptions, launch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    controller = launch(options)
    until(lambda: holder(sandbox))
    labels = {"app": "app"}
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "app:v1"}]}},
        "strategy": {"canary": {}},
    }
    metadata = {"name": "app", "namespace": "default"}
    sandbox.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec})
    until(lambda: sandbox.objects.get("rollouts.argoproj.io", "default", "app").get("status", {}).get("phase"))
    began = time.monotonic()
    assert controller.end() == Exit.STOPPED
    assert time.monotonic() - began < 10
    assert holder(sandbox) == ""
    assert len(sandbox.objects.list(LEASES, "default")) == 1
    assert "working: stores are filled" in capsys.readouterr().err


def test_the_second_controller_waits_and_says_for_whom(
    sandbox: Any, options: ControllerOptions, launch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = launch(options)
    until(lambda: holder(sandbox))
    leader = holder(sandbox)
    second = launch(options)
    said: list[str] = []

    def told() -> bool:
        said.append(capsys.readouterr().err)
        return f"another controller, {leader}, holds lease default/argo-rollouts-controller-lock" in "".join(said)

    until(told)
    assert first.end() == Exit.STOPPED
    until(lambda: holder(sandbox) not in ("", leader))
    assert second.end() == Exit.STOPPED


def test_instances_do_not_wait_for_one_another(sandbox: Any, options: ControllerOptions, launch: Any) -> None:
    launch(options)
    launch(replace(options, instance_id="two"))
    until(lambda: len(sandbox.objects.list(LEASES, "default")) == 2)
    names = {lease["metadata"]["name"] for lease in sandbox.objects.list(LEASES, "default")}
    assert names == {"argo-rollouts-controller-lock", "argo-rollouts-controller-lock-two"}


def test_health_and_metrics_answer(
    sandbox: Any, options: ControllerOptions, launch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    launch(replace(options, log_format=options.log_format.JSON))
    until(lambda: holder(sandbox))
    said: list[str] = []

    def ports() -> list[int]:
        said.append(capsys.readouterr().err)
        lines = [json.loads(line)["msg"] for line in "".join(said).splitlines()]
        words = [word for line in lines if line.startswith("metrics on port") for word in line.split()]
        return [int(word.rstrip(",")) for word in words if word.rstrip(",").isdigit()]

    until(ports)
    metrics_port, health_port = ports()

    def fetch(port: int, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert fetch(health_port, "/healthz") == (200, "ok")
    until(lambda: fetch(health_port, "/readyz") == (200, "ok"))
    until(lambda: "tidegate_leader 1.0" in fetch(metrics_port, "/metrics")[1])
    assert "controller_clientset_k8s_request_total" in fetch(metrics_port, "/metrics")[1]


def test_a_kubeconfig_that_leads_nowhere_is_one_message(
    options: ControllerOptions, sandbox: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.go_down()
    assert run(options) == Exit.UNUSABLE
    (line,) = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert "no answer from https://127.0.0.1" in line
    assert "--kubeconfig" in line


def test_a_port_in_use_is_one_message(options: ControllerOptions, capsys: pytest.CaptureFixture[str]) -> None:
    taken = PageServer("--metrics-port", 0, {})
    try:
        assert run(replace(options, metrics_port=taken.port)) == Exit.UNUSABLE
    finally:
        taken.stop()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert f"--metrics-port: cannot listen on port {taken.port}" in line


def test_a_log_level_that_does_not_exist_is_one_message(
    options: ControllerOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(replace(options, log_level="loud")) == Exit.UNUSABLE
    assert "--log-level: 'loud' is no level; use one of debug" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugins:\n  enabeld: [x]\n", "tidegate.yaml:2: plugins.enabeld: unknown field"),
        ("plugins:\n  required: [absent]\n", 'plugin "absent" is required and cannot be used: not installed'),
    ],
    ids=["config error", "required plugin"],
)
def test_a_config_that_cannot_be_used_is_one_message(
    options: ControllerOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    file = tmp_path / "tidegate.yaml"
    file.write_text(text)
    assert run(replace(options, config=file)) == Exit.UNUSABLE
    errors = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert message in errors[0]
