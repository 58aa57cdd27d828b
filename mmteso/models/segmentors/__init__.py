from .audio_text_segmentor import AudioTextSegmentor

__all__ = ['AudioTextSegmentor']
