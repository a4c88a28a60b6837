"""What goes in and out of the house: datasets and models published, imported, exported, merged."""
