"""Running the gateway as a service: what it shows, what it tells systemd, how it is set up and looked into."""
