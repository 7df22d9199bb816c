"""What each part of the gate makes of a build, each by itself: a score, an outcome and why. Pure."""
