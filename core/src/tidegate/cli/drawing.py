"""A simulated course as one SVG: phases and steps as bands, traffic and pods over time.

Only the standard library; the file stands alone and follows the reader's light or dark colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tidegate.cli.drawing_canvas import CHARACTER, Canvas, Scale, count_ticks, fits, wrapped
from tidegate.cli.drawing_time import TimeScale, time_scale
from tidegate.cli.simulate_course import Course, Moment
from tidegate.cli.spans import span

WIDTH, LEFT, RIGHT = 960, 76, 24
LEGEND_Y = 90
BANDS_TOP, BAND, GAP = 112, 20, 6
TRAFFIC_TOP, TRAFFIC_HEIGHT = 176, 150
PODS_TOP, PODS_HEIGHT = 360, 180
VERDICT = 128  # characters of one line of the verdict
AXIS_Y = PODS_TOP + PODS_HEIGHT
KEY_TOP, KEY_LINE, KEY_COLUMNS = AXIS_Y + 68, 18, 4

STYLE = """
.tg{--paper:#ffffff;--ink:#1f2937;--faint:#6b7280;--rule:#d1d5db;--new:#1d4ed8;--stable:#15803d;--former:#9a3412;
--pause:#f59e0b;--healthy:#bbf7d0;--progressing:#bfdbfe;--paused:#fde68a;--degraded:#fecaca;--step:#e5e7eb}
@media (prefers-color-scheme:dark){.tg{--paper:#0f172a;--ink:#e5e7eb;--faint:#9ca3af;--rule:#374151;--new:#7aa2ff;
--stable:#4ade80;--former:#fb923c;--pause:#fbbf24;--healthy:#14532d;--progressing:#1e3a8a;--paused:#713f12;
--degraded:#7f1d1d;--step:#1f2937}}
.tg text{font-family:system-ui,sans-serif;fill:var(--ink);font-size:11px}
.tg .title{font-size:16px;font-weight:600}.tg .verdict{font-size:12px}.tg .faint{fill:var(--faint)}
.tg .paper{fill:var(--paper)}.tg .rule{stroke:var(--rule);stroke-width:1}.tg .frame{stroke:var(--faint);stroke-width:1}
.tg .mark{stroke:var(--faint);stroke-width:1;stroke-dasharray:1 3}.tg .goal{stroke:var(--ink);stroke-dasharray:6 4}
.tg .resume{stroke:var(--pause);stroke-width:2}
.tg .pause{fill:var(--pause);fill-opacity:.14}.tg .step{fill:var(--step)}.tg .step2{fill:var(--step);fill-opacity:.45}
.tg .Healthy{fill:var(--healthy)}.tg .Progressing{fill:var(--progressing)}.tg .Paused{fill:var(--paused)}
.tg .Degraded{fill:var(--degraded)}
.tg path{fill:none;stroke-width:2.2;stroke-linejoin:round}
.tg .new{stroke:var(--new)}.tg .stable{stroke:var(--stable)}.tg .former{stroke:var(--former);stroke-dasharray:7 3}
.tg .all{stroke:var(--ink);stroke-width:1.2}.tg .wanted{stroke-width:1.2;stroke-dasharray:2 3}
.tg path.area{stroke:none;fill:var(--new);fill-opacity:.18}
"""

Amount = Callable[[Moment], float]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: its style, its name, and what it shows of a moment."""

    style: str
    name: str
    amount: Amount


CHARTED = (
    Series("stable wanted", "stable wanted", lambda m: m.stable.wanted),
    Series("new wanted", "new wanted", lambda m: m.new.wanted),
    Series("former", "former available", lambda m: m.former.available),
    Series("all", "all available", lambda m: m.available),
    Series("stable", "stable available", lambda m: m.stable.available),
    Series("new", "new available", lambda m: m.new.available),
)
LEGEND = (
    ("new", "new revision"),
    ("stable", "stable revision"),
    ("former", "former revisions"),
    ("all", "all available pods"),
    ("new wanted", "asked for"),
    ("goal", "spec.replicas"),
)


def draw(course: Course, title: str, verdict: str) -> str:
    """The SVG document. `title` and `verdict` are its two lines of heading."""
    canvas = Canvas()
    rows = -(-len(course.steps) // KEY_COLUMNS)
    height = KEY_TOP + rows * KEY_LINE + 16
    canvas.box(0, 0, WIDTH, height, "paper")
    canvas.text(LEFT, 30, title, style="title")
    for number, line in enumerate(wrapped(verdict, VERDICT)[:2]):
        canvas.text(LEFT, 50 + number * 16, line, style="verdict")
    time = time_scale([moment.at_s for moment in course.moments], course.ended_s, LEFT, WIDTH - RIGHT)
    _legend(canvas, course, time)
    _bands(canvas, course, time)
    _pauses(canvas, course, time)
    _traffic(canvas, course, time)
    _pods(canvas, course, time)
    _times(canvas, time)
    _key(canvas, course.steps)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="tg" {size} role="img" aria-label="{_attribute(title)}">'
    told = f"<title>{escape(title)}</title><desc>{escape(verdict)}</desc><style>{STYLE}</style>"
    return "\n".join([head, told, *canvas.parts, "</svg>\n"])


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _legend(canvas: Canvas, course: Course, time: TimeScale) -> None:
    x = float(LEFT)
    for style, text in LEGEND:
        if style == "former" and not _lasting(course):
            continue
        # Drawn as a path, so that it looks exactly like its line in the chart.
        canvas.add("path", d=f"M{x} {LEGEND_Y}h22", class_=style)
        canvas.text(x + 28, LEGEND_Y + 4, text)
        x += 28 + len(text) * CHARACTER + 10
    for phase in _unnamed(course, time):
        canvas.box(x, LEGEND_Y - 6, 22, 12, phase)
        canvas.text(x + 28, LEGEND_Y + 4, phase)
        x += 28 + len(phase) * CHARACTER + 10


def _lasting(course: Course) -> bool:
    """Whether former revisions keep pods for so long that one sees it."""
    return any(until - moment.at_s >= 1 for moment, until in course.stretches() if moment.former.available)


def _unnamed(course: Course, time: TimeScale) -> list[str]:
    """Phases of which no stretch is wide enough for its name."""
    stretches = course.phases()
    named = {each.text for each in stretches if fits(each.text, time(each.to_s) - time(each.from_s))}
    return list(dict.fromkeys(each.text for each in stretches if each.text not in named))


def _bands(canvas: Canvas, course: Course, time: TimeScale) -> None:
    """Phases, and below them the steps by number."""
    for label, y in (("phase", BANDS_TOP), ("step", BANDS_TOP + BAND + GAP)):
        canvas.text(LEFT - 8, y + 14, label, style="faint", anchor="end")
    for stretch in course.phases():
        x, width = time(stretch.from_s), time(stretch.to_s) - time(stretch.from_s)
        canvas.box(x, BANDS_TOP, width, BAND, stretch.text, f"{stretch.text} for {span(stretch.seconds)}")
        if fits(stretch.text, width):
            canvas.text(x + width / 2, BANDS_TOP + 14, stretch.text, anchor="middle")
    y = BANDS_TOP + BAND + GAP
    for step, stretch in course.step_stretches():
        x, width = time(stretch.from_s), time(stretch.to_s) - time(stretch.from_s)
        hint = f"step {step + 1}, {course.steps[step]}: {span(stretch.seconds)}"
        canvas.box(x, y, width, BAND, "step" if step % 2 else "step2", hint)
        canvas.line(x, y, x, AXIS_Y, "mark")
        for text in (f"{step + 1} {course.steps[step]}", str(step + 1)):
            if fits(text, width):
                canvas.text(x + width / 2, y + 14, text, anchor="middle")
                break


def _pauses(canvas: Canvas, course: Course, time: TimeScale) -> None:
    for pause in course.pauses():
        x, width = time(pause.from_s), time(pause.to_s) - time(pause.from_s)
        canvas.box(x, TRAFFIC_TOP, width, AXIS_Y - TRAFFIC_TOP, "pause", f"{pause.text}: {span(pause.seconds)}")
    for moment_s in course.resumed:
        x = time(moment_s)
        canvas.line(x, TRAFFIC_TOP, x, AXIS_Y, "resume")
        canvas.text(x - 4, TRAFFIC_TOP + 12, "resumed", anchor="end")


def _traffic(canvas: Canvas, course: Course, time: TimeScale) -> None:
    share = Scale(0, 100, TRAFFIC_TOP + TRAFFIC_HEIGHT, TRAFFIC_TOP)
    _axis(canvas, share, range(0, 101, 25), "traffic to new, %" if course.routed else "share of new pods, %")
    points = _points(course, time, share, lambda moment: moment.share)
    canvas.area(points, share(0), "area")
    canvas.curve(points, "new", "share")


def _pods(canvas: Canvas, course: Course, time: TimeScale) -> None:
    ticks = list(count_ticks(max(course.most_wanted, course.capacity[1], course.replicas, 1)))
    count = Scale(0, ticks[-1], PODS_TOP + PODS_HEIGHT, PODS_TOP)
    _axis(canvas, count, ticks, "pods")
    canvas.line(LEFT, count(course.replicas), WIDTH - RIGHT, count(course.replicas), "goal")
    for series in CHARTED:
        if any(series.amount(moment) for moment in course.moments):
            floor = count(0) if series.style == "former" else None
            canvas.curve(_points(course, time, count, series.amount), series.style, series.name, hidden=floor)


def _points(course: Course, time: TimeScale, scale: Scale, amount: Amount) -> list[tuple[float, float]]:
    points = [(time(moment.at_s), scale(amount(moment))) for moment in course.moments]
    return [*points, (time(course.ended_s), points[-1][1])]


def _axis(canvas: Canvas, scale: Scale, ticks: Sequence[int], label: str) -> None:
    for tick in ticks:
        canvas.line(LEFT, scale(tick), WIDTH - RIGHT, scale(tick), "rule")
        canvas.text(LEFT - 8, scale(tick) + 4, str(tick), style="faint", anchor="end")
    canvas.line(LEFT, scale.start, LEFT, scale.end, "frame")
    middle = (scale.start + scale.end) / 2
    turned = f"rotate(-90 20 {middle})"
    canvas.add("text", label, x=20, y=middle, class_="small", text_anchor="middle", transform=turned)


def _times(canvas: Canvas, time: TimeScale) -> None:
    canvas.line(LEFT, AXIS_Y, WIDTH - RIGHT, AXIS_Y, "frame")
    for seconds, text in time.ticks():
        x = time(seconds)
        canvas.line(x, AXIS_Y, x, AXIS_Y + 5, "frame")
        close = x > WIDTH - RIGHT - 24
        canvas.text(x + 8 if close else x, AXIS_Y + 18, text, style="faint", anchor="end" if close else "middle")
    for from_s, to_s in time.broken:
        middle = (time(from_s) + time(to_s)) / 2
        canvas.box(middle - 4, AXIS_Y - 7, 8, 14, "paper")
        for x in (middle - 4, middle + 4):
            canvas.line(x - 3, AXIS_Y + 7, x + 3, AXIS_Y - 7, "frame")
        canvas.text(middle, AXIS_Y + 18, f"({span(to_s - from_s)})", style="faint", anchor="middle")
    canvas.text((LEFT + WIDTH - RIGHT) / 2, AXIS_Y + 38, "time since the update began", anchor="middle")


def _key(canvas: Canvas, steps: Sequence[str]) -> None:
    """What each step is: the bands have room for a number only."""
    width = (WIDTH - LEFT - RIGHT) / KEY_COLUMNS
    rows = -(-len(steps) // KEY_COLUMNS)
    for place, text in enumerate(steps):
        x, y = LEFT + place // rows * width, KEY_TOP + place % rows * KEY_LINE
        shown = f"{place + 1}  {text}"
        most = int(width / CHARACTER)
        canvas.text(x, y, shown if len(shown) <= most else shown[: most - 1] + "…")
