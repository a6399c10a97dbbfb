"""The dataset: rollouts and Jacobians in HDF5, written block by block, read by episode."""

from dynsparse.dataset.reader import (
    Dataset,
    Episode,
    begins_anew,
    describe,
    open_dataset,
    starts_elsewhere,
)
from dynsparse.dataset.schema import SCHEMA_VERSION, DatasetInfo, have_derivatives
from dynsparse.dataset.writer import BlockWriter

__all__ = [
    "SCHEMA_VERSION",
    "BlockWriter",
    "Dataset",
    "DatasetInfo",
    "Episode",
    "begins_anew",
    "describe",
    "have_derivatives",
    "open_dataset",
    "starts_elsewhere",
]
