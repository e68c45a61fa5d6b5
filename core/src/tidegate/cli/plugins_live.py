"""The live cluster for `tidegate plugins doctor`, apart from it: only this needs the Kubernetes client."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.cli.plugins_findings import Examiner, Finding
from tidegate.hooks.records import PluginRecord
from tidegate.runtime.transport import Access, Connection, Transport


def examine(records: Sequence[PluginRecord], access: tuple[str, str], home: str, account: str) -> list[Finding]:
    """What the cluster behind (kubeconfig, context) says of loaded plugins. Raises ConnectionFailed where there is none."""
    kubeconfig, context = access
    transport = Transport(Connection(Access(kubeconfig, context)))
    try:
        transport.check()
        examiner = Examiner(transport, home, account)
        return [finding for record in records for finding in examiner.findings(record)]
    finally:
        transport.close()
