"""Weights and header routes in an HTTPProxy of Contour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy

from pydantic import BaseModel, Field

from tidegate import hooks
from tidegate.hooks import Capability, HeaderRoute, Manifest, Objects, Problem, Ref, SpecError, Target, Weights

PROXY = hooks.Kind("projectcontour.io", "v1", "HTTPProxy", "httpproxies")
# Routes have no name, and unknown fields are pruned: a header route is known by a request header that it sets.
MARK = "X-Tidegate-Route"


class Config(BaseModel, extra="forbid"):
    """What a Rollout says of this router."""

    proxy: str = Field(alias="httpProxy", min_length=1)


class Contour(hooks.TrafficRouter[Config]):
    """Shares out every route that names both Services; header routes stand before the first of them."""

    name = "example.com/contour"
    config = Config
    can = frozenset({Capability.WEIGHTS, Capability.TOTAL, Capability.HEADER, Capability.HEADER_REGEX})
    needs = (hooks.Rule("projectcontour.io", "httpproxies", "get list watch patch"),)

    def reads(self, target: Target[Config]) -> Sequence[Ref]:
        return [Ref(PROXY, target.config.proxy, path=f"{target.path}.httpProxy")]

    def lint(self, target: Target[Config], objects: Objects) -> Sequence[Problem]:
        proxy = objects.get(PROXY, target.config.proxy)
        if proxy is None or any(_shared(target, proxy)):
            return []
        both = f"{target.stable_service} with weight 100 and {target.canary_service} with weight 0"
        return [Problem(f"{target.path}.httpProxy", f"no route of the HTTPProxy has both Services; name {both} in one")]

    def set_weights(self, target: Target[Config], weights: Weights, objects: Objects) -> None:
        proxy = objects.edit(PROXY, target.config.proxy)
        for problem in self.lint(target, objects):
            raise SpecError(problem.path, problem.detail)
        for _, canary, stable in _shared(target, proxy):
            canary["weight"], stable["weight"] = weights.canary, weights.stable

    def get_weights(self, target: Target[Config], objects: Objects) -> Mapping[str, Weights]:
        for _, canary, stable in _shared(target, objects.get(PROXY, target.config.proxy)):
            share, rest = canary.get("weight", 0), stable.get("weight", 0)
            return {target.config.proxy: Weights(share, total=share + rest)} if share + rest else {}
        return {}

    def set_header_route(self, target: Target[Config], route: HeaderRoute, objects: Objects) -> None:
        """A copy of each shared route, with the headers as further conditions and the canary alone."""
        proxy, made = objects.edit(PROXY, target.config.proxy), []
        for base, canary, _ in _shared(target, proxy) if route.match else ():
            made.append(copy := deepcopy(base) | {"services": [canary | {"weight": 100}]})
            for name, match in route.match:
                value = {"exact": match.exact} if match.regex is None else {"regex": match.regex}
                copy.setdefault("conditions", []).append({"header": {"name": name, **value}})
            mark = {"name": MARK, "value": f"{target.name}/{route.name}"}
            copy.setdefault("requestHeadersPolicy", {}).setdefault("set", []).append(mark)
        _replace(target, proxy, lambda name: name == route.name, made)

    def remove_managed_routes(self, target: Target[Config], keep: frozenset[str], objects: Objects) -> None:
        if objects.get(PROXY, target.config.proxy) is not None:
            _replace(target, objects.edit(PROXY, target.config.proxy), lambda name: name not in keep, [])

    def clean_up(self, target: Target[Config], objects: Objects) -> None:
        """Everything back to stable; the object is not ours to delete."""
        self.remove_managed_routes(target, frozenset(), objects)
        if any(_shared(target, objects.get(PROXY, target.config.proxy))):
            self.set_weights(target, Weights(0), objects)


def _shared(target: Target[Config], proxy: Manifest | None) -> Iterator[tuple[Manifest, Manifest, Manifest]]:
    """Each route that names both Services, with their entries, canary first; the entry of a mirror has no share."""
    for route in (proxy or {}).get("spec", {}).get("routes") or []:
        shares = {each.get("name"): each for each in route.get("services") or [] if not each.get("mirror")}
        if target.canary_service in shares and target.stable_service in shares:
            yield route, shares[target.canary_service], shares[target.stable_service]


def _name(target: Target[Config], route: Manifest) -> str:
    """The name of this Rollout's header route, "" for any other route."""
    headers = (route.get("requestHeadersPolicy") or {}).get("set") or []
    marks = [str(each.get("value")).partition("/") for each in headers if each.get("name") == MARK]
    return next((name for rollout, _, name in marks if rollout == target.name), "")


def _replace(target: Target[Config], proxy: Manifest, gone: Callable[[str], bool], made: list[Manifest]) -> None:
    """Put `made` in place of the header routes that are gone. Ours stand in the order of the Rollout, before its first
    shared route: at the top, two Rollouts in one object would overtake one another for ever."""
    routes = proxy["spec"].get("routes") or []
    ours = [each for each in routes if (name := _name(target, each)) and not gone(name)] + made
    ours.sort(key=lambda each: (*target.managed_routes, (name := _name(target, each))).index(name))
    others = [each for each in routes if not _name(target, each)]
    first = next((others.index(route) for route, _, _ in _shared(target, {"spec": {"routes": others}})), 0)
    routes[:] = others[:first] + ours + others[first:]
