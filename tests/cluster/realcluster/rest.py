"""Plain HTTPS to the API server: JSON in, JSON out."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_JSON = "application/json"
# Both in seconds: a loopback server answers in milliseconds unless it is starved; chosen by feel.
_CONNECT_S, _READ_S = 5.0, 30.0


class ApiError(Exception):
    """The server said no. `body` is the Status object, or empty where the answer was no JSON."""

    def __init__(self, code: int, what: str, body: dict[str, Any]) -> None:
        super().__init__(f"{what}: {code} {body.get('reason', '')}: {body.get('message', '')}")
        self.code = code
        self.body = body


@dataclass(frozen=True, slots=True)
class Api:
    """A client of one server with one bearer token; safe to share between threads."""

    pool: urllib3.HTTPSConnectionPool
    token: str

    @classmethod
    def at(cls, port: int, authority: Path, token: str, connections: int = 16) -> Api:
        """A client of the server at 127.0.0.1:`port`. No request is repeated behind the caller's back."""
        pool = urllib3.HTTPSConnectionPool(
            "127.0.0.1", port, maxsize=connections, ca_certs=str(authority), retries=False, cert_reqs="CERT_REQUIRED"
        )
        return cls(pool, token)

    @classmethod
    def of(cls, kubeconfig: Path, connections: int = 16) -> Api:
        """A client of the first cluster of a kubeconfig, as its first user, who has a token."""
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        where = urllib3.util.parse_url(cluster["server"])
        context = ssl.create_default_context(cadata=authority)
        pool = urllib3.HTTPSConnectionPool(
            str(where.host), where.port, maxsize=connections, ssl_context=context, retries=False
        )
        return cls(pool, user["token"])

    def _headers(self, content_type: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept": _JSON, "Content-Type": content_type}

    def call(self, method: str, path: str, body: object = None, content_type: str = _JSON) -> dict[str, Any]:
        """The decoded answer. Raises ApiError for 4xx and 5xx, urllib3's HTTPError where there is no answer."""
        answer = self.pool.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers=self._headers(content_type),
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
        )
        read = _object(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, f"{method} {path}", read)
        return read

    def text(self, path: str) -> str:
        """The body of a GET as text, e.g. of /readyz. Raises as `call` does."""
        answer = self.pool.request(
            "GET", path, headers=self._headers(_JSON), timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        )
        if answer.status >= 400:
            raise ApiError(answer.status, f"GET {path}", {"message": answer.data.decode(errors="replace")})
        return answer.data.decode()

    def watch(self, path: str, resource_version: str, seconds: int) -> Iterator[dict[str, Any]]:
        """Watch events from a version on, for at most `seconds`; the generator's close ends the connection."""
        query = f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={resource_version}&timeoutSeconds={seconds}"
        answer = self.pool.request(
            "GET",
            query,
            headers=self._headers(_JSON),
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=seconds + _READ_S),
            preload_content=False,
        )
        try:
            if answer.status >= 400:
                raise ApiError(answer.status, f"GET {query}", _object(answer.data))
            yield from _lines(answer)
        finally:
            # Close, not release: a half-read stream must not go back into the pool.
            answer.close()


def _object(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`; text that is none becomes its message, as /readyz and proxies answer."""
    try:
        read = json.loads(data)
    except ValueError:
        read = None
    return read if isinstance(read, dict) else {"message": data.decode(errors="replace")}


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
    rest = b""
    for chunk in answer.read_chunked():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
