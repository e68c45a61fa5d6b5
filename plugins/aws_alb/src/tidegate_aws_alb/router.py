"""The router for AWS load balancers: weights in the action annotations of Ingresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from tidegate.hooks import (
    Capability,
    HeaderRoute,
    Kind,
    Manifest,
    Objects,
    Problem,
    Ref,
    Rule,
    Target,
    TrafficRouter,
    Verdict,
    Weights,
)
from tidegate_aws_alb import removal
from tidegate_aws_alb.aws.status import NOTHING
from tidegate_aws_alb.config import AlbConfig
from tidegate_aws_alb.ingress import INGRESS, NOUN, SERVICE
from tidegate_aws_alb.lint import all_problems
from tidegate_aws_alb.routes import write_route
from tidegate_aws_alb.settings import AlbSettings
from tidegate_aws_alb.verification import Verification, require_sdk
from tidegate_aws_alb.weights import read_weights, write_weights


class Alb(TrafficRouter[AlbConfig]):
    """Shifts traffic through weighted target groups of the AWS Load Balancer Controller.

    The Ingress is the team's; the router writes annotations into it and, for header routes, paths. Whether AWS has
    followed is asked only where the operator has set `verifyTargetGroup`.
    """

    name = "alb"
    title = "ALB"
    order = 30
    config = AlbConfig
    settings = AlbSettings
    can = frozenset(
        {Capability.WEIGHTS, Capability.VERIFY, Capability.HEADER, Capability.EXPERIMENT, Capability.PING_PONG}
    )
    needs = (
        Rule("networking.k8s.io", "ingresses", "get list watch patch"),
        Rule("", "services", "get list watch"),
    )
    status_fields = ("alb", "albs")
    marks = (INGRESS,)

    def __init__(self, installed: BaseModel | None = None, verification: Verification | None = None) -> None:
        """`verification` replaces the one that the settings ask for. Raises ImportError where it would lack the SDK."""
        super().__init__(installed)
        settings = installed if isinstance(installed, AlbSettings) else AlbSettings()
        self._verification = verification
        if settings.verify_target_group and verification is None:
            require_sdk()
            self._verification = Verification(settings)
        if self._verification is not None:
            # Of the instance, because only who verifies is to be granted these.
            vars(self)["needs"] = (*type(self).needs, *verifying_rules(settings))

    def reads(self, target: Target[AlbConfig]) -> Sequence[Ref]:
        """The Ingresses and the Services that their actions name."""
        refs = [Ref(INGRESS, name, path=f"{target.path}.{field}", noun=NOUN) for name, field in target.config.places]
        for service in (target.canary_service, target.stable_service):
            if service:
                refs.append(Ref(SERVICE, service, path=f"{target.path}.servicePort", noun="service"))
        return [*refs, *(self._verification.reads(target) if self._verification else ())]

    def lint(self, target: Target[AlbConfig], objects: Objects) -> Sequence[Problem]:
        """Paths that ignore the annotations, names that are taken, Services without the port."""
        return list(all_problems(target, objects))

    def remove_managed_routes(self, target: Target[AlbConfig], keep: frozenset[str], objects: Objects) -> None:
        """Take away header routes that are over; an Ingress that does not exist counts as done."""
        removal.remove_routes(target, keep, objects)

    def set_weights(self, target: Target[AlbConfig], weights: Weights, objects: Objects) -> None:
        """Write the weighted action of every Ingress."""
        write_weights(target, weights, objects)

    def get_weights(self, target: Target[AlbConfig], objects: Objects) -> Mapping[str, Weights]:
        """What the actions say, by Ingress."""
        return read_weights(target, objects)

    def verify_weights(self, target: Target[AlbConfig], weights: Weights, objects: Objects) -> Verdict:
        """Whether the load balancers carry the weights; None, and no question to AWS, while verification is off."""
        if self._verification is None:
            return Verdict(None, "verifyTargetGroup is off", status=NOTHING)
        return self._verification.verdict(target, weights, objects)

    def set_header_route(self, target: Target[AlbConfig], route: HeaderRoute, objects: Objects) -> None:
        """Write a header route into every Ingress."""
        write_route(target, route, objects)

    def clean_up(self, target: Target[AlbConfig], objects: Objects) -> None:
        """Leave every Ingress with one target group and without an entry of this Rollout."""
        removal.clean_up(target, objects)

    def claims(self, kind: Kind, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        """The Rollouts that an Ingress's bookkeeping names."""
        return removal.claims(manifest) if kind == INGRESS else {}


def verifying_rules(settings: AlbSettings) -> tuple[Rule, ...]:
    """The rights in the cluster that verification needs besides."""
    group = settings.binding_version.partition("/")[0]
    return (
        Rule("discovery.k8s.io", "endpointslices", "get list watch"),
        Rule(group, "targetgroupbindings", "get list watch"),
    )
