"""What `tidegate controller` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from tidegate.runtime.logs import LogFormat


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """The flags of the command, with their defaults (those of the reference controller where it has the same flag).

    `kubeconfig` "" means $KUBECONFIG, ~/.kube/config or, inside a pod, its service account; `namespaces` empty means
    all. `instance_id` selects the Rollouts with that label, "" those without it. `qps` 0 is no limit. Port 0 takes a
    free one.
    """

    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    instance_id: str = ""
    config: Path | None = None
    workers: int = 10
    qps: float = 40.0
    burst: int = 80
    log_level: str = "info"
    log_format: LogFormat = LogFormat.TEXT
    metrics_port: int = 8090
    health_port: int = 8080


class Exit(IntEnum):
    """Exit codes of the controller."""

    STOPPED = 0  # SIGTERM or SIGINT
    UNUSABLE = 1  # a flag, the config file, a required plugin, a port or the kubeconfig: the message says which
    LEADERSHIP_LOST = 3  # the lease could not be renewed; a restart begins anew (2 is the shell's for bad usage)
