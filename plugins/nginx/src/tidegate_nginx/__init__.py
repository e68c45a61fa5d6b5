"""tidegate's router for ingress-nginx.

Belongs here: what a canary Ingress looks like, which annotations are ours, which values are refused.
Must not: talk to Kubernetes, keep state, know steps or strategies.
"""

from tidegate_nginx.router import Nginx

__all__ = ["Nginx"]
__version__ = "0.1.0"
