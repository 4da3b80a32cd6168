"""What a claim came to outside pytest, for a console, a notebook and Python."""

import importlib.util
import textwrap
from dataclasses import dataclass, fields
from typing import Any, NoReturn, Self

from bnclaims.reporting import page, plots, terminal
from bnclaims.reporting.results import ClaimResult, Outcome

_WIDTH = 80


@dataclass(frozen=True, repr=False)
class Verification(ClaimResult):
    """What `verify` returns: the verdict, and everything that it rests on.

    The numbers are those of the deciding finding, the first of `findings`. An exact claim, which
    compares no runs, has none.
    """

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Returns an outcome by itself: without other claims there is no correction for them."""
        values = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        return cls(**values, holm_p=None, fdr=None)

    @property
    def estimate(self) -> float | None:
        """The mean of what was compared, or the share of the seeds that hold."""
        return self.deciding.estimate if self.deciding else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its interval, which holds over all looks; infinite where it is unbounded."""
        return self.deciding.ends if self.deciding else None

    @property
    def p(self) -> float | None:
        """The p adjusted for repeated looks; None also where all seeds gave the same value."""
        return self.deciding.p if self.deciding else None

    @property
    def seeds(self) -> int:
        """How many seeds decided it; 0 for an exact claim."""
        return self.deciding.seeds if self.deciding else 0

    def plot(self) -> Any:
        """Draws the deciding number seed by seed, and the learning curves of the arms.

        Returns:
            A `matplotlib.figure.Figure`, which a notebook shows.

        Raises:
            ImportError: Matplotlib is not installed.
            ValueError: The claim compares no runs.
        """
        if importlib.util.find_spec("matplotlib") is None:
            raise ImportError("plot() needs Matplotlib: run `pip install 'bnclaims[figures]'`")
        if not self.findings:
            raise ValueError(f"{self.id} compares no runs, so there is nothing to draw")
        return plots.claim_figure(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a verification is neither true nor false: ask for its verdict, or whether it is "
            "as_expected"
        )

    def __repr__(self) -> str:
        return f"<Verification: {' '.join(' '.join(terminal.row(self)).split())}>"

    def __str__(self) -> str:
        said = [self.statement, *page.in_words(self), f"Source: {self.source}."]
        if not self.as_expected:
            said.append(f"Expected: {self.expected}.")
        elif self.because and self.verdict != "supported":
            said.append(f"Expected, because: {self.because}.")
        lines = [line for text in said for line in textwrap.wrap(text, _WIDTH)]
        note = f"{self.protocol} protocol, {self.data_note}"  # its path stays whole, to be copied
        return "\n".join([*terminal.row(self, _WIDTH), *lines, note])

    def _repr_html_(self) -> str:
        return page.section(self)
