"""Which annotations of an Ingress are whose: the bookkeeping that several Rollouts share, in the reference's format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from tidegate_aws_alb.actions import compact

LEDGER = "rollouts.argoproj.io/managed-alb-annotations"
LEGACY = "rollouts.argoproj.io/managed-alb-actions"
"""What releases before the ledger wrote. Nobody reads it any more; a clean-up takes it away."""

Entries = dict[str, list[str]]


class UnreadableLedger(ValueError):
    """The annotation is no JSON object of lists of texts; the message says what to do."""


def read(annotations: Mapping[str, str]) -> Entries:
    """The annotation keys of every Rollout by its name, in the order in which they were added.

    Raises UnreadableLedger: what cannot be read must not be overwritten, it may hold keys of other Rollouts.
    """
    try:
        entries = json.loads(annotations.get(LEDGER) or "{}")
    except ValueError as error:
        raise UnreadableLedger(_said(str(error))) from error
    if not isinstance(entries, dict) or not all(_texts(keys) for keys in entries.values()):
        raise UnreadableLedger(_said("found something else"))
    return {name: list(keys) for name, keys in entries.items()}


def written(annotations: Mapping[str, str], entries: Entries) -> dict[str, str]:
    """`annotations` with the ledger as `entries` say, names sorted; without one where nobody has an entry."""
    kept = {key: value for key, value in annotations.items() if key != LEDGER}
    return {**kept, LEDGER: compact(dict(sorted(entries.items())))} if entries else kept


def with_first(entries: Entries, rollout: str, key: str) -> Entries:
    """`entries` with a key at the head of the Rollout's list: the action of the weights, which is always there."""
    return {**entries, rollout: [key, *(each for each in entries.get(rollout, ()) if each != key)]}


def with_last(entries: Entries, rollout: str, keys: Sequence[str]) -> Entries:
    """`entries` with keys at the end of the Rollout's list, in this order.

    The reference appends in the order of writing. With one order, whichever way it came about, nobody writes only because
    of the order.
    """
    return {**entries, rollout: [*(each for each in entries.get(rollout, ()) if each not in keys), *keys]}


def without_keys(entries: Entries, rollout: str, keys: Iterable[str]) -> Entries:
    """`entries` without these keys of the Rollout. Its list stays even where it becomes empty, as the reference has it."""
    gone = set(keys)
    if rollout not in entries:
        return entries
    return {**entries, rollout: [key for key in entries[rollout] if key not in gone]}


def without_rollout(entries: Entries, rollout: str) -> Entries:
    """`entries` without the Rollout."""
    return {name: keys for name, keys in entries.items() if name != rollout}


def holder(entries: Entries, key: str, rollout: str) -> str:
    """Another Rollout that has the key in its list, "" where there is none."""
    return next((name for name, keys in sorted(entries.items()) if name != rollout and key in keys), "")


def _texts(keys: object) -> bool:
    return isinstance(keys, list) and all(isinstance(key, str) for key in keys)


def _said(why: str) -> str:
    return (
        f"annotation {LEDGER} is no JSON object of lists of annotation keys ({why}); mend it, or delete it where no "
        f"Rollout is being updated"
    )
