"""Score a PyTorch network: autograd's Jacobian says what acts on what.

    python score_a_torch_network.py [STEPS]

trains a small network for so many steps (2,000 unless said), and writes ``torch-network.json``.
"""

import sys

import numpy as np
import torch

import dynsparse as ds


def main(steps: int = 2000) -> ds.Card:
    """Train, differentiate, score."""
    evaluator = ds.Evaluator("BallInCup-expert-1")
    task, scaler = evaluator.task, evaluator.task.scaler
    torch.manual_seed(0)
    x = torch.tensor(scaler.inputs(task.train.inputs), dtype=torch.float32)
    y = torch.tensor(scaler.outputs(task.train.next_state), dtype=torch.float32)
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 64),
        torch.nn.ELU(),
        torch.nn.Linear(64, 64),
        torch.nn.ELU(),
        torch.nn.Linear(64, y.shape[1]),
    )
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (128,))
        loss = ((network(x[rows]) - y[rows]) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    asked = torch.tensor(scaler.inputs(task.asked.inputs), dtype=torch.float32)
    jacobian = torch.func.vmap(torch.func.jacrev(network))(asked).detach().numpy()
    predicted = network(asked).detach().numpy().astype(np.float64)
    return evaluator.score(
        {"influence": np.abs(jacobian), "next_state": scaler.next_states(predicted)},
        method="PyTorch network, autograd",
    )


if __name__ == "__main__":
    card = main(*map(int, sys.argv[1:]))
    card.save("torch-network.json")
    print(card)
