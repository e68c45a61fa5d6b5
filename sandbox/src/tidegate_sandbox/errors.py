"""Every error of the sandbox.

SandboxError
+- ApiError                 an answer of the API server that is not a success; carries code and reason
   +- NotFound              404
   +- AlreadyExists         409 on create
   +- Conflict              409 on a stale resourceVersion or a failed precondition
   +- Invalid               422, with causes
   +- BadRequest            400
   +- Gone                  410, the resourceVersion is too old
   +- Forbidden             403
   +- MethodNotAllowed      405
   +- UnsupportedMediaType  415
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
