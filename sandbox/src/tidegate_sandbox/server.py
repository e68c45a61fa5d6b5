"""The sandbox: a Kubernetes API server with its store, clock, simulated workloads and faults, in this process."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from starlette.types import ASGIApp

from tidegate_sandbox.api.app import Controls, application
from tidegate_sandbox.api.endpoint import Endpoint
from tidegate_sandbox.api.hub import Hub
from tidegate_sandbox.clock import RealClock, VirtualClock
from tidegate_sandbox.contracts import Clock, Manifest
from tidegate_sandbox.errors import SandboxError
from tidegate_sandbox.faults import Faults
from tidegate_sandbox.kubeconfig import kubeconfig_text, write_kubeconfig
from tidegate_sandbox.manifests import apply_manifests, read_manifests
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.serving import LOOPBACK, Cut, Serving, listen
from tidegate_sandbox.sim.world import World
from tidegate_sandbox.store import Store
from tidegate_sandbox.tls import identity


class Sandbox:
    """A cluster in one process: `with Sandbox() as sandbox: ... kubectl --kubeconfig sandbox.kubeconfig(path) ...`.

    `port` 0 takes any free one. `clock` None is the real one; under a `VirtualClock` time stands still until `advance`.
    `simulate` False leaves out the controllers: objects stay as they are written.
    """

    def __init__(self, port: int = 0, clock: Clock | None = None, simulate: bool = True) -> None:
        self._own_clock = RealClock() if clock is None else None
        self.clock: Clock = self._own_clock or clock or RealClock()
        self.faults = Faults()
        self._wanted_port = port
        self._simulate = simulate
        self._serving: Serving | None = None
        self._fill()

    def _fill(self) -> None:
        """An empty cluster."""
        self.registry = Registry(self.clock)
        self.objects = Store(self.registry)
        self.world: World | None = World(self.objects, self.clock) if self._simulate else None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the controllers and serve; StartError when the port is taken."""
        self.come_up()
        if self.world is not None:
            self.world.start()
            self.settle()

    def stop(self) -> None:
        """End everything; the object cannot be started again."""
        self.go_down()
        if self.world is not None:
            self.world.stop()
        if self._own_clock is not None:
            self._own_clock.close()

    def come_up(self) -> None:
        """Serve HTTPS, on the same port as before if it was up already."""
        if self._serving is not None:
            return
        listener = listen(self._wanted_port)
        self._wanted_port = listener.getsockname()[1]
        self._serving = Serving(self.registry.ledger, self._application, identity().context)
        self._serving.start(listener)

    def go_down(self) -> None:
        """Stop serving: connections are cut, new ones refused. Data and controllers stay."""
        if self._serving is not None:
            self._serving.stop()
            self._serving = None

    def restart(self, keep_data: bool = True) -> None:
        """A restart of the API server, on the same port. Without its data it comes back as an empty cluster."""
        self.go_down()
        if not keep_data:
            if self.world is not None:
                self.world.stop()
            self._fill()
            if self.world is not None:
                self.world.start()
        self.come_up()
        self.settle()

    def _application(self, hub: Hub, cut: Cut) -> ASGIApp:
        controls = Controls(self.advance if isinstance(self.clock, VirtualClock) else None)
        return application(Endpoint(self.registry, self.faults, hub, cut), controls)

    @property
    def port(self) -> int:
        return self._wanted_port

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def authority(self) -> bytes:
        """The certificate of the authority that signed the server's, in PEM."""
        return identity().authority

    def kubeconfig(self, path: str | Path) -> Path:
        """Write a kubeconfig with the context `tidegate-sandbox` to `path`."""
        return write_kubeconfig(Path(path), self.url, self.authority)

    def kubeconfig_text(self) -> str:
        return kubeconfig_text(self.url, self.authority)

    def apply(self, what: str | Path | Manifest | Iterable[Manifest]) -> list[Manifest]:
        """Create or apply the manifests of a file, of a folder, or given as such; the objects as they are then."""
        if isinstance(what, str | Path):
            manifests: Iterable[Manifest] = read_manifests(Path(what))
        else:
            manifests = [what] if isinstance(what, dict) else what
        applied = apply_manifests(self.registry, manifests)
        self.settle()
        return applied

    def install_crds(self, path: str | Path) -> list[str]:
        """Apply the CustomResourceDefinitions in a file or folder; the names of the kinds they add."""
        found = [m for m in read_manifests(Path(path)) if m.get("kind") == "CustomResourceDefinition"]
        return [item["metadata"]["name"] for item in self.apply(found)]

    def settle(self) -> None:
        """Under a virtual clock, let the simulated controllers do what is due now; a real clock's do so on their own."""
        if self.world is not None and isinstance(self.clock, VirtualClock):
            self.world.settle()

    def advance(self, seconds: float) -> None:
        """Move the virtual clock on, and the simulated workloads with it; SandboxError under a real clock."""
        if not isinstance(self.clock, VirtualClock):
            raise SandboxError("this sandbox runs on the real clock, which cannot be moved; pass clock=VirtualClock()")
        self.clock.advance(seconds, self.settle)
