"""Files of rows taken in as a whole or not at all."""
