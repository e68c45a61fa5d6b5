"""What to say of a key that no loaded plugin answers to: why not, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches

from tidegate.hooks.loader import install_hint
from tidegate.hooks.records import PluginRecord, Status
from tidegate.machine.observed import Problem


def absence(
    what: str, name: str, plugins: Sequence[PluginRecord], keys: Sequence[str], *, joined: bool = False
) -> Problem:
    """The problem, without a path: `what` (`traffic router`) of this name among `plugins`, which answer to `keys`.

    `joined` is how packages of its kind are named, see `install_hint`.
    """
    said = f'{what} "{name}" is configured but '
    for record in plugins:
        if record.name == name and record.status is Status.DISABLED:
            return _problem(f"{said}its plugin {record.origin} is disabled; enable it in tidegate.yaml", name)
        if record.name == name and record.status is Status.FAILED:
            return _problem(f"{said}its plugin cannot be used: {record.error}", name)
    close = get_close_matches(name, keys, n=1)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    said += f"no installed plugin provides it; have {', '.join(keys) or 'none'}{meant}; try: {install_hint(name, joined=joined)}"
    return _problem(said, name)


def _problem(said: str, name: str) -> Problem:
    return Problem("", said, json.dumps(name))
