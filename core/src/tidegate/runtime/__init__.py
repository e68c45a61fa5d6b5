"""L3: the world. Kubernetes, threads, time and the queue; how each action is performed.

Must not: know why an action was chosen, or any provider. Only `transport.py` imports the Kubernetes client.
"""
