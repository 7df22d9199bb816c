"""The pre-deploy gate: what a build's tools say of it, weighed into pass, warn, fail or hold.

`readers` turn files into values, `scoring` says what each part is worth, `objectives` are Keptn's, and
`gate` puts them together. Nothing but `keptn_file` and `limits_file` reads a file, and nothing reads a clock.
"""
