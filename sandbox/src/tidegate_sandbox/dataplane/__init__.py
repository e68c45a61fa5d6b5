"""The data plane: real HTTP requests through a simulated cluster, on the loopback interface only.

`DataPlane` watches the routing objects of a cluster and keeps a proxy (Envoy, or a small stand-in) in step with them;
each ready pod is a server that answers with its version; `Load` sends a steady stream and counts the answers.

Here belong: what proxies and ingress controllers do, pods as servers, sending and counting requests. The way in for a
further routing object is a `Translator` (manifests to a route table), handed to `DataPlane(translators=...)`.
Must not be here: writing to the cluster, any rule of a rollout, the simulated controllers, the virtual clock: requests
take real time.
"""

from __future__ import annotations

from tidegate_sandbox.dataplane.counts import Counts, Snapshot
from tidegate_sandbox.dataplane.load import Load, Stream
from tidegate_sandbox.dataplane.plane import DataPlane, InForce
from tidegate_sandbox.dataplane.sources import Source, StoreSource
from tidegate_sandbox.dataplane.splits import Split

__all__ = ["Counts", "DataPlane", "InForce", "Load", "Snapshot", "Source", "Split", "StoreSource", "Stream"]
