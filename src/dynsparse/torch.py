"""Transitions for PyTorch (``pip install 'dynsparse[torch]'``)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynsparse.api.optional import needed
from dynsparse.api.transitions import Windows

if TYPE_CHECKING:
    import torch

_torch: Any = needed("torch", "torch", "dynsparse.torch")


class Transitions(Windows, _torch.utils.data.Dataset):
    """Items (x, y, graph) of tensors, see ``Windows`` for what they are and how to choose them.

    For a ``DataLoader`` with any number of workers: it is a map into the files, holds none of them
    open, and reads a batch at a time. Numbers are in the file's precision.
    """

    def __getitem__(  # type: ignore[override]  # tensors in place of arrays
        self, index: int
    ) -> tuple["torch.Tensor", ...]:
        """One sample."""
        return tuple(map(_torch.as_tensor, super().__getitem__(index)))

    def __getitems__(self, indices: Sequence[int]) -> list[tuple["torch.Tensor", ...]]:
        """Several samples, read together; PyTorch asks for a batch by this."""
        whole = (_torch.from_numpy(values).unbind() for values in self.batch(indices))
        return list(zip(*whole, strict=True))
