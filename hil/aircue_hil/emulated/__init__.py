"""Simulated boards as a computer sees them through a cable: a serial port, a boot loader, a drive."""
