"""The program that one would write first: one network, PyTorch, Jacobians by torch.func.

    python benchmarks/learning_torch.py SEED STEPS THREADS INPUTS OUTPUTS WIDTH BATCH LOSS

Trains on random numbers under the loss state or state-jacobian-l1, and prints the seconds of each
step after the first. benchmarks/learning.py starts it, one process for each seed.
"""

import json
import sys
import time

import numpy as np
import torch
from torch.func import functional_call, jacrev, vmap

seed, steps, threads, inputs, outputs, width, batch = map(int, sys.argv[1:8])
with_jacobian = {"state": False, "state-jacobian-l1": True}[sys.argv[8]]
torch.set_num_threads(threads)
torch.manual_seed(seed)
device = "cuda" if torch.cuda.is_available() else "cpu"

rng = np.random.default_rng(0)
count = 4 * batch
x = torch.from_numpy(rng.normal(size=(count, inputs)).astype(np.float32)).to(device)
y = torch.from_numpy(rng.normal(size=(count, outputs)).astype(np.float32)).to(device)
jacobian = torch.from_numpy(rng.normal(size=(count, outputs, inputs)).astype(np.float32)).to(device)

model = torch.nn.Sequential(
    torch.nn.Linear(inputs, width),
    torch.nn.ELU(),
    torch.nn.Dropout(0.1),
    torch.nn.Linear(width, width),
    torch.nn.ELU(),
    torch.nn.Dropout(0.1),
    torch.nn.Linear(width, outputs),
).to(device)
for layer in model:
    if isinstance(layer, torch.nn.Linear):
        torch.nn.init.kaiming_normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
optimiser = torch.optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.001)


def predict(sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One sample's prediction, twice: to be differentiated, and to be kept."""
    guess = functional_call(model, dict(model.named_parameters()), sample)
    return guess, guess


seconds = []
for _ in range(steps + 1):
    started = time.perf_counter()
    rows = torch.randperm(count, device=device)[:batch]
    if with_jacobian:
        guessed, prediction = vmap(jacrev(predict, has_aux=True), randomness="different")(x[rows])
        loss = ((prediction - y[rows]) ** 2).mean() + (guessed - jacobian[rows]).abs().mean()
    else:
        loss = ((model(x[rows]) - y[rows]) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - started)
print(json.dumps({"seconds": seconds[1:], "torch": torch.__version__, "device": device}))
