"""What every test runs under."""

from __future__ import annotations

from hypothesis import settings

# Nothing here is timed: a busy machine must not fail a test of behaviour.
settings.register_profile("studyscope", deadline=None)
settings.load_profile("studyscope")
