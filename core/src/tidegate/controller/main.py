"""The controller process: build the parts, wait to lead, work, and end in order.

Order of the start: plugins and ports (what the operator can have got wrong), the API server, the lease, the stores, the
workers. `/metrics` and `/healthz` answer before and without the lease; `/readyz` says what is still waited for.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tidegate import __version__
from tidegate.controller.options import ControllerOptions, Exit
from tidegate.errors import ConfigError, ConnectionFailed, NotFound, PluginLoadError, TidegateError
from tidegate.hooks.facade import Facade
from tidegate.hooks.records import Status
from tidegate.runtime import logs
from tidegate.runtime.access import services_of
from tidegate.runtime.clock import WallClock
from tidegate.runtime.engine import CORE, Engine, EngineOptions
from tidegate.runtime.leader import Elector, Seat
from tidegate.runtime.limiter import Limiter
from tidegate.runtime.metrics import Metrics, PageServer, check_page, metrics_page
from tidegate.runtime.plugins import facade_of
from tidegate.runtime.transport import Access, Connection, Transport

log = logging.getLogger(__name__)

LEASE = "argo-rollouts-controller-lock"  # the reference controller's, so that the two never run at once
HOME = "argo-rollouts"  # where the reference controller is installed by its manifests
SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
# Core kinds, those of analysis and experiments, a few kinds that routers name, and four spare connections.
WATCHES = len(CORE) + 4 + 8
SPARE_CONNECTIONS = 4
# SIGTERM to exit in 10 s: passes 5 s, events 2 s, the lease 2 s.
DRAIN_S = 5.0
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label


@dataclass(slots=True)
class Process:
    """What one run holds: it is set up first and then runs until `stop`."""

    options: ControllerOptions
    metrics: Metrics
    transport: Transport
    engine: Engine
    stop: threading.Event
    waiting_for: str = "the lease"
    lost: bool = False

    def lose(self) -> None:
        """Leadership is gone: end."""
        self.lost = True
        self.stop.set()

    def problem(self) -> str:
        """What `/readyz` says: a standby is ready, a leader once its stores are filled."""
        if self.waiting_for:
            return "" if self.waiting_for == "the lease" else f"waiting for {self.waiting_for}"
        return self.engine.problem()


def run(options: ControllerOptions, stop: threading.Event | None = None) -> int:
    """Run a controller until a signal, or until `stop` is set; the exit code (see `Exit`).

    Signals are only taken over in the main thread.
    """
    stop = stop or threading.Event()
    with _signals(stop), contextlib.ExitStack() as ending:
        logs.configure("info", options.log_format)
        try:
            logs.configure(options.log_level, options.log_format)
            process = _set_up(options, stop, ending)
        except (ConfigError, ConnectionFailed, PluginLoadError) as error:
            log.error("%s", error)
            return Exit.UNUSABLE
        return _lead(process)


def _set_up(options: ControllerOptions, stop: threading.Event, ending: contextlib.ExitStack) -> Process:
    _check(options)
    facade = _plugins(options.config)
    metrics, clock = Metrics(), WallClock()
    ending.callback(clock.close)
    access = Access(options.kubeconfig, options.context, options.workers + WATCHES + SPARE_CONNECTIONS)
    transport = Transport(Connection(access), Limiter(options.qps, options.burst), metrics)
    ending.callback(transport.close)
    services = services_of(options.config, transport)
    wanted = EngineOptions(options.namespaces, options.instance_id, options.workers, services)
    engine = Engine(transport, facade, wanted, clock, metrics)
    process = Process(options, metrics, transport, engine, stop, waiting_for="the API server")
    for server in _page_servers(process):
        server.start()
        ending.callback(server.stop)
    version = transport.check()
    process.waiting_for = "the lease"
    log.info("tidegate %s on %s (Kubernetes %s)", __version__, transport.host, version)
    return process


def _check(options: ControllerOptions) -> None:
    """Refuse flags that could only lead to a controller that does nothing. Raises ConfigError."""
    for namespace in options.namespaces:
        if not NAMESPACE.fullmatch(namespace):
            raise ConfigError(
                "--namespace", f"{namespace!r} is no name of a namespace; use lower case, digits and dashes"
            )
    if options.metrics_port == options.health_port != 0:
        raise ConfigError(
            "--metrics-port", f"{options.metrics_port} is --health-port too; choose another for one of them"
        )


def _page_servers(process: Process) -> list[PageServer]:
    options = process.options
    pages = {"/healthz": check_page(lambda: ""), "/readyz": check_page(process.problem)}
    health = PageServer("--health-port", options.health_port, pages)
    try:
        metrics = PageServer("--metrics-port", options.metrics_port, {"/metrics": metrics_page(process.metrics)})
    except ConfigError:
        health.stop()
        raise
    log.info("metrics on port %d, health on port %d", metrics.port, health.port)
    return [health, metrics]


def _lead(process: Process) -> int:
    options = process.options
    name = f"{LEASE}-{options.instance_id}" if options.instance_id else LEASE
    identity = f"{socket.gethostname()}_{uuid.uuid4()}"
    home = process.engine.remotes.home = _home(process.transport)
    elector = Elector(process.transport, Seat(home, name, identity))
    if not elector.acquire(process.stop):
        return Exit.STOPPED
    try:
        process.metrics.leader.set(1)
        process.waiting_for = ""
        elector.keep(process.lose)
        _work(process)
    finally:
        process.metrics.leader.set(0)
        elector.release()
    return Exit.LEADERSHIP_LOST if process.lost else Exit.STOPPED


def _work(process: Process) -> None:
    process.engine.start()
    told = ""
    while not process.engine.wait_ready(0.5) and not process.stop.is_set():
        problem = process.engine.problem()
        if problem != told:
            log.info("waiting: %s", problem)
            told = problem
    if process.engine.wait_ready(0):
        log.info("working: %s", process.engine.problem() or "stores are filled")
        # What the first lists made lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
    process.stop.wait()
    log.info("stopping: passes in work may end within %.0f s", DRAIN_S)
    process.engine.stop(DRAIN_S)


def _plugins(file: Path | None) -> Facade:
    """The plugins that the config file wants; what became of them is told."""
    facade = facade_of(file)
    for record in facade.plugins:
        if record.status is Status.FAILED:
            log.warning("plugin %s: %s; the others go on", record.name, record.error)
    log.info("routers: %s", ", ".join(facade.routers) or "none installed")
    log.info("metric providers: %s", ", ".join(facade.meters.names) or "none installed")
    for record in facade.plugins:
        if record.status is Status.LOADED and not record.key:
            log.info("wrapper %s (%s) stands around: %s", record.name, record.origin, ", ".join(sorted(record.verbs)))
    return facade


def _home(transport: Transport) -> str:
    """The namespace of the lease: where we run; outside a cluster, the reference controller's if there is one."""
    if namespace := os.environ.get("POD_NAMESPACE"):
        return namespace
    if SERVICE_ACCOUNT_NAMESPACE.exists():
        return SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
    try:
        transport.request("GET", f"/api/v1/namespaces/{HOME}")
    except NotFound:
        return "default"
    except TidegateError as error:
        log.info("leader: %s; taking namespace %s for the lease", error, HOME)
    return HOME


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        log.info("received %s", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
