"""What is kept of each object: as little as the rules look at."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api import names
from tidegate.api.rollout import Rollout
from tidegate.machine.observed import ReplicaSetView
from tidegate.machine.projections import digest_of, replica_set_view

Manifest = dict[str, Any]

# About 100 bytes each. Beyond it the oldest is computed anew, which takes a tenth of a millisecond.
REMEMBERED_DIGESTS = 20_000


@dataclass(frozen=True, slots=True)
class RolloutText:
    """A Rollout as compact JSON: 3 KB where the dict takes 24 KB. Its generation tells whether anything is to be read."""

    text: str
    generation: int

    def read(self) -> Rollout:
        """The model. Raises pydantic's ValidationError for an object that no schema should have let through."""
        return Rollout.read(json.loads(self.text))


def rollout_text(manifest: Manifest) -> RolloutText:
    """The projection of a Rollout; many are kept and few are looked at."""
    generation = (manifest.get("metadata") or {}).get("generation") or 0
    return RolloutText(json.dumps(manifest, separators=(",", ":")), generation)


def as_is(manifest: Manifest) -> Manifest:
    """The whole object; for the few that routers name."""
    return manifest


class ReplicaSetProjection:
    """Makes views of ReplicaSets. The digest of a template is computed once for each generation of a set."""

    def __init__(self) -> None:
        self._digests: OrderedDict[tuple[str, int, str], str] = OrderedDict()

    def __call__(self, manifest: Manifest) -> ReplicaSetView:
        return replica_set_view(manifest, self._digest)

    def _digest(self, manifest: Mapping[str, Any]) -> str:
        metadata = manifest["metadata"]
        injected = (metadata.get("annotations") or {}).get(names.EPHEMERAL_METADATA, "")
        key = (metadata.get("uid", ""), metadata.get("generation", 0), injected)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._digests[key] = digest_of(manifest)
            if len(self._digests) > REMEMBERED_DIGESTS:
                self._digests.popitem(last=False)
        return digest
