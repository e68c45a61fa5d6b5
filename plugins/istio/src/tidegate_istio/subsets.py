"""The subsets of a DestinationRule: the label that follows the revisions, and nothing else of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tidegate.hooks import Destination, Hashes, Manifest
from tidegate_istio.config import DestinationRule
from tidegate_istio.kinds import HASH_LABEL, MANAGED_BY
from tidegate_istio.ledger import LABELLED_SUBSETS, OWNED_SUBSETS, note, read_ledger


class Who(Protocol):
    """A Rollout: `key` is `<namespace>/<name>`."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...


def subsets_of(manifest: Manifest) -> list[Manifest]:
    """The subsets of a rule, to be edited in place."""
    found: list[Manifest] = (manifest.get("spec") or {}).get("subsets") or []
    return found


def named(manifest: Manifest, name: str) -> Manifest | None:
    """The subset of that name."""
    return next((subset for subset in subsets_of(manifest) if subset.get("name") == name), None)


def missing(manifest: Manifest, rule: DestinationRule) -> str:
    """The name of a side's subset that the rule does not have, "" where it has both."""
    return next((name for name in (rule.canary, rule.stable) if named(manifest, name) is None), "")


def follow(manifest: Manifest, rule: DestinationRule, hashes: Hashes, who: Who) -> None:
    """Have both subsets select their revision, and mark the rule as the Rollout's.

    A mark of another Rollout stays, and we are noted beside it: two may have subsets in one rule, and would take the mark
    from one another for ever.
    """
    for name, value in ((rule.canary, hashes.canary), (rule.stable, hashes.stable)):
        subset = named(manifest, name)
        if subset is not None:
            _label(subset, value)
    if holder(manifest) in ("", who.name):
        note(manifest, LABELLED_SUBSETS, who.key, ())
        if not holder(manifest):
            annotations = manifest["metadata"].get("annotations") or {}
            manifest["metadata"]["annotations"] = {**annotations, MANAGED_BY: who.name}
    else:
        note(manifest, LABELLED_SUBSETS, who.key, (rule.canary, rule.stable))


def holder(manifest: Manifest) -> str:
    """The name of the Rollout whose mark the rule bears, "" for none."""
    return str((manifest["metadata"].get("annotations") or {}).get(MANAGED_BY) or "")


def taken(manifest: Manifest, rule: DestinationRule, who: Who) -> tuple[str, str]:
    """One of our subsets that follows another Rollout, and that Rollout; empty where there is none.

    Labels that nobody is noted for are those of the Rollout whose mark the rule bears.
    """
    ledger = read_ledger(manifest, LABELLED_SUBSETS)
    mark = holder(manifest)
    for name in (rule.canary, rule.stable):
        for other, names in sorted(ledger.items()):
            if other != who.key and name in names:
                return name, other
        labels = (named(manifest, name) or {}).get("labels") or {}
        if mark not in ("", who.name) and HASH_LABEL in labels and name not in ledger.get(who.key, ()):
            return name, mark
    return "", ""


def add_experiments(manifest: Manifest, who: str, additional: Iterable[Destination]) -> None:
    """Have one subset for every experiment's Service, and none for those that are over.

    # differs: Argo Rollouts drops every subset that it does not know; we drop those that we have added.
    """
    wanted = {each.service: each.pod_template_hash for each in additional if each.pod_template_hash}
    recorded = read_ledger(manifest, OWNED_SUBSETS).get(who, ())
    over = {name for name in recorded if name not in wanted}
    subsets = [subset for subset in subsets_of(manifest) if subset.get("name") not in over]
    present = {str(subset.get("name")): subset for subset in subsets}
    added = sorted(name for name in wanted if name not in present)
    for name in wanted.keys() & present.keys():
        _label(present[name], wanted[name])
    fresh = [{"name": name, "labels": {HASH_LABEL: wanted[name]}} for name in added]
    if over or fresh:
        manifest["spec"]["subsets"] = [*subsets, *fresh]
    note(manifest, OWNED_SUBSETS, who, tuple(sorted({*added, *(name for name in recorded if name in wanted)})))


def let_go(manifest: Manifest, who: Who) -> None:
    """Take back labels, mark and added subsets, and nothing that another Rollout is noted for."""
    add_experiments(manifest, who.key, ())
    ledger = read_ledger(manifest, LABELLED_SUBSETS)
    others = {name for other, names in ledger.items() if other != who.key for name in names}
    marked = holder(manifest) == who.name
    for subset in subsets_of(manifest):
        name = subset.get("name")
        if name in ledger.get(who.key, ()) or (marked and name not in others):
            _label(subset, "")
    note(manifest, LABELLED_SUBSETS, who.key, ())
    if marked:
        del manifest["metadata"]["annotations"][MANAGED_BY]


def claimed(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Two subsets for every Rollout, by its name, that has put labels into the rule.

    Of the Rollout whose mark the rule bears any two will do: all labels that nobody else is noted for are its own.
    """
    found = {who.rpartition("/")[2]: names for who, names in read_ledger(manifest, LABELLED_SUBSETS).items()}
    if mark := holder(manifest):
        found[mark] = tuple(str(subset.get("name")) for subset in subsets_of(manifest))
    return {name: _pair(names) for name, names in found.items()}


def _pair(names: tuple[str, ...]) -> tuple[str, str]:
    """The first two names, made up where there are fewer: a config needs two."""
    padded = [*names, *(name for name in ("canary", "stable") if name not in names)]
    return padded[0], padded[1]


def _label(subset: Manifest, value: str) -> None:
    """Set the hash label, or take it away for "": a subset without pods of its own is none."""
    labels = subset.get("labels") or {}
    if value:
        if labels.get(HASH_LABEL) != value:
            subset["labels"] = {**labels, HASH_LABEL: value}
    elif HASH_LABEL in labels:
        del labels[HASH_LABEL]
        if not labels:
            del subset["labels"]
