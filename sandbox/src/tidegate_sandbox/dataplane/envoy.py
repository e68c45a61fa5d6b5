"""The real Envoy as the proxy of the data plane, configured through files that are replaced by rename.

Order of a change, so that no request meets a cluster that is not there: endpoints, then clusters (old and new ones),
then routes, each awaited through the admin interface, and only then are clusters that nobody uses taken away.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate_sandbox.dataplane import envoy_config
from tidegate_sandbox.dataplane.envoy_config import CLUSTERS_FILE, ROUTES_FILE, Json
from tidegate_sandbox.dataplane.envoy_process import POLL_S, EnvoyProcess
from tidegate_sandbox.dataplane.errors import ConfigRejected, ProxyFailed
from tidegate_sandbox.dataplane.routes import Address, PodRef, RouteTable

Hosts = dict[str, tuple[Address, ...]]


class Envoy:
    """One Envoy; see `Proxy`. Port 0 lets the kernel choose."""

    def __init__(self, port: int = 0) -> None:
        self._wanted_port = port
        self._directory = Path()
        self._process: EnvoyProcess | None = None
        self._version = self._log_start = 0
        self._live_version = 0
        self._routes: Json = {}
        self._hosts: Hosts = {}
        self._clusters: frozenset[str] = frozenset()
        self.name = "envoy"
        self.port = 0

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="tidegate-envoy-"))
        self._routes = envoy_config.route_configuration(RouteTable())
        self._write(ROUTES_FILE, [self._routes])
        self._write(CLUSTERS_FILE, [])
        self._process = EnvoyProcess(self._directory, envoy_config.bootstrap(self._directory, self._wanted_port))
        try:
            self._process.start()
        except ProxyFailed:
            self.stop()
            raise
        self.name = f"envoy {self._process.admin_json('/server_info').get('version', '/?').split('/')[1]}"
        listeners = self._process.admin_json("/listeners?format=json").get("listener_statuses", [])
        if not listeners:
            problem = self._process.log_tail()
            self.stop()
            raise ProxyFailed(f"envoy has no listener on port {self._wanted_port}; is the port in use? {problem}")
        self.port = int(listeners[0]["local_address"]["socket_address"]["port_value"])

    def ready(self) -> bool:
        return self._process is not None and self._process.admin_text("/ready").startswith("LIVE")

    def apply(self, table: RouteTable, addresses: Mapping[PodRef, Address], timeout_s: float = 5.0) -> int:
        if self._process is None:
            raise ProxyFailed("envoy is not started; call start() first")
        self._version += 1
        self._log_start = self._process.log_size()
        deadline = time.monotonic() + timeout_s
        hosts = {found.name: envoy_config.hosts_of(found, addresses) for found in table.clusters}
        self._apply_hosts(hosts)
        self._apply_clusters(self._clusters | hosts.keys())
        self._await(lambda: self._hosts_live(hosts), deadline, "clusters")
        self._apply_routes(envoy_config.route_configuration(table), deadline)
        self._apply_clusters(frozenset(hosts))
        self._live_version = self._version
        return self._version

    def config_live(self, version: int) -> bool:
        return self.ready() and self._live_version >= version

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            shutil.rmtree(self._directory, ignore_errors=True)

    def _apply_hosts(self, hosts: Hosts) -> None:
        for name, found in hosts.items():
            if self._hosts.get(name) != found or name not in self._clusters:
                self._write(envoy_config.endpoints_file(name), [envoy_config.assignment(name, found)])
        self._hosts = hosts

    def _apply_clusters(self, names: frozenset[str]) -> None:
        if names != self._clusters:
            self._write(CLUSTERS_FILE, [envoy_config.cluster(name, self._directory) for name in sorted(names)])
            self._clusters = names

    def _apply_routes(self, routes: Json, deadline: float) -> None:
        """Write the routes if they differ: Envoy keeps the old number of a configuration that says the same."""
        if routes == self._routes:
            return
        version = str(self._version)
        self._write(ROUTES_FILE, [routes])
        try:
            self._await(lambda: self._routes_live(version), deadline, "routes")
        except ConfigRejected:
            self._write(ROUTES_FILE, [self._routes])
            raise
        self._routes = routes

    def _hosts_live(self, hosts: Hosts) -> bool:
        """Whether Envoy balances over exactly these hosts in each cluster."""
        statuses = self._admin("/clusters?format=json").get("cluster_statuses", [])
        found = {status["name"]: status.get("host_statuses", []) for status in statuses}
        return all(
            name in found and {_address(host) for host in found[name]} == set(wanted) for name, wanted in hosts.items()
        )

    def _routes_live(self, version: str) -> bool:
        dump = self._admin("/config_dump?resource=dynamic_route_configs")
        return any(entry.get("version_info") == version for entry in dump.get("configs", []))

    def _admin(self, path: str) -> Json:
        return self._process.admin_json(path) if self._process is not None else {}

    def _await(self, live: Callable[[], bool], deadline: float, what: str) -> None:
        """Poll until live. Envoy tells of a refusal in its log alone, which is quiet otherwise."""
        assert self._process is not None
        pause = POLL_S
        while not live():
            if "rejected" in (said := self._process.log_tail(self._log_start)):
                raise ConfigRejected(f"envoy refused the {what}; the last good ones stay in force: {said}")
            if not self._process.running() or time.monotonic() > deadline:
                raise ProxyFailed(f"envoy did not take the {what} in time: {said or 'it logged nothing'}")
            self._process.wait(pause)
            pause = min(pause * 1.5, 0.05)

    def _write(self, name: str, resources: list[Json]) -> None:
        """Replace a watched file as a whole: Envoy sees the rename, never half a file."""
        fresh = self._directory / f"{name}.new"
        fresh.write_text(json.dumps(envoy_config.discovery(self._version, resources)))
        os.replace(fresh, self._directory / name)


def _address(status: Json) -> Address:
    socket = status["address"]["socket_address"]
    return Address(str(socket["address"]), int(socket["port_value"]))
