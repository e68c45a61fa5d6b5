"""L1: pure judgement. Every rule of a rollout is in here and nothing else is.

Belongs here: functions from what was seen to what should be done.
Must not: clock, randomness, logging, I/O, pluggy, a provider's name.
"""
