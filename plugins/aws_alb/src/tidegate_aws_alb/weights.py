"""The weighted action of every Ingress: written, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tidegate.hooks import Destination, Event, Manifest, NotFound, Objects, Target, Weights
from tidegate_aws_alb import ledger
from tidegate_aws_alb.actions import Forward, Group, parse, stickiness_of
from tidegate_aws_alb.config import AlbConfig
from tidegate_aws_alb.ingress import (
    INGRESS,
    NOUN,
    SERVICE,
    action_key,
    action_name,
    annotations_of,
    condition_key,
    own_routes,
)
from tidegate_aws_alb.lint import as_error, ingress_problems, refuse_weights, spec_problems
from tidegate_aws_alb.removal import released

REASON = "PatchingALBIngress"


def write_weights(target: Target[AlbConfig], weights: Weights, objects: Objects) -> None:
    """Bring every Ingress to the weights, or raise before any of them is edited."""
    refuse_weights(target, weights)
    # Not of an experiment's Services: the core made them, and names them only while they are there.
    require_services((target.canary_service, target.stable_service), objects)
    event = f"to desiredWeight '{weights.canary}'"
    key = action_key(target.config.annotation_prefix, action_name(target))
    for ingress, entries in opened(target, event, objects):
        annotations = {**annotations_of(ingress), key: forward(target, weights).text}
        annotations, kept = _without_former(target, annotations, entries)
        own = ledger.with_first(kept, target.name, key)
        ingress["metadata"]["annotations"] = ledger.written(annotations, own)


def forward(target: Target[AlbConfig], weights: Weights) -> Forward:
    """The action of these weights: canary first, then the additional ones, stable last."""
    shares = [
        (target.canary_service, weights.canary),
        *((each.service, each.weight) for each in weights.additional),
        (target.stable_service, weights.stable),
    ]
    return to_services(target, shares)


def to_services(target: Target[AlbConfig], shares: Iterable[tuple[str, int]]) -> Forward:
    """An action to Services at the configured port, with the configured stickiness."""
    stickiness = target.config.stickiness
    groups = tuple(Group(service, str(target.config.service_port), weight) for service, weight in shares)
    return Forward(groups, stickiness_of(stickiness.enabled, stickiness.duration_s))


def opened(target: Target[AlbConfig], what: str, objects: Objects) -> Iterator[tuple[Manifest, ledger.Entries]]:
    """Every Ingress to be edited, with its ledger; `what` completes the event that a change sends.

    Raises for the first Ingress that is missing or cannot work, before any is handed out.
    """
    for problem in spec_problems(target):
        raise as_error(problem)
    for name, field in target.config.places:
        found = objects.get(INGRESS, name)
        if found is None:
            raise NotFound(f'{NOUN} "{name}" not found', code=404, reason="NotFound")
        for problem in ingress_problems(target, found, field):
            raise as_error(problem)
    # differs: the reference leaves its loop at the first Ingress that needs no change, so later ones keep the old weight.
    for name, _ in target.config.places:
        ingress = objects.edit(INGRESS, name, Event(REASON, f"Updating Ingress `{name}` {what}"))
        yield ingress, ledger.read(annotations_of(ingress))


def require_services(names: Iterable[str], objects: Objects) -> None:
    """Raise NotFound for an absent Service: one action that names it would stop the whole group of Ingresses."""
    for name in names:
        if objects.get(SERVICE, name) is None:
            raise NotFound(
                f'service "{name}" not found; no action is written that names it', code=404, reason="NotFound"
            )


def read_weights(target: Target[AlbConfig], objects: Objects) -> Mapping[str, Weights]:
    """What the actions say, by Ingress. One whose action does not name the canary, or has no weights, is left out."""
    key = action_key(target.config.annotation_prefix, action_name(target))
    found: dict[str, Weights] = {}
    for name, _ in target.config.places:
        action = parse(annotations_of(objects.get(INGRESS, name) or {}).get(key, ""))
        if action is not None and (share := _share(target, action)) is not None:
            found[name] = share
    return found


def _share(target: Target[AlbConfig], action: Forward) -> Weights | None:
    canary = action.find(target.canary_service)
    total = sum(group.weight for group in action.groups)
    if canary is None or total < 1 or any(group.weight < 0 for group in action.groups):
        return None
    known = (target.canary_service, target.stable_service)
    others = tuple(Destination(each.service, each.weight) for each in action.groups if each.service not in known)
    additional = sum(each.weight for each in others)
    return Weights(canary.weight, total, others) if canary.weight + additional <= total else None


def _without_former(
    target: Target[AlbConfig], annotations: dict[str, str], entries: ledger.Entries
) -> tuple[dict[str, str], ledger.Entries]:
    """Let go of actions of a former rootService or annotationPrefix: nothing names them any more but the ledger."""
    prefix = target.config.annotation_prefix
    names = (action_name(target), *own_routes(target, entries))
    ours = {make(prefix, name) for name in names for make in (action_key, condition_key)}
    former = [key for key in entries.get(target.name, ()) if key not in ours]
    if not former:
        return annotations, entries
    return released(target, annotations, entries, former), ledger.without_keys(entries, target.name, former)
