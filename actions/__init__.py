"""Decide what to do about a verdict and do it safely."""
