"""Two-stream co-attention models after ViLBERT (Lu et al. 2019), with placements as data."""
