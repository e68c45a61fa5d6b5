"""tidegate's router for Ambassador and Emissary-ingress.

Belongs here: what the canary of a Mapping looks like, whose it is, and how long it stays at weight 0 before it goes.
Must not: talk to Kubernetes, keep state, know steps or strategies, write to a Mapping of the user's.
"""

from tidegate_ambassador.router import Ambassador

__all__ = ["Ambassador"]
__version__ = "0.1.0"
