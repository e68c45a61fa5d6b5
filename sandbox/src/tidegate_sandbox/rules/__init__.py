"""What a real server writes into, and refuses about, its built-in kinds: defaults, immutable fields, required fields.

Belongs here: one module per family of kinds, pure functions over manifests; `strategy.py` is the only door.
Must not be here: the store, HTTP, custom resources (their rules are their schema's, `structural.py`).
Only what a client notices is covered; docs/sandbox.md lists what is not.
"""
