"""Where pieces of long work are done: in processes beside this one, or on a Dask cluster."""
