"""Packages declare what they use, say what they are, and keep the workspace's settings in step."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from house.sources import Module, listing
from house.workspace import Package, normal, uncharted, undeclared

Plant = Callable[[Mapping[str, str]], Sequence[Module]]


def test_every_package_has_a_charter_and_every_module_a_docstring(sources: dict[str, list[Module]]) -> None:
    found = listing(finding for modules in sources.values() for finding in uncharted(modules))

    assert not found, found


def test_every_import_is_declared(workspace: dict[str, Package], sources: dict[str, list[Module]]) -> None:
    found = listing(finding for name, package in workspace.items() for finding in undeclared(package, sources[name]))

    assert not found, found


def test_core_depends_on_no_other_package_of_the_workspace(workspace: dict[str, Package]) -> None:
    assert workspace["tidegate"].dependencies.isdisjoint(normal(name) for name in workspace)


def test_settings_name_every_package(root: Path, workspace: dict[str, Package]) -> None:
    tool = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    sources = {str(package.source.relative_to(root)) for package in workspace.values()}
    imports = {name.replace("-", "_") for name in workspace}

    assert sources <= set(tool["mypy"]["mypy_path"])
    assert imports <= set(tool["coverage"]["run"]["source_pkgs"])


def test_every_package_is_typed_and_has_a_readme(workspace: dict[str, Package]) -> None:
    missing = [
        str(path)
        for package in workspace.values()
        for path in (package.folder / "README.md", package.source / package.name.replace("-", "_") / "py.typed")
        if not path.is_file()
    ]

    assert missing == []


def test_every_dependency_is_pinned(root: Path, workspace: dict[str, Package]) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    pinned = {normal(line) for line in lines if "==" in line}
    wanted = {
        normal(line)
        for line in (root / "tools" / "toolbox.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    for package in workspace.values():
        wanted |= package.dependencies

    assert wanted - pinned - {normal(name) for name in workspace} == set()


def test_an_undeclared_import_is_found(plant: Plant, tmp_path: Path) -> None:
    modules = plant({"p/__init__.py": "import json\nimport yaml\nimport p.a\ndef f():\n    import requests"})
    package = Package("p", tmp_path, frozenset({"pyyaml"}))

    found = list(undeclared(package, modules, {"yaml": ["PyYAML"], "requests": ["requests"]}))

    assert [finding.line for finding in found] == [5]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("p/__init__.py", "", id="empty-package"),
        pytest.param("p/__init__.py", '"""The p package."""', id="thin-charter"),
        pytest.param("p/a.py", "x = 1", id="module"),
    ],
)
def test_a_missing_charter_or_docstring_is_found(plant: Plant, name: str, text: str) -> None:
    assert len(list(uncharted(plant({name: text})))) == 1
