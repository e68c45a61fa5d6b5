"""`tidegate simulate` plays an update to its end in virtual time, and tells and draws what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import Result

from tidegate.cli.drawing_canvas import count_ticks, wrapped
from tidegate.cli.drawing_time import time_scale
from tidegate.errors import ConfigError, TidegateError

Run = Callable[..., Result]
Write = Callable[..., str]
SVG = "{http://www.w3.org/2000/svg}"
ROUTED = {
    "canaryService": "demo-canary",
    "stableService": "demo-stable",
    "trafficRouting": {"plugins": {"example.com/other": {"anything": "goes"}}},
}


@pytest.fixture
def a_file(tmp_path: Path) -> Write:
    """`a_file(steps, canary=…, spec=…, image=…, name=…)`: a Rollout of 10 pods of `shop/app:v1`."""

    def write(
        steps: list[dict[str, Any]],
        *,
        canary: dict[str, Any] | None = None,
        spec: dict[str, Any] | None = None,
        image: str = "shop/app:v1",
        file: str = "rollout.yaml",
    ) -> str:
        labels = {"app": "demo"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
        manifest = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "demo"},
            "spec": {
                "replicas": 10,
                "selector": {"matchLabels": labels},
                "template": template,
                "strategy": {"canary": {"steps": steps, **(canary or {})}},
                **(spec or {}),
            },
        }
        path = tmp_path / file
        path.write_text(yaml.safe_dump(manifest))
        return str(path)

    return write


def played(run: Run, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The JSON of a simulation that ends in that exit code."""
    result = run("simulate", "-o", "json", *arguments)
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_a_canary_is_played_to_its_end(run: Run, a_file: Write) -> None:
    found = played(run, "-f", a_file([{"setWeight": 20}, {"pause": {"duration": "30s"}}]))
    verdict = found["verdict"]
    assert (verdict["phase"], verdict["healthy"], verdict["over"]) == ("Healthy", True, True)
    assert 30 <= verdict["pausedSeconds"] <= 31
    assert 45 <= verdict["seconds"] <= 47
    assert (verdict["fewestAvailable"], verdict["mostWanted"]) == (8, 13)
    assert found["moments"][-1]["new"] == {"wanted": 10, "available": 10}
    assert found["moments"][-1]["share"] == 100


def test_the_table_has_a_row_a_moment_and_a_verdict(run: Run, a_file: Write) -> None:
    result = run("simulate", "-f", a_file([{"setWeight": 20}, {"pause": {"duration": "30s"}}]))
    lines = result.output.splitlines()
    assert lines[0] == "Rollout default/demo: shop/app:v1 -> shop/app:next"
    assert lines[2].split() == ["TIME", "PHASE", "STEP", "TRAFFIC", "NEW", "STABLE", "WHAT", "HAPPENED"]
    (paused,) = [line for line in lines if "Paused (CanaryPauseStep)" in line]
    assert paused.split()[:1] == ["0:05"]
    assert "2/2 pause: 30s" in paused
    assert "20 %" in paused
    assert lines[-1].startswith("Healthy after 4")
    assert "8 to 13 pods available of 10 wanted (80 % to 130 %)" in lines[-1]


def test_somebody_resumes_a_pause_without_an_end(run: Run, a_file: Write) -> None:
    path = a_file([{"setWeight": 20}, {"pause": {}}])
    found = played(run, "-f", path)
    assert len(found["resumed"]) == 1
    assert 60 <= found["verdict"]["pausedSeconds"] <= 61
    assert "somebody resumes, after 1 min" in run("simulate", "-f", path).output
    assert 5 <= played(run, "-f", path, "--resume-after", "5s")["verdict"]["pausedSeconds"] <= 6


def test_a_bad_version_ends_degraded_and_stable_keeps_its_pods(run: Run, a_file: Write) -> None:
    found = played(run, "-f", a_file([{"setWeight": 20}]), "--bad", code=1)
    assert found["verdict"]["phase"] == "Degraded"
    assert "ProgressDeadlineExceeded" in found["verdict"]["message"]
    assert found["verdict"]["fewestAvailable"] == 8


@pytest.mark.parametrize("when", ["2", "20s"], ids=["step", "time"])
def test_an_abort_brings_stable_back(run: Run, a_file: Write, when: str) -> None:
    found = played(run, "-f", a_file([{"setWeight": 20}, {"pause": {}}]), "--abort-at", when, code=1)
    assert found["verdict"]["phase"] == "Degraded"
    assert found["moments"][-1]["stable"] == {"wanted": 10, "available": 10}
    assert found["moments"][-1]["new"]["wanted"] == 0


def test_what_is_not_over_in_time_is_said_to_be_so(run: Run, a_file: Write) -> None:
    path = a_file([{"setWeight": 20}, {"pause": {"duration": "1h"}}])
    found = played(run, "-f", path, "--until", "10m", code=1)
    assert not found["verdict"]["over"]
    assert found["verdict"]["text"].startswith("Not over, Paused (CanaryPauseStep)")


def test_blue_green_switches_all_traffic_at_once(run: Run, a_file: Write) -> None:
    strategy = {"blueGreen": {"activeService": "demo", "previewService": "preview", "autoPromotionEnabled": False}}
    found = played(run, "-f", a_file([], spec={"strategy": strategy}))
    assert {moment["share"] for moment in found["moments"]} == {0, 100}
    assert found["verdict"]["mostAvailable"] == 20


def test_a_router_that_is_not_installed_can_do_everything_and_the_output_says_so(run: Run, a_file: Write) -> None:
    path = a_file([{"setWeight": 20}, {"pause": {"duration": "10s"}}, {"setWeight": 50}], canary=ROUTED)
    found = played(run, "-f", path)
    assert list(dict.fromkeys(m["share"] for m in found["moments"])) == [0, 20, 50, 100]
    assert any("example.com/other is not installed" in each for each in found["assumed"])


def test_an_installed_router_refuses_what_it_cannot_do(run: Run, a_file: Write, mesh: Callable[..., None]) -> None:
    import_module("tidegate.cli.plan")
    import_module("tidegate.cli.simulate")
    mesh()
    routed = {**ROUTED, "trafficRouting": {"mesh": {"splits": "misspelt"}}}
    with pytest.raises(TidegateError, match=r"first version cannot be deployed: .*trafficRouting\.mesh"):
        run("simulate", "-f", a_file([{"setWeight": 20}], canary=routed))


def test_images_are_only_names(run: Run, a_file: Write) -> None:
    path = a_file([{"setWeight": 50}], image="registry:5000/badminton/slow")
    assert "registry:5000/badminton/slow:next" in played(run, "-f", path)["title"]


def test_a_second_manifest_is_the_update(run: Run, a_file: Write) -> None:
    path = a_file([{"setWeight": 20}])
    to = a_file([{"setWeight": 40}, {"pause": {"duration": 7}}], image="shop/app:v2", file="to.yaml")
    found = played(run, "-f", path, "--to", to)
    assert found["steps"] == ["setWeight: 40", "pause: 7"]
    assert found["title"].endswith("shop/app:v1 -> shop/app:v2")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--image", "shop/app:v1"], "--image: the template stays as it is"),
        (["--ready-after", "soon"], "--ready-after: 'soon' is no duration"),
        (["--abort-at", "9"], "--abort-at: there is no step 9; the update has 1 steps"),
        (["-o", "yaml"], "--output: 'yaml' is unknown"),
        (["--svg", "/nowhere/at/all.svg"], "--svg: /nowhere/at/all.svg cannot be written"),
    ],
    ids=["unchanged", "duration", "step", "output", "svg"],
)
def test_what_cannot_be_played_is_said_with_its_flag(run: Run, a_file: Write, flags: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        run("simulate", "-f", a_file([{"setWeight": 20}]), *flags)


def test_an_invalid_rollout_names_its_field(run: Run, a_file: Write) -> None:
    with pytest.raises(TidegateError, match=r"steps\[0\]\.setWeight: Invalid value: 120"):
        run("simulate", "-f", a_file([{"setWeight": 120}]))


# --- the drawing ---


def drawn(run: Run, path: str, tmp_path: Path, *flags: str) -> ElementTree.Element:
    file = tmp_path / "course.svg"
    run("simulate", "-f", path, "--svg", str(file), *flags)
    return ElementTree.fromstring(file.read_text(encoding="utf-8"))


def heights(root: ElementTree.Element, series: str) -> list[float]:
    """Every height that a series takes, in order, upside down as SVG has it."""
    (path,) = [each for each in root.iter(f"{SVG}path") if each.get("data-series") == series]
    return [float(each) for each in re.findall(r"V([\d.]+)", path.get("d", ""))]


def texts(root: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in root.iter(f"{SVG}text")]


def test_the_drawing_is_xml_and_holds_the_series(run: Run, a_file: Write, tmp_path: Path) -> None:
    path = a_file([{"setWeight": 20}, {"pause": {"duration": "10s"}}, {"setWeight": 50}], canary=ROUTED)
    root = drawn(run, path, tmp_path)
    share = list(dict.fromkeys(heights(root, "share")))
    bottom, top = 326.0, 176.0
    assert share == [bottom, bottom - 0.2 * (bottom - top), bottom - 0.5 * (bottom - top), top]
    new = heights(root, "new available")
    assert new[-1] == min(new) < new[0]
    shown = texts(root)
    for part in (
        "pods",
        "traffic to new, %",
        "time since the update began",
        "new revision",
        "1  setWeight: 20",
        "Paused",
    ):
        assert part in shown
    assert len([each for each in root.iter(f"{SVG}rect") if each.get("class") == "pause"]) == 1


def test_the_drawing_follows_light_and_dark_and_speaks_to_readers(run: Run, a_file: Write, tmp_path: Path) -> None:
    root = drawn(run, a_file([{"setWeight": 20}], canary={}), tmp_path)
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme:dark" in style
    assert root.get("role") == "img"
    assert (root.findtext(f"{SVG}desc") or "").startswith("Healthy after")


def test_names_with_signs_of_xml_are_drawn(run: Run, a_file: Write, tmp_path: Path) -> None:
    root = drawn(run, a_file([{"setWeight": 20}]), tmp_path, "--image", 'app:"<&>')
    assert 'app:"<&>' in (root.findtext(f"{SVG}title") or "")


def test_a_long_calm_leaves_room_for_what_happens() -> None:
    scale = time_scale([0, 5, 10, 3610, 3615], 3620, 0, 800)
    assert scale.broken == ((10.0, 3610.0),)
    assert scale(10) - scale(5) >= 50
    assert scale(3610) - scale(10) <= 500
    assert scale(3620) == 800
    assert [text for _, text in scale.ticks()][:3] == ["0:00", "0:05", "0:10"]


def test_pauses_as_long_as_everything_else_are_drawn_to_scale() -> None:
    scale = time_scale([0, 5, 10, 20, 25], 30, 0, 600)
    assert not scale.broken
    assert scale(15) == 300
    assert [text for _, text in scale.ticks()] == ["0", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]


def test_nothing_at_all_has_a_scale() -> None:
    assert time_scale([], 0, 0, 100)(0) == 0


@pytest.mark.parametrize(
    ("most", "ticks"), [(1, [0, 1]), (5, [0, 1, 2, 3, 4, 5]), (12, [0, 2, 4, 6, 8, 10, 12]), (61, [0, 20, 40, 60, 80])]
)
def test_pods_are_counted_in_round_numbers(most: int, ticks: list[int]) -> None:
    assert list(count_ticks(most)) == ticks


def test_a_line_is_wrapped_between_words() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
