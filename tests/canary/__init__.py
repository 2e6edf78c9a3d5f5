"""Looks for secrets in everything a stack writes, answers and shows to the machine."""
