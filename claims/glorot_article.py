"""What the claims of the Glorot article share."""

from bnclaims import Initializer

STANDARD_NORMAL = Initializer("RandomNormal", stddev=1.0)
"""The initialiser that the article sets Glorot's against: N(0, 1)."""
