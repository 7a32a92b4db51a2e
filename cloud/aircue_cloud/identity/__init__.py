"""Who may do what: keys, operators, sessions, one-time codes."""
