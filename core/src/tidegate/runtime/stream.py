"""Bytes from the API server into objects: whole answers, and the endless answer of a watch."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import urllib3

from tidegate.errors import Transient
from tidegate.runtime.answers import error_in_watch
from tidegate.runtime.collecting import collection_paused
from tidegate.runtime.kinds import Address

log = logging.getLogger(__name__)

Manifest = dict[str, Any]

# Decoding a list this large makes so many objects that the cyclic collector takes three quarters of the time.
LARGE_BODY = 256 * 1024
READ_AT_ONCE = 64 * 1024
_ITEMS = re.compile(r'"items"\s*:\s*\[')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_GAP = re.compile(r"[\s,]*")


class Watch:
    """The events of one open watch, as decoded dicts; ends when the server ends it. Used by one thread."""

    def __init__(self, response: urllib3.HTTPResponse, target: Address) -> None:
        self._response, self._target = response, target

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[Manifest]:
        """Raises Gone and the like for an `ERROR` event, Transient when the stream breaks off or is silent too long."""
        pending = b""
        while chunk := self._read():
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                if not line.strip():
                    continue
                try:
                    event = self._event(line)
                except RecursionError:
                    log.error("watch %s: an object is nested too deeply to be read; it is left out", self._target)
                    continue
                yield event

    def interrupt(self) -> None:
        """End the stream from another thread; the reader sees its end."""
        # Ended already, or closed at this very moment: there is nothing left to interrupt.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            self._response.shutdown()

    def _read(self) -> bytes:
        try:
            return self._response.read1(READ_AT_ONCE)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Transient(f"watch {self._target}: broke off: {cause_of(error)}") from error

    def _event(self, line: bytes) -> Manifest:
        event = decoded(f"watch {self._target}", line)
        if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
            raise Transient(f"watch {self._target}: not a watch event: {line[:80]!r}")
        if event.get("type") == "ERROR":
            raise error_in_watch(self._target, event["object"])
        return event


def decoded(what: str, data: bytes) -> Any:
    """The JSON in `data`, None where it is empty. Raises Transient, beginning with `what`, where it is not JSON."""
    try:
        if len(data) < LARGE_BODY:
            return json.loads(data) if data else None
        with collection_paused():
            return json.loads(data)
    except ValueError as error:
        raise Transient(f"{what}: the answer is not JSON: {error}") from error


def listed(what: str, data: bytes) -> tuple[Manifest, Iterator[Manifest]]:
    """The metadata of a list, and its items decoded one at a time.

    A list of 11,000 ReplicaSets is 300 MB of dicts and 20 MB of text; the memory of the dicts would never be given back.
    Raises Transient, also from the iterator, where it is not JSON.
    """
    text = data.decode()
    found = _ITEMS.search(text)
    head = decoded(what, f'{text[: found.start()]}"items":[]}}'.encode()) if found else {}
    if found is not None and head.get("metadata"):
        return head["metadata"], _items(what, text, found.end())
    whole = decoded(what, data) or {}  # another order of keys than Kubernetes', or no list at all
    return whole.get("metadata") or {}, iter(whole.get("items") or [])


def _items(what: str, text: str, at: int) -> Iterator[Manifest]:
    decode = json.JSONDecoder().raw_decode
    try:
        while not text.startswith("]", at := _GAP.match(text, at).end()):  # type: ignore[union-attr]
            try:
                item, at = decode(text, at)
            except RecursionError:
                log.error("%s: an object is nested too deeply to be read; it is left out", what)
                at = _end_of(text, at)
                continue
            yield item
    except ValueError as error:
        raise Transient(f"{what}: the answer is not JSON: {error}") from error


def _end_of(text: str, at: int) -> int:
    """Where the JSON value that begins at `at` ends, however deep it is. Raises ValueError where it does not end."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
    raise ValueError("the list breaks off")


def cause_of(error: Exception) -> str:
    """The innermost words of a chain of urllib3 errors, which repeat the URL and object addresses on every level."""
    if isinstance(error.__cause__, OSError) and error.__cause__.strerror:
        return str(error.__cause__.strerror)
    reason = getattr(error, "reason", None)
    return cause_of(reason) if isinstance(reason, Exception) else str(error) or type(error).__name__
