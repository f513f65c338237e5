"""Programs that measure, tune and draw: what the pages of ``docs`` show comes from here.

One module a subject, and one command, from the repository's root: ``python -m studies NAME``. A
study may import everything; only tests import a study.
"""
