# Copyright (c) mmteso contributors. All rights reserved.
"""Cutouts: photographic objects with recordings of their sounds, composed on
photographs, in AVSBench's layout.

It is not AVSBench; see :mod:`mmteso.testbeds.cutouts.generator`.
"""
from .catalogue import ROLES, Catalogue, Entry, read_catalogue
from .files import CUTOUTS
from .generator import generate_cutouts
from .sources import Sources, fetch_packages

__all__ = [
    'CUTOUTS', 'Catalogue', 'Entry', 'ROLES', 'Sources', 'fetch_packages',
    'generate_cutouts', 'read_catalogue'
]
