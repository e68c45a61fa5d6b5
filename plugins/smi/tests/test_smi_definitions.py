"""An API server that knows the definition takes what is written, in every version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate_sandbox.clock import VirtualClock
from tidegate_sandbox.server import Sandbox
from tidegate_smi.config import VERSIONS

CRDS = Path(__file__).parents[3] / "sandbox" / "crds" / "smi"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_taken(shop_with: Callable[..., Any], version: str) -> None:
    sandbox = Sandbox(clock=VirtualClock(), simulate=False)
    sandbox.install_crds(CRDS)
    shop = shop_with(apiVersion=version)
    shop.weigh(25)
    split = shop.split()
    assert split["apiVersion"] == f"split.smi-spec.io/{version}"
    (answer,) = sandbox.apply({**split, "metadata": {"name": "demo"}})
    assert answer["spec"] == split["spec"]
