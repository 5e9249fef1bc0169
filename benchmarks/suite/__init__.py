"""The benchmarks, one idea a file."""
