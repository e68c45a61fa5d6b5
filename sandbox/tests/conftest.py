"""Builders and clients that the tests of the sandbox share, as fixtures: test modules cannot import one another."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.server import Sandbox
from tidegate_sandbox.store import Store

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Stream:
    """The lines of a watch; reading past the end of the stream raises StopIteration."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPSConnection

    def __iter__(self) -> Iterator[Manifest]:
        return self

    def __next__(self) -> Manifest:
        line = self.response.readline()
        if not line:
            raise StopIteration
        event: Manifest = json.loads(line)
        return event

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@dataclass(slots=True)
class Client:
    """A plain HTTPS client, one connection a request, as unforgiving as the wire."""

    port: int
    authority: bytes
    _context: ssl.SSLContext = field(init=False)
    _streams: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._context = ssl.create_default_context(cadata=self.authority.decode())

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=10)

    def __call__(
        self, method: str, path: str, body: Any = None, kind: str = JSON, accept: str = JSON, agent: str = "test/1"
    ) -> Reply:
        connection = self._connect()
        try:
            data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            headers = {"Content-Type": kind, "Accept": accept, "User-Agent": agent}
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def merge(self, path: str, body: Any) -> Reply:
        return self("PATCH", path, body, "application/merge-patch+json")

    def watch(self, path: str, accept: str = JSON) -> Stream:
        """Open a watch; `path` needs no `watch=1`."""
        connection = self._connect()
        connection.request("GET", f"{path}{'&' if '?' in path else '?'}watch=1", headers={"Accept": accept})
        stream = Stream(connection.getresponse(), connection)
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def registry(clock: VirtualClock) -> Registry:
    return Registry(clock)


@pytest.fixture
def store(registry: Registry) -> Store:
    return Store(registry)


@pytest.fixture
def cluster() -> Iterator[Sandbox]:
    """A served cluster without simulated controllers: what is written stays as it is."""
    with Sandbox(clock=VirtualClock(), simulate=False) as running:
        yield running


@pytest.fixture
def api(cluster: Sandbox) -> Iterator[Client]:
    """A client of `cluster`; open watches are closed at the end."""
    client = Client(cluster.port, cluster.authority)
    yield client
    client.close()


@pytest.fixture
def client_of() -> Iterator[Callable[[Sandbox], Client]]:
    made: list[Client] = []

    def make(sandbox: Sandbox) -> Client:
        made.append(Client(sandbox.port, sandbox.authority))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def a_deployment() -> Callable[..., Manifest]:
    """A Deployment manifest; keywords go into its spec."""

    def build(name: str = "web", **spec: Any) -> Manifest:
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
        whole = {"selector": {"matchLabels": labels}, "template": template} | spec
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": whole,
        }

    return build


@pytest.fixture
def a_config_map() -> Callable[..., Manifest]:
    """A ConfigMap manifest; keywords go into its metadata."""

    def build(name: str = "settings", data: dict[str, str] | None = None, **meta: Any) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"} | meta,
            "data": data or {"a": "1"},
        }

    return build


@pytest.fixture
def gate_definition() -> Manifest:
    """A CustomResourceDefinition that uses what the sandbox knows of structural schemas."""
    spec = {
        "type": "object",
        "required": ["replicas"],
        "properties": {
            "replicas": {"type": "integer", "minimum": 0, "description": "How many."},
            "mode": {"type": "string", "enum": ["Open", "Closed"], "default": "Open"},
            "surge": {"x-kubernetes-int-or-string": True},
            "class": {
                "type": "string",
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "class is immutable"}],
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "note": {"type": "string", "nullable": True, "maxLength": 4},
            "steps": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "required": ["weight"],
                    "properties": {
                        "weight": {"type": "integer", "maximum": 100},
                        "hold": {"type": "boolean", "default": False},
                    },
                },
            },
        },
    }
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    columns = [{"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"}]
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
    }
    names = {"plural": "gates", "kind": "Gate", "shortNames": ["gt"], "categories": ["all"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gates.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.fixture
def a_gate() -> Callable[..., Manifest]:
    """An object of the sample definition; keywords go into its spec."""

    def build(name: str = "g", **spec: Any) -> Manifest:
        return {
            "apiVersion": "example.com/v1",
            "kind": "Gate",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": 1} | spec,
        }

    return build
