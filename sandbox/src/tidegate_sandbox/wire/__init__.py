"""What Kubernetes clients and the API server say to one another, as pure functions.

Belongs here: schemas of kinds, patch formats, field ownership, OpenAPI documents, server-side tables, protobuf bodies.
Manifests go in as plain dicts and come out as new ones; nothing here edits its arguments.
Must not be here: HTTP, the store, time (callers pass `now`), any rule of a simulated controller.

Imports run schemas -> patches; schemas -> field_sets -> merging, ownership -> apply; schemas -> openapi; tables and
protobuf stand alone.
"""
