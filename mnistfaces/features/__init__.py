"""Activations of a convolutional network in place of pixels: images in, a dataset out."""
