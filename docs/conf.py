"""Configuration of the documentation site; `make docs` builds it."""

from importlib import metadata

import bnclaims

project = "bnclaims"
author = "The bnclaims authors"
project_copyright = f"2026, {author}"
version = release = metadata.version("bnclaims")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"bnclaims {release}"

autodoc_default_options = {"members": True, "special-members": "__call__"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

SECTIONS = {
    "bnclaims.experiment": "arms",
    "bnclaims.language.builtin_metrics": "metrics",
    "bnclaims.language.metric": "metrics",
    "bnclaims.language.shapes": "comparisons",
}
"""Where api.md shows what a module defines; the rest is about claims themselves."""


def section(name: str) -> str:
    """Returns the section of api.md that a public name belongs to."""
    value = getattr(bnclaims, name)
    if isinstance(value, type) and issubclass(value, Exception):
        return "errors"
    module = getattr(value, "__module__", "")
    return next((said for start, said in SECTIONS.items() if module.startswith(start)), "claims")


def directive(name: str) -> str:
    """Returns the directive that documents a public name from its docstring."""
    value = getattr(bnclaims, name)
    if not callable(value):
        return f".. py:data:: bnclaims.{name}\n   :value: {value}"
    if isinstance(value, type):
        kind = "autoexception" if issubclass(value, Exception) else "autoclass"
    else:
        kind = "autofunction"
    return f".. {kind}:: bnclaims.{name}"


def documented(wanted: str) -> str:
    """Returns a section of api.md."""
    names = [name for name in bnclaims.__all__ if section(name) == wanted]
    return "\n\n".join(["```{eval-rst}", *map(directive, names), "```"])


myst_heading_anchors = 3
myst_enable_extensions = ["substitution"]
myst_substitutions = {
    wanted: documented(wanted) for wanted in ("claims", "arms", "comparisons", "metrics", "errors")
}
