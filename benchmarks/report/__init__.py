"""A measurement for a reader: `tables` and `phone_tables` on the terminal, `page` and its `charts` as one HTML file.

`paper` holds what the paper states, `public_figures` what others published about its processor, `accuracy` reads what
``deepmark eval`` found.
"""
