"""Measures the controller and prints a table; raw figures go to `benchmarks/results`.

`python benchmarks/bench.py --api real` on a real kube-apiserver, `--api sandbox` on the in-memory one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bed import ROOT, Bed, bed
from judgement import judgement
from scenes import aborts, canaries, idle

SCENES: dict[str, Callable[[Bed], dict[str, float]]] = {"canaries": canaries, "aborts": aborts, "idle": idle}

# Measured with the reference controller on two cores and a real API server (Kubernetes 1.34.2).
MARKS = {
    "writes_per_canary": 43,
    "event_writes_per_canary": 21,
    "cpu_ms_per_canary": 98.5,  # 86 to 111
    "rss_idle_mb": 402,
    "abort_alone_ms_median": 45,
    "abort_90_at_once_ms_p99": 3500,  # 2 to 5 s
}


def main() -> None:
    """Run the scenes, each on a bed of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", choices=("real", "sandbox"), default="sandbox")
    parser.add_argument("--only", choices=sorted([*SCENES, "judgement"]), action="append")
    parser.add_argument("--idle", type=int, default=1000, help="Rollouts of the idle scene")
    parser.add_argument("--save", action="store_true", help="keep the raw figures")
    asked = parser.parse_args()
    figures: dict[str, float] = {}
    for name in asked.only or (*SCENES, "judgement"):
        if name == "judgement":
            figures |= judgement()
            continue
        with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder, bed(asked.api, Path(folder)) as made:
            made.start_controller()
            figures |= idle(made, asked.idle) if name == "idle" else SCENES[name](made)
    show(figures)
    if asked.save:
        keep(asked.api, figures)


def show(figures: dict[str, float]) -> None:
    """The table: figure, value, the reference controller's where it was measured, and the ratio."""
    print(f"{'figure':<34} {'value':>10} {'reference':>10} {'ratio':>7}")
    for name, value in figures.items():
        mark = MARKS.get(name)
        against = f"{mark:>10.4g} {value / mark:>7.2f}" if mark else ""
        print(f"{name:<34} {value:>10.4g} {against}".rstrip())


def keep(api: str, figures: dict[str, float]) -> None:
    """Write the raw figures with what they were measured on."""
    now = datetime.now(UTC)
    raw = {
        "when": now.isoformat(timespec="seconds"),
        "api": api,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": figures,
        "reference": MARKS,
    }
    path = ROOT / "benchmarks" / "results" / f"{now:%Y-%m-%d-%H%M}-{api}.json"
    path.write_text(json.dumps(raw, indent=2) + "\n")
    print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
