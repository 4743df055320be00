"""The recording pipeline: from MixMonitor's raw file to a checked stereo WAV in the archive, keyed by attempt."""
