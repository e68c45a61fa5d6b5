"""Who may do what: in the sandbox everybody may do everything, and the reviews say so."""

from __future__ import annotations

from collections.abc import Callable

from tidegate_sandbox.api.answers import Answer, answer
from tidegate_sandbox.api.call import Call
from tidegate_sandbox.contracts import Manifest
from tidegate_sandbox.errors import MethodNotAllowed

_USER = {"username": "tidegate-sandbox", "groups": ["system:masters", "system:authenticated"]}
_REASON = "the tidegate sandbox allows everything"


def review(call: Call) -> Answer:
    """Answer a posted review; nothing is stored."""
    verdict = _VERDICTS.get(call.resource.plural)
    if verdict is None or call.verb != "create":
        raise MethodNotAllowed(f"{call.resource.name} takes POST alone")
    body = call.manifest()
    head = {"apiVersion": call.resource.group_version, "kind": call.resource.kind, "metadata": {}}
    return answer(body | head | {"status": verdict(body)}, 201)


def _allowed(_body: Manifest) -> Manifest:
    return {"allowed": True, "reason": _REASON}


def _authenticated(_body: Manifest) -> Manifest:
    return {"authenticated": True, "user": dict(_USER)}


def _self(_body: Manifest) -> Manifest:
    return {"userInfo": dict(_USER)}


def _rules(_body: Manifest) -> Manifest:
    everything = ["*"]
    return {
        "resourceRules": [{"verbs": everything, "apiGroups": everything, "resources": everything}],
        "nonResourceRules": [{"verbs": everything, "nonResourceURLs": everything}],
        "incomplete": False,
    }


_VERDICTS: dict[str, Callable[[Manifest], Manifest]] = {
    "tokenreviews": _authenticated,
    "selfsubjectreviews": _self,
    "subjectaccessreviews": _allowed,
    "selfsubjectaccessreviews": _allowed,
    "localsubjectaccessreviews": _allowed,
    "selfsubjectrulesreviews": _rules,
}
