"""What several studies share; no study itself."""
