"""Shapes of what a Rollout carries as free JSON: where a map, a list or a number is meant and something else stands.

The wire models check their own fields; templates, selectors and experiments stay raw. Their contents are judged only once
their shape is right, so no rule has to expect a string where a map belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.machine.rollout.validation.problems import FieldProblem, invalid

STRING, INTEGER, BOOLEAN, INT_OR_STRING, QUANTITY = "string", "integer", "boolean", "integer,string", "quantity"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map whose values all have one shape."""

    of: str


Shape = str | MapOf | list["Shape"] | dict[str, "Shape"]

SELECTOR: Shape = {
    "matchLabels": MapOf(STRING),
    "matchExpressions": [{"key": STRING, "operator": STRING, "values": [STRING]}],
}

_HANDLER: dict[str, Shape] = {
    "exec": {"command": [STRING]},
    "httpGet": {
        "path": STRING,
        "port": INT_OR_STRING,
        "scheme": STRING,
        "httpHeaders": [{"name": STRING, "value": STRING}],
    },
    "tcpSocket": {"port": INT_OR_STRING},
    "grpc": {"port": INTEGER},
    "sleep": {"seconds": INTEGER},
}

_PROBE: Shape = {
    **_HANDLER,
    "initialDelaySeconds": INTEGER,
    "timeoutSeconds": INTEGER,
    "periodSeconds": INTEGER,
    "successThreshold": INTEGER,
    "failureThreshold": INTEGER,
    "terminationGracePeriodSeconds": INTEGER,
}

_KEY_REF: Shape = {"name": STRING, "key": STRING}
_NAME_REF: Shape = {"name": STRING}
_ITEMS: Shape = [{"key": STRING, "path": STRING, "mode": INTEGER}]

_CONTAINER: Shape = {
    "name": STRING,
    "image": STRING,
    "imagePullPolicy": STRING,
    "restartPolicy": STRING,
    "command": [STRING],
    "args": [STRING],
    "ports": [
        {"name": STRING, "containerPort": INTEGER, "hostPort": INTEGER, "hostIP": STRING, "protocol": STRING},
    ],
    "env": [
        {
            "name": STRING,
            "value": STRING,
            "valueFrom": {
                "fieldRef": {"apiVersion": STRING, "fieldPath": STRING},
                "resourceFieldRef": {"containerName": STRING, "resource": STRING, "divisor": QUANTITY},
                "configMapKeyRef": _KEY_REF,
                "secretKeyRef": _KEY_REF,
            },
        }
    ],
    "envFrom": [{"prefix": STRING, "configMapRef": _NAME_REF, "secretRef": _NAME_REF}],
    "volumeMounts": [{"name": STRING, "mountPath": STRING, "subPath": STRING, "subPathExpr": STRING}],
    "resources": {"limits": MapOf(QUANTITY), "requests": MapOf(QUANTITY)},
    "securityContext": {"runAsUser": INTEGER, "runAsGroup": INTEGER},
    "lifecycle": {"postStart": _HANDLER, "preStop": _HANDLER},
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "startupProbe": _PROBE,
}

TEMPLATE: Shape = {
    "metadata": {"labels": MapOf(STRING), "annotations": MapOf(STRING)},
    "spec": {
        "containers": [_CONTAINER],
        "initContainers": [_CONTAINER],
        "ephemeralContainers": [{}],
        "restartPolicy": STRING,
        "dnsPolicy": STRING,
        "nodeSelector": MapOf(STRING),
        "hostname": STRING,
        "subdomain": STRING,
        "serviceAccountName": STRING,
        "priorityClassName": STRING,
        "terminationGracePeriodSeconds": INTEGER,
        "activeDeadlineSeconds": INTEGER,
        "affinity": {},
        "hostNetwork": BOOLEAN,
        "volumes": [
            {
                "name": STRING,
                "emptyDir": {"sizeLimit": QUANTITY},
                "hostPath": {"path": STRING},
                "secret": {"secretName": STRING, "defaultMode": INTEGER, "items": _ITEMS},
                "configMap": {"name": STRING, "defaultMode": INTEGER, "items": _ITEMS},
                "persistentVolumeClaim": {"claimName": STRING},
                "nfs": {"server": STRING, "path": STRING},
            }
        ],
    },
}

_ARGS: Shape = [
    {"name": STRING, "value": STRING, "valueFrom": {"fieldRef": {"fieldPath": STRING}, "podTemplateHashValue": STRING}}
]

ARGS: Shape = _ARGS

EXPERIMENT: Shape = {
    "duration": INT_OR_STRING,
    "templates": [
        {
            "name": STRING,
            "specRef": STRING,
            "replicas": INTEGER,
            "weight": INTEGER,
            "selector": SELECTOR,
            "metadata": {"labels": MapOf(STRING), "annotations": MapOf(STRING)},
            "service": {"name": STRING},
        }
    ],
    "analyses": [{"name": STRING, "templateName": STRING, "args": _ARGS}],
}

ANTI_AFFINITY: Shape = {"weight": INTEGER}


def misshapes(value: Any, shape: Shape, path: str) -> Iterator[FieldProblem]:
    """Every place where a value has another type than its shape; unknown fields have any shape, null fields none."""
    match shape:
        case dict():
            if not isinstance(value, Mapping):
                yield _wrong(path, value, "object")
                return
            for key, inner in shape.items():
                if value.get(key) is not None:
                    yield from misshapes(value[key], inner, f"{path}.{key}")
        case list():
            if not isinstance(value, list):
                yield _wrong(path, value, "array")
                return
            for index, item in enumerate(value):
                yield from misshapes(item, shape[0], f"{path}[{index}]")
        case MapOf(of):
            if not isinstance(value, Mapping):
                yield _wrong(path, value, "object")
                return
            for key, item in value.items():
                yield from misshapes(key, STRING, path)
                yield from misshapes(item, of, f"{path}.{key}")
        case _:
            if not _fits(value, shape):
                yield _wrong(path, value, {QUANTITY: INT_OR_STRING}.get(shape, shape))


def _fits(value: Any, scalar: str) -> bool:
    match scalar:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "quantity":
            # A bare float is a quantity to YAML (`cpu: 0.5`), and servers take it.
            return isinstance(value, (int, float, str)) and not isinstance(value, bool)
        case _:
            return isinstance(value, (int, str)) and not isinstance(value, bool)


def _wrong(path: str, value: Any, wanted: str) -> FieldProblem:
    """The text that a server's schema check gives for a wrong type."""
    found = _type_name(value)
    return invalid(path, found, f'{path} in body must be of type {wanted}: "{found}"')


def _type_name(value: Any) -> str:
    names = (
        (bool, "boolean"),
        (str, "string"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (Mapping, "object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
