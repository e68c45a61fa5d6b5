"""L2: the plugin contract, and who answers it.

Belongs here: the base classes that are the hook specifications, their value types, the loader, the typed facade and the
unit of work over copies of objects.
Must not: HTTP, watches, threads, any strategy.
"""
