"""Real requests through a sandbox, and a Rollout that walks behind each router.

Belongs here: the routers with what each can do, the town that stands up for a test, the journal of what was written.
Must not: a word about one router outside of `shops.py`; a rule of a rollout.
"""
