"""Secrets of metric providers: by name, at use, for at most a minute, and never shown."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import NotFound, Rejected
from tidegate.runtime.secrets import KEPT_S, MOST_KEPT, SecretStore, controller_namespace


class Server:
    """Holds Secrets by path and remembers each request."""

    def __init__(self, **secrets: dict[str, bytes]) -> None:
        self.secrets, self.asked = secrets, list[str]()

    def request(self, method: str, path: str) -> Any:
        self.asked.append(f"{method} {path}")
        name = path.rpartition("/")[2]
        if name not in self.secrets:
            raise NotFound(f"secret {name} is not there", code=404)
        data = {key: base64.b64encode(value).decode() for key, value in self.secrets[name].items()}
        return {"kind": "Secret", "data": data}


def test_a_secret_is_read_from_the_controllers_namespace_or_the_runs() -> None:
    server = Server(datadog={"api-key": b"abcdef"})
    reader = SecretStore(server, "argo").reader("shop")
    assert reader.read("datadog") == {"api-key": "abcdef"}
    assert reader.read("datadog", in_run_namespace=True) == {"api-key": "abcdef"}
    assert server.asked == [f"GET /api/v1/namespaces/{each}/secrets/datadog" for each in ("argo", "shop")]


def test_s15_a_secret_is_kept_for_a_minute_and_no_longer() -> None:
    server, now = Server(datadog={"api-key": b"abcdef"}), [100.0]
    store = SecretStore(server, "argo", lambda: now[0])
    for later_s in (0, KEPT_S - 1, 1):
        now[0] += later_s
        store.reader("shop").read("datadog")
    assert len(server.asked) == 2


def test_a_secret_that_vanishes_is_an_error_once_it_is_read_again() -> None:
    server, now = Server(datadog={"api-key": b"abcdef"}), [100.0]
    store = SecretStore(server, "argo", lambda: now[0])
    store.reader("shop").read("datadog")
    server.secrets.clear()
    now[0] += KEPT_S
    with pytest.raises(NotFound):
        store.reader("shop").read("datadog")
    server.secrets["datadog"] = {"api-key": b"new-key"}
    assert store.reader("shop").read("datadog") == {"api-key": "new-key"}


def test_a_reader_knows_what_it_has_handed_out_and_nothing_of_others() -> None:
    server = Server(a={"long": b"abcdefgh", "short": b"abcd", "number": b"1"}, b={"other": b"other-value"})
    store = SecretStore(server, "argo")
    mine, theirs = store.reader("shop"), store.reader("shop")
    mine.read("a")
    theirs.read("b")
    assert mine.handed_out == ("abcdefgh", "abcd")
    assert theirs.handed_out == ("other-value",)


def test_s14_a_key_that_is_no_text_is_named_and_its_value_is_not() -> None:
    with pytest.raises(Rejected, match="secret argo/a: key 'cert' holds no text") as caught:
        SecretStore(Server(a={"cert": b"\xff\xfes3cret"}), "argo").reader("shop").read("a")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_secrets_in_memory_are_bounded() -> None:
    names = [f"s{number}" for number in range(MOST_KEPT + 3)]
    store = SecretStore(Server(**{name: {} for name in names}), "argo")
    for name in names:
        store.read("shop", name)
    assert len(store._kept) == MOST_KEPT


def test_the_controllers_namespace_is_the_pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = tmp_path / "namespace"
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    assert controller_namespace(account) == "argo-rollouts"
    account.write_text("tools\n")
    assert controller_namespace(account) == "tools"
    monkeypatch.setenv("POD_NAMESPACE", "mine")
    assert controller_namespace(account) == "mine"
