"""tidegate's router for the Service Mesh Interface.

Belongs here: what a TrafficSplit looks like in each version of the specification, and whose it is.
Must not: talk to Kubernetes, keep state, know steps or strategies, know one mesh.
"""

from tidegate_smi.router import Smi

__all__ = ["Smi"]
__version__ = "0.1.0"
