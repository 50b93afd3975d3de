"""Readers of pictures and volumes: Pillow, SimpleITK, nibabel."""
