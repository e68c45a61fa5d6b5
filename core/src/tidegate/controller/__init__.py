"""L4: the controller process: flags, signals, wiring. No rule of a rollout."""
