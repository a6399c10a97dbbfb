"""t-SNE of transitions (paper, section 5.2, Figure 4)."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from dynsparse.embedding.samples import Recording, choose_samples, read_features
from dynsparse.storage.tables import metadata_of, with_metadata

SEED = 0  # of the choice of samples and of the embedding
# Fewer say nothing, and leave t-SNE without neighbours.
FEWEST_SAMPLES = 10
# Up to here all distances are compared; beyond, neighbours are approximate.
MOST_EXACT = 5000


def embed_case(
    steps: pa.Table,
    datasets: Mapping[int, Recording],
    samples: int,
    perplexity: float | int,
    threads: int = 1,
) -> pa.Table:
    """Embed the transitions of one environment and behaviour in two dimensions.

    Args:
        steps: table of kind ``steps``, merged over seeds.
        datasets: the open file of every seed.
        samples: most samples to embed; the stretch that is shown is among them.
        perplexity: about how many neighbours count for a sample.
        threads: cores to use.

    Returns:
        The chosen rows of ``steps`` with ``shown``, the number of ``limits`` that act and the
        coordinates ``x`` and ``y``; no rows if fewer than ``FEWEST_SAMPLES`` can be embedded.
    """
    chosen = choose_samples(steps, samples, SEED)
    features, limits = read_features(chosen, datasets)
    if chosen.num_rows < FEWEST_SAMPLES:
        chosen, limits, coordinates = chosen.slice(0, 0), limits[:0], np.empty((0, 2))
    else:
        coordinates = embed(standardised(features), perplexity, threads)
    columns = {"limits": limits, "x": coordinates[:, 0], "y": coordinates[:, 1]}
    for name, values in columns.items():
        chosen = chosen.append_column(name, pa.array(values))
    facts = metadata_of(steps)
    kept = {key: facts[key] for key in ("threshold", "control_dt_s", "steps", "sources")}
    return with_metadata(chosen, "embedding", perplexity=float(perplexity), **kept)


def standardised(
    features: Float[np.ndarray, "samples features"],
) -> Float[np.ndarray, "samples features"]:
    """Every feature with mean 0 and standard deviation 1; constant ones become 0."""
    centred = features - features.mean(axis=0)
    deviation = centred.std(axis=0)
    # What only rounding moves is constant too; without this its noise would be blown up to 1.
    constant = deviation <= 1e-12 * np.abs(features).max(axis=0)
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))


def embed(
    features: Float[np.ndarray, "samples features"], perplexity: float | int, threads: int = 1
) -> Float[np.ndarray, "samples 2"]:
    """Coordinates by openTSNE, started from principal components.

    The same input, seed and number of threads give the same coordinates on one machine.
    A perplexity above a third of the samples is lowered to that.
    """
    from openTSNE import TSNE

    tsne = TSNE(
        perplexity=min(perplexity, (len(features) - 1) / 3),
        initialization="pca",
        neighbors="exact" if len(features) <= MOST_EXACT else "annoy",
        n_jobs=threads,
        random_state=SEED,
    )
    return np.asarray(tsne.fit(features), dtype=np.float64)
