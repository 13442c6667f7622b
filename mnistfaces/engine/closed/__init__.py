"""Models in closed form: one eigendecomposition of the training images gives the model of every weight decay.

Everything is computed in float64: forming products of inputs loses half of the digits. `--dtype` is that of the weights
that are kept, and with these, as they are kept, the models are measured.
"""
