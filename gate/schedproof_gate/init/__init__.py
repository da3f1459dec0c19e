"""Puts the check into a project."""
