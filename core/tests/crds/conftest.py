"""The written definitions and what is held against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[3]
_DATA = Path(__file__).parent / "data"

Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return _ROOT


@pytest.fixture(scope="session")
def definitions() -> dict[str, Manifest]:
    """The CustomResourceDefinitions in deploy/crds by kind."""
    files = [path for path in (_ROOT / "deploy" / "crds").glob("*.yaml") if path.name != "kustomization.yaml"]
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return {one["spec"]["names"]["kind"]: one for one in read}


@pytest.fixture(scope="session")
def schemas(definitions: dict[str, Manifest]) -> dict[str, Manifest]:
    """Their schemas by kind."""
    return {kind: one["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for kind, one in definitions.items()}


def _documents(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((_DATA / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def recorded() -> list[Manifest]:
    """What recordings of the reference controller applied and observed."""
    return _documents("recorded.yaml")


@pytest.fixture(scope="session")
def every_field() -> list[Manifest]:
    """Objects that have every documented field."""
    return _documents("every-field.yaml")
