"""The cluster that a session's runs train on: one that is there, or one for this session."""

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bnclaims.errors import ClusterError
from bnclaims.experiment.arm import Arm
from bnclaims.running.pool import Pool
from bnclaims.session.options import Settings, cores

LOCAL = "local"
"""What `--claims-scheduler` calls a cluster of this machine's, for this session only."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster that answers."""

    address: str
    """Of its scheduler, or its scheduler file."""
    note: str
    """What it has, in a line."""


def reached(scheduler: str, ending: ExitStack) -> Cluster:
    """Returns the cluster that `--claims-scheduler` names.

    Args:
        scheduler: Its value.
        ending: Ends what is started here.

    Raises:
        ClusterError: No scheduler answers, or Dask is not installed.
    """
    try:
        from bnclaims.backends.dask import pool
    except ModuleNotFoundError:
        raise ClusterError("Dask is not installed: run `pip install 'bnclaims[dask]'`") from None
    address = ending.enter_context(pool.local(cores())) if scheduler == LOCAL else scheduler
    return Cluster(address, pool.note(address))


def pool_of(settings: Settings, backend_of: Callable[[Arm], Any]) -> Pool:
    """Returns the pool of the cluster that a session has reached; connects when first used."""
    from bnclaims.backends.dask.pool import DaskPool

    return DaskPool(
        settings.scheduler,
        backend_of,
        resources=settings.resources,
        run_timeout=settings.run_timeout,
    )
