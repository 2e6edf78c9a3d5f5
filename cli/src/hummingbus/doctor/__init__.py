"""What can be wrong with an installation, one function per check, and how each fault is mended."""
