"""What the claims of the Glorot article share.

The article is day 19, on Glorot initialisation, of the series "30天深度學習-從零到英雄" in the 2023
contest of iT邦幫忙 (iThome), in Chinese. Day 18, before it, is on weights from N(0, 1). It came
to us without an address.
"""

from bnclaims import Initializer

GLOROT_ARTICLE = "Glorot article (30天深度學習-從零到英雄 day 19)"
"""How a claim names the article: up to the first comma, a source is the work that it is from."""

STANDARD_NORMAL = Initializer("RandomNormal", stddev=1.0)
"""The initialiser that the article sets Glorot's against: N(0, 1)."""
