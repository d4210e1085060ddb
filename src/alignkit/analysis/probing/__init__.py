"""Linear probes on frozen representations: what a layer holds about the labels."""
