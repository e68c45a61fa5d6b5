"""Decodes bodies of `application/vnd.kubernetes.protobuf`, which kubectl's typed verbs send (`create deployment`, …).

The envelope is four bytes and a runtime.Unknown; the field tables of the kinds inside are data (`protobuf.json`,
written by tools/protobuf_data.py). Only reading is needed: clients that send protobuf accept JSON answers.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import BadRequest, UnsupportedMediaType

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
META = "k8s.io.apimachinery.pkg.apis.meta.v1."
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

# A varint of 64 bits has at most ten bytes (protobuf encoding).
VARINT_BYTES = 10

Raw = int | bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: `name` empty when inlined; `omits_zero` leaves a zero out of the JSON."""

    name: str
    type: str
    repeated: bool
    mapped: bool
    omits_zero: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """Message by `<apiVersion>/<kind>` and fields by number of every message."""

    kinds: Mapping[str, str]
    messages: Mapping[str, Mapping[int, Field]]


@cache
def tables() -> Tables:
    """The data file, read when the first protobuf body arrives."""
    data = json.loads(files("tidegate_sandbox.wire").joinpath("protobuf.json").read_text(encoding="utf-8"))
    messages = {
        name: {int(number): _field(text) for number, text in fields.items()}
        for name, fields in data["messages"].items()
    }
    return Tables(data["kinds"], messages)


def _field(text: str) -> Field:
    name, kind = text.split(" ")
    bare = kind.removeprefix("[]").removeprefix("map:")
    shown = name.removesuffix("?").removeprefix(".")
    return Field(shown, bare, kind.startswith("[]"), kind.startswith("map:"), name.endswith("?"))


def decode(body: bytes) -> Manifest:
    """The manifest in a protobuf body, as the JSON body would have been.

    Raises `UnsupportedMediaType` for a kind without a field table, `BadRequest` for bytes that are not such a body.
    """
    if not body.startswith(MAGIC):
        raise BadRequest(f"the body does not start with {MAGIC!r}: it is not {MEDIA_TYPE}; send application/json")
    envelope = dict(_fields(body[len(MAGIC) :]))
    type_meta = dict(_fields(_bytes(envelope.get(1, b""))))
    api_version, kind = (_text(type_meta.get(number, b"")) for number in (1, 2))
    # Clients send DeleteOptions as a kind of the group they delete from.
    message = tables().kinds.get("v1/DeleteOptions" if kind == "DeleteOptions" else f"{api_version}/{kind}")
    if message is None:
        raise UnsupportedMediaType(
            f"the sandbox cannot read {api_version} {kind} as {MEDIA_TYPE}: write it to a file and use"
            " `kubectl apply -f`, which sends JSON"
        )
    return {"apiVersion": api_version, "kind": kind, **_message(_bytes(envelope.get(2, b"")), message)}


def _fields(data: bytes) -> Iterator[tuple[int, Raw]]:
    """The fields of a message in order: number and undecoded value."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        value: Raw
        match wire_type:
            case 0:
                value, position = _varint(data, position)
            case 1 | 5:
                size = 8 if wire_type == FIXED64 else 4
                value, position = _slice(data, position, size)
            case 2:
                size, position = _varint(data, position)
                value, position = _slice(data, position, size)
            case _:
                raise BadRequest(f"protobuf: wire type {wire_type} at byte {position} is none that Kubernetes uses")
        yield number, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = 0
    for index in range(VARINT_BYTES):
        if position + index >= len(data):
            break
        byte = data[position + index]
        result |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return result, position + index + 1
    raise BadRequest(f"protobuf: a number at byte {position} does not end: the body is cut short or not protobuf")


def _slice(data: bytes, position: int, size: int) -> tuple[bytes, int]:
    end = position + size
    if end > len(data):
        raise BadRequest(f"protobuf: {size} bytes expected at byte {position}, {len(data) - position} left")
    return data[position:end], end


def _bytes(value: Raw) -> bytes:
    if isinstance(value, bytes):
        return value
    raise BadRequest(f"protobuf: a number ({value}) stands where bytes belong: the field tables do not fit the body")


def _text(value: Raw) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"protobuf: a text is not UTF-8: {error}") from error


def _message(data: bytes, name: str) -> Manifest:
    """The JSON form of one message; fields that the table does not know are from a newer client and are left out."""
    table = tables().messages[name]
    result: Manifest = {}
    for number, raw in _fields(data):
        field = table.get(number)
        if field is not None:
            _put(result, field, raw)
    return result


def _put(result: Manifest, field: Field, raw: Raw) -> None:
    if field.mapped:
        entry = dict(_fields(_bytes(raw)))
        result.setdefault(field.name, {})[_text(entry.get(1, b""))] = _value(entry.get(2, b""), field.type)
        return
    value = _value(raw, field.type)
    if field.repeated:
        result.setdefault(field.name, []).append(value)
    elif not field.name:
        result.update(value)
    elif value or not field.omits_zero:
        result[field.name] = value


def _value(raw: Raw, kind: str) -> Any:
    special = SPECIAL.get(kind)
    return special(raw) if special else _message(_bytes(raw), kind)


def _signed(raw: Raw) -> int:
    """Two's complement of 64 bits, which is how protobuf writes negative int32 and int64 alike."""
    number = raw if isinstance(raw, int) else 0
    return number - (1 << 64) if number >= 1 << 63 else number


def _double(raw: Raw) -> float:
    try:
        return float(struct.unpack("<d", _bytes(raw))[0])
    except struct.error as error:
        raise BadRequest(f"protobuf: a floating point number of the wrong size: {error}") from error


def _moment(raw: Raw) -> tuple[datetime, int] | None:
    fields = dict(_fields(_bytes(raw)))
    if not fields:
        return None
    try:
        return EPOCH + timedelta(seconds=_signed(fields.get(1, 0))), _signed(fields.get(2, 0))
    except OverflowError as error:
        raise BadRequest(f"protobuf: a time lies outside the years 1 to 9999: {error}") from error


def _time(raw: Raw) -> str | None:
    """RFC 3339 in whole seconds; Go writes its zero time as an empty message, which is null."""
    moment = _moment(raw)
    return moment[0].strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _micro_time(raw: Raw) -> str | None:
    moment = _moment(raw)
    return f"{moment[0]:%Y-%m-%dT%H:%M:%S}.{moment[1] // 1000:06d}Z" if moment else None


def _int_or_string(raw: Raw) -> int | str:
    fields = dict(_fields(_bytes(raw)))
    return _text(fields.get(3, b"")) if fields.get(1, 0) == 1 else _signed(fields.get(2, 0))


def _json(raw: Raw) -> Any:
    inner = _bytes(dict(_fields(_bytes(raw))).get(1, b""))
    try:
        return json.loads(inner) if inner else None
    except ValueError as error:
        raise BadRequest(f"protobuf: an embedded object is not JSON: {error}") from error


def _quantity(raw: Raw) -> str:
    return _text(dict(_fields(_bytes(raw))).get(1, b""))


def _duration(raw: Raw) -> str:
    return f"{_signed(dict(_fields(_bytes(raw))).get(1, 0)) / 1e9:g}s"


def _texts(raw: Raw) -> list[str]:
    return [_text(value) for number, value in _fields(_bytes(raw)) if number == 1]


SPECIAL: dict[str, Callable[[Raw], Any]] = {
    "string": _text,
    "bool": bool,
    "int32": _signed,
    "int64": _signed,
    "uint32": _signed,
    "uint64": _signed,
    "double": _double,
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    META + "Time": _time,
    META + "MicroTime": _micro_time,
    META + "Duration": _duration,
    META + "FieldsV1": _json,
    "k8s.io.apimachinery.pkg.api.resource.Quantity": _quantity,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _json,
    "k8s.io.api.authorization.v1.ExtraValue": _texts,
    "k8s.io.api.authentication.v1.ExtraValue": _texts,
}
