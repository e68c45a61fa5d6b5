"""The loader: what is imported, what is refused, and that no plugin takes another one down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
from pydantic import BaseModel

from tidegate.errors import PluginLoadError
from tidegate.hooks import TrafficRouter, hookimpl
from tidegate.hooks.loader import install_hint, load, load_objects, package_for
from tidegate.hooks.records import PluginSelection, Status

Install = Callable[..., list[EntryPoint]]

GOOD = """
from pydantic import BaseModel
from tidegate.hooks import Rule, TrafficRouter

class Config(BaseModel):
    route: str

class Router(TrafficRouter[Config]):
    name = "{name}"
    config = Config
    needs = (Rule("example.com", "routes", "get list watch patch"),)

    def reads(self, target):
        return []

    def set_weights(self, target, weights, objects):
        pass
"""


def good(name: str) -> str:
    return GOOD.format(name=name)


def test_an_installed_router_is_loaded_with_what_it_declares(install: Install) -> None:
    found = install("tidegate-hills", "hills", good("hills"), attribute="Router", version="2.3")
    loaded = load(found=found)
    (record,) = loaded.plugins
    assert (record.name, record.router, record.title, record.status) == ("hills", "hills", "Hills", Status.LOADED)
    assert record.origin == "tidegate-hills==2.3"
    assert record.verbs == {"reads", "set_weights"}
    assert list(loaded.owners) == ["hills"]


def test_a_failing_import_is_shown_and_takes_nothing_else_down(install: Install) -> None:
    install("tidegate-hills", "hills", good("hills"), attribute="Router")
    found = install("tidegate-broken", "broken", "import a_module_that_nobody_has")
    loaded = load(found=found)
    broken, hills = loaded.plugins
    assert (broken.status, hills.status) == (Status.FAILED, Status.LOADED)
    assert broken.error == "import failed: ModuleNotFoundError: No module named 'a_module_that_nobody_has'"
    assert "tidegate_broken" in broken.traceback


def test_a_plugin_that_exits_on_import_does_not_end_the_process(install: Install) -> None:
    found = install("tidegate-quitter", "quitter", "raise SystemExit(3)")
    assert load(found=found).plugins[0].error == "import failed: SystemExit: 3"


def test_a_required_plugin_that_fails_ends_the_start(install: Install) -> None:
    found = install("tidegate-broken", "broken", "1 / 0")
    with pytest.raises(PluginLoadError, match=r'plugin "broken" is required and cannot be used: .*ZeroDivisionError'):
        load(PluginSelection(required=["broken"]), found)


def test_a_required_plugin_that_is_not_installed_names_the_package_to_install() -> None:
    with pytest.raises(PluginLoadError, match="not installed; try: pip install tidegate-hills"):
        load(PluginSelection(required=["hills"]), [])


def test_an_enabled_plugin_that_is_not_installed_is_shown_as_failed() -> None:
    (record,) = load(PluginSelection(enabled=["hills"]), []).plugins
    assert (record.status, record.error) == (Status.FAILED, "not installed; try: pip install tidegate-hills")


@pytest.mark.parametrize(
    ("key", "package"),
    [
        ("hills", "tidegate-hills"),
        ("example-labs/deepWaterAPI", "tidegate-deep-water-api"),
        ("example.com/deep_water", "tidegate-deep-water"),
    ],
)
def test_a_package_is_named_by_the_words_of_the_key(key: str, package: str) -> None:
    assert package_for(key) == package


def test_c06_a_package_that_bears_its_vendors_name_is_thought_of() -> None:
    hint = "pip install tidegate-hills (a vendor's may be called tidegate-<vendor>-hills)"
    assert install_hint("example.com/hills") == hint


@pytest.mark.parametrize(
    ("key", "package"), [("deepWater", "tidegate-deepwater"), ("example.com/deep_water", "tidegate-deepwater")]
)
def test_c06_a_metric_providers_package_is_one_word(key: str, package: str) -> None:
    assert install_hint(key, joined=True).startswith(f"pip install {package} (")
    assert install_hint(key).startswith("pip install tidegate-deep-water (")


@pytest.mark.parametrize(
    "selection",
    [PluginSelection(disabled=["loud"]), PluginSelection(enabled=[])],
    ids=["disabled by name", "nothing enabled"],
)
def test_a_plugin_that_is_not_wanted_is_never_imported(install: Install, selection: PluginSelection) -> None:
    found = install("tidegate-loud", "loud", "raise RuntimeError('imported')")
    (record,) = load(selection, found).plugins
    assert (record.status, record.error) == (Status.DISABLED, "")
    assert not [name for name in sys.modules if name.startswith("tidegate_loud_")]


def test_two_distributions_with_one_plugin_name_are_both_named(install: Install) -> None:
    install("tidegate-hills", "hills", good("hills"), attribute="Router", version="1.0")
    found = install("acme-hills", "hills", good("hills"), attribute="Router", version="0.9")
    with pytest.raises(PluginLoadError, match=r'"hills" is claimed by acme-hills==0\.9 and by tidegate-hills==1\.0'):
        load(found=found)


def test_two_distributions_with_one_name_do_no_harm_while_it_is_disabled(install: Install) -> None:
    install("tidegate-hills", "hills", good("hills"), attribute="Router")
    found = install("acme-hills", "hills", good("hills"), attribute="Router")
    assert load(PluginSelection(disabled=["hills"]), found).plugins[0].status is Status.DISABLED


def test_c04_two_distributions_with_one_router_key_are_both_named(install: Install) -> None:
    install("tidegate-hills", "hills", good("hills"), attribute="Router")
    found = install("acme-slopes", "slopes", good("hills"), attribute="Router")
    with pytest.raises(
        PluginLoadError, match=r'the router "hills" is claimed by acme-slopes==1\.0 and by tidegate-hills'
    ):
        load(found=found)


def broken_router(**members: object) -> type:
    """A router like `good`, with some members replaced; None takes one away."""

    class Config(BaseModel):
        route: str = ""

    def reads(self: object, target: object) -> list[object]:
        return []

    def set_weights(self: object, target: object, weights: object, objects: object) -> None:
        return None

    given = {"name": "hills", "config": Config, "reads": reads, "set_weights": set_weights, **members}
    return type("Router", (TrafficRouter,), {key: value for key, value in given.items() if value is not None})


async def _async(self, target, weights, objects): ...  # type: ignore[no-untyped-def]
def _keyword_only(self, target, weights, *, objects): ...  # type: ignore[no-untyped-def]
def _catch_all(self, target, **kwargs): ...  # type: ignore[no-untyped-def]
def _other_names(self, target, weight, objects): ...  # type: ignore[no-untyped-def]
def _fewer(self, target, weights): ...  # type: ignore[no-untyped-def]
def _yields(self, target, weights, objects):  # type: ignore[no-untyped-def]
    yield


def _misspelt(self, target, weights, objects): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"reads": None}, "reads is missing; every router must have it"),
        ({"set_weights": None, "set_weight": _misspelt}, "set_weight is no verb; did you mean set_weights?"),
        ({"verify_weight": _misspelt}, "verify_weight is no verb; did you mean verify_weights?"),
        ({"set_weights": _async}, "set_weights must not be async"),
        ({"set_weights": _keyword_only}, "parameter objects is keyword-only and would never be passed"),
        ({"set_weights": _catch_all}, "*kwargs would always be empty"),
        ({"set_weights": _other_names}, "set_weights(target, weight, objects) must take (target, weights, objects)"),
        ({"set_weights": _fewer}, "set_weights(target, weights) must take (target, weights, objects)"),
        ({"set_weights": _yields}, "set_weights must not yield"),
        ({"set_weights": staticmethod(_other_names)}, "set_weights must be a plain method, found staticmethod"),
        ({"api_version": 2}, "written for plugin API 2, this tidegate speaks 1"),
        ({"api_version": True}, "written for plugin API True"),
        ({"name": None}, "`name` must be the key"),
        ({"config": dict}, "`config` must be a pydantic model"),
        ({"can": {"weights"}}, "`can` must be a set of Capability"),
        ({"needs": "ingresses"}, "`needs` must hold Rule"),
        ({"can": frozenset()}, "set_weights is there but `can` lacks Capability.WEIGHTS"),
    ],
)
def test_an_unusable_router_is_refused_at_load(members: dict[str, object], said: str) -> None:
    (record,) = load_objects({"hills": broken_router(**members)}).plugins
    assert record.status is Status.FAILED
    assert said in record.error


def test_a_right_that_kubernetes_does_not_know_is_refused(routes: type[TrafficRouter[BaseModel]]) -> None:
    rule = routes.needs[0]
    (record,) = load_objects({"hills": broken_router(needs=(type(rule)("", "pods", "get wach"),))}).plugins
    assert "`needs` asks wach on pods; Kubernetes has no such verb" in record.error


def test_a_capability_without_its_verb_is_refused(routes: type[TrafficRouter[BaseModel]]) -> None:
    lazy = type("Lazy", (routes,), {"can": routes.can | {type(next(iter(routes.can))).MIRROR}})
    (record,) = load_objects({"lazy": lazy}).plugins
    assert "`can` declares Capability.MIRROR but set_mirror_route is missing" in record.error


class Plain:
    @hookimpl
    def set_weights(self, target, weights, objects): ...  # type: ignore[no-untyped-def]


class Misspelt:
    @hookimpl(wrapper=True)
    def set_weight(self, target):  # type: ignore[no-untyped-def]
        return (yield)


class WrongArgument:
    @hookimpl(wrapper=True)
    def set_weights(self, target, wieghts):  # type: ignore[no-untyped-def]
        return (yield)


class NotAGenerator:
    @hookimpl(wrapper=True)
    def set_weights(self, target): ...  # type: ignore[no-untyped-def]


class Nothing:
    pass


class OddNeeds:
    needs = ("pods",)

    @hookimpl(wrapper=True)
    def set_weights(self, target):  # type: ignore[no-untyped-def]
        return (yield)


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Plain(), "set_weights must be @hookimpl(wrapper=True)"),
        (Misspelt(), "set_weight is no hook; did you mean set_weights?"),
        (WrongArgument, "set_weights takes wieghts; set_weights hands over target, weights, objects"),
        (NotAGenerator(), "wrapper"),
        (Nothing(), "offers no hook"),
        (OddNeeds(), "`needs` must hold Rule, found 'pods'"),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_unusable_wrapper_is_refused_at_load(plugin: object, said: str) -> None:
    (record,) = load_objects({"audit": plugin}).plugins
    assert record.status is Status.FAILED
    assert said in record.error


def test_a_module_may_be_a_plugin_of_wrappers(install: Install) -> None:
    source = """
    from tidegate.hooks import hookimpl

    @hookimpl(wrapper=True)
    def set_weights(target, weights, objects):
        return (yield)
    """
    (record,) = load(found=install("tidegate-audit", "audit", source)).plugins
    assert (record.status, record.verbs, record.router) == (Status.LOADED, frozenset({"set_weights"}), "")


def test_settings_reach_the_router_validated(routes: type[TrafficRouter[BaseModel]]) -> None:
    class Settings(BaseModel):
        classes: list[str] = []

    settled = type("Settled", (routes,), {"settings": Settings})
    selection = PluginSelection(settings={"routes": {"classes": ["internal"]}})
    owner = load_objects({"routes": settled}, selection).owners["example.com/routes"]
    assert owner.router.installed == Settings(classes=["internal"])


@pytest.mark.parametrize(
    ("block", "said"), [({"classes": 3}, "plugins.settings.routes"), ({"a": 1}, "takes no settings")]
)
def test_settings_that_do_not_fit_are_shown(
    routes: type[TrafficRouter[BaseModel]], block: dict[str, object], said: str
) -> None:
    class Settings(BaseModel):
        classes: list[str] = []

    router = type("Settled", (routes,), {"settings": Settings}) if "classes" in block else routes
    (record,) = load_objects({"routes": router}, PluginSelection(settings={"routes": block})).plugins
    assert said in record.error
