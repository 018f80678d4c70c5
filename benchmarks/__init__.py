"""Measurements side by side in one run: they print ratios and assert nothing about seconds."""
