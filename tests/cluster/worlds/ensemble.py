"""Scenarios side by side: each waits most of its time, so a world plays all that were asked for at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from worlds.scene import Scene
from worlds.world import World

# On two cores: with more of them the pods of one scenario hold up the passes of another.
_STAGES = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One scenario: the key of its result, a short name for its namespace, and what to do on the stage."""

    key: str
    name: str
    act: Callable[[Scene], None]


@dataclass(slots=True)
class Ensemble:
    """The scenarios of one world. `play` starts them; `result` waits for one and raises what it raised."""

    world: World
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_STAGES, thread_name_prefix="scene"))
    _results: dict[str, Future[None]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def play(self, parts: Iterable[Part]) -> None:
        """Puts on each part once, in that order, `_STAGES` at a time."""
        for part in parts:
            if part.key not in self._results:
                self._results[part.key] = self._pool.submit(self._act, part)

    def result(self, key: str) -> None:
        """Returns when the scenario has passed."""
        self._results[key].result()

    def close(self) -> None:
        """Drops what has not begun, and waits for what has; its waits end with the world's chronicle."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _act(self, part: Part) -> None:
        name = re.sub(r"[^a-z0-9]+", "-", part.name.lower()).strip("-")[:50].rstrip("-")
        part.act(Scene(self.world, f"{name}-{next(self._numbers)}"))
