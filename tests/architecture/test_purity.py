"""The machine touches nothing, core names no provider, and nobody hides a cycle."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from house.purity import impurities, type_checking
from house.sources import Module, listing, read
from house.words import providers

Plant = Callable[[Mapping[str, str]], Sequence[Module]]


def test_the_machine_is_pure(core: list[Module]) -> None:
    machine = [module for module in core if module.name.startswith("tidegate.machine")]

    assert machine
    found = listing(impurities(machine))

    assert not found, found


def test_core_names_no_provider(root: Path) -> None:
    found = listing(providers(root / "core" / "src"))

    assert not found, found


def test_no_type_checking_imports(root: Path, sources: dict[str, list[Module]]) -> None:
    tests = [
        module
        for folder in (root, root / "core", root / "sandbox", root / "testkit")
        for module in read(folder / "tests")
    ]
    # The tests of this rule name it in strings only, which are no names in the syntax tree.
    everything = [*tests, *(module for modules in sources.values() for module in modules)]

    found = listing(type_checking(everything))

    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("import time", id="time"),
        pytest.param("from os.path import join", id="os"),
        pytest.param("def f():\n    import random", id="deferred-random"),
        pytest.param("import logging", id="logging"),
        pytest.param("import threading", id="threading"),
        pytest.param("from uuid import uuid4", id="uuid"),
        pytest.param("import socket", id="socket"),
        pytest.param("from datetime import datetime\nx = datetime.now()", id="now"),
        pytest.param("import datetime\nx = datetime.datetime.utcnow()", id="utcnow"),
        pytest.param("from datetime import datetime as dt\nx = dt.now", id="alias-handed-on"),
        pytest.param("from datetime import date\nx = date.today()", id="today"),
        pytest.param("print('canary')", id="print"),
        pytest.param("open('plan')", id="open"),
    ],
)
def test_an_impurity_is_found(plant: Plant, line: str) -> None:
    assert len(list(impurities(plant({"tidegate/machine/plan.py": line})))) == 1


def test_the_observed_now_is_no_clock(plant: Plant) -> None:
    text = "from datetime import datetime\ndef due(seen: Observed, at: datetime) -> bool:\n    return seen.now >= at"

    found = listing(impurities(plant({"tidegate/machine/plan.py": text})))

    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("# as nginx does", id="comment"),
        pytest.param("class NginxRouter: ...", id="camel-case"),
        pytest.param("ISTIO = 1", id="capitals"),
        pytest.param("alb_name = 1", id="short-in-snake-case"),
        pytest.param("smiRouter = 1", id="short-in-camel-case"),
        pytest.param('key = "appMesh"', id="two-words"),
        pytest.param('"""Data comes from Datadog."""', id="docstring"),
    ],
)
def test_a_provider_name_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "module.py").write_text(f"x = 1\n{line}\n")

    (found,) = providers(tmp_path)

    assert found.line == 2


def test_innocent_words_are_no_provider_names(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("# albeit a smile: balance, transmit, SMALL, dismiss\n")

    found = listing(providers(tmp_path))

    assert not found, found


@pytest.mark.parametrize(
    "line", ["from typing import TYPE_CHECKING", "import typing\nif typing.TYPE_CHECKING:\n    import a"]
)
def test_a_type_checking_import_is_found(plant: Plant, line: str) -> None:
    assert len(list(type_checking(plant({"p/a.py": line})))) == 1
