"""Published combinations that no package metadata tells; ``update_compat`` adds what it tells.

Sources: PyTorch's wheel indexes and "previous versions" page, TensorFlow's table of tested builds,
the tags of NVIDIA's CUDA images. They are kept as short lines because people compare them with
those pages.
"""

from __future__ import annotations

# torch: the variants PyTorch's own index holds (cpu: without CUDA). A star: PyPI's own wheel,
# where its metadata does not say so.
TORCH = """
1.11.0                     cpu 10.2* 11.3
1.12.0 1.12.1              cpu 10.2* 11.3 11.6
1.13.0 1.13.1              cpu 11.6 11.7*
2.0.0 2.0.1                cpu 11.7* 11.8
2.1.0 2.1.1 2.1.2          cpu 11.8 12.1*
2.2.0 2.2.1 2.2.2          cpu 11.8 12.1
2.3.0 2.3.1                cpu 11.8 12.1
2.4.0 2.4.1 2.5.0 2.5.1    cpu 11.8 12.1 12.4
2.6.0                      cpu 11.8 12.4 12.6
2.7.0 2.7.1                cpu 11.8 12.6 12.8
2.8.0                      cpu 12.6 12.8 12.9
2.9.0 2.9.1 2.10.0         cpu 12.6 12.8 13.0
2.11.0                     cpu 12.6 12.8 12.9 13.0
"""

# TensorFlow: CUDA, cuDNN.
TENSORFLOW = """
2.4   11.0 8.0
2.5   11.2 8.1
2.6   11.2 8.1
2.7   11.2 8.1
2.8   11.2 8.1
2.9   11.2 8.1
2.10  11.2 8.1
2.11  11.2 8.1
2.12  11.8 8.6
2.13  11.8 8.6
2.14  11.8 8.7
2.15  12.2 8.9
2.16  12.3 8.9
2.17  12.3 8.9
2.18  12.5 9.3
2.19  12.5 9.3
2.20  12.5 9.3
2.21  12.5 9.3
"""

# onnxruntime-gpu on PyPI, from each version on: CUDA, cuDNN.
ONNXRUNTIME = """
1.9   11.4 8.2
1.12  11.4 8.4
1.13  11.6 8.5
1.15  11.8 8.9
1.19  12.4 9.1
"""

# NVIDIA's images: CUDA, the part of the tag that names cuDNN, cuDNN, Ubuntu releases.
CUDA_IMAGES = """
11.0.3                              cudnn8  8  16.04 18.04 20.04
11.1.1 11.2.2 11.3.1                cudnn8  8  16.04 18.04 20.04
11.4.3 11.5.2 11.6.1 11.6.2         cudnn8  8  18.04 20.04
11.7.1 11.8.0 12.0.0 12.0.1         cudnn8  8  18.04 20.04 22.04
12.1.0 12.1.1 12.2.2                cudnn8  8  20.04 22.04
12.3.2                              cudnn9  9  20.04 22.04
12.4.1 12.5.1                       cudnn   9  20.04 22.04
12.6.0 12.6.1 12.6.2 12.6.3         cudnn   9  20.04 22.04 24.04
12.8.0 12.8.1 12.9.0 12.9.1         cudnn   9  20.04 22.04 24.04
13.0.0 13.0.1 13.0.2 13.0.3         cudnn   9  22.04 24.04
13.1.1 13.1.2 13.2.0 13.2.1         cudnn   9  22.04 24.04
"""
