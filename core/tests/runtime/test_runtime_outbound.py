"""Calls of metric providers against a real endpoint that misbehaves in every way, and the rules that they are under."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from tidegate.errors import Unreachable
from tidegate.hooks import Answer, Call, OAuth2
from tidegate.runtime.config import MetricsConfig
from tidegate.runtime.outbound import Outbound
from tidegate.runtime.turns import HOSTS_KEPT, Turns
from tidegate_sandbox.tls import identity

MIB = 1 << 20
OPEN = MetricsConfig.model_validate({"egress": {"allow": ["127.0.0.0/8"]}})


@dataclass
class Seen:
    """One request as the endpoint got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[["Handler", "Endpoint"], None]


@dataclass
class Endpoint:
    """A server that answers each path by a script, and remembers what it was asked."""

    scripts: dict[str, Script] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Runs the endpoint's script."""

    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        """One letter at a time, without end as far as the caller is concerned."""
        self.close_connection = True
        try:
            for letter in data:
                self.wfile.write(bytes([letter]))
                if self.endpoint.over.wait(0.05):
                    return
        except OSError:  # cut by the caller, as it should be
            return

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
        self.endpoint.seen.append(seen)
        try:
            self.endpoint.scripts[self.path.partition("?")[0]](self, self.endpoint)
        except OSError:  # the caller has had enough
            self.close_connection = True

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the requests are in `seen`."""


def _served(tls: bool = False) -> Iterator[Endpoint]:
    endpoint = Endpoint()
    handler = type("Bound", (Handler,), {"endpoint": endpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls:
        server.socket = identity().context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    yield endpoint
    endpoint.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    yield from _served()


@pytest.fixture
def elsewhere() -> Iterator[Endpoint]:
    """A second endpoint: another port is another origin."""
    yield from _served()


@pytest.fixture
def secured() -> Iterator[Endpoint]:
    """An endpoint with a certificate for localhost, signed by nobody who is known."""
    for endpoint in _served(tls=True):
        endpoint.scripts["/q"] = fixed(200, b"ok")
        yield endpoint


@pytest.fixture
def waits() -> list[float]:
    """How long the outbound slept, each time."""
    return []


@pytest.fixture
def outbound(waits: list[float]) -> Iterator[Outbound]:
    made = Outbound(OPEN, sleep=waits.append)
    yield made
    made.close()


def fixed(status: int, body: bytes = b"", **headers: str) -> Script:
    return lambda handler, endpoint: handler.answer(status, body, **headers)


def in_turn(*answers: tuple[int, dict[str, str]]) -> Script:
    left = list(answers)

    def script(handler: Handler, endpoint: Endpoint) -> None:
        status, headers = left.pop(0) if len(left) > 1 else left[0]
        handler.answer(status, b"{}", **headers)

    return script


def refused(outbound: Outbound, call: Call) -> str:
    with pytest.raises(Unreachable) as caught:
        outbound.send(call)
    return str(caught.value)


def test_a_call_goes_out_whole_and_its_answer_comes_back(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(200, b'{"a": 1}', X_Mine="yes")
    call = Call(f"{endpoint.url}/q?a=1", "POST", {"X-Key": "k"}, params=[("b", "x y")], form=[("query", "up & down")])
    answer = outbound.send(call)
    (seen,) = endpoint.seen
    assert (answer.status, answer.ok, answer.json(), answer.headers["x-mine"]) == (200, True, {"a": 1}, "yes")
    assert (seen.method, seen.path, seen.headers["x-key"]) == ("POST", "/q?a=1&b=x+y", "k")
    assert parse_qsl(seen.body.decode()) == [("query", "up & down")]
    assert seen.headers["user-agent"].startswith("tidegate/")


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 500])
def test_an_answer_that_is_no_success_is_an_answer(endpoint: Endpoint, outbound: Outbound, status: int) -> None:
    endpoint.scripts["/q"] = fixed(status)
    assert outbound.send(Call(f"{endpoint.url}/q")).status == status
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_asked_again(endpoint: Endpoint, outbound: Outbound, waits: list[float], status: int) -> None:
    endpoint.scripts["/q"] = in_turn((status, {}), (status, {}), (200, {}))
    assert outbound.send(Call(f"{endpoint.url}/q")).status == 200
    assert waits == [0.25, 0.5]


def test_what_does_not_pass_is_told_after_three_attempts(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(503)
    assert outbound.send(Call(f"{endpoint.url}/q")).status == 503
    assert len(endpoint.seen) == 3


def test_a_call_that_may_do_harm_twice_is_sent_once(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(503)
    assert outbound.send(Call(f"{endpoint.url}/q", "POST", repeats=False)).status == 503
    assert len(endpoint.seen) == 1


def test_retry_after_is_waited_for(endpoint: Endpoint, outbound: Outbound, waits: list[float]) -> None:
    endpoint.scripts["/q"] = in_turn((429, {"Retry-After": "4"}), (200, {}))
    assert outbound.send(Call(f"{endpoint.url}/q")).status == 200
    assert waits == [4.0]


def test_a_retry_after_beyond_the_timeout_is_not_waited_for(
    endpoint: Endpoint, outbound: Outbound, waits: list[float]
) -> None:
    endpoint.scripts["/q"] = fixed(429, Retry_After="3600")
    assert outbound.send(Call(f"{endpoint.url}/q", timeout_s=5)).status == 429
    assert waits == []


def test_s9_50_mb_are_cut_after_the_first(endpoint: Endpoint, outbound: Outbound) -> None:
    def big(handler: Handler, endpoint: Endpoint) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(50 * MIB))
        handler.end_headers()
        for _ in range(50 * 16):
            handler.wfile.write(b"x" * 65_536)

    endpoint.scripts["/q"] = big
    tracemalloc.start()
    said = refused(outbound, Call(f"{endpoint.url}/q"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "longer than 1048576 bytes; ask for less" in said
    assert peak < 5 * MIB


def test_s9_a_small_body_that_unpacks_to_50_mb_is_cut(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(200, gzip.compress(b"0" * 50 * MIB), Content_Encoding="gzip")
    assert "longer than 1048576 bytes" in refused(outbound, Call(f"{endpoint.url}/q"))


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def test_s9_an_answer_that_drips_ends_with_the_timeout(endpoint: Endpoint, outbound: Outbound, head: bytes) -> None:
    """The server would drip for 10 s, and each letter begins a socket's own timeout anew."""

    def slow(handler: Handler, endpoint: Endpoint) -> None:
        handler.wfile.write(head)
        handler.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200)

    endpoint.scripts["/q"] = slow
    said = refused(outbound, Call(f"{endpoint.url}/q", timeout_s=0.3))
    assert said == f"{endpoint.url}: no whole answer within 0.3 s; raise the metric's timeout"


def test_a_body_that_breaks_off_is_no_answer(endpoint: Endpoint, outbound: Outbound) -> None:
    def short(handler: Handler, endpoint: Endpoint) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"12")
        handler.close_connection = True

    endpoint.scripts["/q"] = short
    assert "IncompleteRead" in refused(outbound, Call(f"{endpoint.url}/q"))
    assert len(endpoint.seen) == 3


def test_a_refused_connection_says_where_and_what_to_do(endpoint: Endpoint, outbound: Outbound) -> None:
    said = refused(outbound, Call("http://127.0.0.1:1/token=s3cret"))
    assert said.startswith("http://127.0.0.1:1: ")
    assert said.endswith("Connection refused; check the address, and that the endpoint is up")
    assert "s3cret" not in said


def test_a_header_that_cannot_be_sent_is_not_shown(outbound: Outbound) -> None:
    said = refused(outbound, Call("http://127.0.0.1:1", headers={"X-Key": "s3cret\nHost: other"}))
    assert said == "http://127.0.0.1:1: the request cannot be sent (InvalidHeader); check the URL and the headers"


def test_s9_a_fourth_redirect_is_not_followed(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(302, Location="/q")
    assert "more than 3 redirects" in refused(outbound, Call(f"{endpoint.url}/q"))
    assert len(endpoint.seen) == 4


def test_s8_a_redirect_is_judged_like_the_first_url(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(302, Location="http://169.254.169.254/latest/meta-data/")
    assert refused(outbound, Call(f"{endpoint.url}/q")).startswith("169.254.169.254: is a link-local address")


def test_a_redirect_without_a_location_is_the_answer(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(302)
    assert outbound.send(Call(f"{endpoint.url}/q")).status == 302


def test_s11_credentials_do_not_follow_to_another_origin(
    endpoint: Endpoint, elsewhere: Endpoint, outbound: Outbound
) -> None:
    endpoint.scripts["/q"] = fixed(302, Location=f"{elsewhere.url}/p")
    elsewhere.scripts["/p"] = fixed(200)
    headers = {"Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Accept": "text/plain"}
    outbound.send(Call(f"{endpoint.url}/q", headers=headers, params=[("key", "s3cret")]))
    (seen,) = elsewhere.seen
    assert "s3cret" not in f"{seen}"
    assert seen.headers["accept"] == "text/plain"


def test_credentials_follow_within_one_origin(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts |= {"/q": fixed(302, Location="/p"), "/p": fixed(200)}
    outbound.send(Call(f"{endpoint.url}/q", headers={"Authorization": "Bearer s3cret"}))
    assert endpoint.seen[1].headers["authorization"] == "Bearer s3cret"


def test_s11_a_body_does_not_follow_to_another_origin(
    endpoint: Endpoint, elsewhere: Endpoint, outbound: Outbound
) -> None:
    endpoint.scripts["/q"] = fixed(307, Location=f"{elsewhere.url}/p")
    assert "the body may hold credentials" in refused(outbound, Call(f"{endpoint.url}/q", "POST", body=b"s3cret"))
    assert elsewhere.seen == []


def test_a_302_behind_a_post_is_a_get_without_a_body(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts |= {"/q": fixed(302, Location="/p"), "/p": fixed(200)}
    outbound.send(Call(f"{endpoint.url}/q", "POST", {"Content-Type": "text/plain"}, body=b"x"))
    seen = endpoint.seen[1]
    assert (seen.method, seen.body, seen.headers.get("content-type")) == ("GET", b"", None)


def test_a_cookie_is_not_kept(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts["/q"] = fixed(200, Set_Cookie="a=b")
    outbound.send(Call(f"{endpoint.url}/q"))
    outbound.send(Call(f"{endpoint.url}/q"))
    assert "cookie" not in endpoint.seen[1].headers


def test_s9_the_proxy_of_the_environment_is_not_used(
    endpoint: Endpoint, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    endpoint.scripts["/q"] = fixed(200)
    assert outbound.send(Call(f"{endpoint.url}/q")).ok


def test_a_configured_proxy_is_used(endpoint: Endpoint) -> None:
    endpoint.scripts["http://metrics.example.com/q"] = fixed(200, b"by proxy")
    config = MetricsConfig.model_validate({**OPEN.model_dump(), "proxies": {"http": endpoint.url}})
    outbound = Outbound(config)
    assert outbound.send(Call("http://metrics.example.com/q")).text == "by proxy"
    outbound.close()


def test_s9_a_host_has_no_more_calls_at_once_than_allowed(endpoint: Endpoint) -> None:
    running, most, lock = [0], [0], threading.Lock()

    def counted(handler: Handler, endpoint: Endpoint) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        endpoint.over.wait(0.02)
        with lock:
            running[0] -= 1
        handler.answer(200)

    endpoint.scripts["/q"] = counted
    outbound = Outbound(MetricsConfig.model_validate({**OPEN.model_dump(), "limits": {"calls_per_host": 2}}))
    threads = [threading.Thread(target=outbound.send, args=(Call(f"{endpoint.url}/q"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbound.close()
    assert (len(endpoint.seen), most[0]) == (8, 2)


def test_a_pace_beyond_the_timeout_is_an_error_that_names_the_setting() -> None:
    waits: list[float] = []
    turns = Turns(1, 1.0, lambda: 100.0, waits.append)
    for _ in range(3):
        with turns.turn("a:80", 103.0):
            pass
    with pytest.raises(Unreachable, match=r"a:80: more than 1 calls a second .* metrics\.limits\.calls_per_second"):
        turns.turn("a:80", 103.0).__enter__()
    assert waits == [1.0, 2.0]


def test_a_full_host_is_an_error_that_names_the_setting() -> None:
    turns = Turns(1, 0, lambda: 100.0)
    said = r"a:80: 1 calls were under way .* metrics\.limits\.calls_per_host"
    with turns.turn("a:80", 101.0), turns.turn("b:80", 101.0), pytest.raises(Unreachable, match=said):
        turns.turn("a:80", 100.0).__enter__()
    with turns.turn("a:80", 100.0):
        pass


def test_hosts_are_not_remembered_without_end() -> None:
    turns = Turns(1, 1.0, lambda: 100.0)
    for number in range(HOSTS_KEPT + 5):
        with turns.turn(f"host-{number}:80", 101.0):
            pass
    assert len(turns._buckets) == HOSTS_KEPT
    assert not turns._running


def trusting(authority: Path | None) -> Outbound:
    config = {**OPEN.model_dump(), "ca_file": str(authority or "")}
    outbound = Outbound(MetricsConfig.model_validate(config))
    outbound._egress.resolve = lambda host, port: ["127.0.0.1"]
    return outbound


def test_the_certificate_is_judged_by_the_hosts_name_though_the_address_is_pinned(
    secured: Endpoint, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_bytes(identity().authority)
    outbound = trusting(authority)
    port = secured.url.rpartition(":")[2]
    assert outbound.send(Call(f"https://kubernetes.default.svc:{port}/q")).text == "ok"
    said = refused(outbound, Call(f"https://other.example.com:{port}/q"))
    outbound.close()
    assert "Hostname mismatch" in said
    assert said.endswith("check the certificate, or set `insecure` where it fits")


def test_an_unknown_authority_is_refused_unless_the_call_is_insecure(secured: Endpoint) -> None:
    outbound = trusting(None)
    port = secured.url.rpartition(":")[2]
    assert "CERTIFICATE_VERIFY_FAILED" in refused(outbound, Call(f"https://metrics.example.com:{port}/q"))
    assert outbound.send(Call(f"https://metrics.example.com:{port}/q", insecure=True)).text == "ok"
    outbound.close()


def granting(lives_s: float | None, refuse_basic: bool = False) -> Script:
    """A token server that numbers its tokens."""
    count = iter(range(1, 100))

    def script(handler: Handler, endpoint: Endpoint) -> None:
        if refuse_basic and "authorization" in endpoint.seen[-1].headers:
            handler.answer(401, b'{"error": "invalid_client"}')
            return
        content = {"access_token": f"token-{next(count)}", "expires_in": lives_s}
        handler.answer(200, json.dumps(content).encode())

    return script


def authorized(endpoint: Endpoint, outbound: Outbound, *, scopes: tuple[str, ...] = ()) -> Answer:
    grant = OAuth2(f"{endpoint.url}/token", "me", "s3cret:/", scopes)
    return outbound.send(Call(f"{endpoint.url}/q", oauth2=grant))


def test_a_token_is_fetched_once_and_sent_as_bearer(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts |= {"/token": granting(3600), "/q": fixed(200)}
    authorized(endpoint, outbound, scopes=("read", "write"))
    authorized(endpoint, outbound, scopes=("read", "write"))
    token, first, second = endpoint.seen
    assert parse_qsl(token.body.decode()) == [("grant_type", "client_credentials"), ("scope", "read write")]
    assert token.headers["authorization"] == "Basic bWU6czNjcmV0JTNBJTJG"
    assert [first.headers["authorization"], second.headers["authorization"]] == ["Bearer token-1", "Bearer token-1"]
    assert outbound.handed_out == ("token-1",)


def test_a_token_is_not_used_beyond_its_life(endpoint: Endpoint, waits: list[float]) -> None:
    endpoint.scripts |= {"/token": granting(60), "/q": fixed(200)}
    now = [1000.0]
    outbound = Outbound(OPEN, seconds=lambda: now[0], sleep=waits.append)
    for later_s in (0, 49, 2):
        now[0] += later_s
        authorized(endpoint, outbound)
    outbound.close()
    sent = [seen.headers["authorization"] for seen in endpoint.seen if seen.path == "/q"]
    assert sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_token_that_the_endpoint_refuses_is_replaced_once(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts |= {"/token": granting(3600), "/q": in_turn((200, {}), (401, {}), (200, {}))}
    assert [authorized(endpoint, outbound).status for _ in range(2)] == [200, 200]
    sent = [seen.headers["authorization"] for seen in endpoint.seen if seen.path == "/q"]
    assert sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_server_without_basic_gets_the_secret_in_the_body(endpoint: Endpoint, outbound: Outbound) -> None:
    endpoint.scripts |= {"/token": granting(3600, refuse_basic=True), "/q": fixed(200)}
    assert authorized(endpoint, outbound).ok
    assert dict(parse_qsl(endpoint.seen[1].body.decode()))["client_secret"] == "s3cret:/"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (fixed(403), "the server answered 403; check clientId"),
        (fixed(200, b"<html>s3cret"), "the answer is no JSON; check tokenUrl"),
        (fixed(200, b"[]"), "the answer holds no access_token"),
        (fixed(200, b'{"access_token": "a\\nb"}'), "the answer holds no access_token"),
    ],
    ids=["refused", "no json", "no object", "a token that breaks a header"],
)
def test_no_token_is_an_error_without_a_secret(
    endpoint: Endpoint, outbound: Outbound, script: Script, said: str
) -> None:
    endpoint.scripts["/token"] = script
    with pytest.raises(Unreachable, match=said) as caught:
        authorized(endpoint, outbound)
    assert "s3cret" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_s14_neither_a_call_nor_its_grant_shows_a_secret() -> None:
    call = Call("http://x", headers={"Authorization": "s3cret"}, oauth2=OAuth2("http://y", "me", "s3cret"))
    assert "s3cret" not in repr(call)


def test_the_command_line_starts_without_the_http_client() -> None:
    code = "import sys, tidegate.cli.main as m; m.assemble(['--help']); print([*sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'requests'" not in loaded
    assert "'tenacity'" not in loaded
