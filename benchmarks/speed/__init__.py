"""How fast and how large models are on this computer: ``deepmark bench``.

Data flows one way: `contestants` (what is measured) -> `rounds` (who runs when) -> `process` (a child a contestant) ->
`child` (runs `frames` or `rivals`) -> `benchmark` (one call for all of it) -> the result document,
`deepmark.benchmarks.result`. `guard` holds its ratios against committed ones.
"""
