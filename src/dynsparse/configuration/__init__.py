"""A study's configuration: what its files say, filled in and checked before any work is done."""

from dynsparse.configuration.checks import (
    BEHAVIOURS,
    EXPERTS,
    NOISE,
    experts_folder,
    schedules_file,
)
from dynsparse.configuration.reading import check_written
from dynsparse.configuration.resolving import resolve
from dynsparse.configuration.simulations import without_missing

__all__ = [
    "BEHAVIOURS",
    "EXPERTS",
    "NOISE",
    "check_written",
    "experts_folder",
    "resolve",
    "schedules_file",
    "without_missing",
]
