"""Anti-affinity between the new version's pods and stable's: one term, put beside whatever terms the template has."""

from __future__ import annotations

from typing import Any

from tidegate.api import names
from tidegate.api.rollout import AntiAffinity
from tidegate.machine.rollout.case import Case
from tidegate.machine.rollout.draft import Draft

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def keep_apart(case: Case, draft: Draft) -> None:
    """Renew the term of the new version where stable has become another one meanwhile."""
    wanted = kept_from(case)
    if case.new is not None and wanted and case.new.kept_from != wanted:
        edit = draft.edit(case.new)
        edit.template["spec"] = {"affinity": {"podAntiAffinity": terms(case, wanted)}}
        edit.why.append(f"its pods keep away from those of {wanted}")


def kept_from(case: Case) -> str:
    """The revision whose pods the new version is to keep away from, "" for none."""
    stable = case.status.stable_rs
    return stable if _asked_for(case) is not None and stable != case.new_hash else ""


def terms(case: Case, pod_hash: str) -> dict[str, Any]:
    """The template's own anti-affinity terms and ours, of the kind that was asked for."""
    asked = _asked_for(case)
    affinity = ((case.template.get("spec") or {}).get("affinity") or {}).get("podAntiAffinity") or {}
    expression = {"key": names.POD_HASH, "operator": "In", "values": [pod_hash]}
    term = {
        "labelSelector": {"matchExpressions": [expression]},
        "namespaces": [case.rollout.metadata.namespace],
        "topologyKey": "kubernetes.io/hostname",
    }
    preferred = asked.preferred_during_scheduling_ignored_during_execution if asked else None
    if preferred is None:
        return {_REQUIRED: [*(affinity.get(_REQUIRED) or []), term]}
    weighted = {"weight": preferred.get("weight", 1), "podAffinityTerm": term}
    return {_PREFERRED: [*(affinity.get(_PREFERRED) or []), weighted]}


def _asked_for(case: Case) -> AntiAffinity | None:
    return case.blue_green.anti_affinity if case.blue_green is not None else case.canary.anti_affinity
