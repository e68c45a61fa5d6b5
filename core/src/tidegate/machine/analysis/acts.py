"""What a pass over a run may ask of the world, and what comes back. Data only.

The actions of one plan are independent of one another: those of different metrics may be carried out at the same time,
the collection of a metric's leftovers behind its measurement.

Who carries out a `Measuring` reads the Secrets that `late.secret_refs` names, makes a `Late` of them (its Unusable is the
outcome's `unresolved`), takes `Late.metric(index)`, asks the provider, makes a measurement with
`verdicts.measurement_of` or `failed_measurement`, hides it with `Late.hidden`, and gives it back in a `Measured`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.analysis import Measurement
from tidegate.machine.actions import Action, Claim
from tidegate.machine.plan import Outcome


@dataclass(frozen=True, slots=True)
class Measuring(Action):
    """Something is to be done for the metric at `index` of the run's spec, whose name with arguments is `metric`.

    `number` counts the metric's measurements from 1, whatever has been forgotten of them since. Who carries it out names
    what it creates after it, so that a measurement begun by a process that died is found again.
    """

    metric: str
    index: int
    number: int

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"metric/{self.metric}", "measurement"),)


@dataclass(frozen=True, slots=True)
class Measure(Measuring):
    """Take a new measurement."""


@dataclass(frozen=True, slots=True)
class Resume(Measuring):
    """Look how a measurement that lasts has got on."""

    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Cut(Measuring):
    """End a measurement that lasts, because its run ends."""

    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Collect(Action):
    """Delete what the metric's measurements have left in the world, but for the newest `keep` of them.

    What was created in this very pass is one of them, though no cache shows it yet.
    """

    metric: str
    index: int
    keep: int

    @property
    def claims(self) -> tuple[Claim, ...]:
        return ((f"metric/{self.metric}", "leftovers"),)


@dataclass(frozen=True, slots=True)
class Measured(Outcome):
    """How a measurement turned out. With neither of the two nothing is known of it, and it is asked for again.

    `measurement` is judged and holds no secret. `annotations` are what the provider says about the metric itself.
    `unresolved` says why the arguments could not be resolved (a Secret that is not there): it ends the run.
    """

    measurement: Measurement | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    unresolved: str = ""
