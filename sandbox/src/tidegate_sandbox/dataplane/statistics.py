"""How far a measured share may lie from the configured one when each request is an independent draw.

Envoy, NGINX and the fallback proxy draw for each request, so the number of requests a version gets is binomial; a fixed
tolerance is either blind or flaky.
"""

from __future__ import annotations

from math import sqrt

SIGMAS = 4.0
"""Half the width of the band in standard deviations: about one false alarm in 16,000 comparisons."""


def band(share: float, requests: int, sigmas: float = SIGMAS) -> float:
    """Half the width of the band around `share` (0 to 1) for a sample of `requests`.

    It is a normal approximation: below about ten expected hits (or misses) the true tails are fatter.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share} is not between 0 and 1; hand in weight / total")
    if requests <= 0:
        raise ValueError(f"no band for a sample of {requests} requests; wait for the first answer")
    return sigmas * sqrt(share * (1.0 - share) / requests)


def within(share: float, hits: int, requests: int, sigmas: float = SIGMAS) -> bool:
    """Whether `hits` of `requests` agree with `share`: 0 and 1 leave no room, an empty sample agrees with nothing."""
    if requests <= 0:
        return False
    # A billionth takes up the rounding of the floats; it lets no whole request through.
    return abs(hits - share * requests) <= band(share, requests, sigmas) * requests + 1e-9 * requests


def needed(share: float, half_width: float, sigmas: float = SIGMAS) -> int:
    """How many requests make the band around `share` at most `half_width` wide on each side; at least 1."""
    if half_width <= 0:
        raise ValueError(f"half width {half_width} is not positive; ask for a share such as 0.02")
    return max(1, round(sigmas**2 * share * (1.0 - share) / half_width**2 + 0.5))
