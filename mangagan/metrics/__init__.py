"""How good generated images are: arrays in, figures with their real-against-real floors out."""
