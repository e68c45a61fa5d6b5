"""Arguments as a Rollout gives them: plain values, pod template hashes, and fields of the Rollout itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.api.analysis import Argument, RolloutArgument
from tidegate.api.rollout import Rollout
from tidegate.machine.analysis.faults import Unusable

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_SEPARATORS = re.compile(r"[.\[\]]+")
_INDEX = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Giver:
    """The Rollout that gives arguments, and the pod template hashes of its revisions, "" for one that is not there."""

    rollout: Rollout
    stable_hash: str
    latest_hash: str

    def arguments(self, args: Sequence[Mapping[str, Any]]) -> list[Argument]:
        """Every argument as a plain value; one without any is "". Raises Unusable for a field that is not there."""
        return [self._argument(RolloutArgument.read(arg)) for arg in args]

    def _argument(self, arg: RolloutArgument) -> Argument:
        source = arg.value_from
        if source is None:
            return Argument(name=arg.name, value=arg.value or "")
        if source.pod_template_hash_value == "Stable":
            return Argument(name=arg.name, value=self.stable_hash)
        if source.pod_template_hash_value == "Latest":
            return Argument(name=arg.name, value=self.latest_hash)
        if source.field_ref is not None:
            return Argument(name=arg.name, value=field_of(self.rollout, source.field_ref.field_path))
        return Argument(name=arg.name, value=arg.value or "")


def field_of(rollout: Rollout, path: str) -> str:
    """The text of a field of a Rollout. `metadata` is read as the downward API does, the rest as a path into the JSON.

    Raises Unusable.
    """
    return _metadata(rollout, path) if path.startswith("metadata") else _walked(rollout.wire(), path)


def _metadata(rollout: Rollout, path: str) -> str:
    metadata = rollout.metadata
    plain = {"metadata.name": metadata.name, "metadata.namespace": metadata.namespace, "metadata.uid": metadata.uid}
    if path in plain:
        return plain[path]
    groups = {"labels": metadata.labels, "annotations": metadata.annotations}
    if path in ("metadata.labels", "metadata.annotations"):
        # One line for each, sorted: Kubernetes pkg/fieldpath FormatMap.
        items = groups[path.removeprefix("metadata.")].items()
        return "\n".join(f'{key}="{value}"' for key, value in sorted(items))
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is None:
        raise Unusable(f"unsupported fieldPath: {path}")
    return groups[subscript[1]].get(subscript[2], "")


def _walked(document: Any, path: str) -> str:
    found = document
    for section in _SEPARATORS.split(path):
        if not section:
            continue
        if isinstance(found, list):
            found = _item(found, section)
        elif isinstance(found, Mapping):
            found = found.get(section)
        else:
            raise Unusable(f"invalid path {path} in rollout")
    if found is None:
        raise Unusable(f"invalid path {path} in rollout")
    if isinstance(found, list | Mapping):
        raise Unusable(f"path {path} in rollout must terminate in a primitive value")
    return str(found).lower() if isinstance(found, bool) else str(found)


def _item(items: list[Any], section: str) -> Any:
    if _INDEX.fullmatch(section) is None:
        raise Unusable(f"invalid index '{section}'")
    index = int(section)
    if not 0 <= index < len(items):
        raise Unusable(f"index {index} out of range")
    return items[index]
