"""Values and wire forms that every other folder shares, and nothing that acts."""
