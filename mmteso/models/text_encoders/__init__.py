from .hash_text_encoder import HashTextEncoder

__all__ = ['HashTextEncoder']
