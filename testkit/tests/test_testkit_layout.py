"""The kit as a third party uses it: a test file of ten lines in a directory of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from tidegate_nginx import Nginx
from tidegate_testkit.sabotage import TrafficProof
from tidegate_testkit.traffic import TrafficCase, TrafficConformance

class TestMine(TrafficConformance):
    @pytest.fixture
    def case(self):
        ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {
            "rules": [{"host": "a", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend":
                {"service": {"name": "demo-stable", "port": {"number": 80}}}}]}}]}}
        return TrafficCase(router=Nginx, config={"stableIngress": "web"}, manifests=[ingress], observe=lambda cluster: 50)

class TestMyCase(TrafficProof):
    case = TestMine.case
"""


def test_a_suite_of_ten_lines_reports_readable_failures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-k", "data_plane_sees", "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (1, 5)  # observe is stuck at 50
    result.stdout.fnmatch_lines(["*assert 50 == 99*"])


def test_a_case_is_proven_with_two_lines_more(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-k", "remembers or wants-too-much", "-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (1, 1)
    result.stdout.fnmatch_lines(["*test_drift_is_repaired does not see that the router remembers*"])


def test_a_suite_without_its_case_says_what_to_give(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from tidegate_testkit.traffic import TrafficConformance\nclass TestMine(TrafficConformance): pass\n"
    )
    result = pytester.runpytest_subprocess("-k", "loader_accepts", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*TestMine needs a fixture `case` that returns a TrafficCase*"])
