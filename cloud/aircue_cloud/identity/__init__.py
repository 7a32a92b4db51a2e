"""Who may send: keys of gateways."""
