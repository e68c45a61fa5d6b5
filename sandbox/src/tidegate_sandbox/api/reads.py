"""GET of one object and of lists: versions, paging, selectors, snapshots."""

from __future__ import annotations

import base64
import json
from datetime import datetime

from tidegate_sandbox.api.answers import Answer, Form, answer, item_answer, shaped, wanted_form
from tidegate_sandbox.api.call import Call
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.conversion import as_served
from tidegate_sandbox.deletion import bad_option
from tidegate_sandbox.errors import BadRequest, Cause, Gone, Invalid, Timeout
from tidegate_sandbox.ledger import Key, Row, encode
from tidegate_sandbox.registry import Registry
from tidegate_sandbox.selectors import Selector, parse_selector

Rows = list[tuple[Key, Row]]


def get(registry: Registry, call: Call) -> Answer:
    item = registry.get(call.resource, call.namespace, call.name)
    return item_answer(call, as_served(call.resource, item), registry.clock.now())


def selector_of(call: Call) -> Selector:
    """The selectors of a list or watch; a name in the path selects by name."""
    fields = call.query.get("fieldSelector", "")
    if call.name:
        fields = ",".join(filter(None, [fields, f"metadata.name={call.name}"]))
    return parse_selector(call.query.get("labelSelector", ""), fields, call.resource.key)


def list_objects(registry: Registry, call: Call) -> Answer:
    version, rows = _snapshot(registry, call)
    chosen = selector_of(call)
    if chosen:
        rows = [(key, row) for key, row in rows if chosen.matches(row.object)]
    rows, meta = _page(call, version, rows)
    return _list_answer(call, wanted_form(call), rows, meta, registry.clock.now())


def _snapshot(registry: Registry, call: Call) -> tuple[int, Rows]:
    """The version a list is answered from and everything of its kind and namespace then, after the continue token."""
    ledger, key = registry.ledger, call.resource.key
    token = call.query.get("continue", "")
    with ledger.lock:
        if token:
            version, after = _read_token(token)
            rows = _kept(registry, call, version)
            return version, [entry for entry in rows if entry[0] > after]
        if call.stale:
            version = ledger.version_before(call.stale)
            return version, _in_namespace(ledger.rows_at(key, version), call.namespace)
        wanted = check_version(call)
        if wanted > ledger.version:
            raise future_version(wanted, ledger.version)
        if call.query.get("resourceVersionMatch") == "Exact":
            return wanted, _in_namespace(_at(registry, key, wanted), call.namespace)
        return ledger.version, ledger.rows(key, call.namespace)


def _at(registry: Registry, key: str, version: int) -> Rows:
    try:
        return registry.ledger.rows_at(key, version)
    except Gone as error:
        raise Gone("The resourceVersion for the provided list is too old.") from error


def _kept(registry: Registry, call: Call, version: int) -> Rows:
    """The snapshot a continue token goes on with; Gone tells the client to start over."""
    try:
        return _in_namespace(registry.ledger.rows_at(call.resource.key, version), call.namespace)
    except Gone as error:
        raise Gone(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter."
        ) from error


def _in_namespace(rows: Rows, namespace: str) -> Rows:
    return [entry for entry in rows if entry[0][0] == namespace] if namespace else rows


def check_version(call: Call) -> int:
    """The resourceVersion parameter, 0 when absent; Invalid or BadRequest for a combination that is not allowed."""
    match, text = call.query.get("resourceVersionMatch", ""), call.query.get("resourceVersion", "")
    if match not in ("", "Exact", "NotOlderThan"):
        detail = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        raise bad_match(detail, "FieldValueNotSupported")
    if match and not text and call.verb != "watch":
        raise bad_match("Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match == "Exact" and text == "0":
        raise bad_match('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if text and not text.isdecimal():
        detail = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise BadRequest(f"invalid resource version: resourceVersion: {detail}")
    return int(text or 0)


def bad_match(detail: str, reason: str = "FieldValueForbidden") -> Invalid:
    return bad_option("ListOptions", Cause("resourceVersionMatch", detail, reason))


def future_version(wanted: int, current: int) -> Timeout:
    """A version that has not been reached; clients know the cause by its reason."""
    cause = Cause("", "Too large resource version", "ResourceVersionTooLarge")
    return Timeout(f"Timeout: Too large resource version: {wanted}, current: {current}", causes=(cause,))


def _page(call: Call, version: int, rows: Rows) -> tuple[Rows, Manifest]:
    """The first `limit` rows and the list's metadata, with a token for the rest."""
    meta: Manifest = {"resourceVersion": str(version)}
    limit = call.number("limit")
    if not limit or len(rows) <= limit:
        return rows, meta
    page = rows[:limit]
    meta["continue"] = _token(version, page[-1][0])
    # A real server cannot count what a selector leaves out, and says nothing then.
    if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
        meta["remainingItemCount"] = len(rows) - limit
    return page, meta


def _token(version: int, last: Key) -> str:
    body = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(last)})
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Key]:
    try:
        body = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = body["start"]
        return int(body["rv"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"invalid continue token: continue key is not valid: {error}; start the list over without it"
        ) from error


def _list_answer(call: Call, form: Form, rows: Rows, meta: Manifest, now: datetime) -> Answer:
    resource = call.resource
    if not form.is_plain:
        made = shaped(form, resource, [as_served(resource, row.object) for _, row in rows], now)
        return answer(made | {"metadata": meta})
    head = {"kind": resource.collection_kind, "apiVersion": resource.group_version, "metadata": meta}
    parts = []
    for _, row in rows:
        served = as_served(resource, row.object)
        parts.append(row.encoded if served is row.object else encode(served))
    # Each object's JSON is made once; a list only strings it together.
    return Answer(200, encode(head)[:-1] + b',"items":[' + b",".join(parts) + b"]}")
