"""The wheels of the workspace hold what they need and nothing else, and a faulty one is found."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

import dist
from house.wheels import faults, unmet
from setup import packages

INFO = "tidegate_mesh-0.1.0.dist-info"
METADATA = """\
Metadata-Version: 2.4
Name: tidegate-mesh
Version: 0.1.0
Summary: A mesh
License-Expression: Apache-2.0
Requires-Python: >=3.11
Requires-Dist: tidegate<0.2,>=0.1

# A page
"""
SOUND = {
    "tidegate_mesh/__init__.py": "",
    "tidegate_mesh/py.typed": "",
    f"{INFO}/METADATA": METADATA,
    f"{INFO}/licenses/LICENSE": "Apache",
    f"{INFO}/entry_points.txt": "[tidegate.plugins]\nmesh = tidegate_mesh:Mesh\n",
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A wheel of every package of the workspace."""
    return dist.build(packages(), tmp_path_factory.mktemp("dist"))


def a_wheel(folder: Path, changes: Mapping[str, str | None]) -> Path:
    """A sound wheel with some files changed, added, or (None) left out."""
    path = folder / "tidegate_mesh-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**SOUND, **changes}.items():
            if text is not None:
                archive.writestr(name, text)
    return path


@pytest.mark.timeout(300)
def test_every_package_has_a_sound_wheel(built: list[Path]) -> None:
    assert len(built) == len(packages())
    assert {wheel.name: [*faults(wheel)] for wheel in built} == {wheel.name: [] for wheel in built}
    assert [*unmet(built)] == []


def test_every_plugin_can_be_found_by_its_entry_point(built: list[Path]) -> None:
    names = {}
    for wheel in built:
        for entry in PathDistribution(zipfile.Path(wheel) / _info(wheel)).entry_points.select(group="tidegate.plugins"):
            names[wheel.name.partition("-")[0]] = entry.name
    plugins = {f"tidegate_{folder.name}" for folder in packages() if folder.parent.name == "plugins"}
    assert set(names) == plugins


def test_the_wheel_of_core_brings_the_template(built: list[Path]) -> None:
    (core,) = [wheel for wheel in built if wheel.name.startswith("tidegate-")]
    names = zipfile.ZipFile(core).namelist()
    assert "tidegate/cli/template/copier.yml" in names
    assert "tidegate/cli/template/router/src/{{ module }}/router.py.jinja" in names


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "other-1.0-py3-none-any.whl", "tidegate_mesh-0.1.0-py3-none-any.whl", "tidegate_nginx-0.1.0.zip"],
)
def test_a_folder_with_anything_else_in_it_is_refused_and_left_alone(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [tmp_path / "tidegate_nginx-0.0.1-py3-none-any.whl", tmp_path / name]
    for path in kept:
        path.write_text("mine")
    with pytest.raises(SystemExit) as ended:
        dist.main([str(tmp_path)])
    assert ended.value.code == 2
    assert f"holds {name}; name a folder that is empty" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_wheels_of_an_earlier_run_are_no_strangers(tmp_path: Path) -> None:
    for name in ("tidegate-0.0.1-py3-none-any.whl", "tidegate_aws_alb-0.0.1-py3-none-any.whl"):
        (tmp_path / name).touch()
    assert dist.strangers(tmp_path, packages()) == []
    assert dist.strangers(tmp_path / "missing", packages()) == []


def test_a_sound_wheel_has_no_faults(tmp_path: Path) -> None:
    assert [*faults(a_wheel(tmp_path, {}))] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tidegate_mesh/py.typed": None}, "py.typed is missing"),
        ({f"{INFO}/licenses/LICENSE": None}, "LICENSE is missing"),
        ({"tidegate_mesh/tests/test_it.py": ""}, "does not belong"),
        ({"tidegate_mesh/__pycache__/x.pyc": ""}, "does not belong"),
        ({"tests/test_it.py": ""}, "one package a wheel"),
        ({f"{INFO}/entry_points.txt": None}, "no entry point"),
        ({f"{INFO}/entry_points.txt": "[tidegate.plugins]\nmesh = elsewhere:Mesh\n"}, "names elsewhere:Mesh"),
        ({f"{INFO}/METADATA": METADATA.replace("Summary: A mesh\n", "")}, "no Summary"),
        ({f"{INFO}/METADATA": METADATA.replace("# A page\n", "")}, "no page"),
        ({"tidegate_mesh/__init__.py": None, "tidegate/__init__.py": ""}, "template/ is missing"),
    ],
    ids=str,
)
def test_a_faulty_wheel_is_found(tmp_path: Path, changes: Mapping[str, str | None], said: str) -> None:
    assert said in "; ".join(faults(a_wheel(tmp_path, changes)))


def test_a_requirement_that_this_release_does_not_meet_is_found(tmp_path: Path) -> None:
    other = tmp_path / "core"
    other.mkdir()
    core = a_wheel(other, {f"{INFO}/METADATA": "Name: tidegate\nVersion: 0.2.0\n"})
    (said,) = unmet([a_wheel(tmp_path, {}), core])
    assert said == "tidegate-mesh 0.1.0 asks for tidegate<0.2,>=0.1, and this release has tidegate 0.2.0"


def _info(wheel: Path) -> str:
    return next(name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name)
