"""One history: a config and what happens to it; from a seed, from text, and back."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from histories import operations, settings
from histories.operations import Operation
from histories.settings import Config

# Seeds in a row that have one config: a first deployment is a quarter of a history, and is played once for all of them.
ALIKE = 4


@lru_cache(1)
def _config(number: int) -> Config:
    return settings.drawn(Random(f"config {number}"))


@dataclass(frozen=True)
class History:
    """A config and its operations, in order. `seed` is None for one that was cut or written by hand."""

    config: Config
    operations: tuple[Operation, ...]
    seed: int | None = None

    @classmethod
    def of(cls, seed: int) -> History:
        """The history of a seed: always the same."""
        config, random = _config(seed // ALIKE), Random(seed)
        return cls(config, tuple(operations.drawn(random, config)), seed)

    @classmethod
    def read(cls, text: str) -> History:
        """A seed, or the compact form."""
        if text.isdecimal():
            return cls.of(int(text))
        found = json.loads(zlib.decompress(base64.urlsafe_b64decode(text)))
        return cls(Config(**found["config"]), tuple(found["operations"]))

    def compact(self) -> str:
        """One word that `read` understands."""
        text = json.dumps({"config": self.config.wire(), "operations": self.operations}, separators=(",", ":"))
        return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode()

    @property
    def lasts(self) -> bool:
        """Whether a last good image ends it; every fortieth seed does, since it costs as much as all the rest."""
        return self.seed is None or self.seed % 40 == 0

    @property
    def word(self) -> str:
        """What to replay it by: its seed, or the compact form."""
        return str(self.seed) if self.seed is not None else self.compact()
