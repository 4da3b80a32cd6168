"""Sessions of pytest in the process of the test: a tenth of the time that one of its own takes."""

import sys

# A session forgets what it imported itself, and would import this anew each time.
import jinja2  # noqa: F401
import pytest


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Runs pytest where neither TensorFlow nor Keras can be imported."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("tensorflow", "keras"):
            patched.setitem(sys.modules, name, None)
        return pytester.runpytest_inprocess(*arguments)
