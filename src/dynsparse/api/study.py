"""The folder of a study: its data, tables and figures. Nothing outside the folder is read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dynsparse.api.dataset import Dataset, open_part
from dynsparse.api.episode import Case, Episode
from dynsparse.api.optional import needed
from dynsparse.errors import DynsparseError, did_you_mean
from dynsparse.project import project_folder
from dynsparse.study import layout
from dynsparse.study.item import Item
from dynsparse.study.items import ITEMS
from dynsparse.study.making import result
from dynsparse.suite import on_c_engine

if TYPE_CHECKING:
    import pandas

    import dynsparse.api.world_model

CONFIG = "config.yaml"
# A study's configuration has a few kB.
MOST_CONFIG_BYTES = 2**20
# Two gigabytes of float64: a million steps of the largest environment have less in one table.
MOST_VALUES = 2**28
_WORD = re.compile("[A-Za-z0-9]+")


class Study:
    """A finished study, or what there is of one; ``dynsparse.load`` gives one.

    Attributes:
        folder: where it is.
        config: its configuration, every key of it.
        cases: environment, behaviour and seed of each dataset of the study, there or not.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        """Take a folder and its configuration, checked."""
        self.folder, self.config = folder, config
        self._layout = layout.Study(config, str(folder), project=str(project_folder()))
        self.cases = [Case(*case, seed) for case in self._layout.cases for seed in config["seeds"]]

    @classmethod
    def open(cls, folder: Path | str) -> "Study":
        """Open the folder of a study.

        Raises:
            DynsparseError: it has no configuration, or one that is none of a study.
        """
        folder = Path(folder).absolute()
        path = inside(folder, folder / CONFIG)
        if not path.is_file():
            raise DynsparseError(f"{folder}: no folder of a study: it has no {CONFIG}")
        if path.stat().st_size > MOST_CONFIG_BYTES:
            raise DynsparseError(f"{path}: no configuration of a study: it is too large")
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise DynsparseError(
                f"{path}: cannot be read: {' '.join(str(error).split())}"
            ) from None
        _check(config, path)
        return cls(folder, config)

    def __getitem__(self, case: tuple[str, str]) -> Dataset:
        """All seeds of an environment and behaviour, ``study["CheetahRun", "expert"]``.

        Raises:
            DynsparseError: the study has no such case, or its data are not there.
        """
        if not isinstance(case, tuple) or len(case) != 2:
            raise DynsparseError(
                f"study[{case!r}]: an environment and a behaviour are needed, such as"
                f" study{list(self._layout.cases[0])}"
            )
        paths = [self._layout.data(self._case(*case), seed) for seed in self.config["seeds"]]
        return Dataset([open_part(inside(self.folder, Path(path))) for path in paths])

    @property
    def episodes(self) -> list[Episode]:
        """All episodes, case by case."""
        return [episode for case in self._layout.cases for episode in self[case]]

    def table(self, name: str) -> "pandas.DataFrame":
        """A table of the study, such as ``table_1``, as a data frame.

        Raises:
            DynsparseError: there is no such table, or it was not made.
        """
        item = _item(name, "tables")
        path = inside(self.folder, Path(item.outputs(self._layout)["parquet"]))
        needed("pandas", "figures", f"{name} as a data frame")
        from pyarrow import ArrowException, parquet

        try:
            return parquet.read_table(bounded(path)).to_pandas()
        except FileNotFoundError:
            raise DynsparseError(
                f"{path}: no such file; `snakemake {item.target}` makes it"
            ) from None
        except (ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise DynsparseError(f"{path}: not a whole Parquet file: {reason}") from error

    def make(self, name: str, environment: str | None = None, behaviour: str | None = None) -> Any:
        """Make a figure or table anew from the study's statistics; nothing is written.

        Args:
            name: such as ``figure_5`` (docs/items.md).
            environment: of which case, where there is an item for each.
            behaviour: that of the case.

        Returns:
            A Matplotlib figure, or an Arrow table.

        Raises:
            DynsparseError: the study has no such item, or not what it is made from.
        """
        item, case = _item(name), layout.ANY
        if item.per_case:
            case = self._case(environment or "", behaviour or "")
        if item.room == "figures":
            needed("matplotlib", "figures", name)
        try:
            offered = item.offered(self._layout)
            files, called = item.inputs(self._layout, case), item.called(self._layout)
            given = item.given(self.config)
        except (LookupError, TypeError, AttributeError) as error:
            raise DynsparseError(
                f"{self.folder / CONFIG}: not of this version, {name} finds no {error}"
            ) from error
        if not offered:
            raise DynsparseError(f"{self.folder}: the study has nothing to make {name} from")
        ours = project_folder()
        for path in (Path(path) for paths in files.values() for path in paths):
            if path.absolute().is_relative_to(ours.absolute()):
                inside(ours, path)
            elif path.suffix == ".parquet":
                bounded(inside(self.folder, path))
            else:
                inside(self.folder, path)
        return result(item.source, called, files, given)

    def world_model(
        self,
        environment: str,
        learner: str,
        *,
        behaviour: str | None = None,
        seed: int | None = None,
        split: str | None = None,
    ) -> "dynsparse.api.world_model.WorldModel":
        """A world model that the study trained, to predict and linearise with.

        Args:
            environment: such as ``FingerSpin``.
            learner: one of those that the study trained, such as ``state``.
            behaviour: whose data it learned; None: the study's first of this environment.
            seed: of the training; None: the first.
            split: which training samples, such as ``episode-0``; None: the first.

        Raises:
            DynsparseError: there is no such model, or JAX is not installed.
        """
        cases = {case.environment: case for case in reversed(self._layout.learned)}
        if environment not in cases:
            near = did_you_mean(environment, cases) if cases else "no world models were trained"
            raise DynsparseError(f"environment {environment!r} was not learned; {near}")
        case = self._case(environment, behaviour) if behaviour else cases[environment]
        path = Path(self._layout.learning(case, f"{learner}/models.safetensors"))
        from dynsparse.api.world_model import read_world_model

        return read_world_model(inside(self.folder, path), seed, split)

    def _case(self, environment: str, behaviour: str) -> layout.Case:
        case = layout.Case(environment, behaviour)
        if case not in self._layout.cases:
            known = {" ".join(each): each for each in self._layout.cases}
            raise DynsparseError(
                f"the study has no case {environment!r}, {behaviour!r};"
                f" {did_you_mean(f'{environment} {behaviour}', known)}"
            )
        return case

    def __repr__(self) -> str:
        return f"<Study {self.config['study']}: {len(self.cases)} datasets, {self.folder}>"


def inside(folder: Path, path: Path) -> Path:
    """A path that does not lead out of a folder, neither by dots nor by links.

    Raises:
        DynsparseError: it does.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DynsparseError(
            f"{path}: leads out of {folder}, and is not read; if that is meant, load what it leads"
            f" to, {path.resolve()}"
        )
    return path


def bounded(path: Path) -> Path:
    """A Parquet file, if it claims no more than any table of a study has; else it is not read.

    Few bytes may stand for any number of equal values. What is no Parquet file is left to those who
    read it.

    Raises:
        DynsparseError: it claims more.
    """
    from pyarrow import ArrowException, parquet

    try:
        about = parquet.read_metadata(path)
    except (ArrowException, OSError):
        return path
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    count = sum(group.column(k).num_values for group in groups for k in range(group.num_columns))
    if max(count, about.num_rows) > MOST_VALUES:
        raise DynsparseError(f"{path}: claims {count:,} values, and is not read")
    return path


def _item(name: str, room: str | None = None) -> Item:
    known = [item.name for item in ITEMS.values() if room in (None, item.room)]
    if name not in known:
        raise DynsparseError(f"{name!r} does not exist; {did_you_mean(name, known)}")
    return ITEMS[name]


def _check(config: Any, path: Path) -> None:
    """What a stranger's configuration has to be before paths are made of it."""

    def wrong(what: str) -> DynsparseError:
        return DynsparseError(f"{path}: no configuration of a study: {what}")

    if not isinstance(config, dict):
        raise wrong("it is no mapping")
    sections = ("environments", "learning", "robustness", "sparsity", "policies", "collection")
    for key in sections:
        if not isinstance(config.get(key), dict):
            raise wrong(f"{key} is no mapping")
    for name, choices in config["environments"].items():
        behaviours = choices.get("behaviours") if isinstance(choices, dict) else None
        if not isinstance(behaviours, list):
            raise wrong(f"environments.{name}.behaviours is no list")
        # Paths have a name of the C engine's in letters, digits and hyphens, whatever it is.
        plain = isinstance(name, str) and on_c_engine(name)
        for word in behaviours if plain else (name, *behaviours):
            if not isinstance(word, str) or not _WORD.fullmatch(word):
                raise wrong(f"environments: {word!r}: names have letters and digits only")
    if not isinstance(config["learning"].get("environments"), list):
        raise wrong("learning.environments is no list")
    if not isinstance(config["learning"].get("splits", {}), dict):
        raise wrong("learning.splits is no mapping")
    seeds = config.get("seeds")
    if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise wrong("seeds is no list of whole numbers")
    if not isinstance(config.get("study"), str):
        raise wrong("study is no name")
    try:
        Path(config.get("statistics", "")).resolve().is_dir()
    except (TypeError, ValueError, OSError):
        raise wrong("statistics is no name of a folder") from None
