"""A whole store in one file, and back. The file is the same whatever database and object store it comes from.

    tables/<name>.jsonl   one row a line: an array of the columns that the manifest names
    objects/<key>         as they are
    models/<file>         as they are
    keys/<name>           the store's own: what it has signed and sent out is read with them
    sealing/secret.key    the keys of secrets in the database; only where it is asked for
    manifest.json         format, store, step of the tables, rows of each table, SHA-256 of each member

What is over soon is left out: sessions, one-time codes and counted tries.
"""

FORMAT = 1
SEALING = "sealing/secret.key"
MANIFEST = "manifest.json"
LEFT_OUT = frozenset(("codes", "sessions", "windows"))
"""A session that was signed out, or a code that was used, must not come back."""
