"""What pytest loads: it names the modules whose assertions are to be readable, and imports nothing else."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tidegate_testkit.traffic",
    "tidegate_testkit.suites",
    "tidegate_testkit.stage",
    "tidegate_testkit.plane",
    "tidegate_testkit.metrics",
    "tidegate_testkit.endpoint",
)
