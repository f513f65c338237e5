"""Finds pictures that are not fit to train on; never touches them.

``scores`` measures one picture, ``verdicts`` compares measures with thresholds, ``near`` finds
copies. ``local`` and ``pipeline`` map the first over many pictures, on this machine's cores and
with Apache Beam; everything that decides is common to both, so both decide the same.
"""
