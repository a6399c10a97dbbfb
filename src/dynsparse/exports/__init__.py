"""Datasets in the formats of other libraries (docs/exports.md)."""

from dynsparse.exports.hub import to_croissant, to_huggingface
from dynsparse.exports.minari import STORAGES, to_minari

__all__ = ["STORAGES", "to_croissant", "to_huggingface", "to_minari"]
