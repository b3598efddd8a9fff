"""`python -m benchmarks.descriptor_prior`: write the statistics of the descriptors of drawn faces.

`mangagan.duplicates.whitening` needs them for sets of few faces. It draws 3,000 faces, in about a minute.
"""

import sys

import numpy as np
from safetensors.numpy import save

from benchmarks.duplicate_pairs import draw_crowd
from mangagan.core.files import write_bytes
from mangagan.core.libraries import configure_libraries, limit_to_one_thread
from mangagan.duplicates.descriptors import describe_faces
from mangagan.duplicates.face_context import make_uncached_context
from mangagan.duplicates.whitening import PRIOR

FACES = 3000


def main() -> int:
    """Run the command line."""
    configure_libraries()
    limit_to_one_thread()
    write_bytes(PRIOR, save(make_prior(FACES)))
    return 0


def make_prior(count: int) -> dict[str, np.ndarray]:
    """Return mean (LENGTH,), float32, and covariance (LENGTH, LENGTH), float16, of the descriptors of drawn faces."""
    faces = draw_crowd(0, count)
    descriptors = describe_faces(faces, make_uncached_context(faces)).read(0, count)[:, 0].astype(np.float64)
    covariance = np.cov(descriptors.T, bias=True)
    return {"mean": descriptors.mean(axis=0).astype(np.float32), "covariance": covariance.astype(np.float16)}


if __name__ == "__main__":
    sys.exit(main())
