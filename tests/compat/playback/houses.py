"""The two worlds on which recordings are played."""

from __future__ import annotations

import os
from pathlib import Path

from realcluster.binaries import MissingBinaries, find

from playback.real import Real
from playback.sandboxed import Sandboxed
from playback.stage import House
from playback.staging import STAGING, Staging

WORLDS = ("sandbox", "real")
ASKED = "TIDEGATE_SLOW_RECORDINGS"
_ROOT = Path(__file__).parents[3]
_CRDS = _ROOT / "deploy" / "crds"
# Istio's kinds are there; SMI's are not, since a recording asks what happens where nobody serves them.
_MESH = _ROOT / "sandbox" / "crds" / "istio"
# Every worker has a sandbox, which takes a good part of a processor; the real control plane is one for all of them.
_AT_ONCE = {"sandbox": 6, "real": 14}
# The recorder waited 1.5 s. Counts alone are written a second late here, and a busy server adds some tenths.
_QUIET_S = {"sandbox": 1.3, "real": 1.3}


def missing(world: str) -> str:
    """Why a world cannot be had here; "" where it can."""
    if world == "real":
        try:
            find()
        except MissingBinaries as error:
            return f"no real control plane: {error}"
    return ""


def house(world: str) -> House:
    """How a world is opened. MissingBinaries where there is no real one."""
    if world == "real":
        binaries = find()
        return House(world, lambda: Real(binaries, _MESH), _AT_ONCE[world], _QUIET_S[world], single=True)
    return House(world, lambda: Sandboxed(_CRDS, _MESH), _AT_ONCE[world], _QUIET_S[world])


def skipped(world: str, scenario: str) -> str:
    """Why a scenario is not played on a world in this run; "" if it is. Slow ones are played where they are asked for."""
    slow = "" if os.environ.get(ASKED) else STAGING.get(scenario, Staging()).slow
    return missing(world) or (slow and f"{slow}; {ASKED}=1 plays it")
