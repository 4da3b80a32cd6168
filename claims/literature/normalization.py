"""The normalization layers of the papers: Keras's own, ghost batches, and noise behind BN."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops


class GhostBatchNormalization(layers.BatchNormalization):
    """BN over parts of a batch, each by its own statistics.

    Source: Hoffer, Hubara & Soudry 2017, algorithm 1. There the moving averages take one part after
    the other; here they take the parts' mean.

    Args:
        ghost_size: Examples of a part, a divisor of the batch size.
    """

    def __init__(self, ghost_size: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.ghost_size = ghost_size

    def get_config(self) -> dict[str, Any]:
        """As every Keras layer's."""
        return super().get_config() | {"ghost_size": self.ghost_size}

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalizes by parts in training, by the moving averages else."""
        if not training:
            return super().call(inputs, training=False, mask=mask)
        parts = ops.reshape(inputs, (-1, self.ghost_size, inputs.shape[-1]))
        mean, variance = ops.moments(parts, axes=1, keepdims=True)
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * ops.mean(now, axis=(0, 1)))
        normalized = (parts - mean) * ops.rsqrt(variance + self.epsilon)
        return ops.reshape(normalized * self.gamma + self.beta, ops.shape(inputs))


class NoisyBatchNormalization(layers.BatchNormalization):
    """BN with noise behind it whose distribution shifts from step to step.

    Each unit's noise has a mean and a deviation that are drawn anew in each step; each example's
    output is stretched and moved by noise of that distribution. Evaluation has none.

    Source: Santurkar et al. 2018, section 2.1 and appendix; the sizes are from memory.

    Args:
        mean: The mean is drawn from -mean to mean, in deviations of the normalized output.
        deviation: The deviation is drawn from 1 to this.
        spread: How far an example's noise is from its unit's.
    """

    def __init__(
        self, mean: float = 0.5, deviation: float = 1.25, spread: float = 0.1, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self.mean, self.deviation, self.spread = mean, deviation, spread
        self.seed_generator = keras.random.SeedGenerator()

    def get_config(self) -> dict[str, Any]:
        """As every Keras layer's."""
        ours = {"mean": self.mean, "deviation": self.deviation, "spread": self.spread}
        return super().get_config() | ours

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalizes, and in training adds the noise."""
        outputs = super().call(inputs, training=training, mask=mask)
        if not training:
            return outputs
        units, each = (inputs.shape[-1],), ops.shape(inputs)
        mean = self._uniform(units, -self.mean, self.mean)
        deviation = self._uniform(units, 1.0, self.deviation)
        moved = mean + self._uniform(each, -self.spread, self.spread)
        stretched = deviation + self.spread * keras.random.normal(each, seed=self.seed_generator)
        return stretched * outputs + moved

    def _uniform(self, shape: Any, low: float, high: float) -> Any:
        return keras.random.uniform(shape, low, high, seed=self.seed_generator)


_KINDS: dict[str, Callable[..., Any]] = {
    "batch": layers.BatchNormalization,
    "layer": layers.LayerNormalization,
    "group": lambda: layers.GroupNormalization(groups=8),
    "ghost": GhostBatchNormalization,
    "noisy": NoisyBatchNormalization,
}


def layer(kind: str, **arguments: Any) -> Any:
    """Returns a new normalization layer."""
    return _KINDS[kind](**arguments)
