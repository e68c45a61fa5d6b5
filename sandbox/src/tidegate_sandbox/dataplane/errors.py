"""What can go wrong in the data plane.

SandboxError
+- DataPlaneError
   +- ProxyFailed      the proxy did not start, or ended
   +- ConfigRejected   the proxy refused a configuration; the last good one stays in force
   +- NotLoopback      a load was asked for against an address that is not this machine
"""

from __future__ import annotations

from tidegate_sandbox.errors import SandboxError


class DataPlaneError(SandboxError):
    """Anything the data plane gives up on."""


class ProxyFailed(DataPlaneError):
    """The proxy is not there; the message ends with what it said last."""


class ConfigRejected(DataPlaneError):
    """The proxy refused a table; the message holds its reason."""


class NotLoopback(DataPlaneError):
    """The load generator sends to this machine only."""
