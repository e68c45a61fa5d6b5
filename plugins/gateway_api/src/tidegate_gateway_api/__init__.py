"""tidegate's router for the Kubernetes Gateway API.

Belongs here: which rules of a route are split, what a header or mirror rule looks like, what a parent's status says.
Must not: talk to Kubernetes, keep state, know steps or strategies, know one implementation of the API.
"""

from tidegate_gateway_api.router import GatewayApi

__all__ = ["GatewayApi"]
__version__ = "0.1.0"
