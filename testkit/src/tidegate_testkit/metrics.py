"""What every metric provider holds to. Subclass, give one fixture, run pytest.

    class TestMyProvider(MetricConformance):
        @pytest.fixture
        def case(self) -> MetricCase:
            return MetricCase(provider=MyProvider, config={...}, answer=b"...", result=0.5, value="0.5")

Checks of what a provider does not have, or a case does not give, are skipped. A check may be overridden with a reason.
"""

from __future__ import annotations

import copy
import json
import math
import socket
import threading
from collections.abc import Sequence
from datetime import datetime

import pytest

from tidegate.errors import NotFound, Unreachable
from tidegate.hooks.http import Answer
from tidegate.machine.analysis.phases import COMPLETED, ERROR, RUNNING
from tidegate.machine.analysis.verdicts import Reading, empty
from tidegate.machine.expr.values import Duration
from tidegate_testkit.endpoint import JSON, MetricCase, MetricStage, with_config
from tidegate_testkit.junk import wrong_types

STATUSES = (400, 401, 403, 404, 429, 500, 502, 503)
UNREACHABLE = (
    "no whole answer within 10 s",
    "the answer is longer than 1048576 bytes",
    "169.254.169.254: is a link-local address, which metrics may not ask",
    "Connection refused",
)
WRONG_BODIES = (
    b"",
    b"<html>Sign in",
    b"null",
    b"{}",
    b"[]",
    b'{"data": nu',
    b'{"data": null, "result": null, "series": null}',
    b"[" * 100_000,
    b"\xff\xfe",
)
THREADS = 8
CONDITIONS_KNOW = (bool, float, str, datetime, Duration)  # beside lists and objects, see docs/expressions.md


class MetricConformance:
    """The suite. Every check starts with a fresh provider."""

    @pytest.fixture
    def case(self) -> MetricCase:
        """The provider under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} needs a fixture `case` that returns a MetricCase")

    def test_the_loader_accepts_the_provider(self, case: MetricCase) -> None:
        """It has a name, a model, `measure`, and verbs as the contract writes them."""
        assert case.start().name == case.provider.name

    def test_the_config_has_no_findings(self, case: MetricCase) -> None:
        """What works is not complained about."""
        stage = case.start()
        found = stage.meters.check_metric(stage.name, stage.query.config, stage.path)
        assert [problem.text for problem in found if not problem.warning] == []

    def test_a_config_of_the_wrong_type_points_at_its_field(self, case: MetricCase) -> None:
        """Every problem bears the path of the field that is wrong; the model does not convert it in silence."""
        for key, config in wrong_types(case.config):
            stage = with_config(case, config).start()
            problems = stage.meters.configure(stage.name, config, stage.path).problems
            assert problems, f"{key}: {config[key]!r} is taken"
            assert any(problem.path.startswith(f"{stage.path}.{key}") for problem in problems), f"{key} is not named"

    def test_a_recorded_answer_comes_to_its_result(self, case: MetricCase) -> None:
        """Value and type; a list of floats is `Floats` where the case says so."""
        reading = known(case).measure()
        assert (reading.result, reading.value) == (case.result, case.value)
        assert type(reading.result) is type(case.result)

    def test_a_result_can_be_judged(self, case: MetricCase) -> None:
        """Conditions know texts, floats, booleans, times, durations, lists and objects of them; nothing else compares.

        Integers are for sources that tell them from floats, see `integers`: out of JSON they would divide as integers do.
        """
        found = strange(known(case).measure().result)
        assert [name for name in found if not (case.integers and name == "int")] == []

    def test_the_same_question_is_asked_again(self, case: MetricCase) -> None:
        """A second measurement sends the same calls, and reads the same."""
        stage = asked(case)
        first, calls = stage.measure(), list(stage.http.asked)
        stage.http.asked.clear()
        assert stage.measure() == first
        assert stage.http.asked == calls

    def test_an_error_leaves_nothing_behind(self, case: MetricCase) -> None:
        """After an error the provider reads as if nothing had been: it keeps no state between calls."""
        stage = asked(case)
        script = stage.http.script
        first = stage.measure()
        stage.answering(Answer(500, JSON, b"{}")).outcome()
        stage.http.script = script
        assert stage.measure() == first, "an earlier error shows in a later reading"
        other = stage.answering(Answer(500, JSON, b"{}")).outcome()
        assert failed(other), "an earlier answer hides a later error: the provider keeps state"

    def test_concurrent_calls_do_not_mix(self, case: MetricCase) -> None:
        """Many metrics are measured at once by one instance."""
        stage = asked(case)
        wanted, found = stage.measure(), list[Reading]()
        barrier = threading.Barrier(THREADS)

        def one() -> None:
            barrier.wait(10)
            found.append(stage.outcome())

        threads = [threading.Thread(target=one) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [wanted] * THREADS

    def test_a_status_that_is_no_success_is_an_error(self, case: MetricCase) -> None:
        """Never a result: a condition would judge it."""
        for status in STATUSES:
            found = asked(case).answering(Answer(status, JSON, b'{"message": "kit"}')).outcome()
            assert failed(found), f"{status} reads as {found}"

    def test_an_endpoint_that_cannot_be_reached_is_an_error(self, case: MetricCase) -> None:
        """Too late, too long, closed by the policy, refused: the core's text comes through."""
        for said in UNREACHABLE:
            found = asked(case).answering(Unreachable(said)).outcome()
            assert failed(found), f"{said!r} reads as {found}"
            assert said in found.message, f"{said!r} is not told: {found.message!r}"

    def test_a_body_that_makes_no_sense_is_no_number(self, case: MetricCase) -> None:
        """Empty, a page, null, half, nested without end: an error, no data, or a text; never a figure."""
        for body in WRONG_BODIES:
            found = asked(case).answering(Answer(200, {"content-type": "text/html"}, body)).outcome()
            assert not numeric(found.result), f"{body[:40]!r} reads as {found.result!r}"
            assert found.phase != ERROR or found.message, f"{body[:40]!r}: an error without a text"

    def test_no_data_is_no_number(self, case: MetricCase) -> None:
        """None, an empty list or an error."""
        if case.empty is None:
            pytest.skip(f"the case of {case.provider.name} gives no `empty`")
        found = case.start().answering(Answer(200, JSON, case.empty)).outcome()
        assert failed(found) or empty(found.result), f"no data reads as {found.result!r}"

    def test_odd_numbers_stay_what_they_are(self, case: MetricCase) -> None:
        """NaN is not 0."""
        if not case.odd:
            pytest.skip(f"the case of {case.provider.name} gives no `odd`")
        for body, result in case.odd:
            found = case.start().answering(Answer(200, JSON, body)).outcome()
            assert repr(found.result) == repr(result), f"{body!r} reads as {found.result!r}"

    def test_credentials_are_shown_nowhere(self, case: MetricCase) -> None:
        """Neither in a reading, nor in an error, nor in what is said of the query."""
        if not case.credentials:
            pytest.skip(f"the case of {case.provider.name} gives no `credentials`")
        stage = case.start()
        shown = [repr(stage.measure()), json.dumps(stage.meters.describe_metric(stage.name, stage.query))]
        shown += [repr(stage.answering(Answer(status, JSON, b"{}")).outcome()) for status in STATUSES]
        stage = case.start()
        stage.vault.read = _gone  # type: ignore[method-assign]
        shown.append(repr(stage.outcome()))
        leaked = [secret for secret in case.credentials if any(secret in text for text in shown)]
        assert leaked == []

    def test_a_secret_that_is_gone_is_an_error(self, case: MetricCase) -> None:
        """Not a call without credentials."""
        if not case.secrets:
            pytest.skip(f"the case of {case.provider.name} gives no `secrets`")
        stage = case.start()
        stage.vault.read = _gone  # type: ignore[method-assign]
        assert failed(stage.outcome())
        assert stage.http.asked == []

    def test_rights_are_declared(self, case: MetricCase) -> None:
        """Reading a Secret takes the right to get Secrets; objects are guarded by the cluster itself."""
        stage = case.start()
        stage.measure()
        granted = {(rule.group, rule.resource): rule.verbs.split() for rule in case.provider.needs}
        assert not stage.vault.asked or "get" in granted.get(("", "secrets"), ()), (
            "a Secret is read; declare the right in needs"
        )

    def test_the_world_is_reached_through_access_alone(self, case: MetricCase, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection of the provider's own would go around limits, policy and proxies."""
        if case.answer is None:
            pytest.skip(f"the case of {case.provider.name} gives no `answer`")
        reached: list[object] = []

        def refuse(_: socket.socket, address: object) -> None:
            reached.append(address)
            raise ConnectionRefusedError(111, "the kit lets nothing out")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        case.start().outcome()
        assert reached == [], "the provider opens a connection itself"

    def test_a_call_is_given_up_before_the_measurement(self, case: MetricCase) -> None:
        """Otherwise the core ends the measurement without a text of the provider."""
        stage = asked(case)
        stage.measure()
        late = [call.timeout_s for call in stage.http.asked if not 0 < call.timeout_s <= case.provider.timeout_s]
        assert late == []

    def test_a_measurement_begun_twice_is_one(self, case: MetricCase) -> None:
        """A process that died between beginning and remembering begins again: what is there is taken up."""
        stage = lasting(case)
        first = stage.measure()
        objects = len(stage.cluster.written)
        again = stage.measure()
        assert len(stage.cluster.written) == objects, "begun a second time"
        assert again.metadata == first.metadata

    def test_a_measurement_that_lasts_is_resumed(self, case: MetricCase) -> None:
        """It goes on with nothing but its metadata, and it ends where what it waits for has ended."""
        stage = lasting(case)
        first = stage.measure()
        assert first.phase == RUNNING
        assert stage.resume(copy.deepcopy(first)).phase in (RUNNING, *COMPLETED)
        if case.finish is not None:
            case.finish(stage.cluster)
            assert stage.resume(first).phase in COMPLETED

    def test_what_is_gone_can_be_terminated(self, case: MetricCase) -> None:
        """Twice, too: the first call may have been made by a process that died."""
        stage = lasting(case)
        if not stage.meters.has("terminate", stage.name):
            pytest.skip(f"{stage.name} has no terminate")
        first = stage.measure()
        for _ in range(2):
            ended = stage.terminate(first)
            assert ended is not None
            assert ended.phase in COMPLETED


def asked(case: MetricCase) -> MetricStage:
    """A stage, for checks of providers that ask an endpoint."""
    if case.answer is None:
        pytest.skip(f"the case of {case.provider.name} gives no `answer`")
    return case.start()


def known(case: MetricCase) -> MetricStage:
    """A stage, for checks of a result that the case tells, with an endpoint or behind an SDK."""
    if case.answer is None and case.result is None:
        pytest.skip(f"the case of {case.provider.name} gives neither `answer` nor `result`")
    return case.start()


def lasting(case: MetricCase) -> MetricStage:
    """A stage, for checks of providers whose measurements last."""
    stage = case.start()
    if not stage.meters.has("resume", stage.name):
        pytest.skip(f"{stage.name} has no resume")
    return stage


def failed(reading: Reading) -> bool:
    """Whether a reading is an error that says something."""
    return reading.phase == ERROR and bool(reading.message)


def numeric(value: object) -> bool:
    """Whether a condition could take a value for a measured figure."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(numeric(each) for each in value)
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def strange(value: object) -> list[str]:
    """The types in a result that no condition knows."""
    if isinstance(value, dict):
        return [name for each in value.values() for name in strange(each)]
    if isinstance(value, list):
        return [name for each in value for name in strange(each)]
    return [] if value is None or type(value) in CONDITIONS_KNOW else [type(value).__name__]


def _gone(name: str, *, in_run_namespace: bool = False) -> dict[str, str]:
    where = "the run's" if in_run_namespace else "the controller's"
    raise NotFound(f'secrets "{name}" not found in {where} namespace', code=404, reason="NotFound")


__all__ = ["MetricCase", "MetricConformance"]
