"""Readers: from files and containers under the screenshots folder to the images that they hold."""
