"""Plugins that need only Kubernetes. Registered like any other plugin; none yet."""
