# Copyright (c) mmteso contributors. All rights reserved.
"""The steps of :mod:`mmteso.text_cues.parser`, one module each."""
