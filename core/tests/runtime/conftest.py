"""A scripted API server and a clock that jumps, for the tests of the runtime."""

from __future__ import annotations

import heapq
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import BaseModel

from tidegate.hooks import (
    Access as MeterAccess,
)
from tidegate.hooks import (
    Capability,
    Event,
    Kind,
    Measurement,
    MetricProvider,
    Objects,
    Query,
    Reading,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.runtime.engine import Engine, EngineOptions
from tidegate.runtime.measuring import NO_SERVICES
from tidegate.runtime.metrics import Metrics
from tidegate.runtime.reflector import Pace
from tidegate.runtime.transport import Access, Connection, Transport
from tidegate_sandbox.errors import Conflict as SandboxConflict

Manifest = dict[str, Any]


class VirtualClock:
    """Time stands still until `advance`; due callbacks then run, one after another, in the caller's thread."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._timers: list[tuple[datetime, int, list[Callable[[], None]]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Callable[[], None]:
        cell = [callback]
        heapq.heappush(self._timers, (when, next(self._order), cell))
        return cell.clear

    def advance(self, seconds: float) -> None:
        end = self._now + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= end:
            when, _, cell = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            for callback in cell:
                callback()
        self._now = end


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Answer:
    code: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Stream:
    """A watch that the test feeds: `send` an event, `end` it cleanly, `cut` the line, or leave it silent."""

    def __init__(self) -> None:
        self._events: queue.Queue[Manifest | str] = queue.Queue()

    def send(self, type: str, **manifest: Any) -> None:
        self._events.put({"type": type, "object": manifest})

    def end(self) -> None:
        self._events.put("end")

    def cut(self) -> None:
        self._events.put("cut")

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        while True:
            event = self._events.get()
            if event == "end":
                handler.wfile.write(b"0\r\n\r\n")
                return
            if event == "cut":
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            line = json.dumps(event).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()


Script = Callable[[Request], "Answer | Stream"]


class Api:
    """An API server whose every answer the test decides; `script` is asked for each request, in the server's thread."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: Script = lambda request: Answer(404, status(404, "NotFound", f"{request.path} not scripted"))
        self.streams: list[Stream] = []
        self._heard = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                api._connections.add(self.connection)

            def finish(self) -> None:
                api._connections.discard(self.connection)
                super().finish()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                request = Request(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    body,
                    {k.lower(): v for k, v in self.headers.items()},
                )
                reply = api.script(request)
                with api._heard:
                    api.requests.append(request)
                    if isinstance(reply, Stream):
                        api.streams.append(reply)
                    api._heard.notify_all()
                if isinstance(reply, Stream):
                    reply.serve(self)
                    return
                data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.send_response(reply.code)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None: ...

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections and break the open ones, as a server that dies does."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for stream in self.streams:
            stream.cut()
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def wait(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Wait until `condition` holds; it is asked after every request and every few milliseconds."""
        deadline = time.monotonic() + timeout_s
        with self._heard:
            while not condition():
                assert time.monotonic() < deadline, f"never came; heard {[(r.method, r.path) for r in self.requests]}"
                self._heard.wait(0.005)

    def heard(self, method: str, path: str) -> list[Request]:
        return [request for request in tuple(self.requests) if (request.method, request.path) == (method, path)]

    def kubeconfig(self, folder: Path, token: str = "secret") -> Path:
        file = folder / "kubeconfig"
        file.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                    "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                    "users": [{"name": "test", "user": {"token": token}}],
                }
            )
        )
        return file


def status(code: int, reason: str, message: str = "no") -> Manifest:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.stop()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def stream() -> type[Stream]:
    return Stream


@pytest.fixture
def refusal() -> Callable[..., Answer]:
    """An answer that is no success: code, reason, message, headers."""

    def refuse(code: int, reason: str, message: str = "no", headers: dict[str, str] | None = None) -> Answer:
        return Answer(code, status(code, reason, message), headers or {})

    return refuse


CRDS = Path(__file__).parents[3] / "deploy" / "crds"
ROUTE = Kind("example.com", "v1", "Route", "routes")
ROUTE_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "routes.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "routes", "singular": "route", "kind": "Route", "listKind": "RouteList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


class RouteConfig(BaseModel):
    route: str


class Routes(TrafficRouter[RouteConfig]):
    """Writes the canary's share into `spec.canary` of a Route. `trouble` maps a Route to what to raise for it."""

    name = "example.com/routes"
    config = RouteConfig
    can = frozenset({Capability.WEIGHTS, Capability.VERIFY})
    needs = (Rule("example.com", "routes", "get list watch patch"),)

    def __init__(self) -> None:
        self.trouble: dict[str, Exception] = {}
        self.calls: list[tuple[str, int]] = []
        self.sides: list[tuple[str, str]] = []  # the Services of canary and stable at each call
        self.verdict: Verdict | Exception = Verdict(True)

    def reads(self, target: Target[RouteConfig]) -> Sequence[Ref]:
        return [Ref(ROUTE, target.config.route, path=f"{target.path}.route")]

    def set_weights(self, target: Target[RouteConfig], weights: Weights, objects: Objects) -> None:
        self.calls.append((target.name, weights.canary))
        self.sides.append((target.canary_service, target.stable_service))
        if error := self.trouble.get(target.config.route):
            raise error
        event = Event("RouteUpdated", f"{target.config.route} at {weights.canary}")
        objects.edit(ROUTE, target.config.route, event)["spec"]["canary"] = weights.canary

    def verify_weights(self, target: Target[RouteConfig], weights: Weights, objects: Objects) -> Verdict:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    def clean_up(self, target: Target[RouteConfig], objects: Objects) -> None:
        if objects.get(ROUTE, target.config.route) is not None:
            objects.edit(ROUTE, target.config.route)["spec"].pop("canary", None)


class TideConfig(BaseModel):
    """Any text, which may be an argument; `port` is there to be refused."""

    query: str = ""
    port: int = 80


class Tide(MetricProvider[TideConfig]):
    """A provider that answers what the test has laid down for a metric: readings, exceptions, or functions that make one.

    The last answer stands for all that follow. `asked` are (verb, metric, number, query) in order.
    """

    name = "example.com/tide"
    config = TideConfig
    timeout_s = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, list[Any]] = {}
        self.asked: list[tuple[str, str, int, str]] = []
        self.kept: list[tuple[str, int]] = []
        self._lock = threading.Lock()

    def _answer(self, verb: str, query: Query[TideConfig], access: MeterAccess) -> Reading:
        with self._lock:
            self.asked.append((verb, query.metric, query.number, query.config.query))
            answers = self.answers.get(query.metric) or [Reading(result=1.0, value="1")]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        reading: Reading = answer(query, access) if callable(answer) else answer
        return reading

    def describe_metric(self, query: Query[TideConfig]) -> dict[str, str]:
        return {"query": query.config.query} if query.config.query else {}

    def measure(self, query: Query[TideConfig], access: MeterAccess) -> Reading:
        return self._answer("measure", query, access)

    def resume(self, query: Query[TideConfig], access: MeterAccess, measurement: Measurement) -> Reading:
        return self._answer("resume", query, access)

    def terminate(self, query: Query[TideConfig], access: MeterAccess, measurement: Measurement) -> Reading:
        self.asked.append(("terminate", query.metric, query.number, query.config.query))
        return Reading(phase="Inconclusive", metadata=measurement.metadata)

    def collect(self, query: Query[TideConfig], access: MeterAccess, keep: int) -> None:
        self.kept.append((query.metric, keep))


def a_run(name: str = "run", **metric: Any) -> Manifest:
    """An AnalysisRun with one metric `m` of the provider `tide`, or with `metrics`; other parts of the spec by `spec`."""
    spec = metric.pop("spec", {})
    metadata = {"name": name, "namespace": "default", **metric.pop("metadata", {})}
    query = metric.pop("query", "")
    metrics = metric.pop("metrics", None) or [a_metric("m", query, **metric)]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": metadata,
        "spec": {"metrics": metrics, **spec},
    }


def a_metric(name: str, query: str = "", **fields: Any) -> Manifest:
    return {"name": name, "provider": {"plugin": {"example.com/tide": {"query": query}}}, **fields}


class Cluster:
    """A sandbox in virtual time, and engines that share its clock."""

    def __init__(self, sandbox: Any, kubeconfig: Path) -> None:
        self.sandbox, self.kubeconfig = sandbox, kubeconfig
        self.router = Routes()
        self.plugins: dict[str, object] = {}  # beside the router
        self.services = NO_SERVICES
        self.metrics = Metrics()  # of the newest engine
        self._changed = threading.Condition()
        self._engines: list[Engine] = []
        self._transports: list[Transport] = []
        sandbox.install_crds(CRDS)
        sandbox.apply(ROUTE_CRD)
        sandbox.objects.subscribe(self._on_change)

    def _on_change(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def engine(self, *, absent_s: float = 600.0, **options: Any) -> Engine:
        """A running engine; its stores are filled. `absent_s` is the pause while a kind is not served."""
        self.metrics = Metrics()
        transport = Transport(Connection(Access(str(self.kubeconfig))), metrics=self.metrics)
        self._transports.append(transport)
        facade = Facade(load_objects({"routes": self.router, **self.plugins}))
        pace = Pace(first_pause_s=0.01, longest_pause_s=0.05, lived_s=0, absent_s=absent_s)
        wanted = EngineOptions(workers=2, services=self.services, **options)
        engine = Engine(transport, facade, wanted, self.sandbox.clock, self.metrics, pace)
        self._engines.append(engine)
        engine.start()
        assert engine.wait_ready(10)
        return engine

    def close(self) -> None:
        self.sandbox.faults.clear()
        for engine in self._engines:
            engine.stop(2.0)
        for transport in self._transports:
            transport.close()

    def until(self, condition: Callable[[], object], tick_s: float = 0.0, timeout_s: float = 20.0) -> None:
        """Wait until `condition` holds, asked after every change; each round moves the clock on by `tick_s`."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"never came; rollouts are {self.phases()}, runs {self.run_statuses()}"
            if tick_s:
                self.sandbox.advance(tick_s)
            with self._changed:
                self._changed.wait(0.02)

    def run_statuses(self) -> dict[str, Any]:
        found = self.sandbox.objects.list("analysisruns.argoproj.io")
        return {r["metadata"]["name"]: r.get("status") for r in found}

    def run_status(self, name: str = "run") -> Manifest:
        run = self.get("analysisruns.argoproj.io", name)
        return dict((run or {}).get("status") or {})

    def run_phase(self, name: str = "run") -> str:
        return str(self.run_status(name).get("phase", ""))

    def phases(self) -> dict[str, Any]:
        found = self.sandbox.objects.list("rollouts.argoproj.io")
        return {r["metadata"]["name"]: (self.phase(r["metadata"]["name"])) for r in found}

    def get(self, resource: str, name: str) -> Manifest | None:
        found = self.sandbox.objects.list(resource, "default")
        return next((dict(item) for item in found if item["metadata"]["name"] == name), None)

    def status(self, name: str = "app") -> Manifest:
        rollout = self.get("rollouts.argoproj.io", name)
        return dict((rollout or {}).get("status") or {})

    def phase(self, name: str = "app") -> tuple[str, str]:
        status = self.status(name)
        return status.get("phase", ""), status.get("message", "")

    def healthy(self, name: str = "app") -> bool:
        rollout = self.get("rollouts.argoproj.io", name) or {}
        observed = self.status(name).get("observedGeneration")
        return self.phase(name)[0] == "Healthy" and observed == str(rollout["metadata"]["generation"])

    def edit(self, resource: str, name: str, change: Callable[[Manifest], object]) -> None:
        """Change an object as a client would, over and over until nobody comes between."""
        while True:
            manifest = self.get(resource, name)
            assert manifest is not None
            change(manifest)
            try:
                self.sandbox.objects.update(resource, manifest)
            except SandboxConflict:
                continue
            return

    def ship(self, image: str, name: str = "app") -> None:
        def change(manifest: Manifest) -> None:
            manifest["spec"]["template"]["spec"]["containers"][0]["image"] = image

        self.edit("rollouts.argoproj.io", name, change)

    def events(self, name: str = "app") -> list[tuple[str, str, int]]:
        found = [e for e in self.sandbox.objects.list("events") if e["involvedObject"]["name"] == name]
        found.sort(key=lambda e: str(e["metadata"]["name"]))
        return [(e["reason"], e["message"], e["count"]) for e in found]

    def replica_sets(self) -> list[Manifest]:
        return [dict(item) for item in self.sandbox.objects.list("replicasets.apps", "default")]

    def requests(self, verb: str, kind: str, code: str = "") -> int:
        """How many requests of this verb were made for a kind, by all engines."""
        total = 0.0
        for metric in self.metrics.requests.collect():
            for sample in metric.samples:
                labels = sample.labels
                fits = labels.get("verb") == verb and labels.get("kind") == kind
                if sample.name.endswith("_total") and fits and code in ("", labels["status_code"]):
                    total += sample.value
        return int(total)


def service(name: str, app: str = "app", **selector: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": app, **selector}, "ports": [{"port": 80}]},
    }


def route(name: str, **metadata: Any) -> Manifest:
    where = {"name": name, "namespace": "default", **metadata}
    return {"apiVersion": "example.com/v1", "kind": "Route", "metadata": where, "spec": {}}


def a_rollout(name: str = "app", replicas: int = 2, **canary: Any) -> Manifest:
    """A canary with the given strategy fields; `steps` default to none."""
    labels = {"app": name}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "app:v1"}]},
            },
            "strategy": {"canary": canary},
        },
    }


def routed(name: str = "app", *, route: str = "web", steps: Sequence[Manifest] = ()) -> Manifest:
    """A canary that the made-up router shifts."""
    return a_rollout(
        name,
        canaryService=f"{name}-canary",
        stableService=f"{name}-stable",
        steps=list(steps),
        trafficRouting={"plugins": {"example.com/routes": {"route": route}}},
    )


@pytest.fixture
def cluster(sandbox: Any, sandbox_kubeconfig: Path) -> Iterator[Cluster]:
    cluster = Cluster(sandbox, sandbox_kubeconfig)
    yield cluster
    cluster.close()


@pytest.fixture
def build() -> Any:
    """The builders of manifests: `rollout`, `routed`, `service`, `route`, `run`, `metric`."""
    return SimpleNamespace(rollout=a_rollout, routed=routed, service=service, route=route, run=a_run, metric=a_metric)


@pytest.fixture
def tide() -> Tide:
    """A provider whose answers the test lays down."""
    return Tide()
