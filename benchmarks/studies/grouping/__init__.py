"""What semantic grouping of the landmarks saves in training, and what it costs: Figure 4 and Table 1 of the paper."""
