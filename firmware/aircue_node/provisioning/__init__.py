"""Setting a node up without a cable: its own access point with a page, and Improv over the serial line.

Imported only where a board has no settings that can be used. A node that runs holds nothing of this in memory.
"""
