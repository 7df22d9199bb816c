"""Benchmarks: one runnable module each, JSON on standard output."""
