"""The DCGAN: networks, training that can be interrupted, weights on disk, samples."""
