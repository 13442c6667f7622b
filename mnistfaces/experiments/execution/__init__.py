"""Where the stacks of a plan are trained: in this process, in others beside it, or on a Dask cluster."""
