"""Label and field selectors."""

from __future__ import annotations

import pytest

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest
from tidegate_sandbox.selectors import matches_selector, parse_selector, selector_text

LABELS = {"app": "web", "tier": "front", "rev": "3"}
POD: Manifest = {
    "metadata": {"name": "web-1", "namespace": "default", "labels": LABELS},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=api", False),
        ("app!=api", True),
        ("missing!=x", True),
        ("app in (web, api)", True),
        ("app notin (web, api)", False),
        ("missing notin (x)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("rev>2,rev<4", True),
        ("app>2", False),
        ("app=", False),
        ("example.com/x=y", False),
        ("app in (web),!missing,tier=front", True),
        ("", True),
    ],
)
def test_label_selector(labels: str, chosen: bool) -> None:
    assert parse_selector(labels, "", "pods").matches(POD) is chosen


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ("metadata.name=web-1", True),
        ("metadata.name!=web-1", False),
        ("metadata.namespace=default,status.phase=Running", True),
        ("spec.nodeName=node-2", False),
        ("status.podIP=", True),
        ("spec.hostNetwork=false", True),
    ],
)
def test_field_selector(fields: str, chosen: bool) -> None:
    assert parse_selector("", fields, "pods").matches(POD) is chosen


@pytest.mark.parametrize("labels", ["a in (b", "=x", "a b", "-bad=x"])
def test_a_broken_label_selector_is_a_bad_request(labels: str) -> None:
    with pytest.raises(BadRequest, match="unable to parse requirement"):
        parse_selector(labels, "", "pods")


def test_a_field_that_is_not_indexed_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match=r"field label not supported: spec\.replicas"):
        parse_selector("", "spec.replicas=1", "deployments.apps")


def test_the_component_of_an_event_is_its_source() -> None:
    event = {"source": {"component": "kubelet"}, "metadata": {}}
    assert parse_selector("", "source=kubelet", "events").matches(event)


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "rev", "operator": "In", "values": ["3"]}]}, True),
        ({"matchExpressions": [{"key": "rev", "operator": "NotIn", "values": ["3"]}]}, False),
        ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["3"]}]}, True),
        ({"matchExpressions": [{"key": "rev", "operator": "Exists"}]}, True),
    ],
)
def test_selector_of_a_manifest(selector: Manifest | None, chosen: bool) -> None:
    assert matches_selector(selector, LABELS) is chosen


def test_a_manifest_selector_as_text_selects_the_same() -> None:
    selector = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "rev", "operator": "In", "values": ["4", "3"]},
            {"key": "x", "operator": "DoesNotExist"},
        ],
    }
    assert selector_text(selector) == "app=web,rev in (3,4),!x"
    assert parse_selector(selector_text(selector), "", "pods").matches(POD)
