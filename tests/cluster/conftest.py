"""One real control plane for all tests of this folder, or a skip that says how to get one."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the package `realcluster`, which `up.py` uses too

from realcluster.binaries import MissingBinaries, find
from realcluster.control_plane import ControlPlane

_FOLDER = Path(__file__).parent
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test here, and keeps them in one xdist worker, so that one control plane is enough."""
    for item in items:
        if _FOLDER in item.path.parents:
            item.add_marker("cluster")
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """The control plane, with the CRDs of deploy/crds."""
    try:
        binaries = find()
    except MissingBinaries as error:
        pytest.skip(f"no real control plane: {error}")
    with ControlPlane.start(binaries) as running:
        yield running


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    """A namespace of the test's own. It goes with the control plane."""
    name = f"test-{next(_numbers)}"
    plane.kubectl("create", "namespace", name)
    return name
