from dynsparse import torch as torch
from dynsparse.api.dataset import Dataset as Dataset
from dynsparse.api.episode import Case as Case
from dynsparse.api.episode import Episode as Episode
from dynsparse.api.loading import load as load
from dynsparse.api.simulator import Jacobians as Jacobians
from dynsparse.api.simulator import Simulator as Simulator
from dynsparse.api.simulator import simulator as simulator
from dynsparse.api.statistics import Zeros as Zeros
from dynsparse.api.statistics import zeros as zeros
from dynsparse.api.study import Study as Study
from dynsparse.api.world_model import WorldModel as WorldModel
from dynsparse.benchmark.card import Card as Card
from dynsparse.benchmark.evaluator import Evaluator as Evaluator
from dynsparse.errors import DynsparseError as DynsparseError
from dynsparse.suite import environment_names as environment_names

__version__: str
