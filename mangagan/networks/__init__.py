"""Generator and discriminator, sampling from a generator, and the weights file."""
