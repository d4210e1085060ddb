"""The command line. Signatures are eager, bodies import what they need when they run."""
