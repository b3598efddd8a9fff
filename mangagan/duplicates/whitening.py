"""Whitening of descriptors: what all faces of a set have in common, such as a head in the middle, does not count.

The whitening treats a face and its mirror image alike: each of its components is equal for both, or has the opposite
sign. So mirror images need no descriptors of their own.

A set of few faces does not tell what faces have in common, so the statistics of faces that the project draws
(prior.safetensors, made by `python -m benchmarks.descriptor_prior`) count as `PRIOR_FACES` more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from mangagan.duplicates.array_file import ArrayFile
from mangagan.duplicates.descriptors import CHUNK, LENGTH, VARIANTS, mirror

PRIOR = Path(__file__).with_name("prior.safetensors")
PRIOR_FACES = 200
COMPONENTS = 128
RIDGE = 0.3  # added to the variances, as a share of their mean: limits the weight of rare components
MAX_FITTED = 20000  # faces that the whitening is computed from, evenly chosen


@dataclass(frozen=True)
class Whitening:
    """A linear map of descriptors.

    Attributes:
        mean: float32 (LENGTH,).
        components: float32 (LENGTH, COMPONENTS).
        signs: 1 for a component that is equal for the mirror image, −1 for one of opposite sign, float32 (COMPONENTS,).
    """

    mean: np.ndarray
    components: np.ndarray
    signs: np.ndarray

    def apply(self, descriptors: np.ndarray) -> np.ndarray:
        """Return whitened descriptors of length 1, (…, COMPONENTS); zero if there is no outline."""
        whitened = descriptors @ self.components - self.mean @ self.components
        lengths = np.linalg.norm(whitened, axis=-1, keepdims=True)
        return np.asarray(whitened / np.maximum(lengths, 1e-6), np.float32)


def whiten(whitening: Whitening, descriptors: ArrayFile) -> np.ndarray:
    """Return whitened descriptors, float16 (N, variants, COMPONENTS).

    Args:
        whitening: The whitening of the set.
        descriptors: float16 (N, variants, LENGTH).
    """
    whitened = np.empty((len(descriptors), len(VARIANTS), COMPONENTS), np.float16)
    for start, part in iterate_chunks(descriptors):
        whitened[start : start + len(part)] = whitening.apply(part.astype(np.float32))
    return whitened


def iterate_chunks(descriptors: ArrayFile) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the index of the first row of each chunk, and the chunk."""
    for start in range(0, len(descriptors), CHUNK):
        yield start, descriptors.read(start, min(start + CHUNK, len(descriptors)))


def fit_whitening(*sets: ArrayFile) -> Whitening:
    """Fit the whitening to the descriptors of faces at the first variant, and to the prior.

    Args:
        sets: float16 (N, variants, LENGTH) each.
    """
    step = max(1, -(-sum(map(len, sets)) // MAX_FITTED))
    total, mean, moments = 0, np.zeros(LENGTH), np.zeros((LENGTH, LENGTH))
    for descriptors in sets:
        for start, part in iterate_chunks(descriptors):
            chosen = part[-start % step :: step, 0].astype(np.float64)
            total += len(chosen)
            mean += chosen.sum(axis=0)
            moments += chosen.T @ chosen
    prior_mean, prior_moments = load_prior()
    mean = (mean + PRIOR_FACES * prior_mean) / (total + PRIOR_FACES)
    moments = (moments + PRIOR_FACES * prior_moments) / (total + PRIOR_FACES)
    mean = (mean + mirror(mean)) / 2
    moments = (moments + mirror(mirror(moments).T).T) / 2
    return find_components(mean, moments - np.outer(mean, mean))


def find_components(mean: np.ndarray, covariance: np.ndarray) -> Whitening:
    """Return the whitening for the mean and the covariance of faces and their mirror images, float64."""
    variances, vectors, signs = [], [], []
    identity = np.eye(LENGTH)
    for sign in (1, -1):
        values, directions = np.linalg.eigh(identity + sign * mirror(identity))
        basis = directions[:, values > 1]  # an orthonormal basis of the (anti)symmetric descriptors
        found, inner = np.linalg.eigh(basis.T @ covariance @ basis)
        variances.append(found.clip(0))
        vectors.append(basis @ inner)
        signs.append(np.full(len(found), sign))
    every = np.concatenate(variances)
    order = np.argsort(-every, kind="stable")[:COMPONENTS]
    scales = np.sqrt(every[order] + RIDGE * every[order].mean())
    components = np.concatenate(vectors, axis=1)[:, order] / scales
    chosen = np.concatenate(signs)[order]
    return Whitening(mean.astype(np.float32), components.astype(np.float32), chosen.astype(np.float32))


@cache
def load_prior() -> tuple[np.ndarray, np.ndarray]:
    """Return mean (LENGTH,) and second moments (LENGTH, LENGTH) of the descriptors of drawn faces, float64."""
    prior = {name: values.astype(np.float64) for name, values in load_file(PRIOR).items()}
    return prior["mean"], prior["covariance"] + np.outer(prior["mean"], prior["mean"])
