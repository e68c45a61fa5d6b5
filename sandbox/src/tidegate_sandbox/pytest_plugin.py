"""pytest fixtures: a cluster for each test. The server is imported when a test first asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def sandbox() -> Iterator[Any]:
    """A `tidegate_sandbox.server.Sandbox`: an empty cluster under a virtual clock, served over HTTPS on loopback."""
    # Imported here: every pytest run on this interpreter loads the plugin, few use it.
    from tidegate_sandbox.clock import VirtualClock
    from tidegate_sandbox.server import Sandbox

    with Sandbox(clock=VirtualClock()) as running:
        yield running


@pytest.fixture
def sandbox_kubeconfig(sandbox: Any, tmp_path: Path) -> Path:
    """The path of a kubeconfig for `sandbox`."""
    path: Path = sandbox.kubeconfig(tmp_path / "kubeconfig")
    return path
