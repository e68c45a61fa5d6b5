"""Names that differ from run to run, as symbols: hashes, the namespace, times."""

from __future__ import annotations

import re
from typing import Any

HASH = "rollouts-pod-template-hash"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|<t:[+-]\d+s>")


class Symbols:
    """Numbers pod template hashes in the order in which they appear, as the recorder does."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._hashes: list[str] = []

    def meet(self, hash_: str) -> None:
        """Give a hash the next number; one that has a number keeps it."""
        if hash_ and hash_ not in self._hashes:
            self._hashes.append(hash_)

    def of(self, value: Any) -> Any:
        """The same value with symbols in every string, keys included."""
        if isinstance(value, dict):
            return {self.of(key): self.of(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.of(part) for part in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for number, hash_ in sorted(enumerate(self._hashes, 1), key=lambda pair: -len(pair[1])):
            text = text.replace(hash_, f"<hash:{number}>")
        return timeless(text.replace(self._namespace, "<ns>"))


def timeless(text: str) -> str:
    """The text with every time replaced by `<time>`: when something happened is not compared."""
    return _TIME.sub("<time>", text)
