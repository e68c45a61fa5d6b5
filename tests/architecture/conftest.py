"""The workspace under the rules, and a way to plant a breach."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from house.sources import Module, read
from house.workspace import ROOT, Package, packages

Plant = Callable[[Mapping[str, str]], Sequence[Module]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def workspace() -> dict[str, Package]:
    """Every package by its distribution's name."""
    return {package.name: package for package in packages()}


@pytest.fixture(scope="session")
def sources(workspace: dict[str, Package]) -> dict[str, list[Module]]:
    """The parsed source files of every package, by its distribution's name."""
    return {name: package.modules() for name, package in workspace.items()}


@pytest.fixture(scope="session")
def core(sources: dict[str, list[Module]]) -> list[Module]:
    """The source files of core."""
    return sources["tidegate"]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Writes small source files by dotted name and reads them back as modules."""

    def write(files: Mapping[str, str]) -> Sequence[Module]:
        for name, text in files.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return read(tmp_path / "src")

    return write
