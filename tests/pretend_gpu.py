"""A GPU that is pretended: tensors that say they are on one, and may not be mixed with others.

Computes on the CPU, so that any machine can tell whether code keeps its tensors on one device. As
on a real GPU, a tensor of the CPU may take part only as a number, or as the index of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from alignkit.metrics import workers

GPU = torch.device("cuda", 0)
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index")


class OnGpu(Tensor):
    """A tensor that says it is on the GPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        tensor = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=GPU,
        )
        tensor.inner = inner
        return tensor

    def __repr__(self) -> str:
        return f"OnGpu({self.inner})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    def new_tensor(self, *args: Any, **kwargs: Any) -> OnGpu:
        return OnGpu(self.inner.new_tensor(*args, **kwargs))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Takes the calls that have no tensor yet: new tensors on the GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _NoPool:
    """Does the work of a pool here: what a thread computes would escape the mode."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.map = map

    def shutdown(self, **_: Any) -> None:
        pass


@contextmanager
def pretend_gpu(monkeypatch: Any) -> Iterator[torch.device]:
    """Pretend that there is a GPU, and give it."""
    torch._C._ensureCUDADeviceGuardSet()
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(workers, "ThreadPoolExecutor", _NoPool)
    monkeypatch.setattr(torch, "tensor", partial(_tensor, torch.tensor))
    with _Mode():
        yield GPU


def _tensor(make: Any, *args: Any, device: Any = None, **kwargs: Any) -> Tensor:
    made: Tensor = make(*args, **kwargs)
    return OnGpu(made) if device is not None and torch.device(device).type == "cuda" else made


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    on_gpu = any(isinstance(value, OnGpu) for value in tensors)
    wanted = kwargs.get("device")
    if wanted is not None:
        kwargs = kwargs | {"device": "cpu"}
        on_gpu = torch.device(wanted).type == "cuda"
    elif name in INDEXING:
        on_gpu = isinstance(args[0], OnGpu)
        _refuse(name, [i for i in args[1] if isinstance(i, OnGpu)] if not on_gpu else [])
        _refuse(name, [args[2]] if "put" in name and on_gpu and _is_outside(args[2]) else [])
    elif name == "copy_":
        on_gpu = isinstance(args[0], OnGpu)
    elif on_gpu:
        _refuse(name, [value for value in tensors if _is_outside(value)])
    result = func(
        *tree_map(_inner, args), **{key: tree_map(_inner, value) for key, value in kwargs.items()}
    )
    if func._schema.is_mutable and name != "set_" and _is_own(func):
        return args[0]
    return (
        tree_map(lambda value: OnGpu(value) if isinstance(value, Tensor) else value, result)
        if (on_gpu)
        else result
    )


def _is_own(func: Any) -> bool:
    """Whether a function changes its first argument and returns it."""
    returned = func._schema.returns
    return bool(returned and returned[0].alias_info and returned[0].alias_info.is_write)


def _is_outside(value: Tensor) -> bool:
    return not isinstance(value, OnGpu) and value.dim() > 0


def _refuse(name: str, tensors: list[Tensor]) -> None:
    if tensors:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OnGpu) else value
