"""What share of the requests each Service and version should get, and since when: what measurements compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.dataplane.matching import Request, host_for, route_for
from tidegate_sandbox.dataplane.pods import behaviour, pod_ref
from tidegate_sandbox.dataplane.routes import Address, PathMatch, PodRef, RouteTable, Share

_Key = tuple[str, PathMatch]


@dataclass(frozen=True, slots=True)
class Split:
    """How requests of one host and path without special headers or cookies are shared out.

    `versions` holds the share of each version, 0 to 1: the shares of the clusters spread over their pods. Empty when
    nobody serves. `since` (time.monotonic) is when this became so: a load's `window(since)` counts requests under it.
    """

    shares: tuple[Share, ...] = ()
    versions: Mapping[str, float] | None = None
    since: float = 0.0

    def share(self, cluster: str) -> float:
        """The part of the requests that goes to a cluster (`<namespace>-<service>-<port>`), 0 to 1."""
        whole = sum(share.weight for share in self.shares)
        return sum(share.weight for share in self.shares if share.cluster == cluster) / whole if whole else 0.0

    def version(self, version: str) -> float:
        """The part of the requests that a version should get, 0 to 1."""
        return (self.versions or {}).get(version, 0.0)

    def says(self, other: Split) -> bool:
        """Whether both share out alike, whenever they began."""
        return self.shares == other.shares and self.versions == other.versions


class Splits:
    """The splits of a table in force, each with the time since which it is what it is."""

    def __init__(self) -> None:
        self._table = RouteTable()
        self._splits: dict[_Key, Split] = {}

    def follow(
        self, table: RouteTable, pods: Iterable[Manifest], addresses: Mapping[PodRef, Address], now: float
    ) -> Splits:
        """The splits of a new table; those that say what they said keep their time, the others began `now`."""
        versions = {pod_ref(pod): behaviour(pod)[0].version for pod in pods if pod_ref(pod) in addresses}
        behind = {c.name: [versions[pod] for pod in c.pods if pod in versions] for c in table.clusters}
        following = Splits()
        following._table = table
        for host in table.hosts:
            for route in host.routes:
                # Of two routes with one path and no conditions the first takes every request.
                if not route.conditions and (host.domain, route.path) not in following._splits:
                    fresh = Split(route.shares, _by_version(route.shares, behind), now)
                    old = self._splits.get((host.domain, route.path))
                    following._splits[host.domain, route.path] = old if old is not None and old.says(fresh) else fresh
        return following

    def of(self, host: str, path: str = "/") -> Split | None:
        """The split of a request; None when no route takes it."""
        found, route = host_for(self._table, host), route_for(self._table, Request(host, path))
        return self._splits.get((found.domain, route.path)) if found is not None and route is not None else None


def _by_version(shares: Iterable[Share], behind: Mapping[str, list[str]]) -> dict[str, float]:
    """Round robin gives each pod of a cluster the same part; a cluster without pods answers nobody."""
    found: dict[str, float] = {}
    positive = [share for share in shares if share.weight > 0]
    whole = sum(share.weight for share in positive)
    for share in positive:
        pods = behind.get(share.cluster, [])
        for version in pods:
            found[version] = found.get(version, 0.0) + share.weight / whole / len(pods)
    return {version: round(part, 12) for version, part in found.items()}
