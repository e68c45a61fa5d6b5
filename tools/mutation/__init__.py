"""Mutation of the machine: which places can be changed, and whether the tests notice. `tools/mutants.py` is the door."""
