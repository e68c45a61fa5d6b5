"""The comparison sees what it is there to see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playback.comparison import BUDGET, LATE, Difference, acts, differences
from playback.facts import Facts, facts_of
from playback.outcome import Writes, writes_of
from playback.player import Played
from playback.recording import Deed, Recording, Scene, read_recording
from playback.rows import Wanted
from playback.symbols import Symbols
from playback.wanted import unexplained

PAUSED = "Normal RolloutPaused Rollout/web: Rollout is paused (CanaryPauseStep)"
CONDITION = {"type": "Paused", "status": "True", "reason": "RolloutPaused", "message": "Rollout is paused"}


def scene(*events: str, **status: Any) -> Scene:
    return Scene({"Rollout/web": {"status": status}}, events)


def compared(theirs: list[Scene], ours: list[Scene], unmet: tuple[int, ...] = ()) -> list[Difference]:
    """Differences of a recording of one deed, followed by waits."""
    deeds = (Deed({"image": "demo:v2"}), *(Deed({"wait": "step == 1"}) for _ in theirs[1:]))
    return differences(Recording("made-up", "", deeds, tuple(theirs)), Played(tuple(ours), unmet))


def test_equal_worlds_have_no_differences() -> None:
    same = scene(PAUSED, phase="Paused", conditions=[CONDITION])

    assert compared([same], [same]) == []


@pytest.mark.parametrize(
    ("theirs", "ours", "fact"),
    [
        pytest.param({"phase": "Paused"}, {"phase": "Healthy"}, "status.phase", id="another value"),
        pytest.param({"abort": True}, {}, "status.abort", id="missing"),
        pytest.param({}, {"abort": True}, "status.abort", id="too much"),
        pytest.param(
            {"conditions": [CONDITION]},
            {"conditions": [{**CONDITION, "message": "paused"}]},
            "status.conditions[Paused]",
            id="the message of a condition",
        ),
        pytest.param(
            {"pauseConditions": [{"reason": "CanaryPauseStep"}]},
            {"pauseConditions": []},
            "status.pauseConditions[0].reason",
            id="a part of a list",
        ),
    ],
)
def test_a_fact_that_differs_is_told(theirs: dict[str, Any], ours: dict[str, Any], fact: str) -> None:
    found = compared([scene(**theirs)], [scene(**ours)])

    assert [d.fact for d in found] == [f"Rollout/web {fact}"]


def test_when_something_happened_is_not_compared_but_whether_it_did_is() -> None:
    recorded, played = scene(abortedAt="<t:+3s>"), scene(abortedAt="2026-11-24T10:00:00Z")

    assert compared([recorded], [played]) == []
    assert [d.ours for d in compared([recorded], [scene()])] == ["-"]


def test_an_event_may_come_anywhere_in_its_act_but_not_twice() -> None:
    early, late, twice = [scene(PAUSED), scene()], [scene(), scene(PAUSED)], [scene(PAUSED), scene(PAUSED)]

    assert compared(early, late) == []
    assert [(d.reference, d.ours) for d in compared(early, twice)] == [("sent", "sent 2 times")]
    assert [(d.reference, d.ours) for d in compared(early, [scene(), scene()])] == [("sent", "-")]


def test_an_event_may_come_some_deeds_late_but_not_early() -> None:
    count = LATE + 2
    deeds = tuple(Deed({"image": f"demo:v{number}"}) for number in range(count))

    def found(theirs: int, ours: int) -> list[int]:
        left, right = ([scene(PAUSED) if n == at else scene() for n in range(count)] for at in (theirs, ours))
        return [
            each.deed for each in differences(Recording("made-up", "", deeds, tuple(left)), Played(tuple(right), ()))
        ]

    assert found(0, LATE) == []
    assert found(1, 0) == [0, 1]
    assert found(0, LATE + 1) == [0, LATE + 1]


def test_before_the_end_of_an_act_either_side_may_be_the_quicker_one() -> None:
    early, late = scene(phase="Healthy"), scene(phase="Progressing")

    assert compared([late, early], [early, early]) == []
    assert [d.deed for d in compared([late, early], [late, late])] == [1]
    assert [d.deed for d in compared([late, early], [scene(phase="Degraded"), early])] == [0]


def test_events_beyond_the_budget_of_the_reference_are_ours_alone() -> None:
    spent = [f"Normal ScalingReplicaSet Rollout/web: {number}" for number in range(BUDGET)]

    assert compared([scene(*spent)], [scene(*spent, PAUSED)]) == []
    assert len(compared([scene(*spent[1:])], [scene(*spent[1:], PAUSED)])) == 1


def test_how_often_the_reference_repeated_an_event_is_not_compared_but_whether_it_was_sent_is() -> None:
    looped = [PAUSED] * 9

    assert compared([scene(*looped)], [scene(PAUSED)]) == []
    assert [(d.reference, d.ours) for d in compared([scene(*looped)], [scene()])] == [("sent", "-")]
    assert [d.ours for d in compared([scene(*looped)], [scene(*looped, PAUSED)])] == ["sent 10 times"]


def test_a_reason_may_hold_spaces() -> None:
    spent = [f"Normal Updated VirtualService Rollout/web: VirtualService `{number}`" for number in range(BUDGET)]

    assert compared([scene(*spent)], [scene(*spent, PAUSED)]) == []


def test_what_came_more_than_three_times_is_counted_once_in_all(tmp_path: Path) -> None:
    repeated = {"repeated": [{"what": PAUSED, "times": 9}]}
    entry = {"op": {"start": True}, "events": [PAUSED] * 3 + [repeated], "shown": []}
    file = tmp_path / "made-up.json"
    file.write_text(json.dumps({"name": "made-up", "manifests": "", "steady": True, "ops": [entry]}))

    assert read_recording(file).scenes[0].events == (PAUSED,) * 9


def test_copies_in_a_list_are_one_fact() -> None:
    def routed(*routes: Any) -> Facts:
        return facts_of({"VirtualService/web": {"spec": {"http": list(routes)}}})

    one, two = {"name": "one"}, {"name": "two"}

    assert len(routed(one, *[two] * 200)) == len(routed(one, two)) + 1
    assert routed(one, two, two) != routed(one, two, two, two)
    assert routed(one, two) != routed(two, one)


def test_writes_are_counted_act_by_act() -> None:
    given = Deed({"patch": {}, "kind": "Service", "name": "web"})
    step = Scene(
        {}, ("Normal RolloutStepCompleted Rollout/web: Rollout step 1/2 completed",), writes={"Service/web": 2}
    )
    recording = Recording("made-up", "", (given, Deed({"wait": "step"}), Deed({"image": "b"})), ())

    found = list(writes_of(recording, Played((step, Scene({}, (), writes={"Service/web": 1}), Scene({}, ())), ())))

    assert found == [Writes(deed=0, object="Service/web", count=3, steps=1, client=1)]


def test_a_phase_on_the_way_that_the_reference_never_showed_is_told() -> None:
    paused, flash = Scene({}, (), frozenset({"Paused: x"})), Scene({}, (), frozenset({"Paused: x", "Degraded: y"}))

    assert [d.fact for d in compared([paused], [flash])] == ["shown Degraded: y"]
    assert compared([flash], [paused]) == []


def test_a_wait_that_was_given_up_is_told() -> None:
    assert [d.fact for d in compared([scene(), scene()], [scene(), scene()], unmet=(1,))] == ["wait"]


def test_waits_and_sleeps_belong_to_the_deed_before() -> None:
    deeds = tuple(Deed(what) for what in ({"start": True}, {"wait": "step"}, {"image": "b"}, {"sleep": 1}))

    assert list(acts(Recording("made-up", "", deeds, ()))) == [(0, 1), (2, 3)]


def test_a_wanted_difference_is_wanted_only_where_it_says() -> None:
    wanted = Wanted("X58", "Rollout/* status.conditions[Paused]", [4, 5], "False *")

    assert wanted.fits(Difference(4, "Rollout/web status.conditions[Paused]", "True x", "False x"))
    assert not wanted.fits(Difference(6, "Rollout/web status.conditions[Paused]", "True x", "False x"))
    assert not wanted.fits(Difference(4, "Rollout/web status.conditions[Paused]", "False x", "True x"))
    assert not wanted.fits(Difference(4, "Rollout/web status.phase", "True x", "False x"))


def test_what_is_not_excused_is_a_fault_and_so_is_an_excuse_for_nothing() -> None:
    row = Wanted("X58", "Rollout/web status.phase", [4])
    excused, other = (
        Difference(4, "Rollout/web status.phase", "a", "b"),
        Difference(5, "Rollout/web status.phase", "a", "b"),
    )

    assert unexplained([row], [excused]) == []
    assert unexplained([row], [excused, other]) == [str(other)]
    assert len(unexplained([row], [])) == 1


def test_hashes_are_numbered_as_they_appear() -> None:
    symbols = Symbols("ns-a")
    for hash_ in ("6c5b", "6c5b77", "6c5b"):
        symbols.meet(hash_)

    assert symbols.of({"web-6c5b77": ["6c5b in ns-a", 1]}) == {"web-<hash:2>": ["<hash:1> in <ns>", 1]}
