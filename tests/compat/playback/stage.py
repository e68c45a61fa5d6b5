"""Plays many recordings at once: each in its own namespace, shared among the workers of a parallel test run.

Playing is waiting, most of all, so one sandbox and one controller carry several scenarios at a time. Workers of pytest-xdist
divide the scenarios by files in a folder that they share: who makes `<scenario>.claim` plays it, and leaves the outcome in
`<scenario>.json` for whoever has to judge it.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from playback.comparison import Difference, differences
from playback.player import Player
from playback.recording import Recording
from playback.staging import STAGING, Staging
from tidegate.controller.main import run
from tidegate.controller.options import ControllerOptions
from tidegate_sandbox.server import Sandbox

AT_ONCE = 6  # more only share the processor: half of a play is waiting for the world to stand still
PATIENCE_S = 110.0  # below the time limit of a test, so that it can say what it waited for


class Stage:
    """One sandbox with one controller. `scenarios` are all that are to be played, by this worker or another."""

    def __init__(self, shared: Path, crds: Path, read: Callable[[str], Recording], scenarios: Sequence[str]) -> None:
        self._shared, self._read, self._scenarios = shared, read, scenarios
        self._sandbox = Sandbox()
        self._closing, self._heard = threading.Event(), threading.Event()
        self._code: list[int] = []
        shared.mkdir(parents=True, exist_ok=True)
        self._sandbox.start()
        self._sandbox.install_crds(crds)
        options = ControllerOptions(
            str(self._sandbox.kubeconfig(self._own("kubeconfig"))),
            qps=0,
            metrics_port=0,
            health_port=0,
            log_level="warning",
        )
        self._stop = threading.Event()
        self._controller = threading.Thread(target=lambda: self._code.append(run(options, self._stop)), daemon=True)
        self._controller.start()
        self._players = [threading.Thread(target=self._work, daemon=True) for _ in range(AT_ONCE)]
        for player in self._players:
            player.start()

    def _own(self, name: str) -> Path:
        return self._shared / f"{name}-{id(self)}-{threading.get_ident()}"

    def outcome(self, scenario: str) -> list[Difference]:
        """What differed in a scenario, once it has been played; AssertionError if the play broke down or never ended."""
        place = self._shared / f"{scenario}.json"
        left = PATIENCE_S
        while not place.exists() and left > 0:
            self._heard.wait(0.1)  # another worker's outcome comes without a sign
            left -= 0.1
        assert place.exists(), f"{scenario} was not played within {PATIENCE_S:.0f} s"
        told = json.loads(place.read_text(encoding="utf-8"))
        assert isinstance(told, list), f"the play of {scenario} broke down:\n{told}"
        return [Difference(**each) for each in told]

    def close(self) -> None:
        """Finish what is being played here, for others may wait for it, and stop."""
        self._closing.set()
        for player in self._players:
            player.join()
        self._stop.set()
        self._controller.join(15)
        self._sandbox.stop()
        assert self._code == [0], f"the controller ended with {self._code}"

    def _work(self) -> None:
        for scenario in self._scenarios:
            if self._closing.is_set():
                return
            try:
                (self._shared / f"{scenario}.claim").touch(exist_ok=False)
            except FileExistsError:
                continue
            self._leave(scenario, self._played(scenario))

    def _played(self, scenario: str) -> object:
        try:
            recording, staging = self._read(scenario), STAGING.get(scenario, Staging())
            played = Player(self._sandbox, f"ns-{scenario}", recording).play(staging)
            return [asdict(difference) for difference in differences(recording, played)]
        except Exception:  # a thread has nobody to tell: the test that waits for the outcome shows it
            return traceback.format_exc()

    def _leave(self, scenario: str, told: object) -> None:
        draft = self._own(scenario)
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.replace(self._shared / f"{scenario}.json")
