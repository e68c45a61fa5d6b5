"""Plays many recordings at once: each in its own namespace, shared among the workers of a parallel test run.

Playing is waiting, most of all, so one cluster and one controller carry several scenarios at a time. Workers of pytest-xdist
divide the scenarios by files in a folder that they share: who makes `<scenario>.claim` plays it, and leaves the outcome in
`<scenario>.json` for whoever has to judge it.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playback.cluster import Cluster
from playback.outcome import Outcome, outcome_of, read_outcome
from playback.player import Player
from playback.recording import Recording
from playback.staging import STAGING, Staging

APART_S = 0.15  # between the beginnings of two scenarios: the first deed of one is ten objects and as many Events


@dataclass(frozen=True, slots=True)
class House:
    """A world on which recordings are played. `single`: one cluster serves all workers of a run, since it is costly.

    `at_once` scenarios are played at a time: more only share the processor, half of a play is waiting for the world to
    stand still for `quiet_s`. They begin one after another, since the beginning is the hardest work.
    """

    name: str
    open: Callable[[], Cluster]
    at_once: int
    quiet_s: float
    single: bool = False


class Stage:
    """One cluster with one controller, or none here where another worker has it. `scenarios` are all to be played."""

    def __init__(self, house: House, shared: Path, read: Callable[[str], Recording], scenarios: Sequence[str]) -> None:
        self._house, self._shared, self._read, self._scenarios = house, shared, read, scenarios
        self._closing, self._heard = threading.Event(), threading.Event()
        self._cluster: Cluster | None = None
        self._players: list[threading.Thread] = []
        shared.mkdir(parents=True, exist_ok=True)
        if house.single and not self._claim("cluster"):
            return
        self._cluster = house.open()
        own = shared / f"controller-{id(self)}"
        own.mkdir()
        self._cluster.start_controller(own)
        late_s = [number * APART_S for number in range(house.at_once)]
        self._players = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in late_s]
        for player in self._players:
            player.start()

    def outcome(self, scenario: str, patience_s: float) -> Outcome:
        """What came of a scenario, once it has been played; AssertionError if the play broke down or never ended."""
        place = self._shared / f"{scenario}.json"
        end = time.monotonic() + patience_s
        while not place.exists() and time.monotonic() < end:
            self._heard.wait(0.1)  # another worker's outcome comes without a sign
        assert place.exists(), f"{scenario} was not played within {patience_s:.0f} s"
        told = json.loads(place.read_text(encoding="utf-8"))
        assert isinstance(told, dict), f"the play of {scenario} broke down:\n{told}"
        return read_outcome(told)

    def close(self) -> None:
        """Finish what is being played here, for others may wait for it, and stop."""
        self._closing.set()
        for player in self._players:
            player.join()
        if self._cluster is not None:
            self._cluster.close()

    def _claim(self, what: str) -> bool:
        try:
            (self._shared / f"{what}.claim").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _work(self, late_s: float) -> None:
        self._closing.wait(late_s)
        for scenario in self._scenarios:
            if self._closing.is_set() and not self._house.single:
                return  # what is left is another worker's, which has a cluster of its own
            if self._claim(scenario):
                self._leave(scenario, self._played(scenario))

    def _played(self, scenario: str) -> object:
        assert self._cluster is not None
        try:
            recording, staging = self._read(scenario), STAGING.get(scenario, Staging())
            played = Player(self._cluster, f"ns-{scenario}", recording).play(staging, self._house.quiet_s)
            return outcome_of(recording, played).told()
        except Exception:  # a thread has nobody to tell: the test that waits for the outcome shows it
            return traceback.format_exc()

    def _leave(self, scenario: str, told: object) -> None:
        draft = self._shared / f"{scenario}.draft"
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.replace(self._shared / f"{scenario}.json")
