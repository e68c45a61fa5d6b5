"""Every plugin's own case catches every sabotage.

So its observations look at the right fields, and its objects hold something to lose.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tidegate_testkit.sabotage import SABOTAGES, Sabotage, caught
from tidegate_testkit.stage import TrafficCase

ROOT = Path(__file__).parents[2]
SUITES = sorted(ROOT.glob("plugins/[!_]*/tests/test*conformance*.py"))
# Metric providers have a suite of their own, whose saboteurs are in the kit's tests.
ROUTERS = [suite for suite in SUITES if "TrafficConformance" in suite.read_text(encoding="utf-8")]
# Checked once a case: every suite has it, and it is over at once.
QUICK = "test_the_loader_accepts_it"


class Saboteur:
    """A pytest plugin that tries every sabotage on each case that a conformance file gives."""

    def __init__(self) -> None:
        self.caught: dict[str, list[str]] = {sabotage.name: [] for sabotage in SABOTAGES}

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        case = pyfuncitem.funcargs["case"]
        assert isinstance(case, TrafficCase)
        for sabotage in SABOTAGES:
            with suppress(pytest.skip.Exception):
                self.caught[sabotage.name].append(caught(case, sabotage))


@cache
def verdicts(suite: Path) -> dict[str, list[str]]:
    """What the checks said of each sabotage, a text for each case of the file; "" where they saw nothing."""
    saboteur = Saboteur()
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([str(suite), "-k", QUICK, *quiet], plugins=[saboteur])
    assert code == pytest.ExitCode.OK, f"{suite} cannot be run as it is"
    return saboteur.caught


def test_every_plugin_has_a_conformance_file() -> None:
    plugins = {page.parent.name for page in ROOT.glob("plugins/[!_]*/pyproject.toml")}
    assert plugins
    assert {suite.parents[1].name for suite in SUITES} == plugins
    metrics = [suite for suite in SUITES if "MetricConformance" in suite.read_text(encoding="utf-8")]
    assert sorted([*ROUTERS, *metrics]) == SUITES, "a suite is of routers or of metric providers"


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=[each.name for each in SABOTAGES])
@pytest.mark.parametrize("suite", ROUTERS, ids=[suite.parents[1].name for suite in ROUTERS])
def test_a_broken_router_is_caught_by_its_plugins_case(suite: Path, sabotage: Sabotage) -> None:
    seen = verdicts(suite)[sabotage.name]
    if not seen:
        pytest.skip(f"{sabotage.check} has nothing to look at here")
    assert any(seen), f"{sabotage.check} does not see that the router {sabotage.name}"


@pytest.mark.parametrize("suite", ROUTERS, ids=[suite.parents[1].name for suite in ROUTERS])
def test_at_least_eight_kinds_of_break_are_caught_on_every_plugin(suite: Path) -> None:
    assert sum(any(seen) for seen in verdicts(suite).values()) >= 8
