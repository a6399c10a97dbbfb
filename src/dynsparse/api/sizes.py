"""Whether arrays fit into memory, asked before memory is taken."""

from pathlib import Path

from dynsparse.errors import DynsparseError


def check_fits(size: int, what: str) -> None:
    """Refuse what does not fit.

    Args:
        size: bytes.
        what: takes them; the message begins with it.

    Raises:
        DynsparseError: more than what is free, as the system tells it.
    """
    free = _available()
    if size > free:
        raise DynsparseError(
            f"{what} takes {size / 2**30:.1f} GiB of memory, of which {free / 2**30:.1f} are free;"
            " take it episode by episode"
        )


def _available() -> float:
    """Bytes that can be had without swapping; without end where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return float(found[0]) * 1024 if found else float("inf")
