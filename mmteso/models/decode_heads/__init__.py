from .teso_head import ImageMemory, TeSOHead

__all__ = ['ImageMemory', 'TeSOHead']
