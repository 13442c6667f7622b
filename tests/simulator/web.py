"""A web of its own."""


def install(world, turns, name):
    pass
