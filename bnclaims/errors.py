"""Every error of this package, under one class.

```
BnclaimsError
├── ArmError            (RuntimeError)  an arm cannot be trained as it is
├── DataError           (ValueError)    data cannot be used
├── DescriptionError    (TypeError)     a value cannot be part of an arm's digest
├── StoreError          (ValueError)    a stored run cannot be used
├── ClusterError        (RuntimeError)  a cluster cannot be reached, or trains something else
├── ClaimError          (ValueError)    no evidence could decide a comparison
├── NotFiniteError      (ValueError)    a metric has no value for some run
├── Inconclusive                        a verdict: the evidence decides neither way
├── ResultsError        (ValueError)    a file holds no results that can be read
├── MarkerError         (ValueError)    a page lacks the place for generated text
└── CommandError                        a command cannot do what was asked
```

In brackets is the built-in class that an error also belongs to. An argument of a wrong type raises
a plain `TypeError`, one out of range a plain `ValueError`.
"""


class BnclaimsError(Exception):
    """What this package raises; catches all of it."""


class ArmError(BnclaimsError, RuntimeError):
    """An arm cannot be trained as it is: the message names it and says why."""


class DataError(BnclaimsError, ValueError):
    """Data that cannot be used: one line with the place, what was expected and what to do."""


class DescriptionError(BnclaimsError, TypeError):
    """A value cannot be described, so that runs that depend on it could not be told apart."""


class StoreError(BnclaimsError, ValueError):
    """A stored run cannot be used: it is damaged, or the run of another arm or seed."""


class ClusterError(BnclaimsError, RuntimeError):
    """A cluster cannot be reached, was lost, or would train something else than this machine."""


class ClaimError(BnclaimsError, ValueError):
    """A comparison that no evidence could decide, or that says something else than it seems to."""


class NotFiniteError(BnclaimsError, ValueError):
    """A metric met a run that diverged, so that its sample has no value there."""


class Inconclusive(BnclaimsError):  # noqa: N818  (a verdict, not a mistake)
    """The evidence decides neither way at the last look; the message says what it would take."""


class ResultsError(BnclaimsError, ValueError):
    """A file holds no results that can be read; the message names it, and the place in it."""


class MarkerError(BnclaimsError, ValueError):
    """A page lacks the place that generated text goes to; the message says what to write."""


class CommandError(BnclaimsError):
    """What the user asked for cannot be done; the message says why, and what to do."""
