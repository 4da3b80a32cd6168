"""Keras on PyTorch: what of its own state a run could depend on."""

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.backend import KerasOnTorch
from bnclaims.errors import ArmError
from bnclaims.experiment.data import Data
from tests.backends.keras.pairs import DATA
from tests.backends.keras.small import arm_of, bits, trained

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="of Keras on PyTorch: run `make test-torch`"
)


def test_integers_of_more_than_63_bits_are_refused() -> None:
    held = framework.current().held
    assert int(held(np.array([2**63 - 1], np.uint64))[0]) == 2**63 - 1
    with pytest.raises(ArmError, match="PyTorch computes with integers of 63 bits, and the data"):
        held(np.array([2**63], np.uint64))
    with pytest.raises(ArmError, match="PyTorch computes with numbers, and the data has <U1: give"):
        held(np.array(["a"]))


def test_arrays_of_another_byte_order_are_data() -> None:
    far = Data(
        "far",
        *(a.astype(">i4") for a in (DATA.x_train, DATA.y_train)),
        *(a.astype(">i4") for a in (DATA.x_test, DATA.y_test)),
    )
    assert np.isfinite(trained(0, arm=arm_of(data=far))[0].loss).all()


def test_it_computes_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cuda")
    with pytest.raises(ArmError, match="KERAS_TORCH_DEVICE=cuda: on PyTorch runs compute on the"):
        KerasOnTorch(1).prepare()


def test_a_held_array_does_not_follow_the_user_s() -> None:
    numbers = np.ones(3)
    numbers.flags.writeable = False
    tensor = framework.current().held(numbers)
    tensor += 1
    np.testing.assert_array_equal(numbers, np.ones(3))


def test_settings_of_pytorch_do_not_reach_runs() -> None:
    import torch

    before = bits(trained(3)[3])
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    try:
        assert state.settings() == {"torch_default_dtype": "torch.float64", "torch_grad": "False"}
        with pytest.warns(UserWarning, match="torch_grad=False was set outside of a model's bui"):
            assert bits(trained(3)[3]) == before
        assert not torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def test_pytorch_s_generator_goes_on_as_if_nothing_had_been() -> None:
    import torch

    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    with state.known(7):
        assert not torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.rand(3), expected)


def test_it_says_who_drew() -> None:
    import torch

    with state.known():
        before = state.generators()
        torch.rand(1)
        assert state.drawn_since(before) == "torch"
