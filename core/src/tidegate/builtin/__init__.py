"""Plugins that need only Kubernetes. Registered like any other plugin, by an entry point.

Belongs here: providers and routers without a third party, which import `tidegate.hooks` alone.
Must not: anything that the core would have to know by name.
"""
