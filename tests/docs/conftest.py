"""The pages of the project, and a way to follow one as a reader does."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from house.pages import Block, blocks
from house.workspace import ROOT, kept

# What a reader's shell has after installing: the commands of this environment. `pip` installs nothing from afar: what
# is published is looked up among what is here, and the package at hand is put where only this reader sees it.
SHELL = r"""
set -e
python() { PYTHONPATH="$PWD/src:$SITE:$PYTHONPATH" "$PYTHON" "$@"; }
pytest() { python -m pytest -p no:cacheprovider -p no:randomly "$@"; }
tidegate() { python -m tidegate "$@"; }
pip() {
  for last; do :; done
  case "$last" in
    .*) "$PYTHON" -m pip install -q --no-deps --no-build-isolation --no-index --disable-pip-version-check \
          --target "$SITE" --upgrade . ;;
    *) python -c "$KNOWN" "$last" ;;
  esac
}
"""
KNOWN = """
import sys
from importlib.metadata import metadata
name, _, extra = sys.argv[1].rstrip(']').partition('[')
assert not extra or extra in metadata(name).get_all('Provides-Extra'), f'{name} has no extra {extra}'
"""


@dataclass
class Reader:
    """Somebody who does what a page says, in an empty folder. `said` is what the commands printed, one after the other."""

    folder: Path
    site: Path
    said: list[str] = field(default_factory=list)

    def follow(self, page: Path) -> None:
        """Do everything on the page. Raises AssertionError, with page and line, at what does not work."""
        for block in blocks(page):
            {"sh": self.run, "python": self.python, "yaml": self.yaml, "toml": self.toml}.get(
                block.language, self.skip
            )(block)

    def skip(self, block: Block) -> None:
        """An image is not built here."""
        assert block.language == "dockerfile", f"{place(block)}: nobody knows how to follow {block.language!r}"

    def run(self, block: Block) -> None:
        """Commands; with `fails="text"` they have to fail and say so."""
        expected = options(block).get("fails")
        code, said = self.shell(block.code)
        if expected is None:
            assert code == 0, f"{place(block)}: ended with {code}:\n{said}"
        else:
            assert code != 0, f"{place(block)}: should have failed:\n{said}"
            assert expected in said, f"{place(block)}: does not say {expected!r}:\n{said}"

    def shell(self, script: str) -> tuple[int, str]:
        """Run commands where the last ones ended; exit code and output."""
        where = self.site.parent / "where"
        whole = f"{SHELL}{script}\npwd > {shlex.quote(str(where))}\n"
        known = {"SITE": str(self.site), "PYTHON": sys.executable, "KNOWN": KNOWN, "PYTHONPATH": "", "COLUMNS": "120"}
        done = subprocess.run(
            ["bash", "-c", whole],
            cwd=self.folder,
            env={**os.environ, **known},
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        if done.returncode == 0:
            self.folder = Path(where.read_text().strip())
        return done.returncode, self.said[-1]

    def python(self, block: Block) -> None:
        """A file to write, a change of one, a part to recognise in one, or something to run."""
        given = options(block)
        if "title" in given:
            self.write(given["title"], block.body)
        elif "in" not in given:
            code, said = self.shell(f"python - <<'PAGE'\n{block.code}\nPAGE\n")
            assert code == 0, f"{place(block)}: ended with {code}:\n{said}"
        else:
            path = self.folder / given["in"]
            self.write(given["in"], changed(path.read_text(), block, given))

    def yaml(self, block: Block) -> None:
        """A file to write, or something to read."""
        list(yaml.safe_load_all(block.code))
        if title := options(block).get("title"):
            self.write(title, block.body)

    def toml(self, block: Block) -> None:
        """Something to read."""
        assert tomllib.loads(block.code), place(block)

    def write(self, name: str, text: str) -> None:
        """Write a file of the reader's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def place(block: Block) -> str:
    """Where a block stands."""
    return f"{block.page.relative_to(ROOT)}:{block.line}"


def options(block: Block) -> dict[str, str]:
    """What a fence says after its language: `title=file`, `in=file` with `before=` or `instead=`, `fails=text`."""
    pairs = [part.partition("=") for part in shlex.split(block.info)]
    return {key: value.replace("\\n", "\n") for key, _, value in pairs}


def changed(text: str, block: Block, given: dict[str, str]) -> str:
    """The text of a file after the change that a block asks for."""
    mark = given.get("before") or given.get("instead") or block.body
    assert text.count(mark) == 1, f"{place(block)}: {given['in']} has {text.count(mark)} of {mark!r}"
    if "before" in given:
        return text.replace(mark, block.body + mark)
    return text.replace(mark, block.body)


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


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader in an empty folder."""
    folder = tmp_path / "reader"
    folder.mkdir()
    return Reader(folder, tmp_path / "site")


@pytest.fixture(scope="session")
def defined() -> Callable[[Path], dict[str, Any]]:
    """What a page's Python blocks define."""

    def define(page: Path) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "page"}
        for block in blocks(page):
            if block.language == "python":
                exec(block.code, names)
        return names

    return define
