"""Sessions of pytest in the process of the test: a tenth of the time that one of its own takes."""

import sys

# Pytester drops what a session imported, but C extensions cannot be imported twice.
import jinja2  # noqa: F401
import numpy.fft
import numpy.linalg
import numpy.random  # noqa: F401
import pytest
import scipy.special  # noqa: F401

# An installed plugin's assertions would be rewritten; here it is imported already.
_KNOWN = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")


HEARS_SIGINT = "signal.signal(signal.SIGINT, signal.default_int_handler)"
"""Makes a process hear Ctrl-C: what a shell starts in the background ignores it."""

HEARS_SIGHUP = "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
"""Makes a process hear that its terminal is closed: what `nohup` starts ignores it."""

HEARING = f"import signal, sys, pytest; {HEARS_SIGINT}; sys.exit(pytest.main())"
"""A script that is pytest, and hears Ctrl-C."""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Runs pytest where neither TensorFlow nor Keras can be imported."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("tensorflow", "keras"):
            patched.setitem(sys.modules, name, None)
        return pytester.runpytest_inprocess(*_KNOWN, *arguments)
