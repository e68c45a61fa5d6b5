"""How long a finished run stays."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.analysis import AnalysisRun
from tidegate.machine.analysis.phases import FAILED, SUCCESSFUL
from tidegate.machine.checking import DeleteRun
from tidegate.machine.moments import later
from tidegate.machine.plan import Plan, Settled


def lifetime_s(run: AnalysisRun) -> int | None:
    """Seconds after its end for which a run stays; None for ever. Errors and unclear ends go by the general field."""
    ttl = run.spec.ttl_strategy
    if ttl is None:
        return None
    own = {SUCCESSFUL: ttl.seconds_after_success, FAILED: ttl.seconds_after_failure}.get(run.status.phase)
    return ttl.seconds_after_completion if own is None else own


def expire(now: datetime, run: AnalysisRun) -> Plan:
    """Delete a finished run whose time is over, else look again when it is.

    # differs: the reference sets no timer; a run stays until something else happens to it.
    """
    lifetime = lifetime_s(run)
    if lifetime is None or run.status.completed_at is None:
        return Plan("finished", (), lambda _: Settled(None))
    end = later(run.status.completed_at, lifetime)
    if now < end:
        return Plan("finished", (), lambda _: Settled(None, wake_at=end))
    delete = DeleteRun(run.metadata.name, run.metadata.uid, why=f"finished for more than {lifetime} s")
    return Plan(
        "expired", (delete,), lambda outcomes: Settled(None, error="; ".join(o.message for o in outcomes or ()))
    )
