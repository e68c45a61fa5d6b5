"""Names that differ from run to run, as symbols: hashes, the namespace, times."""

from __future__ import annotations

import re
from typing import Any

HASH = "rollouts-pod-template-hash"
HASHES = {HASH: "hash", "pod-template-hash": "workload"}  # label -> symbol; the second is a Deployment's own
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|<t:[+-]\d+s>")


class Symbols:
    """Numbers pod template hashes in the order in which they appear, as the recorder does."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._symbols: dict[str, str] = {}

    def meet(self, hash_: str, symbol: str = "hash") -> None:
        """Give a hash the next number of its symbol; one that has a number keeps it."""
        if hash_ and hash_ not in self._symbols:
            number = sum(each.startswith(f"<{symbol}:") for each in self._symbols.values()) + 1
            self._symbols[hash_] = f"<{symbol}:{number}>"

    def of(self, value: Any) -> Any:
        """The same value with symbols in every string, keys included."""
        if isinstance(value, dict):
            return {self.of(key): self.of(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.of(part) for part in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for hash_ in sorted(self._symbols, key=len, reverse=True):
            text = text.replace(hash_, self._symbols[hash_])
        return timeless(text.replace(self._namespace, "<ns>"))


def timeless(text: str) -> str:
    """The text with every time replaced by `<time>`: when something happened is not compared."""
    return _TIME.sub("<time>", text)
