"""Files that benchmarks collect under random actions, and the CPU seconds that each took."""

import time
from pathlib import Path

EPISODES = 2


def collected(name: str, steps: int, path: Path) -> int:
    """Collect two episodes, if they are not there; gives the CPU seconds that it took, once."""
    # JAX is not there before its surroundings are quiet.
    from dynsparse.collection import CollectionSettings, collect

    took = path.with_suffix(".cpu_s")
    if not (path.exists() and took.exists()):
        path.unlink(missing_ok=True)
        begun = time.process_time()
        settings = CollectionSettings(EPISODES, steps, "auto", "as_shipped", "float64", EPISODES, 0)
        collect(path, name, "random", 0, settings)
        took.write_text(f"{time.process_time() - begun:.0f}\n")
    return int(took.read_text())
