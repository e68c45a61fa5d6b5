"""The pages for plugin authors are followed, from an empty folder to a measured split; the reference is current."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hook_reference
from house.pages import blocks
from tidegate.errors import Pending
from tidegate.hooks.facade import Facade
from tidegate.hooks.loader import load_objects
from tidegate.hooks.router import Target
from tidegate.machine.traffic import Weights
from tidegate_testkit.memory import MemoryCluster

PAGES = Path(__file__).parents[2] / "docs" / "plugins"
Define = Callable[[Path], dict[str, Any]]


def test_the_smallest_router_shares_out_and_the_wrapper_stops_it_at_one_half(defined: Define) -> None:
    shown = defined(PAGES / "index.md") | defined(PAGES / "wrappers.md")
    router, wrapper, kind = shown["Mesh"], shown["Freeze"], shown["CONFIG_MAP"]
    facade = Facade(load_objects({"mesh": router, "freeze": wrapper}), sleep=lambda _: None)
    assert facade.routers == ("example.com/mesh",)
    existing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}}
    cluster = MemoryCluster([existing], router.needs)
    target = Target(
        namespace="shop",
        name="web",
        uid="u-1",
        config=shown["MeshConfig"](configMap="web"),
        canary_service="web-canary",
        stable_service="web-stable",
    )
    assert facade.set_weights("example.com/mesh", target, Weights(25), cluster).wrote
    found = cluster.find(kind, "shop", "web")
    assert found is not None
    assert found["data"] == {"web-canary": "25", "web-stable": "75"}
    assert not facade.set_weights("example.com/mesh", target, Weights(25), cluster).wrote
    with pytest.raises(Pending, match="frozen at one half"):
        facade.set_weights("example.com/mesh", target, Weights(75), cluster)


@pytest.mark.timeout(400)
def test_the_tutorial_leads_from_an_empty_folder_to_a_measured_split(reader: Any) -> None:
    reader.follow(PAGES / "tutorial.md")
    assert "asked 25 %, measured 2" in reader.said[-1]
    assert "with the header: 100%" in reader.said[-1]


@pytest.mark.timeout(200)
def test_the_page_on_testing_works_with_the_router_of_the_index(reader: Any) -> None:
    (router,) = [block.code for block in blocks(PAGES / "index.md") if block.language == "python"]
    reader.write("mesh.py", router)
    reader.follow(PAGES / "testing.md")


@pytest.mark.timeout(200)
def test_the_page_on_metrics_leads_to_a_provider_that_conforms(reader: Any) -> None:
    reader.follow(PAGES / "metrics.md")


def test_the_page_on_publishing_works_with_the_package_of_the_tutorial(reader: Any) -> None:
    code, said = reader.shell("tidegate plugins new mesh\ncd tidegate-mesh")
    assert code == 0, said
    reader.follow(PAGES / "publish.md")


@pytest.mark.parametrize("name", ["index.md", "wrappers.md", "versions.md"])
def test_every_block_of_the_other_pages_works(reader: Any, name: str) -> None:
    reader.follow(PAGES / name)


def test_every_page_is_followed_or_written_by_a_tool() -> None:
    followed = {"index.md", "wrappers.md", "versions.md", "publish.md", "testing.md", "tutorial.md", "metrics.md"}
    assert {page.name for page in PAGES.glob("*.md")} == followed | {"hooks.md"}


def test_the_reference_is_what_the_docstrings_say() -> None:
    # To mend it: edit the docstring, then run `python tools/hook_reference.py`.
    assert (PAGES / "hooks.md").read_text(encoding="utf-8") == hook_reference.page()


def test_the_reference_leaves_nothing_of_the_contract_out() -> None:
    assert hook_reference.unlisted() == set()


def test_a_verb_that_lacks_a_heading_is_refused() -> None:
    with pytest.raises(ValueError, match="no Threads in: Share the traffic out"):
        hook_reference.parts_of(
            "Share the traffic out.\n\nWhen: a\nWho: b\nArgs: c\nReturns: d\nRaises: e\nRepeats: f\n"
        )
