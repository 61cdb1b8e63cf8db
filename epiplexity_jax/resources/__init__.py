"""Memory and FLOPs of programs: estimated from traces, or counted by the compiler."""
