"""The recordings, and the stage on which they are played again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))  # the package `playback`

from playback.recording import Recording, read_recording
from playback.stage import Stage

from tidegate.machine.hashing import pod_hash, template_digest

FOLDER = Path(__file__).parent

# A foreign ReplicaSet bears the name that the reference's hash gives; the one that ours gives takes its place.
COLLISION = "774848979b"


def read(scenario: str) -> Recording:
    """The recording of a scenario, with hashes that mean something to the reference alone put into our terms."""
    path = FOLDER / "data" / f"{scenario}.json"
    recording = read_recording(path)
    if COLLISION not in recording.manifests:
        return recording
    (rollout,) = (m for m in yaml.safe_load_all(recording.manifests) if m["kind"] == "Rollout")
    return read_recording(path, {COLLISION: pod_hash(template_digest(rollout["spec"]["template"]), None)})


@pytest.fixture(scope="session")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Plays every scenario of this run, from the first test that asks on."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "recordings"
    wanted = [name for item in request.session.items if (name := scenario_of(item)) is not None]
    playing = Stage(shared, FOLDER.parents[1] / "deploy" / "crds", read, wanted)
    try:
        yield playing
    finally:
        playing.close()


def scenario_of(item: pytest.Item) -> str | None:
    """The scenario that a test judges, if it is one of those and is not skipped."""
    if item.get_closest_marker("skip") is not None or not isinstance(item, pytest.Function):
        return None
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("scenario") if callspec is not None and "stage" in item.fixturenames else None
