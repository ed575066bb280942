"""Pictures, videos and cameras in; annotated pictures, videos and records out."""
