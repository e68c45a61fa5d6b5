"""A traffic router for HTTPProxy objects: how one carries weights and header routes, and nothing else."""
