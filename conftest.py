"""Settings of hypothesis for every test: what a busy machine does to the clock is no finding."""

from hypothesis import HealthCheck, settings

settings.register_profile("tidegate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tidegate")
