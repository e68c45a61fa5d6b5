"""How a router may refuse: the errors that carry a reason."""

from __future__ import annotations

from tidegate.errors import ApiError, OwnershipError, Pending, Retry, SpecError

REASONED = (SpecError, ApiError, OwnershipError, Pending, Retry)
