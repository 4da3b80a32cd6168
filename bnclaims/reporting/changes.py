"""What changed from one report to the next."""

from collections.abc import Mapping
from dataclasses import dataclass

from bnclaims.reporting.results import Results
from bnclaims.reporting.terminal import numbers_text

ABSENT = "absent"
"""Stands for what one of the reports does not have."""


@dataclass(frozen=True)
class Change:
    """What a claim came to in two reports that do not agree on it."""

    id: str
    before: str
    """The older verdict, `error`, or `absent`."""
    after: str
    """The newer."""
    was: str
    """The older deciding numbers, with what is claimed; '' where there are none."""
    now: str
    """The newer."""

    @property
    def of_verdict(self) -> bool:
        """Whether the verdict is another, not only its numbers."""
        return self.before != self.after

    @property
    def flipped(self) -> bool:
        """Whether the claim was decided in both reports, and is decided otherwise now."""
        return self.of_verdict and not {"error", ABSENT} & {self.before, self.after}


def changes(old: Results, new: Results) -> list[Change]:
    """Returns what changed, other verdicts before other numbers, each sorted by the claims' ids."""
    before, after = _verdicts(old), _verdicts(new)
    nothing = (ABSENT, "")
    found = [
        Change(name, was[0], now[0], was[1], now[1])
        for name in sorted(before.keys() | after.keys())
        if (was := before.get(name, nothing)) != (now := after.get(name, nothing))
    ]
    return sorted(found, key=lambda change: not change.of_verdict)


def incomparable(old: Results, new: Results) -> list[str]:
    """Returns why verdicts may differ though training is as it was: other protocol, other data."""
    return _different(_conditions(old, new), _conditions(new, old))


def other_versions(old: Results, new: Results) -> list[str]:
    """Returns which packages have other versions: `keras: 3.5 -> 3.6`."""
    return _different(old.versions, new.versions)


def _different(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {was} -> {now}"
        for name in {**old, **new}
        if (was := old.get(name, ABSENT)) != (now := new.get(name, ABSENT))
    ]


def _conditions(results: Results, other: Results) -> dict[str, str]:
    """Returns what verdicts depend on; of the data, those of claims that both have judged."""
    protocol, shared = results.protocol, {claim.id for claim in other.claims}
    claims = [claim for claim in results.claims if claim.id in shared and claim.data != "none"]
    data = sorted({claim.data_name for claim in claims})
    return {
        "protocol": f"{protocol.name}, {protocol.size}",
        "data": " and ".join(data) or ABSENT,
        "alpha": f"{results.design.alpha:g}",
    }


def _verdicts(results: Results) -> dict[str, tuple[str, str]]:
    """Returns each claim's verdict and its deciding numbers."""
    decided: dict[str, tuple[str, str]] = {
        claim.id: (claim.verdict, numbers_text(claim.deciding) if claim.deciding else "")
        for claim in results.claims
    }
    return decided | {error.id: ("error", "") for error in results.errors}
