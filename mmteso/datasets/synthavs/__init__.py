"""SynthAVS: a synthetic audio-visual test bed in AVSBench's layout."""
from .classes import CLASSES, LABEL2IDX, PALETTE

__all__ = ['CLASSES', 'LABEL2IDX', 'PALETTE']
