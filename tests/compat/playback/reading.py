"""Where the recordings are, and which of their names have to be put into our terms."""

from __future__ import annotations

from pathlib import Path

import yaml

from playback.recording import Recording, read_recording
from tidegate.machine.hashing import pod_hash, template_digest

RECORDINGS = Path(__file__).parents[1] / "recordings"
SCENARIOS = sorted(path.stem for path in RECORDINGS.glob("*.json"))

# A foreign ReplicaSet bears the name that the reference's hash gives; the one that ours gives takes its place.
_COLLISION = "774848979b"


def read(scenario: str) -> Recording:
    """The recording of a scenario, with hashes that mean something to the reference alone put into our terms."""
    path = RECORDINGS / f"{scenario}.json"
    recording = read_recording(path)
    if _COLLISION not in recording.manifests:
        return recording
    (rollout,) = (m for m in yaml.safe_load_all(recording.manifests) if m["kind"] == "Rollout")
    return read_recording(path, {_COLLISION: pod_hash(template_digest(rollout["spec"]["template"]), None)})
