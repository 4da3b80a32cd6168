"""How the BN article trains, and the same within minutes: the protocols of this catalogue.

The claims of the other article, which trains nothing, are trained in the same way.
"""

from bnclaims import Optimizer, TrainingProtocol

SGD = Optimizer("SGD", learning_rate=0.01, momentum=0.9, nesterov=True)

# The article's categorical cross-entropy, for labels that are numbers.
LOSS = "sparse_categorical_crossentropy"

QUICK = TrainingProtocol("quick", images=10_000, epochs=6, batch_size=128, optimizer=SGD, loss=LOSS)
ARTICLE = TrainingProtocol(
    "article", images=60_000, epochs=10, batch_size=128, optimizer=SGD, loss=LOSS
)
PROTOCOLS = {protocol.name: protocol for protocol in (QUICK, ARTICLE)}
