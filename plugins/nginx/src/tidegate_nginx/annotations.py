"""Which annotations a canary Ingress carries: who wins over whom, and which of them are ours to take away again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tidegate.hooks import Weights
from tidegate_nginx.config import DEFAULT_PREFIX, NginxConfig

CLASS = "kubernetes.io/ingress.class"
OWNED = "tidegate.io/owned-annotations"


def wanted(config: NginxConfig, stable: Mapping[str, str], weights: Weights) -> dict[str, str]:
    """The annotations that we put on a canary Ingress, lowest first: copied class, additional, canary, computed.

    Nobody can override the computed ones: a `canary-weight` in the config never reaches the proxy.
    """
    copied = {CLASS: stable[CLASS]} if CLASS in stable else {}
    extra = {**additional(config), **config.canary}
    return {**copied, **extra, **computed(config.annotation_prefix, weights), **_bookkeeping(config, extra, weights)}


def additional(config: NginxConfig) -> dict[str, str]:
    """`additionalIngressAnnotations` under full keys: the prefix is put before every key that does not have it."""
    return {prefixed(config.annotation_prefix, key): value for key, value in config.additional.items()}


def prefixed(prefix: str, key: str) -> str:
    """The full key; one that starts with the prefix already is left alone."""
    return key if key.startswith(prefix) else f"{prefix}/{key}"


def computed(prefix: str, weights: Weights) -> dict[str, str]:
    """The three that carry the weight. Without a total the proxy counts to 100."""
    total = {f"{prefix}/canary-weight-total": str(weights.total)} if weights.total != 100 else {}
    return {f"{prefix}/canary": "true", f"{prefix}/canary-weight": str(weights.canary), **total}


def merged(config: NginxConfig, current: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """`current` with `ours` written in and with what was ours and is no longer wanted taken out.

    Annotations of others stay. A `canary-weight-total` that stays behind would turn weight 20 into 20 of 1000.
    """
    kept = {key: value for key, value in current.items() if not _is_ours(key, config, current)}
    return {**kept, **ours}


def carried(prefix: str, annotations: Mapping[str, str]) -> Weights | None:
    """The share that the proxy reads from the annotations, or None where there is none to read.

    As the proxy does it: a total of 100 or less counts as 100, a weight above the total as the total.
    """
    text, total_text = (
        annotations.get(f"{prefix}/canary-weight", ""),
        annotations.get(f"{prefix}/canary-weight-total", ""),
    )
    if not text.isdecimal():
        return None
    total = max(100, int(total_text)) if total_text.isdecimal() else 100
    return Weights(min(int(text), total), total=total)


def _bookkeeping(config: NginxConfig, extra: Mapping[str, str], weights: Weights) -> dict[str, str]:
    """The list of keys to take away once they are not wanted; left out where nothing would have to be remembered.

    Under the default prefix every `canary*` key is known to be ours without being listed; another prefix may be
    forgotten by the next spec, so its keys are listed too.
    """
    keys = set(extra)
    if config.annotation_prefix != DEFAULT_PREFIX:
        keys |= set(computed(config.annotation_prefix, weights))
    return {OWNED: json.dumps(sorted(keys), separators=(",", ":"))} if keys else {}


def _is_ours(key: str, config: NginxConfig, current: Mapping[str, str]) -> bool:
    """Everything that steers the canary is the router's, on Ingresses that Argo Rollouts created as well."""
    prefixes = (DEFAULT_PREFIX, config.annotation_prefix)
    canary = any(key == f"{prefix}/canary" or key.startswith(f"{prefix}/canary-") for prefix in prefixes)
    return canary or key in (CLASS, OWNED) or key in _listed(current)


def _listed(current: Mapping[str, str]) -> frozenset[str]:
    """The keys of the bookkeeping list; a list that somebody broke counts as empty and is written anew."""
    try:
        keys = json.loads(current.get(OWNED, "[]"))
    except ValueError:
        return frozenset()
    return frozenset(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else frozenset()
