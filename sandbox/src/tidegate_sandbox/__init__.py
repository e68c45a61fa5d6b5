"""A Kubernetes control plane in one process, with simulated workloads, a virtual clock and a real data plane."""

__version__ = "0.1.0"
