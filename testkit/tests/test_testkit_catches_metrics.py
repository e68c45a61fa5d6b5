"""Every check of the kit for metric providers catches the provider that breaks it; good ones pass all of them."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from tidegate.api.analysis import Measurement
from tidegate.hooks import (
    Access,
    Call,
    Kind,
    MetricProvider,
    NotFound,
    PluginError,
    Problem,
    Query,
    Reading,
    Rule,
    Unreachable,
)
from tidegate.machine.expr.values import Floats
from tidegate_testkit.memory import MemoryCluster
from tidegate_testkit.metrics import MetricCase, MetricConformance

PROBE = Kind("example.com", "v1", "Probe", "probes")
BODY = b'{"values": [0.5]}'


class Config(BaseModel):
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    query: str
    secret: str = "kit-key"


class Good(MetricProvider[Config]):
    """Asks one endpoint with a key out of a Secret."""

    name = "example.com/good"
    config = Config
    needs = (Rule("", "secrets", "get"),)

    def check_metric(self, config: Config, path: str) -> Sequence[Problem]:
        return []

    def describe_metric(self, query: Query[Config]) -> Mapping[str, str]:
        return {"query": query.config.query}

    def measure(self, query: Query[Config], access: Access) -> Reading:
        return self.read(self.ask(query, access))

    def ask(self, query: Query[Config], access: Access) -> Any:
        key = access.secrets.read(query.config.secret)["key"]
        call = Call("http://meter/q", headers={"X-Key": key}, params=[("q", query.config.query)])
        answer = access.http.send(call)
        if not answer.ok:
            raise PluginError(f"the meter answered {answer.status}")
        return answer.json()

    def read(self, content: Any) -> Reading:
        values = content.get("values") if isinstance(content, dict) else None
        if not isinstance(values, list):
            raise PluginError("the answer holds no values")
        return Reading(Floats(values), json.dumps(values))


class Lasting(MetricProvider[Config]):
    """Makes an object and waits for it."""

    name = "example.com/lasting"
    config = Config
    needs = (Rule("example.com", "probes", "get create delete"),)

    def measure(self, query: Query[Config], access: Access) -> Reading:
        name = self.named(query, access)
        if access.objects.get(PROBE, name) is None:
            metadata = {"name": name, "ownerReferences": [query.owner]}
            access.objects.create(PROBE, {"apiVersion": "example.com/v1", "kind": "Probe", "metadata": metadata})
        return Reading(phase="Running", metadata={"probe": name}, resume_at=query.now)

    def named(self, query: Query[Config], access: Access) -> str:
        return f"{query.uid}-{query.number}"

    def resume(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        found = access.objects.get(PROBE, measurement.metadata["probe"])
        if found is None:
            return Reading(phase="Error", message="the probe is gone")
        return Reading(phase="Successful" if found.get("status") else "Running", metadata=measurement.metadata)

    def terminate(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        if access.objects.get(PROBE, measurement.metadata["probe"]) is not None:
            access.objects.delete(PROBE, measurement.metadata["probe"])
        return Reading(phase="Inconclusive", metadata=measurement.metadata)


def ended(cluster: MemoryCluster) -> None:
    cluster.edit(PROBE, "default", "uid-of-demo-1", {"status": {"done": True}})


ASKING = MetricCase(
    provider=Good,
    config={"query": "up"},
    answer=BODY,
    result=Floats([0.5]),
    value="[0.5]",
    empty=b'{"values": []}',
    odd=[(b'{"values": [NaN]}', Floats([float("nan")]))],
    secrets={"kit-key": {"key": "s3cret"}},
    credentials=["s3cret"],
)
WAITING = MetricCase(provider=Lasting, config={"query": "up"}, finish=ended)

CHECKS = [name for name, _ in inspect.getmembers(MetricConformance, inspect.isfunction) if name.startswith("test_")]


def run(check: str, case: MetricCase, monkeypatch: pytest.MonkeyPatch) -> None:
    method = getattr(MetricConformance(), check)
    extra = {"monkeypatch": monkeypatch} if "monkeypatch" in inspect.signature(method).parameters else {}
    method(case=case, **extra)


@pytest.mark.parametrize("case", [ASKING, WAITING], ids=["asking", "lasting"])
@pytest.mark.parametrize("check", CHECKS)
def test_a_good_provider_passes(check: str, case: MetricCase, monkeypatch: pytest.MonkeyPatch) -> None:
    run(check, case, monkeypatch)


class NoVerb(Good):
    name = ""


class Complains(Good):
    def check_metric(self, config: Config, path: str) -> Sequence[Problem]:
        return [Problem(f"{path}.query", "is not to my taste")]


class Lax(BaseModel):
    query: Any
    secret: str = "kit-key"


class Converts(Good):
    config = Lax  # type: ignore[assignment]


class Untyped(Good):
    def read(self, content: Any) -> Reading:
        found = super().read(content)
        return replace(found, result=list(found.result))


class Integers(Good):
    def read(self, content: Any) -> Reading:
        found = super().read(content)
        return replace(found, result=[int(value) for value in found.result if value == value])


class Counts(Good):
    asked: ClassVar[int] = 0

    def ask(self, query: Query[Config], access: Access) -> Any:
        type(self).asked += 1
        access.http.send(Call(f"http://meter/q?{self.asked}"))
        return super().ask(query, access)


class Remembers(Good):
    last: Any = None

    def ask(self, query: Query[Config], access: Access) -> Any:
        try:
            self.last = super().ask(query, access)
        except PluginError:
            if self.last is None:
                raise
        return self.last


class Shares(Good):
    """Hands the answer over through itself, with a moment between."""

    held: Any = None
    met: ClassVar[threading.Barrier] = threading.Barrier(2)

    def measure(self, query: Query[Config], access: Access) -> Reading:
        free = self.held is None
        self.held = content = self.ask(query, access) if free else {"values": [9.0]}
        if threading.current_thread() is not threading.main_thread() and free:
            try:
                self.met.wait(0.2)
            except threading.BrokenBarrierError:
                self.met.reset()
        self.held = None
        return self.read(content)


class Trusting(Good):
    def ask(self, query: Query[Config], access: Access) -> Any:
        key = access.secrets.read(query.config.secret)["key"]
        answer = access.http.send(Call("http://meter/q", headers={"X-Key": key}))
        return answer.json() if answer.ok else {"values": [0.0]}


class Swallows(Good):
    def measure(self, query: Query[Config], access: Access) -> Reading:
        try:
            return super().measure(query, access)
        except Unreachable:
            return Reading(Floats(), "[]")


class Vague(Good):
    def measure(self, query: Query[Config], access: Access) -> Reading:
        try:
            return super().measure(query, access)
        except Unreachable:
            raise PluginError("something went wrong") from None


class Guesses(Good):
    def read(self, content: Any) -> Reading:
        values = (content or {}).get("values") if isinstance(content, dict | None) else None
        return Reading(Floats(values or [0.0]), json.dumps(values or [0.0]))


class NaNIsZero(Good):
    def read(self, content: Any) -> Reading:
        found = super().read(content)
        return replace(found, result=Floats(value if value == value else 0.0 for value in found.result))


class Shows(Good):
    def ask(self, query: Query[Config], access: Access) -> Any:
        key = access.secrets.read(query.config.secret)["key"]
        try:
            return super().ask(query, access)
        except PluginError as cause:
            raise PluginError(f"{cause} for key {key}") from cause


class Anonymous(Good):
    def ask(self, query: Query[Config], access: Access) -> Any:
        try:
            return super().ask(query, access)
        except NotFound:
            return access.http.send(Call("http://meter/q")).json()


class Undeclared(Good):
    needs = ()  # type: ignore[assignment]


class OwnWay(Good):
    def measure(self, query: Query[Config], access: Access) -> Reading:
        with socket.socket() as line:
            line.settimeout(0.2)
            try:
                line.connect(("127.0.0.1", 9))
            except OSError as cause:
                raise PluginError(str(cause)) from cause
        return super().measure(query, access)


class Patient(Good):
    timeout_s = 5.0


class Twice(Lasting):
    def named(self, query: Query[Config], access: Access) -> str:
        count = 1
        while access.objects.get(PROBE, f"{query.uid}-{count}") is not None:
            count += 1
        return f"{query.uid}-{count}"


class Forgets(Lasting):
    def resume(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        return Reading(phase="Running", resume_at=query.now)


class Brittle(Lasting):
    def terminate(self, query: Query[Config], access: Access, measurement: Measurement) -> Reading:
        if access.objects.get(PROBE, measurement.metadata["probe"]) is None:
            raise NotFound("the probe is gone")
        return super().terminate(query, access, measurement)


BROKEN: dict[type[MetricProvider[Any]], str] = {
    NoVerb: "test_the_loader_accepts_the_provider",
    Complains: "test_the_config_has_no_findings",
    Converts: "test_a_config_of_the_wrong_type_points_at_its_field",
    Untyped: "test_a_recorded_answer_comes_to_its_result",
    Integers: "test_a_result_can_be_judged",
    Counts: "test_the_same_question_is_asked_again",
    Remembers: "test_an_error_leaves_nothing_behind",
    Shares: "test_concurrent_calls_do_not_mix",
    Trusting: "test_a_status_that_is_no_success_is_an_error",
    Swallows: "test_an_endpoint_that_cannot_be_reached_is_an_error",
    Vague: "test_an_endpoint_that_cannot_be_reached_is_an_error",
    Guesses: "test_a_body_that_makes_no_sense_is_no_number",
    NaNIsZero: "test_odd_numbers_stay_what_they_are",
    Shows: "test_credentials_are_shown_nowhere",
    Anonymous: "test_a_secret_that_is_gone_is_an_error",
    Undeclared: "test_rights_are_declared",
    OwnWay: "test_the_world_is_reached_through_access_alone",
    Patient: "test_a_call_is_given_up_before_the_measurement",
    Twice: "test_a_measurement_begun_twice_is_one",
    Forgets: "test_a_measurement_that_lasts_is_resumed",
    Brittle: "test_what_is_gone_can_be_terminated",
}


@pytest.mark.parametrize(("provider", "check"), BROKEN.items(), ids=lambda each: getattr(each, "__name__", each))
def test_a_broken_provider_is_caught(
    provider: type[MetricProvider[Any]], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = replace(WAITING if issubclass(provider, Lasting) else ASKING, provider=provider)
    with pytest.raises((AssertionError, PluginError, NotFound)):
        run(check, case, monkeypatch)


def test_no_data_read_as_a_figure_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="no data reads as"):
        run("test_no_data_is_no_number", replace(ASKING, provider=Guesses), monkeypatch)


def test_every_check_has_a_provider_that_it_catches() -> None:
    assert {*BROKEN.values(), "test_no_data_is_no_number"} == set(CHECKS)


SUITE = """
import pytest
from tidegate_testkit.metrics import MetricConformance
class TestMine(MetricConformance): pass
"""

pytest_plugins = ["pytester"]


def test_a_metric_suite_without_its_case_says_what_to_give(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-k", "loader_accepts", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*TestMine needs a fixture `case` that returns a MetricCase*"])
