"""Figures for the docs, each from one command: questions that were asked of this project and answered once."""
