"""The output and dispatch work of a step on the GPU, in Numba-CUDA."""
