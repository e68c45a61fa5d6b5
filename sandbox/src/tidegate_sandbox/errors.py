"""Every error of the sandbox.

SandboxError
+- ApiError                 an answer of the API server that is not a success; carries code and reason
   +- NotFound              404
   |  +- NoSuchPath         404 of a path that no kind is served at
   +- AlreadyExists         409 on create
   +- Conflict              409 on a stale resourceVersion or a failed precondition
   +- Invalid               422, with causes
   +- BadRequest            400
   +- Gone                  410, the resourceVersion is too old
   +- Forbidden             403
   +- MethodNotAllowed      405
   +- UnsupportedMediaType  415
   +- NotAcceptable         406
   +- TooManyRequests       429, may carry Retry-After
   +- Timeout               504, a resourceVersion of the future
   +- ServerFault           any 5xx that a test asked for
+- StartError               the sandbox cannot start: port in use, no such manifest
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class SandboxError(Exception):
    """Anything that goes wrong in the sandbox on purpose."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason of an `Invalid` answer: `field` is a path such as `spec.replicas`, `reason` a Kubernetes cause type."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class ApiError(SandboxError):
    """A Kubernetes Status answer; `causes` and `details` go into `status.details`."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, name: str = "", kind: str = "", causes: tuple[Cause, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.name, self.kind, self.causes = message, name, kind, causes


class NotFound(ApiError):
    code, reason = 404, "NotFound"


class NoSuchPath(NotFound):
    """Nothing at all is served at a path; a real server answers in plain text, which clients word themselves."""


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    code, reason = 409, "Conflict"


class Invalid(ApiError):
    code, reason = 422, "Invalid"


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Gone(ApiError):
    code, reason = 410, "Expired"


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"

    def __init__(
        self, message: str, *, name: str = "", kind: str = "", causes: tuple[Cause, ...] = (), retry_after_s: int = 0
    ) -> None:
        """`retry_after_s` 0 sends no Retry-After header."""
        super().__init__(message, name=name, kind=kind, causes=causes)
        self.retry_after_s = retry_after_s


class Timeout(ApiError):
    """Answered with Retry-After 1, as a real server does for a resourceVersion of the future."""

    code, reason = 504, "Timeout"
    retry_after_s = 1


class ServerFault(ApiError):
    """A 5xx that was asked for (`faults.py`); `code` is that of the instance."""

    def __init__(self, message: str, code: int = 500) -> None:
        super().__init__(message)
        reasons = {500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
        self.status = code
        self.status_reason = reasons.get(code, "InternalError")


class StartError(SandboxError):
    """The sandbox cannot start or read what it was given; the message says what to do."""
