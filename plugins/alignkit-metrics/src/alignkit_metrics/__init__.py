"""Alignment metrics, one file per family; ``plugin`` declares what each of them is."""
