"""The server's life: start, restart, port, kubeconfig, command line, fixtures."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import SandboxError, StartError
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.server import Sandbox

MAPS = "/api/v1/namespaces/default/configmaps"
ClientOf = Callable[[Sandbox], Any]


def test_a_restart_keeps_port_and_data_and_cuts_watches(
    cluster: Sandbox, api: Any, a_config_map: Callable[..., Manifest]
) -> None:
    port = cluster.port
    cluster.objects.create("configmaps", a_config_map())
    stream = api.watch(MAPS)
    next(stream)
    cluster.restart()
    with pytest.raises((StopIteration, http.client.IncompleteRead, ConnectionError)):
        next(stream)
    assert cluster.port == port
    assert len(api("GET", MAPS).json["items"]) == 1


def test_a_restart_without_data_is_an_empty_cluster(
    cluster: Sandbox, api: Any, a_config_map: Callable[..., Manifest]
) -> None:
    cluster.objects.create("configmaps", a_config_map())
    cluster.restart(keep_data=False)
    assert api("GET", MAPS).json["items"] == []


def test_a_server_that_is_down_refuses(cluster: Sandbox, api: Any) -> None:
    cluster.go_down()
    with pytest.raises(ConnectionRefusedError):
        api("GET", MAPS)
    cluster.come_up()
    assert api("GET", MAPS).code == 200


def test_a_port_in_use_is_one_clear_message() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=rf"port {port} on 127\.0\.0\.1: .*; stop what listens there"):
            Sandbox(port=port, clock=VirtualClock(), simulate=False).start()


def test_the_kubeconfig_leads_to_the_server(cluster: Sandbox, tmp_path: Path) -> None:
    path = cluster.kubeconfig(tmp_path / "deep" / "kubeconfig")
    config = yaml.safe_load(path.read_text())
    assert config["current-context"] == "tidegate-sandbox"
    assert config["clusters"][0]["cluster"]["server"] == cluster.url
    assert path.stat().st_mode & 0o077 == 0


def test_manifests_of_a_folder_are_applied_definitions_first(
    cluster: Sandbox, tmp_path: Path, gate_definition: Manifest, a_gate: Callable[..., Manifest]
) -> None:
    (tmp_path / "a-gate.yaml").write_text(yaml.safe_dump(a_gate(replicas=3)))
    (tmp_path / "z-crd.yaml").write_text(yaml.safe_dump(gate_definition))
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    cluster.apply(tmp_path)
    cluster.apply(tmp_path)
    assert cluster.objects.get("gates.example.com", "default", "g")["spec"]["replicas"] == 3


def test_apply_is_merged_anew_where_somebody_wrote_in_between(
    cluster: Sandbox, a_config_map: Callable[..., Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.objects.create("configmaps", a_config_map())
    read, rivals = Registry.get, ["rival"]

    def read_then_lose(*asked: Any) -> Manifest:
        found = read(*asked)
        while rivals:
            cluster.objects.update("configmaps", a_config_map(data={rivals.pop(): "was here"}))
        return found

    monkeypatch.setattr(Registry, "get", read_then_lose)
    cluster.apply({**a_config_map(), "data": {"ours": "too"}})
    assert cluster.objects.get("configmaps", "default", "settings")["data"] == {"rival": "was here", "ours": "too"}


def test_only_definitions_are_installed(
    cluster: Sandbox, tmp_path: Path, gate_definition: Manifest, a_gate: Callable[..., Manifest]
) -> None:
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([a_gate(), gate_definition]))
    assert cluster.install_crds(tmp_path / "all.yaml") == ["gates.example.com"]
    assert cluster.objects.list("gates.example.com") == []


@pytest.mark.parametrize(("text", "problem"), [("{", "no YAML"), ("a: b", "a document without kind")])
def test_a_file_that_is_no_manifest_is_named(cluster: Sandbox, tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(StartError, match=rf"bad\.yaml: {problem}"):
        cluster.apply(path)


def test_a_missing_file_is_named(cluster: Sandbox) -> None:
    with pytest.raises(StartError, match=r"nowhere\.yaml: No such file"):
        cluster.apply("nowhere.yaml")


def test_the_real_clock_cannot_be_moved() -> None:
    sandbox = Sandbox(simulate=False)
    with sandbox, pytest.raises(SandboxError, match="real clock"):
        sandbox.advance(1)


def test_another_process_moves_the_virtual_clock(cluster: Sandbox, api: Any) -> None:
    before = cluster.clock.now()
    assert api("POST", "/sandbox/advance", {"seconds": 3600}).code == 200
    assert (cluster.clock.now() - before).total_seconds() == 3600
    assert api("POST", "/sandbox/advance", {"seconds": "an hour"}).code == 400


def test_the_fixture_is_a_running_cluster(sandbox: Any, sandbox_kubeconfig: Path, client_of: ClientOf) -> None:
    assert sandbox.url in sandbox_kubeconfig.read_text()
    assert client_of(sandbox)("GET", "/api/v1/namespaces/default").json["status"] == {"phase": "Active"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tidegate_sandbox", *words]


def test_up_stays_until_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with subprocess.Popen(command("up", "--kubeconfig", str(path)), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox ready at https://127.0.0.1:")
        assert yaml.safe_load(path.read_text())["current-context"] == "tidegate-sandbox"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


def test_up_on_a_port_in_use_says_so_and_exits_2(cluster: Sandbox, tmp_path: Path) -> None:
    words = command("up", "--kubeconfig", str(tmp_path / "k"), "--port", str(cluster.port))
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"port {cluster.port}" in done.stderr
    assert not (tmp_path / "k").exists()
