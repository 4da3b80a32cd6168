"""How much of the cores other work takes, so that a disturbed measurement can be taken again."""

import os
import resource
import time
from pathlib import Path

_TICKS = Path("/proc/stat")


class Watch:
    """Watches some cores from its making on; knows of other work on Linux only."""

    def __init__(self, cores: list[int]) -> None:
        self._cores = cores
        self._began = time.monotonic()
        self._busy, self._own = _busy_seconds(cores), _own_seconds()

    def disturbance(self) -> float:
        """Returns the share of the cores that was not this process's children's, nor idle.

        A child counts once it has ended. Time that a host takes from a virtual machine counts too.
        """
        busy = _busy_seconds(self._cores) - self._busy
        own = _own_seconds() - self._own
        cores_seconds = (time.monotonic() - self._began) * len(self._cores)
        return max(0.0, (busy - own) / cores_seconds)


def wait_for_quiet(cores: list[int], share: float, patience: float) -> None:
    """Returns once other work takes less than a share of the cores, or after some seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        watch = Watch(cores)
        time.sleep(1)
        if watch.disturbance() < share:
            return


def _own_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _busy_seconds(cores: list[int]) -> float:
    if not _TICKS.exists():
        return _own_seconds()
    names = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in _TICKS.read_text(encoding="ascii").splitlines()]
    ticks = 0
    for name, *times in lines:
        if name in names:
            idle, waiting = int(times[3]), int(times[4])
            ticks += sum(map(int, times[:8])) - idle - waiting
    return ticks / os.sysconf("SC_CLK_TCK")
