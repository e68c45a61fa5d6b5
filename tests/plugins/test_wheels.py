"""The wheels of the workspace hold what they need and nothing else, and a faulty one is found."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
import zipfile
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

import dist
from house.wheels import faults, unmet
from setup import ROOT, packages

CONTOUR = ROOT / "examples" / "plugin-contour"
KIT = {"tidegate", "tidegate_sandbox", "tidegate_testkit"}
# What pip says where there is no index to be reached, or no Envoy for this platform.
OFFLINE = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ProxyError",
    "distribution found for envoy",
)
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
    assert set(names) - {"tidegate"} == plugins, "core itself brings what needs only Kubernetes"


def test_the_wheel_of_core_brings_the_template(built: list[Path]) -> None:
    (core,) = [wheel for wheel in built if wheel.name.startswith("tidegate-")]
    names = zipfile.ZipFile(core).namelist()
    assert "tidegate/cli/template/copier.yml" in names
    assert "tidegate/cli/template/router/src/{{ module }}/router.py.jinja" in names
    assert "tidegate/cli/template/metric/src/{{ module }}/provider.py.jinja" in names


@pytest.mark.timeout(300)
def test_a_strangers_plugin_passes_its_own_tests_on_the_wheels_alone(built: list[Path], tmp_path: Path) -> None:
    """In an environment of its own, outside the checkout: the example of the tutorial, as its author would run it."""
    (contour,) = dist.build([CONTOUR], tmp_path / "dist")
    ours = [wheel for wheel in built if wheel.name.partition("-")[0] in KIT]
    assert len(ours) == len(KIT)
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    done = outside(tmp_path, python, *install, "-c", str(ROOT / "constraints.txt"), *map(str, ours), f"{contour}[test]")
    if done.returncode and (why := next((text for text in OFFLINE if text in done.stdout), "")):
        pytest.skip(f"no dependencies to install: {why}")
    assert done.returncode == 0, done.stdout

    home = tmp_path / "home"
    shutil.copytree(CONTOUR, home, ignore=shutil.ignore_patterns("src", "__pycache__", ".*_cache"))
    found = outside(
        home, python, "-I", "-c", "import tidegate_contour as c, tidegate as t; print(c.__file__, t.__file__)"
    )
    assert [Path(each).is_relative_to(tmp_path) for each in found.stdout.split()] == [True, True], found.stdout
    shown = outside(home, str(tmp_path / "venv" / "bin" / "tidegate"), "plugins", "list")
    assert re.search(r"^contour +tidegate-contour==0\.1\.0 +loaded", shown.stdout, re.M), shown.stdout
    tested = outside(home, python, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    assert "is not installed" not in tested.stdout, "the data plane was not there and nothing was measured"


def outside(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without what leads it back to this environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST", "COV"))}
    return subprocess.run(
        command, cwd=folder, env=kept, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


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
