"""Files and folders of arrays, in the formats in which other tools write them."""
