"""What keeps a Rollout from being routed by ingress-nginx, as field errors."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tidegate.hooks import Manifest, Objects, Problem, SpecError, Target, controller_of
from tidegate_nginx.annotations import prefixed
from tidegate_nginx.config import DEFAULT_PREFIX, NginxConfig
from tidegate_nginx.ingress import INGRESS, canary_name, canary_spec, name_fault, paths_of
from tidegate_nginx.refusals import has_history, refused_key, refused_path, refused_value

MAX_WEIGHT_PATH = "spec.strategy.canary.trafficRouting.maxTrafficWeight"
ADOPT = "tidegate.io/nginx.adopt-orphans"


def spec_problems(target: Target[NginxConfig], total: int) -> Iterator[Problem]:
    """What is wrong with the spec alone, before any Ingress is looked at."""
    if total < 100:
        said = "ingress-nginx ignores a total below 100 and would count to 100; use 100 or more"
        yield Problem(MAX_WEIGHT_PATH, said, str(total))
    yield from _name_problems(target)
    yield from _annotation_problems(target)


def ownership_fault(target: Target[NginxConfig], canary: Manifest) -> str:
    """Why a canary Ingress that exists must not be written; "" for our own, and for an orphan that may be adopted.

    A controller of our own name with another uid is gone for certain, as names are unique: a restored backup.
    """
    owner = controller_of(canary)
    if owner.get("uid") == target.uid:
        return ""
    orphan = not owner or (owner.get("kind") == "Rollout" and owner.get("name") == target.name)
    if orphan and target.annotations.get(ADOPT) == "true":
        return ""
    whose = f"{owner.get('kind')} {owner.get('name')}, uid {owner.get('uid')}" if owner else "by nobody"
    advice = f'delete it, or annotate the Rollout with {ADOPT}: "true"' if orphan else "rename one of the two"
    said = f"canary ingress `{canary['metadata']['name']}` controlled by different object"
    return f"{said} ({whose}; this Rollout has uid {target.uid}); {advice}"


def _name_problems(target: Target[NginxConfig]) -> Iterator[Problem]:
    """Two Ingresses with one canary name after the cut, a canary that is a stable one, a name that is none."""
    seen = {stable: stable for stable, _ in target.config.ingresses}
    for stable, field in target.config.ingresses:
        name = canary_name(target.name, stable)
        where, value = f"{target.path}.{field}", json.dumps(stable)
        if name in seen:
            said = f"its canary Ingress {name} would be the one of {seen[name]}; use shorter or other names"
            yield Problem(where, said, value)
        elif fault := name_fault(name):
            yield Problem(where, f"{fault}; use a shorter name", value)
        seen[name] = stable


def _annotation_problems(target: Target[NginxConfig]) -> Iterator[Problem]:
    config = target.config
    seen: dict[str, str] = {}
    given = [
        *(("additionalIngressAnnotations", key, value) for key, value in config.additional.items()),
        *(("canaryIngressAnnotations", key, value) for key, value in config.canary.items()),
    ]
    for field, key, value in given:
        additional = field == "additionalIngressAnnotations"
        full = prefixed(config.annotation_prefix, key) if additional else key
        where = f"{target.path}.{field}[{key}]"
        if fault := refused_key(full):
            yield Problem(where, fault, json.dumps(key))
        elif additional and full in seen:
            yield Problem(where, f"is the same annotation as {seen[full]}; keep one of the two", json.dumps(value))
        elif _for_the_proxy(full, config) and (fault := refused_value(full, value)):
            yield Problem(where, fault, json.dumps(value))
        if additional:
            seen[full] = key


def _for_the_proxy(key: str, config: NginxConfig) -> bool:
    """Whether a proxy may read the annotation: one with our prefix, the default one, or a name with a history."""
    prefix, _, name = key.rpartition("/")
    return prefix in (DEFAULT_PREFIX, config.annotation_prefix) or has_history(name)


def ingress_problems(target: Target[NginxConfig], stable: str, field: str, objects: Objects) -> Iterator[Problem]:
    """What is wrong with one stable Ingress or with the canary Ingress that exists for it."""
    where = f"{target.path}.{field}"
    if (found := objects.get(INGRESS, stable)) is None:
        return  # the core says so, from `reads`
    try:
        refuse_paths(target, found, field)
        canary_spec(found, target, field)
    except SpecError as error:
        yield Problem(error.path, error.detail, error.value)
    canary = objects.get(INGRESS, canary_name(target.name, stable))
    if target.uid and canary is not None and (fault := ownership_fault(target, canary)):
        yield Problem(where, fault, json.dumps(stable))


def refuse_paths(target: Target[NginxConfig], stable: Manifest, field: str) -> None:
    """Raise SpecError for a path that must not be copied."""
    for path in paths_of(stable, target.stable_service):
        if fault := refused_path(path):
            name = stable["metadata"]["name"]
            said = f"ingress `{name}` has the path {json.dumps(path)}, which {fault}"
            raise SpecError(f"{target.path}.{field}", said, value=json.dumps(name))
