# Copyright (c) mmteso contributors. All rights reserved.
from .base_captioner import BaseCaptioner

__all__ = ['BaseCaptioner']
