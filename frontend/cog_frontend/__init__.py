"""Compiles cog.yaml to a BuildKit graph: text -> config -> plan -> LLB -> result."""
