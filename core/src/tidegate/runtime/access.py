"""What metric providers reach the world through, under the rules of `tidegate.yaml`."""

from __future__ import annotations

from pathlib import Path

from tidegate.runtime import config
from tidegate.runtime.measuring import Services
from tidegate.runtime.outbound import Outbound
from tidegate.runtime.secrets import SecretStore
from tidegate.runtime.transport import Transport


def services_of(file: Path | None, transport: Transport) -> Services:
    """How endpoints and Secrets are reached. Raises ConfigError."""
    outbound = Outbound(config.load(file).metrics, (transport.host,))
    return Services(outbound, SecretStore(transport).reader, lambda: outbound.handed_out)
