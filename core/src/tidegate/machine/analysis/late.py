"""The part of a measurement that knows secrets: arguments resolved at the last moment, and hidden again in what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.api.analysis import AnalysisRun, Measurement, Metric, SecretKeyRef
from tidegate.machine.analysis.faults import Unusable
from tidegate.machine.analysis.filling import filled, values_of

HIDDEN = "*****"
# Shorter ones are numbers and words, not credentials; to hide those would garble every value. Chosen by feel.
SHORTEST_HIDDEN = 4

Secrets = Mapping[str, Mapping[str, str]]  # by name: key and decoded text


def secret_refs(run: AnalysisRun) -> tuple[SecretKeyRef, ...]:
    """The keys of Secrets in the run's namespace that its arguments ask for, each once."""
    sources = (arg.value_from.secret_key_ref for arg in run.spec.args if arg.value_from is not None)
    return tuple({(ref.name, ref.key): ref for ref in sources if ref is not None}.values())


@dataclass(frozen=True, slots=True)
class Late:
    """A run's arguments with its secrets; made for one measurement and dropped after it. It is never printed."""

    run: AnalysisRun
    values: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, run: AnalysisRun, secrets: Secrets) -> Late:
        """`secrets` are those that exist. Raises Unusable for what is missing; the outcome's `unresolved` tells it."""
        found = {}
        for arg in run.spec.args:
            ref = arg.value_from.secret_key_ref if arg.value_from is not None else None
            if ref is not None:
                found[arg.name] = _read(ref, secrets)
        return cls(run, values_of(run.spec.args, found), tuple(sorted(set(found.values()), key=len, reverse=True)))

    def metric(self, index: int) -> Metric:
        """The metric at `index`, complete. Raises Unusable."""
        return filled(self.run.spec.metrics[index], self.values)

    def hidden(self, measurement: Measurement) -> Measurement:
        """The measurement without any secret in it.

        # differs: the reference hides them in the message and shows them in value and metadata.
        """
        metadata = {key: self.masked(text) for key, text in measurement.metadata.items()}
        changes: dict[str, object] = {
            "message": self.masked(measurement.message, shortest=1),
            "value": self.masked(measurement.value),
        }
        return measurement.model_copy(update=changes | ({"metadata": metadata} if metadata else {}))

    def masked(self, text: str, *, shortest: int = SHORTEST_HIDDEN) -> str:
        """`text` with every secret of at least `shortest` characters struck out, the longest first."""
        for secret in self.secrets:
            if len(secret) >= shortest:
                text = text.replace(secret, HIDDEN)
        return text


def _read(ref: SecretKeyRef, secrets: Secrets) -> str:
    if ref.name not in secrets:
        raise Unusable(f'secrets "{ref.name}" not found')
    if ref.key not in secrets[ref.name]:
        raise Unusable(f"key '{ref.key}' does not exist in secret '{ref.name}'")
    return secrets[ref.name][ref.key]
