"""tidegate's router for Traefik.

Belongs here: which entries of a TraefikService are the canary's and stable's, and in which API group it is kept.
Must not: talk to Kubernetes, keep state, know steps or strategies, touch another entry of the list.
"""

from tidegate_traefik.router import Traefik

__all__ = ["Traefik"]
__version__ = "0.1.0"
