"""People: the channels on which holds are asked and answered."""
