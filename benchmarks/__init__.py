"""ZoldyQ's benchmarks: ``python -m benchmarks`` runs them beside what people use today."""
