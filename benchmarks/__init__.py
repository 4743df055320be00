"""Measurements of promised times, each beside a reference measured on the same machine in the same run."""
