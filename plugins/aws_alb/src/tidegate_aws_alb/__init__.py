"""tidegate's router for AWS load balancers, through the Ingresses of the AWS Load Balancer Controller.

Belongs here: the action, condition and bookkeeping annotations of an Ingress, the paths of header routes, and reading
back from AWS whether a weight is in force (`aws`).
Must not: talk to Kubernetes, ask AWS while verification is off, know steps or strategies.
"""

from tidegate_aws_alb.router import Alb

__all__ = ["Alb"]
__version__ = "0.1.0"
