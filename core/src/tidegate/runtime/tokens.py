"""OAuth2 tokens of the client credentials grant: fetched once, used until they expire."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote_plus

from tidegate.errors import Unreachable
from tidegate.hooks.http import Answer, Call, OAuth2

MOST_KEPT = 256  # tokens in memory; the oldest goes first
EARLY_S = 10.0  # a token is not used in its last seconds: it has to live until the endpoint has judged it
UNSAID_S = 60.0  # for a token that does not say how long it lives
LONGEST_S = 3600.0  # no token is used longer, so that one that was revoked goes out of use

Send = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class _Key:
    """Whose token it is. The secret stands in it as a digest, so that no trace of memory or of an error shows it."""

    token_url: str
    client_id: str
    secret: bytes
    scopes: tuple[str, ...]
    insecure: bool


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    until: float


class Tokens:
    """The tokens of all providers; safe for threads."""

    def __init__(self, send: Send, seconds: Callable[[], float] = time.monotonic) -> None:
        self._send, self._seconds = send, seconds
        self._kept: dict[_Key, _Token] = {}
        self._lock = threading.Lock()

    @property
    def handed_out(self) -> tuple[str, ...]:
        """The tokens in use, for whoever hides them."""
        with self._lock:
            return tuple(token.text for token in self._kept.values())

    def token(self, call: Call, asked: OAuth2) -> str:
        """A token for the call. Raises Unreachable where none is to be had."""
        key = _key(call, asked)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._seconds() < kept.until:
            return kept.text
        return self._keep(key, self._fetched(call, asked))

    def forget(self, call: Call, asked: OAuth2) -> None:
        """Do not use this token again: the endpoint has refused it."""
        with self._lock:
            self._kept.pop(_key(call, asked), None)

    def _keep(self, key: _Key, answer: tuple[str, float]) -> str:
        text, lives_s = answer
        now = self._seconds()
        with self._lock:
            self._kept = {each: token for each, token in self._kept.items() if now < token.until and each != key}
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Token(text, now + min(lives_s - EARLY_S, LONGEST_S))
        return text

    def _fetched(self, call: Call, asked: OAuth2) -> tuple[str, float]:
        """The token and how long it lives, in seconds.

        The secret goes into the header, as RFC 6749 2.3.1 prefers it; a server that refuses that is asked again with the
        secret in the body.
        """
        form = [("grant_type", "client_credentials")]
        form += [("scope", " ".join(asked.scopes))] if asked.scopes else []
        pair = f"{quote_plus(asked.client_id)}:{quote_plus(asked.client_secret)}"
        basic = {"Accept": "application/json", "Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        request = Call(
            asked.token_url, "POST", basic, form=form, timeout_s=call.timeout_s, insecure=call.insecure, repeats=False
        )
        answer = self._send(request)
        if not answer.ok:
            body = [*form, ("client_id", asked.client_id), ("client_secret", asked.client_secret)]
            answer = self._send(replace(request, headers={"Accept": "application/json"}, form=body))
        if not answer.ok:
            raise _none(asked, f"the server answered {answer.status}; check clientId, clientSecret and scopes")
        return _read(asked, answer)


def _key(call: Call, asked: OAuth2) -> _Key:
    digest = hashlib.sha256(asked.client_secret.encode()).digest()
    return _Key(asked.token_url, asked.client_id, digest, asked.scopes, call.insecure)


def _read(asked: OAuth2, answer: Answer) -> tuple[str, float]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        raise _none(asked, "the answer is no JSON; check tokenUrl") from None  # the cause would show the answer
    text = content.get("access_token") if isinstance(content, dict) else None
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise _none(asked, "the answer holds no access_token; check tokenUrl")
    try:
        return text, float(content.get("expires_in") or UNSAID_S)
    except (TypeError, ValueError):
        return text, UNSAID_S


def _none(asked: OAuth2, why: str) -> Unreachable:
    return Unreachable(f"no OAuth2 token from {asked.token_url.partition('?')[0]}: {why}")
