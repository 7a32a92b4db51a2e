"""Places that run the firmware for the bench."""
