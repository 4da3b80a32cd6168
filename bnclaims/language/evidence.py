"""Evidence: a comparison of samples, whose truth value is a group-sequential test.

The rule: reduce each seed to a contrast, and take an interval for its mean whose error is
controlled over all looks. Supported: the interval lies in the claim's region. Refuted: it lies
outside. Otherwise more seeds are trained; undecided at the last look is inconclusive.
See docs/statistics.md.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn, cast

from bnclaims.errors import ClaimError, Inconclusive, NotFiniteError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.language.finding import Better, Finding, Verdict
from bnclaims.language.judgement import chances, explained, found, judged
from bnclaims.language.sample import Part, Runs, Sample
from bnclaims.running.schedule import Request
from bnclaims.statistics.design import Design


class _AnyVerdict(str):
    """What a traced comparison's verdict is: whatever it is compared with, and also not."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __ne__ = __eq__


_ANY = _AnyVerdict("supported")

MOST_COMPARISONS = 1_000
"""After how many a claim that is traced is taken to compare without end."""


@dataclass(frozen=True)
class Measured:
    """A metric of one arm's runs, as a claim names it."""

    name: str
    arguments: str
    """As they were written, as in `diverged=2.3`; '' for none."""
    sample: Sample
    better: Better
    """Which way the metric improves."""
    function: Callable[..., float]
    """What takes it from histories."""

    @property
    def runs(self) -> Runs:
        """Of the arm."""
        return self.sample.sources[0]

    @property
    def compares(self) -> bool:
        """Whether another session's values can be set beside these: times are of a machine."""
        return not self.runs.arm.fresh and self.sample.unit != "s"


Undecided = tuple[int, float]
"""How many seeds it has seen, and how likely a verdict by the last look still is."""


@dataclass
class Trial:
    """What a claim's evidence needs to know: the design, the runs, and how much it asserts.

    While tracing nothing trains and comparisons answer as they are told to, true if they are not,
    so that a claim's arms and the edges of its regions are known before it runs.
    """

    design: Design
    require: Callable[[Sequence[Request]], None]
    load: Callable[[Arm, int], History]
    tracing: bool = False
    edges: int = 0
    """Over how many edges of regions a refutation's alpha is split, as far as traced."""
    supports: int = 1
    """Over how many comparisons a support's alpha is split: those of which one alone would do, as
    in `a < b or c < d`."""
    answers: Sequence[bool] = ()
    """What the first comparisons answer while tracing."""
    answered: list[bool] = field(default_factory=list)
    """What comparisons answered, in the order in which they were first asked for their truth."""
    failing: Container[tuple[bool, ...]] = frozenset()
    """The answers of which the last one makes the body fail, as far as traced."""
    certain: bool = False
    """Whether the body is known to pass whatever its comparisons answer."""
    tell: Callable[[Undecided | None], None] = lambda _: None
    """Told how a comparison stands after each look; None once it goes on no further."""
    named: list[Runs] = field(default_factory=list)
    """The runs that the claim named."""
    measured: list[Measured] = field(default_factory=list)
    """Metrics of one arm's runs that the claim named."""
    evidence: list["Evidence"] = field(default_factory=list)
    """What it compared, in order."""

    def histories(self, runs: Runs, count: int) -> list[History]:
        """Returns the histories of the first seeds, which the store must hold."""
        return [self.load(runs.arm, seed) for seed in runs.seeds(count)]

    def judge(self, *parts: Part) -> "Evidence":
        """Returns the evidence that all parts hold.

        Raises:
            ClaimError: No runs could decide it, it contradicts what was compared before, or
                comparing seems to have no end.
        """
        self.check_end()
        for part in parts:
            part.check()
            self._check_compatible(part)
        evidence = Evidence(parts, self)
        self.evidence.append(evidence)
        return evidence

    def check_end(self) -> None:
        """Refuses a body that compares on and on while it is traced.

        Raises:
            ClaimError: It has made `MOST_COMPARISONS`.
        """
        if self.tracing and len(self.evidence) == MOST_COMPARISONS:
            raise ClaimError(
                f"{MOST_COMPARISONS:,} comparisons, and the claim asks for more: each is taken to "
                "be true when the claim is first read, so a loop that goes on while one is true "
                "never ends; write `for ... in range(...)`"
            )

    def answer(self) -> bool:
        """Returns the next answer while tracing."""
        number = len(self.answered)
        self.answered.append(self.answers[number] if number < len(self.answers) else True)
        return self.answered[-1]

    def _check_compatible(self, part: Part) -> None:
        """Refuses `0.5 < x < 0.1`, which Python hands over one comparison at a time."""
        # The second is made only because the first was asked for its truth, and true.
        for other in (
            p for evidence in self.evidence[-1:] if evidence.held for p in evidence.parts
        ):
            above, below = (other, part) if part.where == "below" else (part, other)
            same = other.contrast.text == part.contrast.text and other.sources == part.sources
            opposite = (above.where, below.where) == ("above", "below")
            # The edges are minus the offsets.
            if same and opposite and -below.contrast.offset <= -above.contrast.offset:
                raise ClaimError(f"{other} and {part}: no mean is both")

    def train_to(self, sources: Sequence[Runs], start: int, stop: int) -> None:
        """Has the runs from one look to the next in the store."""
        requests = [Request(runs.arm, tuple(runs.seeds(stop)[start:])) for runs in sources]
        self.require(requests)


class Evidence:
    """A comparison of samples: true when supported, false when refuted.

    Args:
        parts: What must hold together.
        trial: Where its runs come from.

    Raises:
        Inconclusive: On asking for its truth, when the last look decides neither way.
    """

    def __init__(self, parts: Sequence[Part], trial: Trial) -> None:
        self.parts = tuple(parts)
        self.trial = trial
        self.sources = tuple(dict.fromkeys(runs for part in parts for runs in part.sources))
        self.look: int | None = None
        """The look that was the last one needed, from 0; None while nobody has asked."""
        self.held = False
        """Whether it was asked for its truth, and was true."""
        self._answered = False
        self.left_open = False
        """Whether it was asked for its truth, and had none."""
        self.looked_at = False
        """Whether a trace asked for its verdict instead."""
        self.is_part = False
        """Whether a conjunction has taken it: it has no truth of its own any more."""
        self.chance: float | None = None
        """How likely a verdict by the last look still was at the last look taken; None where it
        was settled, or that was the last look."""
        self.problem = ""
        """Why there is no number to judge, where there is none."""
        self._settled: dict[int, tuple[Verdict, int]] = {}
        """Each part's verdict and the look that gave it, where one did."""

    def __bool__(self) -> bool:
        if self.is_part:
            raise ClaimError(f"{self.named} is part of a conjunction already: assert that")
        if self.trial.tracing:
            # Whoever asks twice, as `assert a or b` does, gets the same answer.
            if not self._answered:
                self.held, self._answered = self.trial.answer(), True
        elif self.verdict == "inconclusive":
            self.left_open = True
            raise Inconclusive(str(self))
        elif not self._answered:
            self.held, self._answered = self.verdict == "supported", True
            self.trial.answered.append(self.held)
        return self.held

    def _combined(self, *_: object) -> NoReturn:
        raise TypeError(
            "assert evidence as it is: all_of(a < b, c < d) says that both hold, `not a < b` that "
            "it does not; == compares verdicts, as in (a < b).verdict == 'refuted'"
        )

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = _combined
    __lt__ = __le__ = __gt__ = __ge__ = _combined
    __eq__ = __ne__ = _combined
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Evidence: {self}>"

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        last = self.trial.design.looks[-1]
        lines = [explained(finding, last) for finding in self.findings]
        return "\n".join([*lines, *self._stopped]) or "not decided"

    @property
    def _stopped(self) -> list[str]:
        """Returns why it stopped before the last look, where it did."""
        if self.look is None or self.chance is None:
            return []
        design = self.trial.design
        seeds = f"{design.looks[self.look]} of {design.looks[-1]} seeds"
        left = f"a verdict by the last look has a chance of {self.chance:.0%}"
        return [f"  stopped for futility after {seeds}: {left}, below {design.futility:.0%}"]

    @property
    def named(self) -> str:
        """What it compares."""
        return " and ".join(map(str, self.parts))

    @property
    def verdict(self) -> Verdict:
        """The verdict. Asking for it trains what the design needs, once."""
        if self.trial.tracing:
            self.looked_at = True
            return cast(Verdict, _ANY)
        if self.look is None:
            self._decide()
        if self.is_refuted:
            return "refuted"
        return "supported" if len(self._settled) == len(self.parts) else "inconclusive"

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What each part came to; empty while undecided, and where there is a problem."""
        if self.look is None or self.problem:
            return ()
        undecided: tuple[Verdict, int] = ("inconclusive", self.look)
        support, refute = self._designs
        return tuple(
            found(part, *self._settled.get(number, undecided), support, refute)
            for number, part in enumerate(self.parts)
        )

    def _decide(self) -> None:
        try:
            self._look_on()
        finally:
            self.trial.tell(None)

    def _look_on(self) -> None:
        """Looks until it is settled, hopeless, or out of looks."""
        looks = self.trial.design.looks
        support, refute = self._designs
        for look, (start, stop) in enumerate(zip((0, *looks), looks, strict=False)):
            self.trial.train_to(self.sources, start, stop)
            self.look = look
            try:
                verdicts = [judged(part, look, support, refute) for part in self.parts]
            except NotFiniteError as error:
                self.problem = str(error)
                return
            # A boundary once crossed stays crossed: that is what the alpha was spent on.
            for number, verdict in enumerate(verdicts):
                if verdict != "inconclusive":
                    self._settled.setdefault(number, (verdict, look))
            self.chance = self._chance(look)
            if self.chance is None or self.chance < self.trial.design.futility:
                return
            self.trial.tell((stop, self.chance))

    def _chance(self, look: int) -> float | None:
        """Returns how likely a verdict still is, at most; None where no look is to come."""
        settled = self.is_refuted or len(self._settled) == len(self.parts)
        if settled or look == len(self.trial.design.looks) - 1:
            return None
        pending = [part for i, part in enumerate(self.parts) if i not in self._settled]
        both = [chances(part, look, *self._designs) for part in pending]
        chance = min(supported for supported, _ in both) + sum(refuted for _, refuted in both)
        return min(1.0, chance)

    @property
    def is_refuted(self) -> bool:
        """Says whether an edge has been crossed, as far as anybody has asked."""
        return any(verdict == "refuted" for verdict, _ in self._settled.values())

    @property
    def edges(self) -> int:
        """How many edges its regions have: crossing any of them refutes."""
        return sum(part.edges for part in self.parts)

    @cached_property
    def _designs(self) -> tuple[Design, Design]:
        """The design of supporting, and that of refuting at each edge with its share of alpha."""
        design = self.trial.design
        # A trace that ended early knows of fewer edges than the body has come to compare.
        met = sum(evidence.edges for evidence in self.trial.evidence)
        edges = max(self.trial.edges, met, self.edges)
        alpha = design.alpha
        return design.with_alpha(alpha / self.trial.supports), design.with_alpha(alpha / edges)
