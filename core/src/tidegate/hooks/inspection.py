"""What is wrong with a plugin, found before it is asked anything.

pluggy checks the names of parameters that an implementation takes. It says nothing of coroutines (never awaited, taken
for a result), keyword-only parameters (never passed), `**kwargs` (always empty), or hooks with a misspelt name (never
called). Each of those is refused here, so that it fails at load and not at the first weight.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from difflib import get_close_matches

from pydantic import BaseModel

from tidegate.api.status import RolloutStatus
from tidegate.hooks.markers import PROJECT
from tidegate.hooks.metrics import METRIC_VERBS, REQUIRED_METRIC_VERBS, MetricProvider
from tidegate.hooks.records import KNOWN_RIGHTS
from tidegate.hooks.references import Kind, Rule
from tidegate.hooks.router import API_VERSION, REQUIRED_VERBS, VERBS, TrafficRouter
from tidegate.machine.traffic import Capability

# The verbs that make no sense without a declared capability, and that a declared capability demands.
CAPABILITY_OF: Mapping[str, tuple[Capability, ...]] = {
    "set_weights": (Capability.WEIGHTS,),
    "verify_weights": (Capability.VERIFY,),
    "update_hash": (Capability.HASH,),
    "set_header_route": (Capability.HEADER,),
    "set_mirror_route": (Capability.MIRROR,),
    "remove_managed_routes": (Capability.HEADER, Capability.MIRROR),
}

# Capabilities that say more of another one and nothing by themselves.
WIDENED: Mapping[Capability, Capability] = {
    Capability.HEADER_PREFIX: Capability.HEADER,
    Capability.HEADER_REGEX: Capability.HEADER,
    Capability.SERVICES_FIRST: Capability.PING_PONG,
}

# Every hook that a wrapper plugin may stand around, and what a plugin with verbs is.
ALL_VERBS = (*VERBS, *METRIC_VERBS)
Plugin = TrafficRouter[BaseModel] | MetricProvider[BaseModel]
PluginClass = type[TrafficRouter[BaseModel]] | type[MetricProvider[BaseModel]]

# How alike a public method and a verb may be before it counts as misspelt; set_weight and set_weights are at 0.95.
LIKENESS = 0.85


def version_faults(plugin: object) -> Iterator[str]:
    """Whether the plugin was written for this contract."""
    version = getattr(plugin, "api_version", API_VERSION)
    if type(version) is not int or version != API_VERSION:
        yield f"written for plugin API {version!r}, this tidegate speaks {API_VERSION}; install a matching version"


def router_faults(router: TrafficRouter[BaseModel]) -> Iterator[str]:
    """Everything that makes a router unusable; nothing for a good one."""
    yield from _attribute_faults(type(router))
    own = verbs_of(router)
    for verb in REQUIRED_VERBS:
        if verb not in own:
            yield f"{verb} is missing; every router must have it"
    for verb in sorted(own):
        yield from _verb_faults(type(router), verb)
    yield from _capability_faults(router.can, own)
    yield from _mark_faults(router.marks, own)
    yield from _misspelt(type(router), own)


def provider_faults(provider: MetricProvider[BaseModel]) -> Iterator[str]:
    """Everything that makes a metric provider unusable; nothing for a good one."""
    cls = type(provider)
    yield from _key_faults(cls, "a metric names the provider")
    yield from _needs_faults(cls.needs)
    timeout_s: object = cls.timeout_s
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not timeout_s > 0:
        yield f"`timeout_s` must be a number of seconds above 0, found {timeout_s!r}"
    own = verbs_of(provider)
    for verb in REQUIRED_METRIC_VERBS:
        if verb not in own:
            yield f"{verb} is missing; every metric provider must have it"
    for verb in sorted(own):
        yield from _verb_faults(cls, verb)
    if "terminate" in own and "resume" not in own:
        yield "terminate is there but resume is missing, without which no measurement lasts"
    yield from _misspelt(cls, own)


def wrapper_faults(plugin: object) -> Iterator[str]:
    """Everything that makes a plugin of wrappers unusable; nothing for a good one."""
    found = dict(implementations(plugin))
    if not found:
        yield "offers no hook: no TrafficRouter or MetricProvider subclass, and no function marked with @hookimpl"
    yield from _needs_faults(getattr(plugin, "needs", ()))
    for name, function in found.items():
        options = getattr(function, f"{PROJECT}_impl", {})
        if name not in ALL_VERBS:
            yield f"{name} is no hook{_meant(name, ALL_VERBS)}"
        elif not options.get("wrapper"):
            yield f"{name} must be @hookimpl(wrapper=True): only the plugin that an object names answers a verb"
        elif unknown := [each for each in parameters_of(function) if each not in spec_parameters(name)]:
            yield f"{name} takes {', '.join(unknown)}; {name} hands over {', '.join(spec_parameters(name))}"
        yield from _calling_faults(name, function)


def implementations(plugin: object) -> Iterator[tuple[str, Callable[..., object]]]:
    """The functions of a module or an object that carry the hookimpl mark, by name."""
    for name in dir(plugin):
        function = inspect.getattr_static(plugin, name, None)
        function = getattr(function, "__func__", function)
        if callable(function) and getattr(function, f"{PROJECT}_impl", None) is not None:
            yield name, function


def verbs_of(plugin: Plugin) -> frozenset[str]:
    """The verbs that a router or a provider overrides; the others are never asked of it."""
    cls = type(plugin)
    base, verbs = _contract(cls)
    return frozenset(verb for verb in verbs if getattr(cls, verb) is not getattr(base, verb))


def spec_parameters(verb: str) -> list[str]:
    """What the contract hands to a verb, in order."""
    return parameters_of(getattr(TrafficRouter if verb in VERBS else MetricProvider, verb))


def _contract(cls: type) -> tuple[type, tuple[str, ...]]:
    """The base class of a plugin, and its verbs."""
    return (TrafficRouter, VERBS) if issubclass(cls, TrafficRouter) else (MetricProvider, METRIC_VERBS)


def parameters_of(function: Callable[..., object]) -> list[str]:
    """The parameter names of a function without `self`."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def _attribute_faults(cls: type[TrafficRouter[BaseModel]]) -> Iterator[str]:
    yield from _key_faults(cls, "a Rollout names the router")
    can: object = cls.can
    if not isinstance(can, Set) or not all(isinstance(each, Capability) for each in can):
        yield f"`can` must be a set of Capability, found {can!r}"
    yield from _needs_faults(cls.needs)
    yield from _status_faults(cls.status_fields)
    remote: object = cls.remote
    if not isinstance(remote, str):
        yield f"`remote` must be a label selector, found {remote!r}"
    marks: object = cls.marks
    if not isinstance(marks, Sequence) or not all(isinstance(each, Kind) for each in marks):
        yield f"`marks` must be a sequence of Kind, found {marks!r}"


def _key_faults(cls: PluginClass, who: str) -> Iterator[str]:
    name, config = getattr(cls, "name", None), getattr(cls, "config", None)
    if not isinstance(name, str) or not name:
        yield f"`name` must be the key under which {who}"
    if not (inspect.isclass(config) and issubclass(config, BaseModel)):
        yield f"`config` must be a pydantic model, found {config!r}"


def _status_faults(fields: object) -> Iterator[str]:
    if not isinstance(fields, Sequence) or isinstance(fields, str):
        yield f"`status_fields` must be a sequence of names, found {fields!r}"
        return
    fields_of = RolloutStatus.model_fields
    own = {*fields_of, *(info.alias or "" for info in fields_of.values())}
    for name in fields:
        if name in own:
            yield f"`status_fields` names {name}, which belongs to the core; the router needs a field of its own"


def _needs_faults(needs: object) -> Iterator[str]:
    if not isinstance(needs, Sequence):
        yield f"`needs` must be a sequence of Rule, found {needs!r}"
        return
    for rule in needs:
        if not isinstance(rule, Rule):
            yield f"`needs` must hold Rule, found {rule!r}"
        elif unknown := set(rule.verbs.split()) - KNOWN_RIGHTS:
            yield f"`needs` asks {', '.join(sorted(unknown))} on {rule.resource}; Kubernetes has no such verb"


def _verb_faults(cls: type, verb: str) -> Iterator[str]:
    static = inspect.getattr_static(cls, verb)
    if not inspect.isfunction(static):
        yield f"{verb} must be a plain method, found {type(static).__name__}"
        return
    yield from _calling_faults(verb, static)
    if inspect.isgeneratorfunction(static):
        yield f"{verb} must not yield: a plugin answers, only a wrapper plugin yields"
    wanted = spec_parameters(verb)
    if (found := parameters_of(static)) != wanted:
        yield f"{verb}({', '.join(found)}) must take ({', '.join(wanted)})"
    options = getattr(static, f"{PROJECT}_impl", {})
    if options.get("specname") or options.get("wrapper"):
        yield f"{verb} must not be marked by hand; overriding it is enough"


def _calling_faults(name: str, function: Callable[..., object]) -> Iterator[str]:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{name} must not be async: the controller calls plugins from threads and would never await it"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            yield f"{name}: parameter {parameter.name} is keyword-only and would never be passed"
        elif parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            yield f"{name}: *{parameter.name} would always be empty; name the parameters"


def _mark_faults(marks: Sequence[Kind], own: frozenset[str]) -> Iterator[str]:
    if marks and "claims" not in own:
        yield "`marks` names kinds but claims is missing"
    if "claims" in own and not marks:
        yield "claims is there but `marks` names no kind to ask it about"
    if "claims" in own and "clean_up" not in own:
        yield "claims is there but clean_up is missing, which it leads to"


def _capability_faults(can: Set[Capability], own: frozenset[str]) -> Iterator[str]:
    for narrow, wide in WIDENED.items():
        if narrow in can and wide not in can:
            yield f"`can` declares Capability.{narrow.name} without Capability.{wide.name}, which it goes with"
    for verb, capabilities in CAPABILITY_OF.items():
        declared = [each for each in capabilities if each in can]
        if verb in own and not declared:
            yield f"{verb} is there but `can` lacks Capability.{capabilities[0].name}"
        if declared and verb not in own and verb not in REQUIRED_VERBS:
            yield f"`can` declares Capability.{declared[0].name} but {verb} is missing"


def _misspelt(cls: type, own: frozenset[str]) -> Iterator[str]:
    """Public methods that look like a verb: they would never be called, and nobody would notice."""
    base, verbs = _contract(cls)
    absent = [verb for verb in verbs if verb not in own]
    what = "router" if base is TrafficRouter else "provider"
    for ancestor in cls.__mro__[: cls.__mro__.index(base)]:
        for name in vars(ancestor):
            if not name.startswith("_") and name not in verbs and (meant := _meant(name, absent)):
                yield f"{name} is no verb{meant} (a helper of the {what} starts with an underscore)"


def _meant(name: str, candidates: list[str] | tuple[str, ...]) -> str:
    close = get_close_matches(name, candidates, n=1, cutoff=LIKENESS)
    return f"; did you mean {close[0]}?" if close else ""
