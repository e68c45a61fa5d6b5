"""Every row of the acceptance table of traffic routing has a test that bears its id."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A family of ids, how many there are (`N01` to `N29`), and where its tests lie: other tables may use the same letters.
CORE = ("core/tests", "testkit/tests", "tests", "plugins")
ROWS: dict[str, tuple[int, tuple[str, ...]]] = {
    "C": (33, CORE),  # the contract and the core
    "N": (29, ("plugins/nginx/tests",)),
    "I": (44, ("plugins/istio/tests", "core/tests/runtime")),
    "A": (36, ("plugins/aws_alb/tests",)),
    "S": (14, ("plugins/smi/tests",)),
    "G": (5, ("plugins/gateway_api/tests",)),
    "T": (1, ("plugins/traefik/tests",)),
    "X": (1, ("plugins/apisix/tests",)),
    "M": (1, ("plugins/ambassador/tests",)),
    "K": (1, ("core/tests",)),
    "R": (2, ("core/tests",)),  # without a router
}
# `test_s12_and_s13_the_split_is_watched` and `test_c16_c17_c18_the_share_…` stand for several rows.
BEARS = re.compile(r"test_((?:[a-z]\d\d_(?:and_)?)+)")


def borne(names: Iterator[str]) -> set[str]:
    """The ids at the beginning of the names."""
    found = (match[1] for name in names if (match := BEARS.match(name)))
    return {each.upper() for ids in found for each in re.findall(r"[a-z]\d\d", ids)}


def names_in(folders: tuple[str, ...]) -> Iterator[str]:
    """The names of all tests below the folders."""
    for page in (page for folder in folders for page in sorted((ROOT / folder).rglob("test_*.py"))):
        for node in ast.walk(ast.parse(page.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield node.name


@pytest.mark.parametrize("family", ROWS)
def test_every_row_has_a_test_that_bears_its_id(family: str) -> None:
    count, folders = ROWS[family]
    wanted = {f"{family}{number:02}" for number in range(1, count + 1)}
    assert sorted(wanted - borne(names_in(folders))) == []


def test_an_id_counts_only_at_the_beginning_of_a_name() -> None:
    names = iter(["test_s12_and_s13_both", "test_c16_c17_three", "test_it_is_not_n01_", "n02_helper", "test_n3_short"])
    assert borne(names) == {"S12", "S13", "C16", "C17"}
