"""A real control plane as a cluster: read through watches, written as a client writes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path

import urllib3
from realcluster import process
from realcluster.binaries import Binaries
from realcluster.control_plane import ADMIN, CONTROLLER, ControlPlane
from realcluster.process import Process
from realcluster.rest import MERGE_PATCH, Api, ApiError

from playback.cluster import KINDS, SERVED, Manifest, Move

_DEPLOY = Path(__file__).parents[3] / "deploy"
_COMMAND = [sys.executable, "-c", "import sys; from tidegate.cli.main import main; sys.exit(main())"]
_RIGHTS = [*_COMMAND, "plugins", "rbac", "--namespace=tidegate"]
_BINDING = [
    "create",
    "clusterrolebinding",
    "tidegate-plugins",
    "--clusterrole=tidegate-plugins",
    f"--user={CONTROLLER}",
]
_CONNECTIONS = 40  # a watch for each kind, and as many plays at once as `houses` allows
_WATCH_S = 300  # a watch ends after this and goes on from where it was
_AGAIN_S = 0.2  # after a watch that broke
_RIGHTS_S = 60.0  # for a command of 1 s, on a busy machine
_DRAIN_S = 10.0  # within which the controller must answer SIGTERM


class Real:
    """etcd, API server, controller manager and a simulated kubelet; the controller is a process with deploy/'s rights, and
    with those that its plugins name. `crds`: a folder of kinds to be served beside deploy/'s.

    To be made in the main thread of its process: the programs end with the thread that started them.
    """

    def __init__(self, binaries: Binaries, crds: Path) -> None:
        self._plane = ControlPlane.start(binaries)
        self._plane.install(crds)
        self._api = Api.at(self._plane.port, self._plane.files.authority, self._plane.tokens[ADMIN], _CONNECTIONS)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._followers: list[Callable[[Move], None]] = []
        self._known: dict[tuple[str, str], dict[str, Manifest]] = defaultdict(dict)
        self._controller: Process | None = None
        self._watches = [threading.Thread(target=self._watch, args=(each,), daemon=True) for each in SERVED]
        for watch in self._watches:
            watch.start()

    def follow(self, note: Callable[[Move], None]) -> Callable[[], None]:
        with self._lock:
            self._followers = [*self._followers, note]

        def leave() -> None:
            with self._lock:
                self._followers = [each for each in self._followers if each is not note]

        return leave

    def latest(self) -> int:
        return 0

    def objects(self, resource: str, namespace: str) -> list[Manifest]:
        with self._lock:
            found = self._known[resource, namespace]
            return [found[name] for name in sorted(found)]

    def make_namespace(self, name: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._api.call("POST", "/api/v1/namespaces", manifest)

    def apply(self, manifests: Iterable[Manifest]) -> None:
        for manifest in manifests:
            meta = manifest["metadata"]
            path = _path(KINDS[manifest["kind"]], meta["namespace"], meta["name"])
            query = "fieldManager=tidegate-recordings&force=true"
            self._api.call("PATCH", f"{path}?{query}", manifest, "application/apply-patch+yaml")

    def edit(self, resource: str, namespace: str, name: str, patch: Manifest, status: bool = False) -> None:
        path = _path(resource, namespace, name) + ("/status" if status else "")
        self._api.call("PATCH", path, patch, MERGE_PATCH)

    def delete(self, resource: str, namespace: str, name: str) -> None:
        self._api.call("DELETE", _path(resource, namespace, name), {"propagationPolicy": "Background"})

    def start_controller(self, folder: Path) -> None:
        self._plane.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(_DEPLOY))
        rights = subprocess.run(_RIGHTS, capture_output=True, text=True, timeout=_RIGHTS_S, check=True).stdout
        self._plane.kubectl("apply", "-f", "-", stdin=rights)
        self._plane.kubectl(*_BINDING)
        kubeconfig = self._plane.write_kubeconfig(folder / "kubeconfig", CONTROLLER)
        (port,) = process.free_ports(1)
        flags = [f"--kubeconfig={kubeconfig}", "--metrics-port=0", f"--health-port={port}", "--qps=0"]
        command = [*_COMMAND, "controller", *flags, "--log-level=warning"]
        self._controller = process.start("tidegate", command, folder, {"POD_NAMESPACE": "tidegate"})
        self._plane.wait("the controller ready", lambda: _ready(port))

    def close(self) -> None:
        self._ending.set()
        controller = self._controller
        if controller is not None:
            controller.stop(_DRAIN_S)
        self._plane.stop()
        if controller is not None:
            log = controller.log.read_text(encoding="utf-8")
            assert controller.child.returncode == 0, log
            assert "Traceback" not in log, log

    def _watch(self, resource: str) -> None:
        """Lists, then watches from there; whatever goes wrong, it lists again."""
        path = f"{SERVED[resource]}/{_plural(resource)}"
        while not self._ending.is_set():
            try:
                version = self._list(resource, path)
                while version and not self._ending.is_set():
                    version = self._go_on(resource, path, version)
            except (ApiError, urllib3.exceptions.HTTPError):
                self._ending.wait(_AGAIN_S)

    def _list(self, resource: str, path: str) -> str:
        listed = self._api.call("GET", path)
        found = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in listed["items"]}
        with self._lock:
            before = [item for (kind, _), items in self._known.items() if kind == resource for item in items.values()]
        for item in before:
            if (item["metadata"]["namespace"], item["metadata"]["name"]) not in found:
                self._note(Move(resource, item, gone=True))
        kind = next((kind for kind, each in KINDS.items() if each == resource), "")
        for item in listed["items"]:
            self._note(Move(resource, {"kind": kind, **item}))
        return str(listed["metadata"]["resourceVersion"])

    def _go_on(self, resource: str, path: str, version: str) -> str:
        """The version to go on from; "" when the server has forgotten it."""
        for event in self._api.watch(path, version, _WATCH_S):
            if event["type"] == "ERROR":
                return ""
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._note(Move(resource, event["object"], event["type"] == "DELETED"))
        return version

    def _note(self, move: Move) -> None:
        meta = move.object["metadata"]
        with self._lock:
            known = self._known[move.resource, meta["namespace"]]
            if move.gone:
                known.pop(meta["name"], None)
            else:
                known[meta["name"]] = move.object
            followers = self._followers
        for note in followers:
            note(move)


def _ready(port: int) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", retries=False).status == HTTPStatus.OK
    except urllib3.exceptions.HTTPError:
        return False


def _plural(resource: str) -> str:
    return resource.partition(".")[0]


def _path(resource: str, namespace: str, name: str) -> str:
    return f"{SERVED[resource]}/namespaces/{namespace}/{_plural(resource)}/{name}"
