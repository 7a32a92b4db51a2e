"""Product feeds: read row by row, checked, and taken into the catalogue."""
