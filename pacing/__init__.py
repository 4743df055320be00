"""How many calls to place now: pure arithmetic over plain numbers, no clock and no I/O."""
