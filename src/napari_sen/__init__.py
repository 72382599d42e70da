"""Superpixels, embeddings and contours learnt without labels.

Everything public is imported on first use, so ``import napari_sen`` loads no torch, Qt or dask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
