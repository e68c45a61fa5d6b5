"""Writes the sandbox's compact schemas of the built-in kinds from a Kubernetes source tree.

    python tools/openapi_data.py <kubernetes>/api/openapi-spec/v3

The published OpenAPI v3 documents (Apache-2.0, The Kubernetes Authors) hold every schema once per group and with long
descriptions. Kept here: the schemas reachable from KINDS, once, with references shortened to a bare name and each
description cut to its first sentence, so that `kubectl explain` still says what a field is and the file stays small.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "sandbox/src/tidegate_sandbox/wire/builtins.json"
REF = "#/components/schemas/"
GVK = "x-kubernetes-group-version-kind"

KINDS = {
    "v1": "Pod PodTemplate Service ConfigMap Secret ServiceAccount Namespace Node Event Endpoints ReplicationController"
    " PersistentVolumeClaim PersistentVolume ResourceQuota LimitRange Status DeleteOptions",
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
    "batch/v1": "Job CronJob",
    "networking.k8s.io/v1": "Ingress IngressClass NetworkPolicy",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "autoscaling/v1": "HorizontalPodAutoscaler Scale",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "policy/v1": "PodDisruptionBudget Eviction",
    "coordination.k8s.io/v1": "Lease",
    "rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview"
    " LocalSubjectAccessReview",
    "authentication.k8s.io/v1": "TokenReview SelfSubjectReview TokenRequest",
    "storage.k8s.io/v1": "StorageClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "admissionregistration.k8s.io/v1": "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
}

# A full stop after a word, a bracket or a quote, then a space: "e.g. x" and "v1.2" do not end a sentence.
SENTENCE_END = re.compile(r"(?<=[a-z0-9)`\"'])(?<!e\.g)(?<!i\.e)\.\s|\n\n")


def first_sentence(text: str) -> str:
    """The text up to its first full stop or blank line, with the stop."""
    head = SENTENCE_END.split(text, maxsplit=1)[0].strip().replace("\n", " ")
    return head if head.endswith(".") or len(head) == len(text) else head + "."


def compacted(node: Any) -> Any:
    """The schema with bare references and one-sentence descriptions.

    `default: {}` stays: it marks the structs that are always there, which field ownership has to know.
    """
    if isinstance(node, list):
        return [compacted(item) for item in node]
    if not isinstance(node, dict):
        return node
    flat = dict(node)
    if isinstance(flat.get("allOf"), list):  # JSONSchemaProps has a property of that name
        flat |= flat.pop("allOf")[0]
    flat.pop(GVK, None)
    return {key: compacted_value(key, value) for key, value in flat.items()}


def compacted_value(key: str, value: Any) -> Any:
    if key == "description" and isinstance(value, str):
        return first_sentence(value)
    if key == "$ref" and isinstance(value, str):
        return value.removeprefix(REF)
    return compacted(value)


def references(node: Any) -> Iterator[str]:
    """Every schema name that `node` refers to directly."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def reachable(roots: list[str], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas `roots` lead to, by name."""
    found: dict[str, Any] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = compacted(schemas[name])
            waiting.extend(references(found[name]))
    return dict(sorted(found.items()))


def kind_names(schemas: dict[str, Any]) -> dict[str, str]:
    """Schema name by `<apiVersion>/<kind>` for every kind in KINDS."""
    published = {
        "/".join(filter(None, (gvk["group"], gvk["version"], gvk["kind"]))): name
        for name, schema in schemas.items()
        for gvk in schema.get(GVK, [])
    }
    wanted = [f"{api_version}/{kind}" for api_version, kinds in KINDS.items() for kind in kinds.split()]
    return {key: published[key] for key in wanted}


def main(folder: str) -> None:
    schemas: dict[str, Any] = {}
    for path in sorted(Path(folder).glob("*.json")):
        schemas |= json.loads(path.read_text()).get("components", {}).get("schemas", {})
    kinds = kind_names(schemas)
    definitions = reachable(list(kinds.values()), schemas)
    lines = [f"{json.dumps(name)}:{json.dumps(schema, separators=(',', ':'))}" for name, schema in definitions.items()]
    origin = (
        "Kubernetes v1.34 api/openapi-spec/v3, Apache-2.0, The Kubernetes Authors; written by tools/openapi_data.py"
    )
    text = f'{{"origin":{json.dumps(origin)},\n"kinds":{json.dumps(kinds, indent=0)},\n"definitions":{{\n'
    TARGET.write_text(text + ",\n".join(lines) + "\n}}\n")
    print(f"{TARGET}: {len(definitions)} schemas, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
