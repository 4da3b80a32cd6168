"""Makes `pytest claims/` work in a checkout that is not installed."""

pytest_plugins = ["bnclaims.plugin"]
