"""L4: the `tidegate` command. Knows argv and the terminal; no rule of a rollout."""
