"""How resourceVersions compare. They are opaque by the letter of the API and numbers on every server that exists."""

from __future__ import annotations


def at_least(seen: str, wanted: str) -> bool:
    """Whether `seen` is `wanted` or newer. Versions that are no numbers are only ever equal; "" is older than all."""
    if seen == wanted:
        return True
    if seen.isdecimal() and wanted.isdecimal():
        return int(seen) >= int(wanted)
    return False


def comparable(version: str) -> bool:
    """Whether anything can be said about the order of `version`."""
    return version.isdecimal()
