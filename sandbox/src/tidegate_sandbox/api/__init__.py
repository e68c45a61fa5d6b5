"""The Kubernetes API over HTTP: an ASGI application over one registry.

Belongs here: paths, query parameters, media types, status answers, watch streams; each module one kind of request.
Must not be here: rules of kinds (`registry.py` and below), patch formats, tables and OpenAPI (`wire/`), faults' choice.

call -> reads, writes, subresources, evictions, reviews, watches -> endpoint -> app; discovery stands alone.
"""
