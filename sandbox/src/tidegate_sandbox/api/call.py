"""One request, read: which verb on which kind and object, with which query, headers and body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

import yaml

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest, NoSuchPath, NotFound, UnsupportedMediaType
from tidegate_sandbox.kinds import Kinds, Resource
from tidegate_sandbox.wire import protobuf

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
PROTOBUF = "application/vnd.kubernetes.protobuf"
_NO_SUCH_PATH = "404 page not found"


@dataclass(slots=True)
class Call:
    """A request for objects. `namespace` and `name` are empty where the path has none; `stale` is set by a fault."""

    method: str
    verb: Verb
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stale: int = 0

    def flag(self, name: str) -> bool:
        return self.query.get(name, "") in ("1", "true", "True")

    def number(self, name: str) -> int:
        """A query parameter that is a whole number; 0 when absent, BadRequest when it is none."""
        text = self.query.get(name) or "0"
        if not text.isdecimal():
            raise BadRequest(f"{name}: found {text!r} in the query; send a whole number")
        return int(text)

    @property
    def dry_run(self) -> bool:
        if (value := self.query.get("dryRun")) not in (None, "", "All"):
            raise BadRequest(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return bool(value)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()

    def manifest(self) -> Manifest:
        """The body as an object; an empty one when there is no body."""
        value = read_body(self.body, self.media_type)
        if not isinstance(value, dict):
            raise BadRequest(f"the body is {type(value).__name__}; send one object")
        return value


def read_body(body: bytes, media_type: str) -> Any:
    """A body in JSON, YAML or protobuf; `{}` when empty."""
    if not body:
        return {}
    try:
        if media_type == PROTOBUF:
            return protobuf.decode(body)
        if media_type in ("application/yaml", "application/apply-patch+yaml") and body[:1] != b"{":
            return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  a safe loader
        return json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"the object provided is unrecognized (must be of type {media_type}): {error}") from error


def check_media_type(call: Call, accepted: tuple[str, ...]) -> None:
    if call.body and call.media_type not in accepted:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
        )


def read_query(raw: bytes) -> dict[str, str]:
    """The last value of each parameter; Kubernetes has none that repeats."""
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))


def read_path(method: str, path: str, query: Mapping[str, str], kinds: Kinds) -> Call:
    """Find the kind and object that a path below /api or /apis is about; NoSuchPath when nothing is served there."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    else:
        group, version, rest = parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "", parts[3:]
    watched = bool(rest) and rest[0] == "watch"
    if watched:
        rest = rest[1:]
    namespace = ""
    # /namespaces/x/status and /finalize are about the Namespace itself, every longer path about what is in it.
    if len(rest) > 2 and rest[0] == "namespaces" and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = kinds.find(group, version, rest[0]) if rest else None
    if resource is None or len(rest) > 3:
        raise NoSuchPath(_NO_SUCH_PATH)
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in resource.subresources:
        raise NotFound("the server could not find the requested resource")
    verb = _verb(method, name, watched or query.get("watch", "") in ("1", "true"))
    return Call(method, verb, resource, namespace, name, subresource, query)


def _verb(method: str, name: str, watch: bool) -> Verb:
    match method:
        case "GET" | "HEAD":
            return "watch" if watch else "get" if name else "list"
        case "POST":
            return "create"
        case "PUT":
            return "update"
        case "PATCH":
            return "patch"
        case "DELETE":
            return "delete" if name else "deletecollection"
    raise BadRequest(f"the method {method} is not used by the Kubernetes API")
