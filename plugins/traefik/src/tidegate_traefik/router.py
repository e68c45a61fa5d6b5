"""The router for Traefik: two weights in a TraefikService of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from tidegate.hooks import (
    Capability,
    Event,
    Objects,
    Problem,
    Ref,
    Rule,
    SpecError,
    Target,
    TrafficRouter,
    Weights,
)
from tidegate_traefik.config import FORMER_GROUP, GROUP, TraefikConfig, TraefikSettings
from tidegate_traefik.weighted import FIELD, kind_of, sides_of

RIGHTS = "get list watch patch"
REFUSED = Event("TraefikServiceUpdateError", "{error}", "Warning")


class Traefik(TrafficRouter[TraefikConfig]):
    """Shifts traffic by writing two weights of a TraefikService's weighted list.

    The TraefikService is the user's: it is never made, never deleted, and nothing else in it is written. What Traefik
    makes of it no API tells, so weights are read back from the object and not verified.
    """

    name = "traefik"
    title = "Traefik"
    config = TraefikConfig
    settings = TraefikSettings
    can = frozenset({Capability.WEIGHTS})
    needs = (Rule(GROUP, "traefikservices", RIGHTS), Rule(FORMER_GROUP, "traefikservices", RIGHTS))
    order = 60  # as the reference controller asks them: istio, nginx, alb, smi, ambassador, traefik, apisix

    def __init__(self, installed: BaseModel | None = None) -> None:
        super().__init__(installed)
        given = installed if isinstance(installed, TraefikSettings) else TraefikSettings.model_validate({})
        self._kind = kind_of(given.api_group)

    def reads(self, target: Target[TraefikConfig]) -> Sequence[Ref]:
        """The TraefikService, which has to exist."""
        return (Ref(self._kind, target.config.service, path=f"{target.path}.{FIELD}"),)

    def lint(self, target: Target[TraefikConfig], objects: Objects) -> Sequence[Problem]:
        """A TraefikService whose list does not name both Services, each once."""
        found = objects.get(self._kind, target.config.service)
        if found is None:
            return ()  # the core says so, from `reads`
        try:
            sides_of(found, target)
        except SpecError as error:
            return (Problem(error.path, error.detail, error.value),)
        return ()

    def set_weights(self, target: Target[TraefikConfig], weights: Weights, objects: Objects) -> None:
        """Write both weights; shares of other entries are left alone."""
        manifest = objects.edit(self._kind, target.config.service, failed=REFUSED)
        sides_of(manifest, target).share_out(weights)

    def get_weights(self, target: Target[TraefikConfig], objects: Objects) -> Mapping[str, Weights]:
        """The weights in the list, by the TraefikService's name."""
        found = objects.get(self._kind, target.config.service)
        if found is None:
            return {}
        try:
            weights = sides_of(found, target).weights()
        except SpecError:
            return {}  # nothing is shared out; lint and the next write say why
        return {target.config.service: weights} if weights is not None else {}

    def clean_up(self, target: Target[TraefikConfig], objects: Objects) -> None:
        """Everything back to stable; a list that no longer names both Services is no longer ours."""
        if self.get_weights(target, objects):
            self.set_weights(target, Weights(0), objects)
