"""The sandbox as a cluster: read and written in process, while the controller speaks HTTPS to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from playback.cluster import Manifest, Move
from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions
from tidegate_sandbox.contracts import Change
from tidegate_sandbox.errors import Conflict
from tidegate_sandbox.server import Sandbox


class Sandboxed:
    """A sandbox that serves the kinds of some folders, and a controller in a thread of this process."""

    def __init__(self, *crds: Path) -> None:
        self._sandbox = Sandbox()
        self._stop, self._code = threading.Event(), list[int]()
        self._controller: threading.Thread | None = None
        self._sandbox.start()
        for folder in crds:
            self.serve(folder)

    def follow(self, note: Callable[[Move], None]) -> Callable[[], None]:
        def tell(change: Change) -> None:
            note(Move(change.resource, change.object, change.type == "DELETED", change.resource_version))

        return self._sandbox.objects.subscribe(tell)

    def latest(self) -> int:
        return self._sandbox.objects.version

    def objects(self, resource: str, namespace: str) -> list[Manifest]:
        return self._sandbox.objects.list(resource, namespace)

    def make_namespace(self, name: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._sandbox.objects.create("namespaces", manifest)

    def apply(self, manifests: Iterable[Manifest]) -> None:
        self._sandbox.apply(manifests)

    def edit(self, resource: str, namespace: str, name: str, patch: Manifest, status: bool = False) -> None:
        while True:
            item = self._sandbox.objects.get(resource, namespace, name)
            try:
                self._sandbox.objects.update(resource, merged(item, patch), "status" if status else "")
            except Conflict:
                continue  # the controller wrote in between: read again, as a patch does in the API server
            return

    def delete(self, resource: str, namespace: str, name: str) -> None:
        self._sandbox.objects.delete(resource, namespace, name)

    def serve(self, crds: Path) -> None:
        """Serve further kinds from now on."""
        self._sandbox.install_crds(crds)

    def start_controller(self, folder: Path) -> None:
        options = ControllerOptions(
            str(self._sandbox.kubeconfig(folder / "kubeconfig")),
            qps=0,
            metrics_port=0,
            health_port=0,
            log_level="warning",
        )
        self._controller = threading.Thread(target=lambda: self._code.append(run(options, self._stop)), daemon=True)
        self._controller.start()

    def close(self) -> None:
        self._stop.set()
        if self._controller is not None:
            self._controller.join(15)
        self._sandbox.stop()
        assert self._controller is None or self._code == [0], f"the controller ended with {self._code}"


def merged(value: Any, patch: Any) -> Any:
    """RFC 7396: a merge patch applied to a value; null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), part)
    return result
