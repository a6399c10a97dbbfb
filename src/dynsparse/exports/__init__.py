"""Datasets in the formats of other libraries (docs/exports.md)."""

from dynsparse.exports.minari import STORAGES, to_minari

__all__ = ["STORAGES", "to_minari"]
