"""Which versions go together: data and pure questions.

``packages`` what packages need beside their wheels · ``torch`` which build of it · ``frameworks``
the other frameworks · ``libraries`` which CUDA libraries are loaded · ``cuda`` NVIDIA's images and
drivers · ``errors`` refusals. The package imports nothing by itself: most builds ask one module.
"""
