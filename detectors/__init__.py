"""Score signals, weigh evidence, judge releases and rank who is to blame; pure functions of their input."""
