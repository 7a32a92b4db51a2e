"""Where the programs of a node are put together: the only modules that import a board's machine and network."""
