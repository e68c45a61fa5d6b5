"""Imports run downwards only, and through the doors that are there."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from house.cycles import cycles
from house.layers import ROOMS, contract, gates, layering
from house.sources import Module, listing
from house.workspace import Package

Plant = Callable[[Mapping[str, str]], Sequence[Module]]


def test_imports_in_core_run_downwards(core: list[Module]) -> None:
    found = listing(layering(core))

    assert not found, found


def test_every_room_of_the_house_is_there(core: list[Module]) -> None:
    assert {f"tidegate.{name}" for name in ROOMS if name != "__main__"} <= {
        module.name for module in core if module.package
    }


def test_no_import_cycle_in_any_package(sources: dict[str, list[Module]]) -> None:
    found = listing(finding for modules in sources.values() for finding in cycles(modules))

    assert not found, found


def test_gated_libraries_are_imported_at_their_gate_only(core: list[Module]) -> None:
    found = listing(gates(core))

    assert not found, found


def test_plugins_see_only_the_contract(
    core: list[Module], workspace: dict[str, Package], sources: dict[str, list[Module]]
) -> None:
    plugins = [sources[name] for name, package in workspace.items() if package.plugin]
    found = listing(finding for plugin in plugins for finding in contract(plugin, core))

    assert plugins
    assert not found, found


@pytest.mark.parametrize(
    ("where", "line"),
    [
        pytest.param("api/kinds.py", "import tidegate.machine.plan", id="api-machine"),
        pytest.param("machine/plan.py", "from tidegate.hooks import router", id="machine-hooks"),
        pytest.param("machine/plan.py", "from tidegate import hooks", id="machine-hooks-from-the-ground"),
        pytest.param("machine/plan.py", "from ..hooks import router", id="machine-hooks-relative"),
        pytest.param(
            "hooks/loader.py", "def f():\n    from tidegate.runtime.queue import Queue", id="hooks-runtime-deferred"
        ),
        pytest.param(
            "hooks/loader.py",
            "import importlib\nimportlib.import_module('tidegate.runtime.queue')",
            id="hooks-runtime-by-name",
        ),
        pytest.param("hooks/loader.py", "from tidegate.builtin.job import Job", id="hooks-builtin"),
        pytest.param("builtin/job.py", "from tidegate.runtime import queue", id="builtin-runtime"),
        pytest.param("runtime/perform.py", "from tidegate.cli.main import app", id="runtime-cli"),
        pytest.param("cli/main.py", "from tidegate.controller import run", id="cli-controller"),
        pytest.param("dashboard/page.py", "from tidegate.cli import terminal", id="dashboard-cli"),
        pytest.param("errors.py", "from tidegate.api import kinds", id="ground-api"),
        pytest.param("__init__.py", "from tidegate.api import kinds", id="root-api"),
        pytest.param("weights/split.py", "import math", id="unknown-room"),
    ],
)
def test_an_upward_import_is_found(plant: Plant, where: str, line: str) -> None:
    found = list(layering(plant({f"tidegate/{where}": line})))

    assert len(found) == 1


@pytest.mark.parametrize(
    ("where", "line"),
    [
        pytest.param(
            "machine/plan.py",
            "from tidegate.api import kinds\nfrom tidegate.errors import TidegateError",
            id="machine-api",
        ),
        pytest.param(
            "builtin/job.py", "from tidegate.hooks import meter\nfrom tidegate.machine import plan", id="builtin-hooks"
        ),
        pytest.param("runtime/perform.py", "import tidegate.hooks.facade\nimport tidegate", id="runtime-hooks"),
        pytest.param(
            "cli/main.py", "from tidegate import __version__\nfrom tidegate.runtime import config", id="cli-runtime"
        ),
        pytest.param(
            "machine/rollout/steps.py", "from tidegate.machine import plan\nfrom . import pause", id="within-a-room"
        ),
    ],
)
def test_a_downward_import_is_allowed(plant: Plant, where: str, line: str) -> None:
    found = listing(layering(plant({f"tidegate/{where}": line})))

    assert not found, found


def test_a_cycle_is_found_through_a_deferred_import(plant: Plant) -> None:
    modules = plant(
        {
            "p/__init__.py": "",
            "p/a.py": "from p import b",
            "p/b.py": "import p.c",
            "p/c.py": "def f():\n    from p.a import x",
            "p/d.py": "from p.a import x",
        }
    )

    (found,) = cycles(modules)

    assert "p.a -> p.b -> p.c -> p.a" in found.text


def test_a_module_that_imports_from_the_package_that_exports_it_is_a_cycle(plant: Plant) -> None:
    modules = plant({"p/__init__.py": "from p.a import A", "p/a.py": "from p import VERSION"})

    assert [finding.text.partition(":")[0] for finding in cycles(modules)] == ["import cycle p -> p.a -> p"]


def test_two_cycles_are_both_found(plant: Plant) -> None:
    modules = plant({"p/a.py": "import p.b", "p/b.py": "import p.a", "q/a.py": "import q.b", "q/b.py": "import q.a"})

    assert len(list(cycles(modules))) == 2


@pytest.mark.parametrize(
    ("where", "line"),
    [
        pytest.param("runtime/reflector.py", "import kubernetes.client", id="kubernetes"),
        pytest.param("runtime/reflector.py", "def f():\n    from kubernetes import config", id="kubernetes-deferred"),
        pytest.param("hooks/objects.py", "from pluggy import HookimplMarker", id="pluggy"),
        pytest.param("cli/plugins.py", "import pluggy", id="pluggy-in-cli"),
    ],
)
def test_a_gated_library_is_found_outside_its_gate(plant: Plant, where: str, line: str) -> None:
    assert len(list(gates(plant({f"tidegate/{where}": line})))) == 1


def test_a_gated_library_is_allowed_at_its_gate(plant: Plant) -> None:
    modules = plant(
        {"tidegate/runtime/transport_errors.py": "import kubernetes", "tidegate/hooks/markers.py": "import pluggy"}
    )

    found = listing(gates(modules))

    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("from tidegate.runtime import queue", id="runtime"),
        pytest.param("from tidegate import cli", id="cli-from-the-ground"),
        pytest.param("import tidegate.controller", id="controller"),
        pytest.param("import tidegate_sandbox", id="sandbox"),
        pytest.param("from tidegate.hooks import Hidden", id="not-exported"),
        pytest.param("from tidegate.hooks import _secret", id="underscore-name"),
        pytest.param("from tidegate.hooks._flush import flush", id="underscore-module"),
        pytest.param("import kubernetes", id="kubernetes"),
        pytest.param("import pluggy", id="pluggy"),
    ],
)
def test_a_plugin_that_reaches_behind_the_contract_is_found(plant: Plant, line: str) -> None:
    modules = plant(
        {
            "tidegate/__init__.py": "",
            "tidegate/cli/__init__.py": "",
            "tidegate/hooks/__init__.py": "__all__ = ['TrafficRouter']",
            "tidegate_contour/__init__.py": line,
        }
    )
    core = [module for module in modules if module.name.split(".")[0] == "tidegate"]
    plugin = [module for module in modules if module not in core]

    assert len(list(contract(plugin, core))) == 1


def test_a_plugin_may_use_the_contract(plant: Plant) -> None:
    modules = plant(
        {
            "tidegate/hooks/__init__.py": "__all__ = ['TrafficRouter']",
            "tidegate/hooks/objects.py": "",
            "tidegate_contour/__init__.py": "from tidegate.hooks import TrafficRouter, objects",
            "tidegate_contour/config.py": "import tidegate.errors\nfrom tidegate.machine.plan import Weights",
        }
    )
    plugin = [module for module in modules if module.name.startswith("tidegate_contour")]

    found = listing(contract(plugin, [module for module in modules if module not in plugin]))

    assert not found, found
