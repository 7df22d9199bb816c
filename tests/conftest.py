"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# A busy machine is no fault of what is tested: how long an example takes is measured in bench/ alone.
settings.register_profile("suture", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suture")
