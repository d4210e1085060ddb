"""What commands print: tables, heat maps, correlations, and messages on stderr."""
