"""Which templates are the same, and the two hashes that appear on the wire.

The template hash may be any stable function (rollout.md 2.5): it is made of a canonical form without defaults, so that a
server that fills them in, or a newer library, never redeploys anything. The step hash follows the reference
controller's recipe, because a different value there means "the steps were edited" and restarts an update in flight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.api import names
from tidegate.api.steps import Step

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
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


def template_digest(template: Mapping[str, Any], injected: str = "") -> str:
    """A short identity of a pod template: equal for templates that run the same pods.

    Left out: the hash label, what `injected` (the ephemeral-metadata annotation, JSON) has put there, server defaults,
    empty values, `serviceAccount` beside `serviceAccountName`, and the anti-affinity term that carries the hash label.
    """
    return hashlib.blake2s(_compact(canonical_template(template, injected)).encode(), digest_size=12).hexdigest()


def canonical_template(template: Mapping[str, Any], injected: str = "") -> dict[str, Any]:
    """The part of a pod template that decides what runs, without defaults and empty values."""
    metadata = template.get("metadata") or {}
    added = json.loads(injected) if injected else {}
    spec = _canonical_pod(template.get("spec") or {})
    kept = {
        part: _without(
            metadata.get(part) or {}, {*(added.get(part) or {}), *([names.POD_HASH] if part == "labels" else [])}
        )
        for part in ("labels", "annotations")
    }
    return {"metadata": _pruned(kept) or {}, "spec": _pruned(spec) or {}}


def pod_hash(digest: str, collisions: int | None) -> str:
    """The label value for a template: 8 to 10 characters, a valid part of a DNS name, the same in every version."""
    text = f"{_HASH_RECIPE}{digest}" + (f"/{collisions}" if collisions else "")
    return encode(fnv32a(text.encode()))


def step_hash(steps: list[Step]) -> str:
    """`status.currentStepHash`: FNV-1a 32 over the steps' compact Go JSON, safely encoded."""
    return encode(fnv32a(go_json([_step(step) for step in steps] or None).encode()))


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
        if pod.get(key):
            pod[key] = [_canonical_container(container) for container in pod[key]]
    if pod.get("affinity"):
        pod["affinity"] = _without_injected_term(pod["affinity"])
    if isinstance(pod.get("volumes"), list):
        pod["volumes"] = [_canonical_volume(volume) for volume in pod["volumes"]]
    return pod


def _canonical_container(container: Mapping[str, Any]) -> dict[str, Any]:
    plain = _without_defaults(container, _CONTAINER_DEFAULTS)
    if plain.get("imagePullPolicy") == _default_pull_policy(str(plain.get("image", ""))):
        plain.pop("imagePullPolicy", None)
    if plain.get("ports"):
        plain["ports"] = [_without_defaults(port, {"protocol": "TCP"}) for port in plain["ports"]]
    for probe in _PROBES:
        if plain.get(probe):
            plain[probe] = _canonical_probe(plain[probe])
    return plain


def _canonical_probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    plain = _without_defaults(probe, _PROBE_DEFAULTS)
    if plain.get("httpGet"):
        plain["httpGet"] = _without_defaults(plain["httpGet"], {"scheme": "HTTP", "path": "/"})
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
    apart = dict(affinity.get("podAntiAffinity") or {})
    for key in ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"):
        apart[key] = [term for term in apart.get(key) or [] if names.POD_HASH not in _compact(term)]
    return {**affinity, "podAntiAffinity": apart}


def _pruned(value: Json) -> Json:
    """`value` without nulls, empty maps, empty lists and empty strings; None where nothing is left."""
    if isinstance(value, Mapping):
        kept = {key: pruned for key, item in value.items() if (pruned := _pruned(item)) is not None}
        return kept or None
    if isinstance(value, list):
        items = [_pruned(item) for item in value]
        return items or None
    return None if value in ("", None) else value


def _step(step: Step) -> dict[str, Json]:
    """One step with the keys in the order of the Go type, empty ones left out."""
    wire = step.wire()
    ordered: dict[str, Json] = {}
    for key, order in _STEP_ORDER.items():
        if wire.get(key) is not None:
            ordered[key] = order(wire[key])
    return ordered


def _keys(value: Mapping[str, Json], *order: str) -> dict[str, Json]:
    return {key: value[key] for key in order if value.get(key) not in (None, "", [], {}, 0, False)}


def _analysis(value: Mapping[str, Json]) -> dict[str, Json]:
    return {
        key: item
        for key, item in (
            ("templates", [_keys(t, "templateName", "clusterScope") | {} for t in value.get("templates") or []]),
            ("args", [_argument(a) for a in value.get("args") or []]),
            ("dryRun", [_keys(d, "metricName") for d in value.get("dryRun") or []]),
            (
                "measurementRetention",
                [_keys(m, "metricName", "limit") for m in value.get("measurementRetention") or []],
            ),
            ("analysisRunMetadata", _run_metadata(value.get("analysisRunMetadata"))),
        )
        if item not in ([], None)
    }


def _argument(value: Mapping[str, Json]) -> dict[str, Json]:
    argument: dict[str, Json] = {"name": value.get("name", ""), **_keys(value, "value")}
    source = value.get("valueFrom")
    if source is not None:
        argument["valueFrom"] = _keys(source, "podTemplateHashValue", "fieldRef")
    return argument


def _run_metadata(value: Mapping[str, Json] | None) -> dict[str, Json] | None:
    return (
        None
        if value is None
        else {k: dict(sorted(value[k].items())) for k in ("labels", "annotations") if value.get(k)}
    )


def _string_match(value: Mapping[str, Json] | None) -> dict[str, Json] | None:
    return None if value is None else _keys(value, "exact", "prefix", "regex")


def _header_route(value: Mapping[str, Json]) -> dict[str, Json]:
    matches = [
        {"headerName": m.get("headerName", ""), "headerValue": _string_match(m.get("headerValue"))}
        for m in value.get("match") or []
    ]
    return {**_keys(value, "name"), **({"match": matches} if matches else {})}


def _mirror_route(value: Mapping[str, Json]) -> dict[str, Json]:
    route: dict[str, Json] = {"name": value.get("name", "")}
    if value.get("match"):
        route["match"] = [_mirror_match(match) for match in value["match"]]
    if value.get("percentage") is not None:
        route["percentage"] = value["percentage"]
    return route


def _mirror_match(value: Mapping[str, Json]) -> dict[str, Json]:
    match = {key: _string_match(value[key]) for key in ("method", "path") if value.get(key) is not None}
    if value.get("headers"):
        match["headers"] = {key: _string_match(item) for key, item in sorted(value["headers"].items())}
    return match


def _experiment(value: Mapping[str, Json]) -> dict[str, Json]:
    templates = [_experiment_template(template) for template in value.get("templates") or []]
    analyses = [_experiment_analysis(analysis) for analysis in value.get("analyses") or []]
    return {
        "templates": templates or None,
        **_keys(value, "duration"),
        **({"analyses": analyses} if analyses else {}),
        **({"dryRun": [_keys(d, "metricName") for d in value["dryRun"]]} if value.get("dryRun") else {}),
        "analysisRunMetadata": _run_metadata(value.get("analysisRunMetadata")) or {},
        **({"scaleDownDelaySeconds": value["scaleDownDelaySeconds"]} if "scaleDownDelaySeconds" in value else {}),
    }


def _experiment_template(value: Mapping[str, Json]) -> dict[str, Json]:
    head: dict[str, Json] = {"name": value.get("name", ""), "specRef": value.get("specRef", "")}
    if value.get("replicas") is not None:
        head["replicas"] = value["replicas"]
    head["metadata"] = _run_metadata(value.get("metadata")) or {}
    for key in ("selector", "weight"):
        if value.get(key) is not None:
            head[key] = value[key]
    return head | ({"service": _keys(value["service"], "name")} if value.get("service") is not None else {})


def _experiment_analysis(value: Mapping[str, Json]) -> dict[str, Json]:
    head = {
        "name": value.get("name", ""),
        "templateName": value.get("templateName", ""),
        **_keys(value, "clusterScope"),
    }
    if value.get("args"):
        head["args"] = [_argument(argument) for argument in value["args"]]
    return head | _keys(value, "requiredForCompletion")


def _scale(value: Mapping[str, Json]) -> dict[str, Json]:
    counts = {key: value[key] for key in ("weight", "replicas") if value.get(key) is not None}
    return counts | _keys(value, "matchTrafficWeight")


_STEP_ORDER: dict[str, Callable[[Any], Json]] = {
    "setWeight": lambda value: value,
    "pause": lambda value: {"duration": value["duration"]} if value.get("duration") is not None else {},
    "experiment": _experiment,
    "analysis": _analysis,
    "setCanaryScale": _scale,
    "setHeaderRoute": _header_route,
    "setMirrorRoute": _mirror_route,
    "plugin": lambda value: {
        "name": value.get("name", ""),
        **({"config": value["config"]} if "config" in value else {}),
    },
}
