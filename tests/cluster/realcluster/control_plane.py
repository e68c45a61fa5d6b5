"""The control plane as a whole: what is started in which order, and how to reach it."""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
import yaml

from realcluster import certificates, commands, process
from realcluster.binaries import Binaries
from realcluster.kubelet import Kubelet
from realcluster.process import Process
from realcluster.rest import Api, ApiError

CRDS = Path(__file__).parents[3] / "deploy" / "crds"
ADMIN = "admin"
# Who the controller's ServiceAccount is to RBAC: this user has exactly the rights that deploy/ gives.
CONTROLLER = "system:serviceaccount:tidegate:tidegate"
_CONTEXTS = {ADMIN: "admin", CONTROLLER: "tidegate"}
_GROUPS = {ADMIN: "system:masters", CONTROLLER: "system:serviceaccounts,system:serviceaccounts:tidegate"}

_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Ready in 3 to 6 s on two idle cores; ten times that for a starved machine.
_START_S = 60.0
_POLL_S = 0.05


class NotReady(Exception):
    """The control plane did not do something in time, or kubectl failed; the message says what."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. Port 0 is one that is free; without CRDs the controller manager starts at once."""

    port: int = 0
    crds: Path | None = CRDS
    kubelet: bool = True


@dataclass(slots=True)
class ControlPlane:
    """A running control plane: `with ControlPlane.start(find()) as plane:`; the end removes everything."""

    binaries: Binaries
    folder: Path
    port: int
    etcd_ports: tuple[int, int]
    files: certificates.Certificates
    tokens: dict[str, str]
    processes: dict[str, Process] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _cleanup: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def start(cls, binaries: Binaries, options: Options | None = None) -> ControlPlane:
        """Starts all of it, installs the CRDs and returns when they are served. From the main thread (`process`)."""
        wanted = options or Options()
        folder = Path(tempfile.mkdtemp(prefix="tidegate-cluster-"))
        client, peer, port = process.free_ports(3)
        tokens = {user: secrets.token_hex(16) for user in _CONTEXTS}
        plane = cls(binaries, folder, wanted.port or port, (client, peer), certificates.write(folder), tokens)
        plane._cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            plane._bring_up(wanted)
        except BaseException:
            plane.stop()
            raise
        return plane

    def _bring_up(self, wanted: Options) -> None:
        lines = [f'{token},{user},{user},"{_GROUPS[user]}"' for user, token in self.tokens.items()]
        (self.folder / "tokens.csv").write_text("\n".join(lines), encoding="utf-8")
        admin = self.write_kubeconfig(self.folder / "admin.kubeconfig")
        self._run("etcd", commands.etcd(self.folder, *self.etcd_ports))
        self._run_api_server()
        if wanted.crds is not None:
            # Before the controller manager: its garbage collector then knows the kinds from the start, not 30 s later.
            self.install(wanted.crds)
        self._run("kube-controller-manager", commands.controller_manager(self.folder, admin))
        if wanted.kubelet:
            kubelet = Kubelet(self.api())
            self._cleanup.callback(kubelet.stop)
            kubelet.start()

    def _run(self, name: str, arguments: list[str]) -> None:
        self.processes[name] = process.start(name, [self.binaries.path(name), *arguments], self.folder)
        # At the end nothing is kept, so an API server that drains its watches first is not waited for.
        self._cleanup.callback(self.processes[name].stop, 0.5)

    def _run_api_server(self) -> None:
        self._run("kube-apiserver", commands.api_server(self.folder, self.port, self.etcd_ports[0], self.files))
        api = self.api()
        self.wait("kube-apiserver ready", lambda: _answers_ok(api))

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the kubelet, then the processes in reverse order, and removes the folder. Whoever waits gives up."""
        self._stopped.set()
        self._cleanup.close()

    def check(self) -> None:
        """Raises ProcessEnded if one of the processes has ended."""
        for one in self.processes.values():
            one.check()

    def restart_api_server(self) -> None:
        """Stops the API server and starts it again on the same port; returns when it is ready."""
        # Open watches hold a graceful end back for a minute; clients must bear the abrupt one anyway.
        self.processes["kube-apiserver"].stop(grace_s=1.0)
        self._run_api_server()

    def api(self, user: str = ADMIN) -> Api:
        """A client of its own for ADMIN or CONTROLLER."""
        return Api.at(self.port, self.files.authority, self.tokens[user])

    def write_kubeconfig(self, path: Path, user: str = ADMIN) -> Path:
        """Writes a kubeconfig with the contexts `admin` and `tidegate` (CONTROLLER); `user` decides the current one."""
        authority = base64.b64encode(self.files.authority.read_bytes()).decode()
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tidegate-tests", "cluster": server}],
            "users": [{"name": _CONTEXTS[one], "user": {"token": token}} for one, token in self.tokens.items()],
            "contexts": [
                {"name": name, "context": {"cluster": "tidegate-tests", "user": name, "namespace": "default"}}
                for name in _CONTEXTS.values()
            ],
            "current-context": _CONTEXTS[user],
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What the real kubectl prints, as admin. Raises NotReady with what it complains of unless it exits 0."""
        # The cache of discovery lives with the cluster: the same port of another run may serve other kinds.
        ours = [f"--kubeconfig={self.folder / 'admin.kubeconfig'}", f"--cache-dir={self.folder / 'discovery'}"]
        command = [self.binaries.path("kubectl"), *ours, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=_START_S, check=False)
        if done.returncode != 0:
            raise NotReady(f"kubectl {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def install(self, folder: Path) -> None:
        """Applies every CRD of a folder, strictly, and waits until each is established."""
        files = [one for one in sorted(folder.glob("*.yaml")) if one.name != "kustomization.yaml"]
        definitions = [yaml.safe_load(one.read_text(encoding="utf-8")) for one in files]
        api, query = self.api(), "fieldManager=tidegate-tests&force=true&fieldValidation=Strict"
        for one in definitions:
            path = f"{_CRD_PATH}/{one['metadata']['name']}?{query}"
            api.call("PATCH", path, one, "application/apply-patch+yaml")
        for name in [one["metadata"]["name"] for one in definitions]:
            self.wait(f"CRD {name} established", partial(_established, api, name))

    def wait(self, what: str, met: Callable[[], bool], seconds: float = _START_S) -> None:
        """Polls until `met()` is true. Raises NotReady after `seconds` or `stop`, ProcessEnded if a process ends."""
        end = time.monotonic() + seconds
        while not met():
            self.check()
            if time.monotonic() > end:
                raise NotReady(f"{what}: not so after {seconds:g} s")
            if self._stopped.wait(_POLL_S):
                raise NotReady(f"{what}: the control plane was stopped meanwhile")


def _answers_ok(api: Api) -> bool:
    try:
        return api.text("/readyz") == "ok"
    except (ApiError, urllib3.exceptions.HTTPError):
        return False


def _established(api: Api, name: str) -> bool:
    status: dict[str, Any] = api.call("GET", f"{_CRD_PATH}/{name}").get("status") or {}
    # The server stores a list of null until the first condition is known.
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
