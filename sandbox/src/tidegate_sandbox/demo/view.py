"""How the story looks: a live picture in a terminal, plain lines without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate_sandbox.dataplane.load import Load
from tidegate_sandbox.demo.measure import Gauge, Measurement
from tidegate_sandbox.demo.stage import Glance

SHOWN_EVENTS = 8


class View:
    """Shows chapters, glances and the end. `plain` prints a line whenever something has changed."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console, self._plain = console, plain
        self._live = Live(console=console, refresh_per_second=8, transient=True) if not plain else None
        self._chapter, self._said = "", ""

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self._chapter, self._said = title, ""
        self._console.print(Text(f"» {title}", style="bold"))

    def show(self, glance: Glance, load: Load, gauge: Gauge) -> None:
        """The cluster and the requests now."""
        if self._live is not None:
            self._live.update(self._picture(glance, load, gauge))
            return
        line = self._line(glance, load)
        if line != self._said:
            self._said = line
            self._console.print(f"  {line}")

    def _line(self, glance: Glance, load: Load) -> str:
        status = glance.status
        pods = ", ".join(f"{version} {ready}/{all_}" for version, (ready, all_) in sorted(glance.pods.items()))
        message = status.get("message", "")
        return (
            f"{glance.phase}{f' ({message})' if message else ''}; step {_step(glance)}; weight {_number(glance.weight)}, "
            f"read back {_number(glance.carried)}; pods {pods}; failed requests {load.snapshot().counts.failures}"
        )

    def _picture(self, glance: Glance, load: Load, gauge: Gauge) -> Panel:
        facts = Table.grid(padding=(0, 2))
        counts = load.snapshot().counts
        facts.add_row("phase", Text(f"{glance.phase}  {glance.status.get('message', '')}", style=_colour(glance.phase)))
        facts.add_row("step", _step(glance))
        facts.add_row("weight", f"desired {_number(glance.weight)}   read back {_number(glance.carried)}")
        facts.add_row("measured", _measured(gauge.current))
        failed = Text(str(counts.failures), style="bold red" if counts.failures else "green")
        facts.add_row("requests", Text.assemble(f"{counts.total} sent, failed ", failed))
        for version, (ready, all_) in sorted(glance.pods.items()):
            facts.add_row(
                f"pods {version}", Text("●" * ready, style="green") + Text("○" * (all_ - ready), style="yellow")
            )
        events = [
            Text(f"{reason:<22} {message}", overflow="ellipsis", no_wrap=True) for reason, message in glance.events
        ]
        return Panel(Group(facts, Text(""), *events[-SHOWN_EVENTS:]), title=self._chapter, border_style="cyan")

    def summary(self, releases: Sequence[tuple[str, Sequence[Measurement]]]) -> None:
        """The measured split at every weight."""
        table = Table(title="Where the requests went", title_justify="left")
        for column in ("release", "desired", "read back", "measured", "± 4σ", "requests", "failed", ""):
            table.add_column(column, justify="left" if column in ("release", "") else "right")
        for release, measurements in releases:
            for found in measurements:
                verdict = Text("ok", style="green") if found.agrees and not found.failures else Text("OFF", style="red")
                table.add_row(
                    release,
                    f"{found.desired} %",
                    f"{_number(found.read_back)} %",
                    f"{100 * found.share:.2f} %",
                    f"{100 * found.band:.2f}",
                    str(found.requests),
                    str(found.failures),
                    verdict,
                )
        self._console.print(table)


def _step(glance: Glance) -> str:
    steps = glance.rollout["spec"]["strategy"]["canary"].get("steps", [])
    index = glance.status.get("currentStepIndex", 0)
    what = f"  {_called(steps[index])}" if index < len(steps) else "  done"
    return f"{index}/{len(steps)}{what}"


def _called(step: Mapping[str, Any]) -> str:
    """A step in a word and its value: `setWeight 10`, `pause 5s`."""
    kind, value = next(iter(step.items()))
    shown = value.get("duration", "") if isinstance(value, Mapping) else value
    return f"{kind} {shown}".rstrip()


def _measured(found: Measurement | None) -> str:
    if found is None or not found.requests:
        return "-"
    return f"{100 * found.share:.2f} % ± {100 * found.band:.2f} of {found.requests} requests"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _colour(phase: str) -> str:
    return {"Healthy": "green", "Degraded": "red", "Paused": "yellow"}.get(phase, "cyan")
