"""Dask clusters of real processes on this machine, for tests."""

from distributed import LocalCluster


def started(workers: int = 2) -> LocalCluster:
    """A cluster of workers with a thread each; ends with its `with`."""
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
    )
