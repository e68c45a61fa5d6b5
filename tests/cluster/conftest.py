"""One real control plane for all tests of this folder, or a skip that says how to get one; the two worlds of a scenario."""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the packages `realcluster`, which `up.py` uses too, and `worlds`

from realcluster.binaries import MissingBinaries, find
from realcluster.control_plane import ControlPlane
from worlds import world
from worlds.ensemble import Ensemble, Part

_FOLDER = Path(__file__).parent
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of this folder, one xdist group for each world; scenarios come last, world by world.

    Last, because all scenarios of a world begin with the first of them, and other tests restart the API server.
    """
    ours = [item for item in items if _FOLDER in item.path.parents]
    for item in ours:
        played_on = _world_of(item)
        if played_on != "sandbox":
            item.add_marker("cluster")
        item.add_marker(pytest.mark.xdist_group("sandbox" if played_on == "sandbox" else "cluster"))
    ours.sort(key=lambda item: ("", "real", "sandbox").index(_world_of(item)))
    others = [item for item in items if _FOLDER not in item.path.parents]
    items[:] = others + ours


def _world_of(item: pytest.Item) -> str:
    """The world that a scenario is played on; "" for other tests."""
    spec = getattr(item, "callspec", None)
    return str(spec.params.get("scene", "")) if spec is not None else ""


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


@pytest.fixture(scope="session")
def ensemble_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """The sandbox with a controller."""
    with world.sandbox(tmp_path_factory.mktemp("sandbox")) as made:
        yield from _ensemble(made)


@pytest.fixture(scope="session")
def ensemble_real(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """The real control plane with a controller that has the rights of deploy/."""
    with world.real(plane, tmp_path_factory.mktemp("real")) as made:
        yield from _ensemble(made)


def _ensemble(made: world.World) -> Iterator[Ensemble]:
    ensemble = Ensemble(made)
    yield ensemble
    made.chronicle.stop()
    ensemble.close()


@pytest.fixture(params=["sandbox", "real"])
def scene(request: pytest.FixtureRequest) -> Ensemble:
    """Where the scenario is played: its function gets a Scene (see `pytest_pyfunc_call`).

    The first scenario of a world sets all of them going, so the whole takes little longer than the longest. Not on an
    xdist worker without --dist loadgroup, which would play what other workers play too.
    """
    ensemble: Ensemble = request.getfixturevalue(f"ensemble_{request.param}")
    alone = hasattr(request.config, "workerinput") and not request.config.getvalue("loadgroup")
    all_items = [request.node] if alone else request.session.items
    ensemble.play(_part(item) for item in all_items if _world_of(item) == request.param)
    return ensemble


def _part(item: pytest.Item) -> Part:
    assert isinstance(item, pytest.Function)
    others = {name: value for name, value in item.callspec.params.items() if name != "scene"}
    return Part(item.nodeid, item.name.removeprefix("test_"), functools.partial(item.obj, **others))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A scenario has been played by its ensemble already, or is just being played: here its result is waited for."""
    if not _world_of(pyfuncitem):
        return None
    ensemble = pyfuncitem.funcargs["scene"]
    assert isinstance(ensemble, Ensemble)
    ensemble.result(pyfuncitem.nodeid)
    return True
