"""Taking back what was written: routes that are over, and whole Ingresses that are no longer ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.hooks import Event, Manifest, Objects, SpecError, Target
from tidegate_aws_alb import ledger
from tidegate_aws_alb.actions import Forward, Group, parse
from tidegate_aws_alb.config import ACTION_LENGTH, SERVICE, AlbConfig
from tidegate_aws_alb.ingress import (
    INGRESS,
    action_key,
    annotations_of,
    condition_key,
    foreign_route,
    own_routes,
    without,
)
from tidegate_aws_alb.paths import strip

ACTIONS, CONDITIONS = "/actions.", "/conditions."
SOME_PORT = (
    80  # for a config that is rebuilt from an action without a readable port; clean-up writes no port of its own
)


def remove_routes(target: Target[AlbConfig], keep: frozenset[str], objects: Objects) -> None:
    """Delete the annotations, the ledger's entries and the paths of every header route of ours that is not in `keep`."""
    # differs: the reference writes an entry without keys here in the first pass, before there is any route.
    for name, field in target.config.places:
        found = objects.get(INGRESS, name)
        if found is None:
            continue
        entries = readable(target, found, field)
        routes = [each for each in own_routes(target, entries) if each not in keep]
        routes = [each for each in routes if not foreign_route(target, found, entries, each)]
        event = Event("PatchingALBIngress", f"Updating Ingress `{name}` removing managed routes")
        remove_from(target, objects.edit(INGRESS, name, event), entries, routes)


def remove_from(target: Target[AlbConfig], ingress: Manifest, entries: ledger.Entries, routes: Iterable[str]) -> None:
    """Delete these header routes from one Ingress."""
    prefix = target.config.annotation_prefix
    routes = tuple(routes)
    gone = [make(prefix, route) for route in routes for make in (action_key, condition_key)]
    entries = ledger.without_keys(entries, target.name, gone)
    annotations = annotations_of(ingress)
    if entries != ledger.read(annotations) or set(gone) & set(annotations):
        ingress["metadata"]["annotations"] = ledger.written(without(annotations, gone), entries)
    strip(ingress, routes)


def clean_up(target: Target[AlbConfig], objects: Objects) -> None:
    """Give back every Ingress: one target group with all the traffic, no header routes, no entry in the ledger."""
    for name, field in target.config.places:
        found = objects.get(INGRESS, name)
        if found is None:
            continue
        entries = readable(target, found, field)
        if target.name not in entries:
            continue
        event = Event("PatchingALBIngress", f"Updating Ingress `{name}` to one target group")
        ingress = objects.edit(INGRESS, name, event)
        keys = entries[target.name]
        annotations = released(target, annotations_of(ingress), entries, keys)
        annotations = without(annotations, [ledger.LEGACY])
        ingress["metadata"]["annotations"] = ledger.written(annotations, ledger.without_rollout(entries, target.name))
        strip(
            ingress, [_name(key) for key in keys if CONDITIONS in key and not ledger.holder(entries, key, target.name)]
        )


def released(
    target: Target[AlbConfig], annotations: Mapping[str, str], entries: ledger.Entries, keys: Iterable[str]
) -> dict[str, str]:
    """The annotations after the Rollout has let go of `keys`: header routes are gone, actions send to one group.

    What another Rollout has in its list as well stays as it is.
    """
    own = [key for key in keys if not ledger.holder(entries, key, target.name)]
    routes = {key.replace(CONDITIONS, ACTIONS) for key in own if CONDITIONS in key}
    kept = without(annotations, [key for key in own if CONDITIONS in key or key in routes])
    for key in own:
        action = parse(kept.get(key, ""))
        if action is not None and action.groups:
            kept[key] = action.only(_remaining(target, action, _name(key))).text
    return kept


def claims(ingress: Manifest) -> Mapping[str, Mapping[str, Any]]:
    """The Rollouts that have an entry in an Ingress's ledger, each with a config that leads to this Ingress."""
    annotations = annotations_of(ingress)
    try:
        entries = ledger.read(annotations)
    except ledger.UnreadableLedger:
        return {}  # its Rollouts report it, those that there are
    name = ingress["metadata"]["name"]
    return {rollout: _config(name, keys, annotations) for rollout, keys in entries.items()}


def readable(target: Target[AlbConfig], ingress: Manifest, field: str) -> ledger.Entries:
    """The ledger of an Ingress. Raises SpecError at `field` for one that cannot be read."""
    try:
        return ledger.read(annotations_of(ingress))
    except ledger.UnreadableLedger as error:
        name = ingress["metadata"]["name"]
        raise SpecError(f"{target.path}.{field}", f"ingress `{name}`: {error}", value=json.dumps(name)) from error


def _remaining(target: Target[AlbConfig], action: Forward, name: str) -> Group:
    """The group that keeps all the traffic.

    The one that the action is named after, or else the stable Service's; the heaviest where the Rollout itself is gone,
    because then nobody brings pods to the lighter side any more. Of two equal ones the last: stable is written last.
    """
    # differs: behind a rootService the reference finds no port for the action's own name and leaves everything as it was.
    heaviest = max(reversed(action.groups), key=lambda group: group.weight)
    if target.deleted:
        return heaviest
    return action.find(name) or action.find(target.stable_service) or heaviest


def _config(name: str, keys: Iterable[str], annotations: Mapping[str, str]) -> Mapping[str, Any]:
    keys = tuple(keys)
    conditioned = {key.replace(CONDITIONS, ACTIONS) for key in keys if CONDITIONS in key}
    config: dict[str, Any] = {"ingress": name, "servicePort": SOME_PORT}
    for key in (key for key in keys if ACTIONS in key and key not in conditioned):
        prefix, root = key.split(ACTIONS, 1)
        action = parse(annotations.get(key, ""))
        ports = [group.port for group in action.groups if group.port.isdecimal()] if action else []
        config |= {"annotationPrefix": prefix, "servicePort": int(ports[0]) if ports else SOME_PORT}
        return config | ({"rootService": root} if _is_root(root) else {})
    return config


def _is_root(name: str) -> bool:
    return bool(SERVICE.fullmatch(name)) and len(name) <= ACTION_LENGTH


def _name(key: str) -> str:
    """The Service name in an annotation key: what stands behind `actions.` or `conditions.`."""
    return key.rpartition("/")[2].partition(".")[2]
