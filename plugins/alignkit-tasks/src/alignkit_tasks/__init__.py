"""Published image-text data sets, one file each, read as they are distributed."""
