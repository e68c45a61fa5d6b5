"""Changelog fragments: one file a change, named so that the changelog can be built from them."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from house.sources import Finding

# `12.added.md` for issue 12, `+first-canary.added.md` without an issue; a number tells several of one kind apart.
NAME = re.compile(r"(?:\d+|\+[a-z0-9][a-z0-9-]*)\.(?P<kind>[a-z]+)(?:\.\d+)?\.md")


def misnamed(root: Path) -> Iterator[Finding]:
    """Files in the fragments' folder that towncrier would pass over or render badly."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    kinds = [kind["directory"] for kind in settings["type"]]
    for path in sorted((root / settings["directory"]).iterdir()):
        if path.name in {"README.md", ".gitkeep"}:
            continue
        match = NAME.fullmatch(path.name)
        if match is None or match["kind"] not in kinds:
            yield Finding(
                path, 1, f"not a fragment's name: want ISSUE.KIND.md or +slug.KIND.md, KIND one of {', '.join(kinds)}"
            )
        elif not (text := path.read_text(encoding="utf-8").strip()):
            yield Finding(path, 1, "empty: say in one sentence what changes for a user")
        elif text.startswith(("-", "*", "#")):
            yield Finding(path, 1, "plain text only: the changelog adds the bullet itself")
