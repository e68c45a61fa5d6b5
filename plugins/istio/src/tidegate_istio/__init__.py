"""tidegate's router for Istio.

Belongs here: which routes of a VirtualService carry weights, what managed routes look like, which labels of a
DestinationRule are ours.
Must not: talk to Kubernetes, keep state, know steps or strategies, touch a field that others own.
"""

from tidegate_istio.router import Istio

__all__ = ["Istio"]
__version__ = "0.1.0"
