"""L0: field names, defaults and wire shapes of the kinds that tidegate serves.

Belongs here: what an object looks like on the wire and how a value in it is read.
Must not: any behaviour of a rollout, any I/O, any provider's name beyond the wire field it is spelled with.
"""
