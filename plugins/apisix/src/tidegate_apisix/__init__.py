"""tidegate's router for Apache APISIX.

Belongs here: where an ApisixRoute keeps its weights, and what an ApisixRoute for a header looks like.
Must not: talk to Kubernetes, keep state, know steps or strategies, edit a rule that the config does not name.
"""

from tidegate_apisix.router import Apisix

__all__ = ["Apisix"]
__version__ = "0.1.0"
