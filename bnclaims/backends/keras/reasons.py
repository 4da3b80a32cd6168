"""Reasons: what an error that came through Keras says, in a line for the user."""

import re

from bnclaims.tracebacks import place

_IN_BOLD = re.compile(r"\x1b\[[0-9;]*m")
_CALLING = re.compile(r"Exception encountered when calling (.*)\.")
"""What Keras puts before an error that a layer's `call` raised."""
_INFERRING = "Could not automatically infer the output shape / dtype of"
"""What it puts before one that it met where it calls a model to learn of its shapes."""
_NOISE = (_INFERRING, "Detected at", "Graph execution", "Stack trace", "File", "[[", "{{", "^")
"""How lines begin that say where in a graph something is, or no more than that something failed."""
_LONGEST = 500


def reason(error: BaseException) -> str:
    """Returns what an error says, in which layer's call and where in the user's code, if in any.

    Keras words an error anew for each layer that it comes through: the one behind is told.
    """
    first, called = _behind(error)
    said = _said(first)
    found = place(first) or place(error)
    layer = f"{called}: " if called else ""
    return f"{layer}{said.rstrip('.')}, at {found}" if found else f"{layer}{said}"


def _behind(error: BaseException) -> tuple[BaseException, str]:
    """Returns the error that Keras met when it worded this one, and the innermost layer's call."""
    called = ""
    while behind := _met_before(error):
        if match := _CALLING.match(_plain(error)):
            called = match[1]
        error = behind
    return error, called


def _met_before(error: BaseException) -> BaseException | None:
    """Returns what an error words anew; None where it is the first."""
    is_anew = _CALLING.match(_plain(error)) or _plain(error).startswith(_INFERRING)
    return error.__context__ if is_anew else _of_jax(error)


def _of_jax(error: BaseException) -> BaseException | None:
    """Returns the error of JAX's that another of its own or of Keras's stands for, if there is."""
    behind = None if type(error).__module__.startswith("jax") else error.__context__
    while behind and not type(behind).__module__.startswith("jax"):
        behind = behind.__context__
    return behind


def _said(error: BaseException) -> str:
    """Returns the first line that says something."""
    lines = [line.strip() for line in _plain(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(_NOISE)]
    if len(kept) > 1 and (called := _CALLING.fullmatch(kept[0])):
        kept = [f"{called[1]}: {kept[1]}"]
    return (kept or lines or [type(error).__name__])[0][:_LONGEST]


def _plain(error: BaseException) -> str:
    """Returns an error's words without colours; of a missing key, that it is one."""
    text = str(error)
    if isinstance(error, KeyError) and error.args:
        said = str(error.args[0])
        text = said if "\n" in said else f"KeyError: {text}"
    return _IN_BOLD.sub("", text)
