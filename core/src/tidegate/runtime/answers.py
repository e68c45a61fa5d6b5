"""What the API server's answers mean: one exception type for each thing a caller may want to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidegate.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    Rejected,
    TooManyRequests,
    Transient,
)
from tidegate.runtime.kinds import Address

# The cause of a 429 that a PodDisruptionBudget makes, and the `reason` of the exception for it: an overloaded server
# answers 429 too, and the two must not be taken for one another.
DISRUPTION_BUDGET = "DisruptionBudget"

# A body that is no Status (a proxy's HTML page, say) is quoted up to this many characters.
LONGEST_QUOTE = 200


def error_of(verb: str, target: Address, code: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """The exception for an answer that is no success. The message names verb, object, code and the server's words."""
    status = _status(body)
    reason = str(status.get("reason") or "")
    causes = [cause for cause in (status.get("details") or {}).get("causes") or [] if isinstance(cause, dict)]
    budgets = [str(cause.get("message") or "") for cause in causes if cause.get("reason") == DISRUPTION_BUDGET]
    words = str(status.get("message") or "") or body.decode(errors="replace")[:LONGEST_QUOTE].strip() or "no message"
    text = " ".join([f"{verb} {target}: {code} {reason}".rstrip() + f": {words}", *budgets])
    return _typed(text, code, DISRUPTION_BUDGET if budgets else reason, headers)


def error_in_watch(target: Address, status: Mapping[str, Any]) -> ApiError:
    """The exception for an `ERROR` event: a Status inside the stream of a watch."""
    code, reason = int(status.get("code") or 500), str(status.get("reason") or "")
    return _typed(f"watch {target}: {code} {reason}: {status.get('message', '')}", code, reason, {})


def _typed(message: str, code: int, reason: str, headers: Mapping[str, str]) -> ApiError:
    match code:
        case 401:
            return Forbidden(f"{message}; the credentials are not accepted", code=code, reason=reason)
        case 403:
            return Forbidden(message, code=code, reason=reason)
        case 404:
            return NotFound(message, code=code, reason=reason)
        case 409 if reason == "AlreadyExists":
            return AlreadyExists(message, code=code, reason=reason)
        case 409:
            return Conflict(message, code=code, reason=reason)
        case 410:
            return Gone(message, code=code, reason=reason)
        case 429:
            return TooManyRequests(message, after_s=_retry_after_s(headers), reason=reason or "TooManyRequests")
        case _ if 400 <= code < 500:
            return Rejected(message, code=code, reason=reason)
        case _:
            return Transient(message, code=code, reason=reason)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Kubernetes writes Retry-After in whole seconds; 1 where it is absent or in another form."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 1.0


def _status(body: bytes) -> dict[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {}
