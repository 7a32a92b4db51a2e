"""What ends an import. Rows that are wrong do not: they are listed, and the others taken in."""

from aircue_cloud.errors import CommandError


class FileRefused(CommandError):
    """The file as a whole cannot be taken in; the text names it and the line. Nothing of it is stored."""
