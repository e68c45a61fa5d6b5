"""Every bug of the table of classes is replayed by a test that exists, or has its reason; and the page says the same."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
LEDGER: list[dict[str, Any]] = yaml.safe_load((HERE / "ledger.yaml").read_text())
CLASSES: dict[str, str] = yaml.safe_load((HERE / "classes.yaml").read_text())
PAGE = ROOT / "docs" / "bugs.md"
OURS = sorted(path for path in HERE.glob("test_*.py") if path.name != "test_ledger.py")
REASONS = ("waits for", "cannot happen")


@cache
def functions(module: str) -> dict[str, ast.FunctionDef]:
    """The test functions of a module."""
    tree = ast.parse((ROOT / module).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_"}


def row(entry: dict[str, Any]) -> str:
    """The line of the page for a bug."""
    names = [f"`{name.rpartition('/')[2]}`" for name in entry.get("tests", ())]
    found = ", ".join(names) or entry["reason"]
    mark = " †" if entry.get("unread") else ""
    return f"| {entry['classes']} | {entry['bug']}{mark} | {entry['what']} | {entry['invariants']} | {found} |"


@pytest.mark.parametrize("class_", sorted(CLASSES))
def test_every_number_of_a_class_is_in_the_ledger_under_it(class_: str) -> None:
    found = {entry["bug"] for entry in LEDGER if class_ in entry["classes"].split()}
    assert found == set(CLASSES[class_].split())


def test_no_bug_is_listed_twice() -> None:
    assert len({entry["bug"] for entry in LEDGER}) == len(LEDGER)


@pytest.mark.parametrize("entry", LEDGER, ids=[entry["bug"] for entry in LEDGER])
def test_a_bug_has_a_test_that_exists_and_speaks_of_it_or_a_reason(entry: dict[str, Any]) -> None:
    assert ("tests" in entry) != ("reason" in entry)
    if "reason" in entry:
        assert entry["reason"].startswith(REASONS)
    for name in entry.get("tests", ()):
        module, _, function = name.partition("::")
        assert function in functions(module)
        if module.startswith("tests/bugs/"):
            node = functions(module)[function]
            text = ast.get_docstring(node) or ""
            assert set(entry["classes"].split()) & set(text.partition(";")[0].replace(",", "").split())
            assert entry["bug"].lower() in function or entry["bug"].lower() in ast.unparse(node)


@pytest.mark.parametrize("path", OURS, ids=[path.stem for path in OURS])
def test_every_test_of_this_folder_is_in_the_ledger(path: Path) -> None:
    module = str(path.relative_to(ROOT))
    used = {name for entry in LEDGER for name in entry.get("tests", ())}
    assert {f"{module}::{name}" for name in functions(module)} <= used


def test_the_page_lists_every_bug_as_the_ledger_does() -> None:
    _, _, reports = PAGE.read_text().partition("## The reports")
    rows = [line for line in reports.splitlines() if line.startswith("| ") and line[2] in CLASSES]
    assert rows == [row(entry) for entry in LEDGER]
