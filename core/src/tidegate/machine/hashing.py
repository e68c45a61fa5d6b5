"""Which pod templates are the same, and the hash that labels a revision.

The hash may be any stable function of the template: it is made of a canonical form without defaults, so that a server
that fills them in, or a newer library, never redeploys anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tidegate.api import names

Json = Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_HASH_RECIPE = "tidegate/1\n"  # a new recipe needs a fallback to this one, or every workload is redeployed

# What a server fills in, and what therefore means the same as absence. Source: Kubernetes' core/v1 defaults.
_POD_DEFAULTS: dict[str, Json] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
_CONTAINER_DEFAULTS: dict[str, Json] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE_DEFAULTS: dict[str, Json] = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_ZERO_IS_ABSENT = frozenset(
    {"hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "initialDelaySeconds", "hostPort"}
)
_MARKS = ("labels", "annotations")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


def template_digest(template: Mapping[str, Any], injected: str = "") -> str:
    """A short identity of a pod template: equal for templates that run the same pods.

    Left out: the hash label, what `injected` (the ephemeral-metadata annotation, JSON) has put there, server defaults,
    empty values, `serviceAccount` beside `serviceAccountName`, and the anti-affinity term that carries the hash label.
    """
    return _digest_of(json.dumps(template, separators=(",", ":")), injected)


@lru_cache(256)  # each version of a ReplicaSet brings its template along again
def _digest_of(text: str, injected: str) -> str:
    return hashlib.blake2s(
        _compact(canonical_template(json.loads(text), injected)).encode(), digest_size=12
    ).hexdigest()


def canonical_template(template: Mapping[str, Any], injected: str = "") -> dict[str, Any]:
    """The part of a pod template that decides what runs, without defaults and empty values.

    Whatever has another form than Kubernetes would accept is kept as it is: the API server is the one to refuse it.
    """
    added = _injected(injected)
    metadata = template.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    kept: dict[str, Json] = {}
    for part in _MARKS:
        marks = {*added.get(part, {}), *([names.POD_HASH] if part == "labels" else [])}
        found = metadata.get(part)
        kept[part] = _without(found, marks) if isinstance(found, Mapping) else found
    spec = _mapped(template.get("spec"), _canonical_pod)
    return {"metadata": _pruned(kept) or {}, "spec": _pruned(spec) or {}}


def _injected(text: str) -> dict[str, Mapping[str, Any]]:
    """The labels and annotations that the controller has put on a template; nothing where the note of it was garbled."""
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    parts = found.items() if isinstance(found, Mapping) else ()
    return {part: value for part, value in parts if isinstance(value, Mapping)}


def _mapped(value: Json, change: Callable[[Mapping[str, Any]], Json]) -> Json:
    """`value` changed where it is a mapping, and as it is where it is not."""
    return change(value) if isinstance(value, Mapping) else value


def _each(value: Json, change: Callable[[Mapping[str, Any]], Json]) -> Json:
    """Every mapping of a list changed; what is no list stays."""
    return [_mapped(item, change) for item in value] if isinstance(value, list) else value


@lru_cache(1024)  # every pass asks for that of the wanted template
def pod_hash(digest: str, collisions: int | None) -> str:
    """The label value for a template: 8 to 10 characters, a valid part of a DNS name, the same in every version."""
    text = f"{_HASH_RECIPE}{digest}" + (f"/{collisions}" if collisions else "")
    return encode(fnv32a(text.encode()))


def fnv32a(data: bytes) -> int:
    """The 32-bit FNV-1a hash. Constants: the FNV specification."""
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def encode(value: int) -> str:
    """A number's decimal digits in Kubernetes' vowel-free alphabet (`rand.SafeEncodeString`)."""
    return "".join(_ALPHABET[ord(char) % len(_ALPHABET)] for char in str(value))


def go_json(value: Json) -> str:
    """Compact JSON as Go writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped, keys as given."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _without(mapping: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _canonical_pod(spec: Mapping[str, Any]) -> dict[str, Any]:
    pod = _without_defaults(spec, _POD_DEFAULTS)
    if pod.get("serviceAccount") == pod.get("serviceAccountName"):
        pod.pop("serviceAccount", None)
    for key in _CONTAINER_LISTS:
        pod[key] = _each(pod.get(key), _canonical_container)
    pod["affinity"] = _mapped(pod.get("affinity"), _without_injected_term)
    pod["volumes"] = _each(pod.get("volumes"), _canonical_volume)
    return pod


def _canonical_container(container: Mapping[str, Any]) -> dict[str, Any]:
    plain = _without_defaults(container, _CONTAINER_DEFAULTS)
    if plain.get("imagePullPolicy") == _default_pull_policy(str(plain.get("image", ""))):
        plain.pop("imagePullPolicy", None)
    plain["ports"] = _each(plain.get("ports"), lambda port: _without_defaults(port, {"protocol": "TCP"}))
    for probe in _PROBES:
        plain[probe] = _mapped(plain.get(probe), _canonical_probe)
    return plain


def _canonical_probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    plain = _without_defaults(probe, _PROBE_DEFAULTS)
    request = {"scheme": "HTTP", "path": "/"}
    plain["httpGet"] = _mapped(plain.get("httpGet"), lambda found: _without_defaults(found, request))
    return plain


def _canonical_volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    """Without the file mode that a server fills in (0644); an `emptyDir: {}` stays, since it is the volume."""
    plain = dict(volume)
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if isinstance(plain.get(source), Mapping):
            plain[source] = _without_defaults(plain[source], {"defaultMode": 420})
    return {key: {"present": True} if value == {} else value for key, value in plain.items()}


def _default_pull_policy(image: str) -> str:
    name = image.rpartition("/")[2]
    untagged = ":" not in name and "@" not in name
    return "Always" if untagged or name.endswith(":latest") else "IfNotPresent"


def _without_defaults(mapping: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a server fills in, and without the zeros that it leaves out."""
    return {
        key: value
        for key, value in mapping.items()
        if not (key in defaults and value == defaults[key]) and not (key in _ZERO_IS_ABSENT and value in (0, False))
    }


def _without_injected_term(affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Without the anti-affinity terms that the controller has put there; they carry the hash label."""

    def apart(terms: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _without_marked(value) if isinstance(value, list) else value for key, value in terms.items()}

    return {**affinity, "podAntiAffinity": _mapped(affinity.get("podAntiAffinity"), apart)}


def _without_marked(terms: list[Json]) -> list[Json]:
    return [term for term in terms if names.POD_HASH not in _compact(term)]


def _pruned(value: Json) -> Json:
    """`value` without nulls, empty maps, empty lists and empty strings; None where nothing is left."""
    if isinstance(value, str):  # most of a template
        return value or None
    if isinstance(value, Mapping):
        kept = {key: pruned for key, item in value.items() if (pruned := _pruned(item)) is not None}
        return kept or None
    if isinstance(value, list):
        items = [_pruned(item) for item in value]
        return items or None
    return value
