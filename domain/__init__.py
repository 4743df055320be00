"""The words that every part of the dialler shares: ids, outcomes, events, commands, ports, clock.

Standard library only; nothing here performs I/O.
"""
