"""How arms, data and backends travel to workers: by value, whatever files the workers have."""

import copyreg
import dataclasses
import io
import pickle
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

from bnclaims.errors import DescriptionError
from bnclaims.experiment.arm import Arm, FunctionArm, ModelArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.fingerprint import is_installed, loaded
from bnclaims.experiment.sources import DataSource


@dataclasses.dataclass(frozen=True)
class Travelling:
    """Stands for an arm's data, which travel apart from it and once to each worker.

    Where they arrive it stands for the file that they were read from.
    """

    fingerprint: str
    name: str
    note: str
    own: bool
    """Whether they are a claim's own arrays, and no file's."""
    data: Data | None = dataclasses.field(default=None, compare=False, repr=False)
    """They themselves, once they have arrived."""

    def load(self) -> Data:
        """Returns the data."""
        assert self.data is not None
        return self.data


def packed(value: Any) -> bytes:
    """Returns an object as bytes, with the user's own functions and classes by value.

    Raises:
        DescriptionError: It reaches something that cannot travel.
    """
    file = io.BytesIO()
    try:
        with _own_modules_by_value():
            _Pickler(file).dump(value)
    except DescriptionError:
        raise
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        raise DescriptionError(
            f"{value} cannot be sent to a cluster: {error}. Let the model's builder make what it "
            "needs, rather than reach for it"
        ) from error
    return file.getvalue()


def packed_arm(arm: Arm) -> bytes:
    """Returns an arm as bytes, without its data.

    Raises:
        DescriptionError: It reaches something that cannot travel, or has changed.
    """
    if (data := data_of(arm)) is not None:
        own = isinstance(data, Data)
        return packed(_with_data(arm, Travelling(data.fingerprint, data.name, data.note, own)))
    return packed(arm)


def unpacked_arm(content: bytes, data: Data | None) -> Arm:
    """Returns an arm that has travelled, with its data."""
    arm: Arm = pickle.loads(content)
    stands: Any = data_of(arm)
    if stands is None:
        return arm
    return _with_data(arm, data if stands.own else dataclasses.replace(stands, data=data))


def data_of(arm: Arm) -> Data | DataSource | None:
    """Returns what an arm's runs are shown, None if nothing."""
    return arm.data if isinstance(arm, ModelArm | FunctionArm) else None


def packed_data(data: Data) -> bytes:
    """Returns data as bytes."""
    # The lowest level: images shrink to a quarter, and a better one takes longer than it saves.
    return zlib.compress(pickle.dumps(data, protocol=5), level=1)


def unpacked_data(content: bytes) -> Data:
    """Returns data that have travelled."""
    data: Data = pickle.loads(zlib.decompress(content))
    return data


def _with_data(arm: Arm, data: Any) -> Arm:
    """Returns the same arm with other data in the place of its own; its digest stays."""
    moved = object.__new__(type(arm))
    vars(moved).update(arm.__getstate__() | {"data": data})  # type: ignore[operator]
    return moved


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles what cloudpickle leaves out, or leaves to others.

    Keras's objects go by their attributes; Keras would, by a file of registered classes. Functions
    go with the globals that a class within them reads while it is made, such as annotations.
    """

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if not isinstance(value, type) and any(k.__name__ == "KerasSaveable" for k in kind.__mro__):
            return copyreg.__newobj__, (kind,), vars(value)  # type: ignore[attr-defined]
        reduced = super().reducer_override(value)
        if isinstance(value, FunctionType) and isinstance(reduced, tuple):
            # Cloudpickle misses those that the body of a class loads, by another opcode.
            known, (_, own) = value.__globals__, reduced[2]
            names = sorted(loaded(value) & known.keys())
            own["__globals__"] |= {name: known[name] for name in names}
        return reduced


@contextmanager
def _own_modules_by_value() -> Iterator[None]:
    """Has the functions and classes of the user's own modules travel by value."""
    known = cloudpickle.list_registry_pickle_by_value()
    modules = [(name, m) for name, m in list(sys.modules.items()) if name not in known]
    own = [module for name, module in modules if _is_own(name, module)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def _is_own(name: str, module: Any) -> bool:
    if not isinstance(module, ModuleType) or module.__name__ != name or name == "__main__":
        return False
    return not is_installed(name, vars(module).get("__file__"))
