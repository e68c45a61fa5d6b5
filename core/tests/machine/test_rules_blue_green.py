"""Blue-green at the edges of its delays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from machine_world import RESUME, World

Build = Callable[..., World]


@pytest.mark.parametrize(("early_s", "active"), [(1, "v1"), (0, "v2")], ids=["in its delay", "at its end"])
def test_a_former_version_comes_back_at_once_only_within_its_delay(
    a_blue_green: Build, early_s: int, active: str
) -> None:
    world = a_blue_green(autoPromotionEnabled=False).image("v2").run().client(**RESUME).run()
    assert world.selected("demo-active") == world.hash("v2")
    ends = world.deadline("v1")
    assert ends is not None
    world.now = datetime.fromisoformat(ends) - timedelta(seconds=early_s)
    world.image("v1").run()
    assert world.selected("demo-active") == world.hash(active)
