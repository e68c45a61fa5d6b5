"""The pages of the project."""

from pathlib import Path

import pytest

from house.workspace import ROOT, kept


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def pages(root: Path) -> list[Path]:
    """Every Markdown page that is kept, but the changelog's fragments: they are parts of a page."""
    fragments = root / "changes"
    return [
        path for path in kept(root) if path.suffix == ".md" and (path.parent != fragments or path.name == "README.md")
    ]
