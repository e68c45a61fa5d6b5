"""Answers: JSON bodies, Status objects, and the forms a client may ask for (table, metadata only)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tidegate_sandbox.api.call import PROTOBUF, Call
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import (
    ApiError,
    BadRequest,
    NoSuchPath,
    NotAcceptable,
    ServerFault,
    Timeout,
    TooManyRequests,
)
from tidegate_sandbox.kinds import Resource
from tidegate_sandbox.ledger import encode
from tidegate_sandbox.wire.tables import Include, table

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(manifest: Manifest, code: int = 200, warnings: Sequence[str] = ()) -> Answer:
    # RFC 7234 warning text: only quotes and backslashes need escaping; one header line holds all of them.
    lines = ", ".join('299 - "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in warnings)
    return Answer(code, encode(manifest), headers={"warning": lines} if lines else {})


def status_of(error: ApiError) -> Manifest:
    """The Status object of an error; `kind` of the error is `plural.group` or `Kind.group`."""
    code, reason = error.code, error.reason
    if isinstance(error, ServerFault):
        code, reason = error.status, error.status_reason
    details: Manifest = {}
    kind, _, group = error.kind.partition(".")
    for name, value in (("name", error.name), ("group", group), ("kind", kind)):
        if value:
            details[name] = value
    if error.causes:
        details["causes"] = [
            {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in error.causes
        ]
    if retry_after_s := _retry_after(error):
        details["retryAfterSeconds"] = retry_after_s
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": error.message}
    status |= {"reason": reason} if reason else {}
    return status | ({"details": details} if details else {}) | {"code": code}


def _retry_after(error: ApiError) -> int:
    return error.retry_after_s if isinstance(error, TooManyRequests | Timeout) else 0


def error_answer(error: ApiError) -> Answer:
    if isinstance(error, NoSuchPath):
        return Answer(404, f"{error.message}\n".encode(), "text/plain; charset=utf-8")
    retry_after_s = _retry_after(error)
    headers = {"retry-after": str(retry_after_s)} if retry_after_s else {}
    status = status_of(error)
    return Answer(status["code"], encode(status), headers=headers)


def success(resource: Resource, item: Manifest) -> Manifest:
    """The Status of a completed deletion."""
    meta = item["metadata"]
    details = {"name": meta["name"], "kind": resource.plural, "uid": meta["uid"]}
    if resource.group:
        details["group"] = resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


@dataclass(frozen=True, slots=True)
class Form:
    """The form a client wants objects in: whole, `Table`, `PartialObjectMetadata` (or its list)."""

    kind: str = ""
    version: str = "v1"
    include: Include = "Metadata"

    @property
    def is_plain(self) -> bool:
        return not self.kind


_PLAIN = Form()


def wanted_form(call: Call) -> Form:
    """The first media range of Accept that the server can give; NotAcceptable when there is none."""
    accept = call.headers.get("accept") or "*/*"
    for entry in accept.split(","):
        media, *options = (part.strip() for part in entry.split(";"))
        chosen = dict(option.split("=", 1) for option in options if "=" in option)
        if media not in (JSON, "*/*", "application/*") or (media != JSON and "as" in chosen):
            continue
        if chosen.get("as") in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            return Form(chosen["as"], chosen.get("v", "v1"), _include(call))
        if "as" not in chosen:
            return _PLAIN
    raise NotAcceptable(
        f"only the following media types are accepted: {JSON}; the sandbox answers no {PROTOBUF} or YAML"
    )


def _include(call: Call) -> Include:
    match call.query.get("includeObject", ""):
        case "" | "Metadata":
            return "Metadata"
        case "Object":
            return "Object"
        case "None":
            return "None"
        case other:
            raise BadRequest(f'unrecognized includeObject value: "{other}"')


def shaped(form: Form, resource: Resource, items: Sequence[Manifest], now: datetime) -> Manifest:
    """Objects as a Table, or as metadata-only objects in a list; the list's own metadata is the caller's."""
    if form.kind == "Table":
        return table(resource.name, items, resource.columns, now, form.include)
    partial = [metadata_only(item) for item in items]
    return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": partial}


def metadata_only(item: Manifest) -> Manifest:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def item_answer(call: Call, item: Manifest, now: datetime, code: int = 200, warnings: Sequence[str] = ()) -> Answer:
    """One object in the form the client asked for."""
    form = wanted_form(call)
    if form.kind == "Table":
        made = shaped(form, call.resource, [item], now)
        made["metadata"] = {"resourceVersion": item["metadata"].get("resourceVersion", "")}
        return answer(made, code, warnings)
    return answer(metadata_only(item) if form.kind else item, code, warnings)
