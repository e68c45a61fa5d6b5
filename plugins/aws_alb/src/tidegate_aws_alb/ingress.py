"""The Ingress as the router sees it: kinds, annotation keys, and which of its routes are ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.hooks import Kind, Manifest, Target
from tidegate_aws_alb import actions
from tidegate_aws_alb.config import AlbConfig
from tidegate_aws_alb.ledger import Entries
from tidegate_aws_alb.paths import MARKER, paths_to, port_of

INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
SERVICE = Kind("", "v1", "Service", "services")
NOUN = "ingress.networking.k8s.io"  # how clients print it: `ingress.networking.k8s.io "web" not found`


def annotations_of(manifest: Mapping[str, object]) -> dict[str, str]:
    """The annotations, {} where there are none."""
    metadata = manifest.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def action_key(prefix: str, name: str) -> str:
    """The annotation that holds the action of a path's Service name."""
    return f"{prefix}/actions.{name}"


def condition_key(prefix: str, name: str) -> str:
    """The annotation that holds further conditions of a path's Service name."""
    return f"{prefix}/conditions.{name}"


def action_name(target: Target[AlbConfig]) -> str:
    """The name that the paths lead to: the root Service, or else the stable one."""
    return target.config.root_service or target.stable_service


def own_routes(target: Target[AlbConfig], entries: Entries) -> tuple[str, ...]:
    """Names of header routes: the managed ones in their order, then those that only the ledger still knows.

    A name that has left managedRoutes is found by its condition: only header routes have one.
    """
    prefix = f"{target.config.annotation_prefix}/conditions."
    recorded = [key.removeprefix(prefix) for key in entries.get(target.name, ()) if key.startswith(prefix)]
    return tuple(dict.fromkeys((*target.managed_routes, *recorded)))


def foreign_route(target: Target[AlbConfig], ingress: Manifest, entries: Entries, route: str) -> str:
    """Why a path, an action or a condition of this name was made by somebody else; "" for ours and for none at all.

    Without an entry in the ledger an action is still ours if it sends to our Services: a GitOps tool may have put an
    older ledger back.
    """
    key = action_key(target.config.annotation_prefix, route)
    if key in entries.get(target.name, ()):
        return ""
    if any(port_of(path) != MARKER for path in paths_to(ingress, route)):
        return f"a path leads to the Service {route}"
    text = annotations_of(ingress).get(key)
    if text is None:
        return ""
    found = actions.parse(text)
    ours = {target.canary_service, target.stable_service}
    if found is not None and found.groups and all(group.service in ours for group in found.groups):
        return ""
    return f"the annotation {key} is there already and sends elsewhere"


def without(annotations: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """The annotations without these keys."""
    gone = set(keys)
    return {key: value for key, value in annotations.items() if key not in gone}
