"""One version of the project that the gate is shown."""
