"""Programs that measure, tune and draw: what the pages of ``docs`` show comes from here.

One module a subject, and one command: ``python -m studies NAME``. A study may import everything;
only tests import a study.
"""
