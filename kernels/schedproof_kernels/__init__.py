"""The output and dispatch work of a step on the GPU, in Numba-CUDA.

Raises:
    ImportError: naming the extra to install when Numba is missing.
"""

INSTALL_HINT = "install schedproof[cuda]"

try:
    import numba.cuda as _numba_cuda  # noqa: F401
except ImportError as error:
    raise ImportError(f"kernels need numba and numba-cuda ({error}): {INSTALL_HINT}") from error
