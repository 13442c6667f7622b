"""`python -m mnistfaces` is `mnf`."""

from mnistfaces.cli.app import main

main()
