"""The demonstration: a good release promoted and a bad one rolled back, with real parts, in two minutes."""
